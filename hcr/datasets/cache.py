"""Datasets in their fast form: arrays mapped into memory, made once from the files."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from filelock import FileLock

from hcr.datasets import leaks
from hcr.datasets.split import SPLITS, Options, Split, Strokes
from hcr.errors import RunError
from hcr.runs import files
from hcr.runs.environment import cache_folder

PACKAGE = Path(__file__).resolve().parents[1]
CODE = ("datasets", "preprocessing")  # what the images of an entry depend on, besides its sources
KEPT = 3  # entries of one dataset: checkouts, or data of one's own, may take turns
RECORD = "entry.json"
ARRAYS = ("images", "labels", "writers", "sources")
STROKES = ("points", "stroke_ptr", "sample_ptr")


@dataclass(frozen=True)
class Entry:
    """One dataset in the cache: its folder, its splits' digests, the leak guard's report."""

    folder: Path
    digests: dict[str, str]
    leaks: dict[str, int]

    def split(self, name: str) -> Split:
        """The split `name` with its arrays mapped into memory, read-only."""
        images, _, writers, sources = (self._array(name, what) for what in ARRAYS)
        points, *ends = (self._array(name, what) for what in STROKES)
        strokes = None if points is None else Strokes(points, *ends)
        split = Split(images, self.labels(name), strokes, writers, sources)
        # Known already: hashing 640 MB takes a second.
        split.__dict__["digest"] = self.digests[name]
        return split

    def labels(self, name: str) -> np.ndarray:
        """The labels of the split `name`, int64 (n,), in memory: they are indexed all the time."""
        return np.array(self._array(name, "labels"))

    def _array(self, split: str, what: str) -> np.ndarray | None:
        path = self.folder / f"{split}-{what}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.is_file() else None


def place(name: str, options: Options, sources: list[Path]) -> Path:
    """The folder of the dataset `name`, as it is read from `sources` as they are now."""
    states = [[str(path), *_state(path)[:2]] for path in sources]
    key = files.digest(name, asdict(options), states, code())
    return cache_folder() / "sets" / f"{name}-{key[:16]}"


def entry(
    folder: Path, read: Callable[[], tuple[Split, Split, Split]], check: str | None = None
) -> Entry:
    """The entry in `folder`, from `place`; made with `read` where it is missing or damaged.

    The files of the split `check` are hashed before they count as whole; others only where they
    are not in the state in which they were written.
    """
    entry = _open(folder, check)
    if entry is not None:
        return entry
    top, name = folder.parent, folder.name[:-17]
    try:
        top.mkdir(parents=True, exist_ok=True)
        with FileLock(top / f".{name}.lock"):
            entry = _open(folder, check)
            if entry is None:
                if folder.exists():
                    print(f"{folder} was damaged: it is rebuilt.", file=sys.stderr)
                *splits, report = leaks.guard(*read())
                _make(folder, top / f".making-{name}", splits, report)
                entry = _open(folder)
                entries = [each for each in top.glob(f"{name}-*") if each.name[:-17] == name]
                for old in sorted(entries, key=lambda each: each.stat().st_mtime)[:-KEPT]:
                    shutil.rmtree(old, ignore_errors=True)
            return entry
    except OSError as error:
        raise files.disk_error(error, top) from error


@cache
def code() -> str:
    """A digest of the modules that the images of an entry depend on."""
    modules = [path for room in CODE for path in PACKAGE.glob(f"{room}/*.py")]
    return files.digest({str(path.relative_to(PACKAGE)): files.sha256(path) for path in modules})


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _states(folder: Path) -> dict[str, list[int]]:
    return {path.name: _state(path) for path in folder.glob("*.npy")}


def _open(folder: Path, check: str | None = None) -> Entry | None:
    """The entry in `folder`; None where there is none, or a file of it is not what it was."""
    try:
        facts = files.read_sealed(folder / RECORD)
        states, known = _states(folder), facts["states"]
        for name in states | known:
            same = states[name] == known[name] and not name.startswith(f"{check}-")
            if not same and files.sha256(folder / name) != facts["sha256"][name]:
                return None
        return Entry(folder, facts["digests"], facts["leaks"])
    except (RunError, OSError, KeyError):
        return None


def _make(folder: Path, aside: Path, splits: list[Split], report: dict[str, int]) -> None:
    """Write the entry, whole or not at all; what a killed process left `aside` goes."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        for name, split in zip(SPLITS, splits, strict=True):
            arrays = {what: getattr(split, what) for what in ARRAYS}
            if split.strokes is not None:
                arrays |= vars(split.strokes)
            for what, values in arrays.items():
                if values is not None:
                    np.save(aside / f"{name}-{what}.npy", values, allow_pickle=False)
        facts = {
            "digests": {name: s.digest for name, s in zip(SPLITS, splits, strict=True)},
            "leaks": report,
            "states": _states(aside),
        }
        files.write_sealed(aside / RECORD, facts, *aside.glob("*.npy"))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)

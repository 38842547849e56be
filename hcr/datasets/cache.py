"""Datasets in their fast form: arrays mapped into memory, made once from the files."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from filelock import FileLock

from hcr.datasets import leaks
from hcr.datasets.split import SPLITS, Options, Split, Strokes
from hcr.errors import RunError
from hcr.runs import files
from hcr.runs.environment import cache_folder

CODE = ("datasets", "preprocessing")  # what the images of an entry depend on, besides its sources
KEPT = 3  # entries of one dataset: checkouts, or data of one's own, may take turns
RECORD = "entry.json"
ARRAYS = ("images", "labels", "writers", "sources", "originals")
STROKES = ("points", "stroke_ptr", "sample_ptr")


def place(name: str, options: Options, sources: list[Path]) -> Path:
    """The folder of the dataset `name`, as it is read from `sources` as they are now."""
    states = [[str(path), *_state(path)[:2]] for path in sources]
    key = files.digest(name, asdict(options), states, code())
    return cache_folder() / "sets" / f"{name}-{key[:16]}"


def load(
    folder: Path, read: Callable[[], tuple[Split, Split, Split]], check: str = "no split"
) -> tuple[Split, Split, Split, dict[str, int]]:
    """The splits in `folder`, from `place`, and the leak guard's report.

    Made with `read` where they are missing or damaged; the images are mapped into memory. The files
    of the split `check` are hashed before they count as whole, others where their states changed.
    """
    if entry := _open(folder, check):
        return entry
    top, name = folder.parent, folder.name[:-17]
    try:
        top.mkdir(parents=True, exist_ok=True)
        with FileLock(top / f".{name}.lock"):
            if not (entry := _open(folder, check)):
                if folder.exists():
                    print(f"{folder} was damaged: it is rebuilt.", file=sys.stderr)
                *splits, report = leaks.guard(*read())
                _make(folder, top / f".making-{name}", splits, report)
                entry = _open(folder, check)
                entries = [each for each in top.glob(f"{name}-*") if each.name[:-17] == name]
                for old in sorted(entries, key=lambda each: each.stat().st_mtime)[:-KEPT]:
                    shutil.rmtree(old, ignore_errors=True)
            return entry
    except OSError as error:
        raise files.disk_error(error, top) from error


def code() -> str:
    """A digest of the modules that the images of an entry depend on."""
    return files.digest([files.code_digest(subpackage) for subpackage in CODE])


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _states(folder: Path) -> dict[str, list[int]]:
    return {path.name: _state(path) for path in folder.glob("*.npy")}


def _open(folder: Path, check: str) -> tuple[Split, Split, Split, dict[str, int]] | None:
    """What `load` gives; None where there is no entry, or a file of it is not what it was."""
    try:
        facts = files.read_sealed(folder / RECORD)
        states, known = _states(folder), facts["states"]
        for name in states | known:
            same = states[name] == known[name] and not name.startswith(f"{check}-")
            if not same and files.sha256(folder / name) != facts["sha256"][name]:
                return None
        train, validation, test = (_split(folder, each, facts["digests"]) for each in SPLITS)
        return train, validation, test, facts["leaks"]
    except (RunError, OSError, KeyError):
        return None


def _split(folder: Path, name: str, digests: dict[str, str]) -> Split:
    arrays = {
        what: np.load(path, mmap_mode="r", allow_pickle=False)
        for what in (*ARRAYS, *STROKES)
        if (path := folder / f"{name}-{what}.npy").is_file()
    }
    drawn = [arrays.pop(what) for what in STROKES if what in arrays]
    arrays["labels"] = np.array(arrays["labels"])  # in memory: they are indexed all the time
    split = Split(**arrays, strokes=Strokes(*drawn) if drawn else None)
    # Known already: hashing 640 MB takes a second.
    split.__dict__["digest"] = digests[name]
    return split


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

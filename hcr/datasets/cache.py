"""Data sets in their fast form: arrays that are mapped into memory, made once from the files."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

import hcr
from hcr import files
from hcr.datasets import leaks, places
from hcr.datasets.split import Options, Split, Strokes
from hcr.errors import DataError

PACKAGE = Path(hcr.__file__).parent
# What the pictures of an entry hang on, besides the files they are read from.
CODE = ("datasets", "drawings", "images", "synthesis", "labels")
KEPT = 2  # entries of one data set: two checkouts may take turns
SPLITS = ("train", "validation", "test")
ARRAYS = ("images", "labels", "writers", "sources")  # of a split, besides its strokes


@dataclass(frozen=True)
class Entry:
    """One data set in the cache.

    Attributes:
        folder: Where its arrays lie.
        digests: The SHA-256 of each split, as `Split.digest` has it.
        leaks: The leak guard's report.
    """

    folder: Path
    digests: dict[str, str]
    leaks: dict[str, int]

    def split(self, name: str) -> Split:
        """The split `name` with its arrays mapped into memory, read-only."""
        found = Split(
            self._array(name, "images"),
            # Small, and indexed all the time.
            np.array(self._array(name, "labels")),
            self._strokes(name),
            self._array(name, "writers"),
            self._array(name, "sources"),
        )
        # Known already: hashing 640 MB takes a second.
        found.__dict__["digest"] = self.digests[name]
        return found

    def labels(self, name: str) -> np.ndarray:
        """The labels of the split `name`, int64 (n,)."""
        return np.array(self._array(name, "labels"))

    def _array(self, split: str, what: str) -> np.ndarray | None:
        path = self.folder / f"{split}-{what}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.is_file() else None

    def _strokes(self, split: str) -> Strokes | None:
        arrays = [self._array(split, what) for what in ("points", "stroke_ptr", "sample_ptr")]
        return None if arrays[0] is None else Strokes(*arrays)


def entry(
    name: str,
    options: Options,
    sources: list[Path],
    read: Callable[[], tuple[Split, Split, Split]],
) -> Entry:
    """The data set `name` from the cache; made with `read` where it is not there.

    An entry is made aside and renamed, so that a broken one is never found. Raises `DataError`
    where the folder cannot be written.
    """
    key = files.digest(name, asdict(options), [_state(path) for path in sources], code())
    top = places.cache() / "sets"
    folder = top / f"{name}-{key[:16]}"
    found = _open(folder)
    if found is not None:
        return found
    with _writing(top):
        top.mkdir(parents=True, exist_ok=True)
        with FileLock(top / f".{name}.lock"):
            found = _open(folder)
            if found is not None:
                return found
            train, validation, test = read()
            train, validation, report = leaks.guard(train, validation, test)
            splits = dict(zip(SPLITS, (train, validation, test), strict=True))
            _make(folder, splits, report)
            _tidy(top, name)
    found = _open(folder)
    if found is None:
        raise DataError(f"{folder} was written and cannot be read. Delete it and try again.")
    return found


@cache
def code() -> str:
    """A digest of the modules that the pictures of an entry hang on."""
    found = [path for room in CODE for path in PACKAGE.glob(f"{room}.py")]
    found += [path for room in CODE for path in PACKAGE.glob(f"{room}/*.py")]
    return files.digest({str(path.relative_to(PACKAGE)): files.sha256(path) for path in found})


def _state(path: Path) -> list[Any]:
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _open(folder: Path) -> Entry | None:
    """The entry in `folder`; None where there is none, or a file of it is not what it was."""
    try:
        facts = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.npy")}
        if sizes != facts["sizes"]:
            return None
        return Entry(folder, facts["digests"], facts["leaks"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(folder: Path, splits: dict[str, Split], report: dict[str, int]) -> None:
    aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        for name, split in splits.items():
            arrays = {what: getattr(split, what) for what in ARRAYS}
            if split.strokes is not None:
                arrays |= vars(split.strokes)
            for what, values in arrays.items():
                if values is not None:
                    np.save(aside / f"{name}-{what}.npy", values, allow_pickle=False)
        facts = {
            "digests": {name: _digest(split) for name, split in splits.items()},
            "leaks": report,
            "sizes": {path.name: path.stat().st_size for path in aside.glob("*.npy")},
        }
        files.write_json(aside / "entry.json", facts)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _digest(split: Split) -> str:
    """What `Split.digest` gives, without a copy of all the pictures."""
    total = hashlib.sha256()
    for data in (
        json.dumps(str(split.images.shape)).encode(),
        np.ascontiguousarray(split.images).reshape(-1).data,
        split.labels.astype("<i8").tobytes(),
    ):
        total.update(str(len(data)).encode() + b":")
        total.update(data)
    return total.hexdigest()


def _tidy(top: Path, name: str) -> None:
    """Delete all but the newest entries of `name`, and what a killed process left."""
    entries = [path for path in top.glob(f"{name}-*") if len(path.name) == len(name) + 17]
    for old in sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    for left in top.glob(".making-*"):
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _writing(top: Path):
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DataError(
            f"The cache folder {top} must be writable and have room. Received: {reason}. Make "
            f"room, or set {places.CACHE_VARIABLE} to another folder."
        ) from error

"""A person's own drawings, or those of many people: what the pad has kept (`drawings_file`).

Images are what the pad has shown the network. docs/drawings.md says how they are split, and what
the classes of `drawings` and `drawings-47` are.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hcr.datasets import drawings_file as drawings
from hcr.datasets.files import from_here
from hcr.datasets.split import Info, Options, Split, Strokes
from hcr.errors import DataError
from hcr.preprocessing import from_strokes, labels

CLASSES, ALL = labels.BALANCED, "drawings"
WRITERS = 3  # from so many on they are kept apart
ENDS = (0.6, 0.8)  # where among all names training and validation end
TURNS = np.array([0, 1, 2, 0, 0])  # parts that the drawings of a class go to, one after the other
REMEDY = "Draw some in notebooks/05_draw.ipynb, and say what you meant."


def info(name: str, options: Options) -> Info:
    """What is known of the drawings."""
    title = f"Drawings in {Path(options.path).name}" if options.path else "Your drawings"
    path = _path(options)
    names = [labels.merge(each.character) for each in drawings.saved(path)[0]]
    others = sorted(set(names) - set(CLASSES))
    classes = (*CLASSES, *others) if name == ALL else tuple(CLASSES)
    if len(classes) == len(CLASSES) and others:
        title += f", without {sum(map(names.count, others)):,} of {' '.join(others)}"
    return Info(title, classes, "your own", "your own drawings", "")


def sources(name: str, options: Options) -> list[Path]:
    """The file. Raises `DataError` where it is not there."""
    path = _path(options)
    if not path.is_file():
        raise DataError(f"{name} is read from {path}. Received: no such file. {REMEDY}")
    return [path]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """The splits, with strokes and writers. Raises `DataError` for no file, or too few drawings."""
    (path,) = sources(name, options)
    classes = info(name, options).characters
    saved = _usable(drawings.read(path), path, classes)
    values = np.array([classes.index(labels.merge(each.character)) for each in saved], np.int64)
    writers = np.array([each.writer for each in saved])
    parts = by_writer(writers) if len(np.unique(writers)) >= WRITERS else in_turn(values)
    if not np.bincount(parts, minlength=3).all():
        most = np.bincount(values, minlength=1).max()
        raise DataError(
            f"The dataset {name} needs at least 3 drawings of one character, to learn from, to "
            f"choose on and to test on, or at least {WRITERS} writers. Received: {len(saved)} "
            f"drawings, at most {most} of a character, in {path}. {REMEDY}"
        )
    strokes = Strokes.of(each.strokes for each in saved)
    images = np.stack([from_strokes(each.strokes) for each in saved])
    whole = Split(images, values, strokes, writers)
    return tuple(whole.take(np.flatnonzero(parts == part)) for part in range(3))


def by_writer(writers: np.ndarray) -> np.ndarray:
    """The part of each drawing, int (n,): 0 training, 1 validation, 2 test; none is empty.

    `writers`, str (n,), must name three or more.
    """
    names = sorted(set(writers.tolist()), key=_place)
    middle, last = np.searchsorted([_place(each) for each in names], ENDS)
    test = np.clip(len(names) - last, 1, len(names) - 2)
    validation = np.clip(last - middle, 1, len(names) - 1 - test)
    part = dict.fromkeys(names, 0)
    part |= dict.fromkeys(names[-test - validation :], 1) | dict.fromkeys(names[-test:], 2)
    return np.array([part[each] for each in writers.tolist()])


def in_turn(values: np.ndarray) -> np.ndarray:
    """The part of each drawing of the classes `values`, int (n,), by its rank in its class."""
    ranks = [(values[:i] == value).sum() for i, value in enumerate(values)]
    return TURNS[np.array(ranks, np.int64) % len(TURNS)]


def _place(writer: str) -> float:
    """Where among all names, in [0, 1), that of a writer stands."""
    return int.from_bytes(hashlib.sha256(writer.encode()).digest()[:4]) / 2.0**32


def _path(options: Options) -> Path:
    """The file; a relative path counts from here, else from the project's top."""
    if options.path is None:
        return drawings.path()
    places = [drawings.located(place) for place in from_here(options.path)]
    return next((place for place in places if place.is_file()), places[0])


def _usable(all_of: Sequence[drawings.Drawing], path: Path, classes: Sequence[str]) -> list:
    """The drawings of `classes`, each once; standard error has what is left out."""
    kept, others = {}, []
    for each in all_of:
        if labels.merge(each.character) in classes:
            key = each.character, tuple(stroke.tobytes() for stroke in each.strokes)
            kept.setdefault(key, each)
        else:
            others.append(each.character)
    if others:
        n, names = f"{len(others):,} of {len(all_of):,}", " ".join(sorted(set(others)))
        print(f"Left out {n} drawings of {path}, of no class: {names}.", file=sys.stderr)
    return list(kept.values())

"""UNIPEN: characters that people wrote with a pen on a tablet, as strokes, by contributor.

docs/datasets.md has the form of the file. The splits keep contributors apart. Left out are 2,423
exact copies of another drawing with the same label, and 45 without extent, a pen put down once.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hcr.datasets import files
from hcr.datasets.split import Options, Split, Strokes, described
from hcr.errors import DataError
from hcr.preprocessing import from_strokes, labels

FILE = "unipen_chars.npz"
KEYS = ("xy", "stroke_ptr", "sample_ptr", "label", "contributor", "contributor_names")

# Contributors; those that are in none of these are in the training split.
VALIDATION = ("tos", "imp")
TEST = ("aga", "ced", "gmd", "pri", "uqb", "val")
ASIDE = ("lou",)  # 33 drawings, too few for figures: in no split

# What a page that shows drawings of it says of it, whatever its own dataset is.
_INFO = described()["unipen"]
CREDIT = {"name": "unipen", "title": "UNIPEN pen characters", "licence": _INFO.license}
CREDIT |= {"citation": _INFO.citation, "url": _INFO.url}


def sources(name: str, options: Options) -> list[Path]:
    """The file. Raises `DataError` where it is nowhere."""
    paths = files.find("unipen", [FILE])
    if not paths:
        rule = f"unipen is read from {FILE} in the folder unipen below {files.DATA_VARIABLE}"
        remedy = f"Make it of {_INFO.url} in the form of docs/datasets.md."
        raise DataError(f"{rule}. Received: no such file. {remedy}")
    return paths


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """The three splits, with strokes and contributors (`Split.writers`)."""
    strokes, characters, contributors, parts = _distinct()
    classes, merge = described()[name].characters, str if name == "unipen-62" else labels.merge
    values = np.array([classes.index(merge(each)) for each in characters.tolist()])
    images = np.stack([from_strokes(each) for each in strokes])
    whole = Split(images, values, strokes, contributors)
    return tuple(whole.take(np.flatnonzero(parts == part)) for part in range(3))


def drawings_of(names: Iterable[str]) -> tuple[list[list[np.ndarray]], np.ndarray, np.ndarray]:
    """Drawings of the contributors `names`, with characters and contributors, each str (n,)."""
    strokes, characters, contributors, _ = _distinct()
    chosen = np.flatnonzero(np.isin(contributors, list(names)))
    return [strokes[i] for i in chosen.tolist()], characters[chosen], contributors[chosen]


def example_drawings(
    classes: Sequence[str], seed: int, run: Any = None
) -> tuple[list[list[np.ndarray]], list[str]]:
    """A drawing of each class by the validation split's contributors, to look at.

    Returns the drawings and the class of each; none where the file is nowhere. The pages of `run`,
    the `hcr.runs.Run` that shows them, then credit the dataset.
    """
    if not files.find("unipen", [FILE]):
        return [], []
    drawings, characters, _ = drawings_of(VALIDATION)
    drawn = np.array([c if c in classes else labels.merge(c) for c in characters.tolist()])
    rng = np.random.default_rng(seed)
    places = {each: np.flatnonzero(drawn == each) for each in classes}
    picked = {each: int(rng.choice(rows)) for each, rows in places.items() if len(rows)}
    if picked and run is not None:
        run.append("data_also", CREDIT, same="name")
    return [drawings[i] for i in picked.values()], list(picked)


def _distinct() -> tuple[Strokes, np.ndarray, np.ndarray, np.ndarray]:
    """The drawings, without copies and dots, their characters, contributors, and parts, int."""
    (path,) = sources("unipen", Options())
    form = "UNIPEN's characters in the form of docs/datasets.md"
    arrays = files.read_npz(path, KEYS, form, "Copy it again.")
    xy, stroke_ptr, sample_ptr, characters, contributor, names = arrays
    with files.reading(path, form, "Copy it again."):
        # As int64: unsigned numbers have no negative steps.
        ends = [each.astype(np.int64) for each in (stroke_ptr, sample_ptr)]
        rise = all(each[0] == 0 and (np.diff(each) >= 0).all() for each in ends)
        rise = rise and ends[0][-1] == len(xy) and ends[1][-1] == len(stroke_ptr) - 1
        same = characters.shape == contributor.shape == (len(sample_ptr) - 1,)
        known = np.isin(characters, list(labels.BYCLASS)).all() and contributor.min() >= 0
        if not (rise and same and known and np.isfinite(xy).all()):
            raise ValueError("parts that do not go together")
        strokes = Strokes(xy.astype(np.float32).reshape(len(xy), 2), *ends)
        contributors = names[contributor].astype(str)
    parts = np.zeros(len(contributors), dtype=np.int64)  # training
    for part, those in enumerate((VALIDATION, TEST, ASIDE), start=1):
        parts[np.isin(contributors, those)] = part
    kept = {}
    # Of copies the test split's is kept, else the validation split's, else the first.
    for i in np.argsort(np.array([2, 1, 0, 3])[parts], kind="stable").tolist():
        first, last = strokes.sample_ptr[i : i + 2]
        bounds = strokes.stroke_ptr[first : last + 1]
        points = strokes.points[bounds[0] : bounds[-1]]
        key = characters[i], (bounds - bounds[0]).tobytes(), points.tobytes()
        if len(points) and (points != points[0]).any():
            kept.setdefault(key, i)
    kept = np.sort(np.array(list(kept.values()), dtype=np.int64))
    return strokes.take(kept), characters[kept], contributors[kept], parts[kept]

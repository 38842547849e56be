"""UNIPEN: characters that people wrote with a pen on a tablet, as strokes, with who gave them.

They are the isolated digits, capitals and small letters (categories 1a, 1b and 1c) of UNIPEN
train_r01_v07: 105,382 of 21 contributors, such as universities and firms. The file,
`unipen_chars.npz`, holds

    xy             int (p, 2): x right, y down, 0 to 1000, a drawing's longer side all of that
    stroke_ptr     int (s + 1,): stroke k is the points stroke_ptr[k]:stroke_ptr[k + 1]
    sample_ptr     int (n + 1,): drawing i is the strokes sample_ptr[i]:sample_ptr[i + 1]
    label          str (n,): one of 0-9, A-Z, a-z
    contributor    int (n,): an index into contributor_names, str

and more that is not read here. The writers of one contributor are not told apart reliably, so the
splits keep contributors apart. Left out are 2,423 drawings that are exact copies of another with
the same label, and those without extent, a pen put down once (45, of which 28 are such copies too).

Worth knowing: `app` is a coarse tablet; `sie`, `mot` and `kai` write cursive; in the test split
`gmd` holds no capitals and `uqb` no small letters.
"""

import sys
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hcr.datasets import places
from hcr.datasets.split import Info, Options, Split, Strokes
from hcr.errors import DataError
from hcr.preprocessing import SIDE, from_strokes, labels

CACHED = True
FILE = "unipen_chars.npz"
CHARACTERS = {"unipen": labels.BALANCED, "unipen-62": labels.BYCLASS}

# Contributors; those that are in none of these are in the training split.
VALIDATION = ("tos", "imp")
TEST = ("aga", "ced", "gmd", "pri", "uqb", "val")
ASIDE = ("lou",)  # 33 drawings, too few to tell anything: in no split

URL = "https://doi.org/10.5281/zenodo.1195803"
LICENCE = (
    "CC BY 4.0 on Zenodo. The CD-ROM of 1999 says otherwise: 'Permission is hereby granted to use "
    "the data for research purposes. It is not allowed to distribute this data for commercial "
    "purposes', and asks for proper reference"
)
CITATION = (
    "I. Guyon, L. Schomaker, R. Plamondon, M. Liberman, S. Janet. UNIPEN project of on-line data "
    "exchange and recognizer benchmarks. ICPR 1994. doi:10.1109/ICPR.1994.576870. Data: UNIPEN "
    f"train_r01_v07, The International Unipen Foundation, 1999. {URL}"
)

# What a page that shows drawings of it says of it, whatever its own data set is.
CREDIT = {"name": "unipen", "title": "UNIPEN pen characters"}
CREDIT |= {"licence": LICENCE, "citation": CITATION, "url": URL}


def info(name: str, options: Options) -> Info:
    """What is known of `unipen` (47 classes) or `unipen-62`."""
    characters = CHARACTERS[name]
    title = f"UNIPEN pen characters, {len(characters)} classes, split by contributor"
    return Info(title, tuple(characters), LICENCE, CITATION, URL)


def sources(name: str, options: Options) -> list[Path]:
    """The file. Raises `DataError` where it is nowhere."""
    path = places.find("unipen", FILE)
    if path is None:
        raise DataError(
            f"{name} is read from {FILE}, and it is not in a folder unipen/ below "
            f"{places.DATA_VARIABLE} or {places.cache()}. It is made from UNIPEN train_r01_v07 "
            f"({URL}); hcr/datasets/unipen.py tells its form. pen-strokes needs no file."
        )
    return [path]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Training, validation and test split, with strokes and contributors (`Split.writers`).

    Raises `DataError` for a file that is missing, cut short or of another form.
    """
    (path,) = sources(name, options)
    strokes, characters, contributors = load(path)
    parts = split(contributors)
    kept, _ = distinct(strokes, characters, parts)
    classes = CHARACTERS[name]
    if classes == labels.BALANCED:
        characters = np.array([labels.merge(each) for each in characters.tolist()])
    index = {character: i for i, character in enumerate(classes)}
    found = []
    for part, word in enumerate(("training", "validation", "test")):
        chosen = kept[parts[kept] == part]
        if not len(chosen):
            raise DataError(
                f"{path} must hold drawings of the {word} split's contributors. Received: none. "
                "Copy it again."
            )
        drawings = strokes.take(chosen)
        values = np.array([index[each] for each in characters[chosen].tolist()])
        pictures = _pictures(drawings, f"unipen, {word}")
        found.append(Split(pictures, values, drawings, contributors[chosen]))
    train, validation, test = found
    return train, validation, test


def load(path: Path) -> tuple[Strokes, np.ndarray, np.ndarray]:
    """The whole file: n drawings, their characters, str (n,), and their contributors, str (n,).

    Raises `DataError` for a file that is cut short, or whose parts do not go together.
    """
    keys = "xy", "stroke_ptr", "sample_ptr", "label", "contributor", "contributor_names"
    if not zipfile.is_zipfile(path):
        raise _broken(path, "no archive, or the first part of one")
    try:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            xy, stroke_ptr, sample_ptr, characters, contributor, names = (file[key] for key in keys)
    except KeyError as error:
        raise _wrong(path, str(error.args[0])) from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _broken(path, str(error)) from error
    if not (xy.ndim == 2 and xy.shape[1] == 2 and xy.dtype.kind in "iuf" and np.isfinite(xy).all()):
        raise _wrong(path, "points xy that are not numbers of shape (p, 2)")
    _check_bounds(path, "stroke_ptr", stroke_ptr, len(xy))
    _check_bounds(path, "sample_ptr", sample_ptr, len(stroke_ptr) - 1)
    n = len(sample_ptr) - 1
    if characters.shape != (n,) or contributor.shape != (n,) or contributor.dtype.kind not in "iu":
        raise _wrong(path, f"not one label and one contributor for each of {n} drawings")
    unknown = sorted({str(each) for each in characters.tolist()} - set(labels.BYCLASS))
    if unknown:
        raise _wrong(path, f"the label {unknown[0]!r}")
    if n and not 0 <= contributor.min() <= contributor.max() < len(names):
        raise _wrong(path, "a contributor without a name")
    strokes = Strokes(
        xy.astype(np.float32), stroke_ptr.astype(np.int64), sample_ptr.astype(np.int64)
    )
    return strokes, characters.astype(str), names[contributor].astype(str)


def split(contributors: np.ndarray) -> np.ndarray:
    """The part of each drawing, int (n,): 0 training, 1 validation, 2 test, 3 none."""
    parts = np.zeros(len(contributors), dtype=np.int64)
    for part, those in enumerate((VALIDATION, TEST, ASIDE), start=1):
        parts[np.isin(contributors, those)] = part
    return parts


def distinct(
    strokes: Strokes, characters: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, dict[str, int]]:
    """Drawings that are neither a copy of another nor without extent.

    Of copies, which have the same strokes and the same character, the test split's is kept, else
    the validation split's, else the first.

    Returns:
        Their sorted indices, and how many were left out: `copies`, and of the others `dots`.
    """
    rank = np.array([2, 1, 0, 3])[parts]
    seen, kept, copies, dots = set(), [], 0, 0
    for i in np.argsort(rank, kind="stable").tolist():
        first, last = strokes.sample_ptr[i : i + 2]
        bounds = strokes.stroke_ptr[first : last + 1]
        points = strokes.points[bounds[0] : bounds[-1]]
        key = characters[i], (bounds - bounds[0]).tobytes(), points.tobytes()
        if key in seen:
            copies += 1
        elif not len(points) or (points == points[0]).all():
            dots += 1
        else:
            kept.append(i)
        seen.add(key)
    return np.sort(np.array(kept, dtype=np.int64)), {"copies": copies, "dots": dots}


def drawings_of(names: Iterable[str]) -> tuple[list[list[np.ndarray]], np.ndarray, np.ndarray]:
    """All drawings of the contributors `names`, none twice, without pictures of them.

    Returns:
        n drawings, each a list of (k, 2) strokes; their characters, str (n,); their contributors,
        str (n,).

    Raises:
        DataError: The file is nowhere, or is broken.
    """
    (path,) = sources("unipen", Options())
    strokes, characters, contributors = load(path)
    kept, _ = distinct(strokes, characters, split(contributors))
    kept = kept[np.isin(contributors[kept], list(names))]
    return [strokes[i] for i in kept.tolist()], characters[kept], contributors[kept]


def one_each(
    classes: Sequence[str], seed: int, run: Any = None
) -> tuple[list[list[np.ndarray]], list[str], list[str]]:
    """A drawing of each class by the validation split's contributors, to look at.

    Args:
        classes: Characters; of 47, `C` is what was drawn as `C` or `c` (`labels.merge`).
        seed: Of the choice.
        run: The `hcr.runs.Run` that shows them, whose page then credits the data set.

    Returns:
        The drawings, as `drawings_of` gives them; the class of each; who drew it. Nothing where
        the file is nowhere; classes that nobody drew are left out.

    Raises:
        DataError: The file is broken.
    """
    if places.find("unipen", FILE) is None:
        return [], [], []
    (path,) = sources("unipen", Options())
    strokes, characters, contributors = load(path)
    theirs = np.isin(contributors, VALIDATION)
    class_of = {each: each if each in classes else labels.merge(each) for each in labels.BYCLASS}
    found = np.array([class_of[each] for each in characters.tolist()])
    rng = np.random.default_rng(seed)
    own = [(each, np.flatnonzero(theirs & (found == each))) for each in classes]
    picked = [(each, int(rng.choice(those))) for each, those in own if len(those)]
    if picked and run is not None:
        run.also(CREDIT)
    return (
        [strokes[i] for _, i in picked],
        [each for each, _ in picked],
        [str(contributors[i]) for _, i in picked],
    )


def _pictures(drawings: Strokes, what: str) -> np.ndarray:
    from tqdm import tqdm

    found = np.empty((len(drawings), SIDE, SIDE), np.uint8)
    # A bar for who waits at a terminal; a log need not hold it.
    quiet = len(drawings) < 5000 or not sys.stderr.isatty()
    for i in tqdm(range(len(drawings)), what, unit=" pictures", disable=quiet, mininterval=1):
        found[i] = from_strokes(drawings[i])
    return found


def _check_bounds(path: Path, key: str, bounds: np.ndarray, last: int) -> None:
    """Whether `bounds` rise from 0 to `last`."""
    good = bounds.ndim == 1 and bounds.dtype.kind in "iu" and len(bounds) > 0
    # As int64: unsigned numbers have no negative steps.
    steps = np.diff(bounds.astype(np.int64)) if good else np.zeros(0)
    if not good or bounds[0] != 0 or bounds[-1] != last or (steps < 0).any():
        raise _wrong(path, f"a {key} that does not rise from 0 to {last}")


def _broken(path: Path, what: str) -> DataError:
    return DataError(f"{path} must be a whole .npz file. Received: {what}. Copy it again.")


def _wrong(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} must be UNIPEN's characters in the form that hcr/datasets/unipen.py tells. "
        f"Received: {what}. Copy it again."
    )

"""Data of the user's own: a folder of pictures, a pair of IDX files, or an `.npz`.

    datasets.load("own", path="my_letters")

The first form is described in `hcr.datasets.own_folder`, the others in `own_arrays`. Where they
don't say which pictures are for training, validation and test, a picture's hash decides, 0.7, 0.15
and 0.15 of all: copies of one picture are never in two parts, and pictures that are added later
move no other. A character that would so have no picture in some part has its own pictures cut by
the rank of their hash instead, so that three different ones suffice for all three parts. The parts
are the same share of each character only roughly; but figures can be compared with those from
before pictures were added. docs/own_data.md tells more.
"""

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hcr.datasets import own_arrays, own_folder
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.own_folder import Found, Pictures
from hcr.datasets.split import Info, Options, Split, by_hash
from hcr.errors import DataError, ParameterError, nearest
from hcr.preprocessing import SIDE, from_picture
from hcr.runs import environment

CACHED = True

# What the files' pictures are like; a literal, read as text where parameters are checked.
ORIENTATIONS = {
    "upright": "as one reads them; arrays of 28 x 28 have light ink on dark, all others either",
    "transposed": "rows and columns swapped, as EMNIST's files have them",
    "inverted": "dark ink on light paper",
    "transposed-inverted": "rows and columns swapped, dark ink on light paper",
}

FORMS = (
    "a folder character/picture.png, a folder with a pair of IDX files and a mapping file, or an "
    ".npz with images and labels"
)

SHARES = (0.7, 0.15, 0.15)  # training, validation, test
OF_TRAINING = (0.9, 0.1)  # training, validation, where only the test pictures are given
NAMED = 3  # of the pictures that are left out, so many are named


def info(name: str, options: Options) -> Info:
    """What is known of the user's data; the title has the name of the file or folder."""
    path = _path(options)
    title = f"{path.name if path.is_dir() else path.stem} (your own)"
    return Info(title, _find(path).characters, "your own", "your own data", "")


def sources(name: str, options: Options) -> list[Path]:
    """All files that are read. Raises `DataError` for anything that is none of the forms."""
    return _find(_path(options)).files


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Read, orient and split the pictures.

    A picture of 28 x 28 whose colours are greys is taken to be framed already and only oriented:
    arrays (IDX, `.npz`) are light ink on dark unless the orientation says otherwise; of a folder's
    picture files, where all of their borders' pixels together have a bright median, light and dark
    are swapped in all of 28 x 28. Any other picture goes through `from_picture`, which
    finds out for each whether its ink is dark. An orientation with `inverted` says that ink is dark
    in every picture. Those without ink are left out and named on the standard error stream.

    Raises:
        DataError: A picture is broken, labels and characters don't fit together, there is one
            character only, or one with too few pictures or with more than half of them blank.
        ParameterError: An unknown orientation.
    """
    orientation = options.orientation
    if orientation not in ORIENTATIONS:
        raise ParameterError(
            f"orientation must be one of {', '.join(ORIENTATIONS)}. Received: {orientation!r}."
            + nearest(orientation, ORIENTATIONS)
        )
    found = _find(_path(options))
    return _splits(found, _with_ink(found, _upright(found, orientation)))


def _path(options: Options) -> Path:
    """Where the data lie; a relative path counts from here, else from the project's top."""
    if not options.path:
        raise DataError(
            "The data set own is read from where path says. Received: no path. Give it, as in "
            f"-p shared.path=my_letters: {FORMS}."
        )
    given = Path(options.path).expanduser()
    tops = list(dict.fromkeys((Path.cwd(), environment.root())))
    for path in (top / given for top in tops):
        if path.exists():
            return path.resolve()
    counted = "" if given.is_absolute() else f" It counts from {' or '.join(map(str, tops))}."
    raise DataError(
        f"path must be that of a folder or file of your own. Received: {options.path}, which does "
        f"not exist.{counted} Give one that does."
    )


def _find(path: Path) -> Found:
    """What lies at `path`, a folder or file that exists. Raises `DataError` for no known form."""
    try:
        found = _form(path)
    except OSError as error:
        raise DataError(
            f"{error.filename or path} must be readable. Received: {error.strerror or error}. "
            "Change its rights."
        ) from error
    if len(found.characters) < 2:
        raise DataError(
            "Own data must hold at least two characters, to tell one from another. Received: "
            f"{''.join(found.characters) or 'none'} in {path}."
        )
    return found


def _form(path: Path) -> Found:
    if path.is_file() and path.suffix.lower() == ".npz":
        return own_arrays.find_archive(path)
    if path.is_dir() and own_arrays.named(path, "images", "idx3"):
        return own_arrays.find_idx(path)
    if path.is_dir() and own_folder.folders(path):
        return own_folder.find(path)
    what = "another file" if path.is_file() else "a folder without folders or IDX files"
    hint = " Unpack it first." if path.suffix.lower() in (".zip", ".gz", ".tar", ".7z") else ""
    raise DataError(f"Own data must be {FORMS}. Received: {path}, {what}.{hint}")


def _upright(found: Found, orientation: str) -> dict[str, Split]:
    """All that is found, as the contract has it."""
    inverted = orientation.endswith("inverted")
    parts, as_is = {}, {}
    for part, (pictures, labels) in found.read().items():
        made, as_is[part] = _of_contract(pictures, len(labels), inverted)
        parts[part] = Split(made, labels)
    if found.of_files and not inverted:
        # One by one a bold character without a margin would be mistaken.
        small = [split.images[as_is[part]] for part, split in parts.items()]
        if _has_bright_borders(np.concatenate(small)):
            for part, split in parts.items():
                split.images[as_is[part]] ^= 255
    if orientation.startswith("transposed"):
        for part, split in parts.items():
            upright = np.ascontiguousarray(split.images.swapaxes(1, 2))
            parts[part] = Split(upright, split.labels)
    return parts


def _of_contract(pictures: Pictures, n: int, inverted: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as uint8 (n, 28, 28), and which of them are as their files have them, bool (n,)."""
    if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (SIDE, SIDE):
        return (255 - pictures if inverted else pictures), np.ones(n, bool)
    made, as_is = np.zeros((n, SIDE, SIDE), np.uint8), np.zeros(n, bool)
    for i, picture in enumerate(_with_progress(pictures, n)):
        framed = _framed(picture)
        as_is[i] = framed is not None
        if framed is None:
            made[i] = from_picture(picture, inverted=True if inverted else None)
        else:
            made[i] = 255 - framed if inverted else framed
    return made, as_is


def _with_progress(pictures: Pictures, n: int) -> Iterable:
    """`pictures` with a bar on a terminal; nothing in a log, and nothing for few."""
    quick = True if n < 1000 else None
    return tqdm(pictures, total=n, desc="Reading pictures", unit="", leave=False, disable=quick)


def _framed(picture: np.ndarray) -> np.ndarray | None:
    """A picture of 28 x 28 greys, as `read_picture` gives it: uint8 (28, 28); None for others."""
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * np.uint8(255)
    if picture.shape[:2] != (SIDE, SIDE) or picture.dtype != np.uint8:
        return None
    greys = picture.reshape(SIDE, SIDE, -1)
    opaque = greys.shape[2] in (1, 3) or bool((greys[..., -1] == 255).all())
    colours = greys[..., : 3 if greys.shape[2] > 2 else 1]
    return greys[..., 0] if opaque and (colours == colours[..., :1]).all() else None


def _has_bright_borders(pictures: np.ndarray) -> bool:
    """Whether the median of all borders' pixels is bright."""
    sides = (pictures[:, 0], pictures[:, -1], pictures[:, 1:-1, 0], pictures[:, 1:-1, -1])
    return len(pictures) > 0 and bool(np.median(np.concatenate(sides, axis=1)) >= 128)


def _with_ink(found: Found, parts: dict[str, Split]) -> dict[str, Split]:
    """`parts` without the pictures of one grey, which are told."""
    blank = {
        part: split.images.max(axis=(1, 2)) == split.images.min(axis=(1, 2))
        for part, split in parts.items()
    }
    lost = [(part, i) for part, each in blank.items() for i in np.flatnonzero(each).tolist()]
    if not lost:
        return parts
    for label, character in enumerate(found.characters):
        own = [(part, i) for part, i in lost if parts[part].labels[i] == label]
        n = sum(int((split.labels == label).sum()) for split in parts.values())
        if 2 * len(own) > n:
            raise DataError(
                f"At least half of a character's pictures must show ink. Received: {len(own)} of "
                f"{n} of {character} ({_name(character)}) without, {_first(found, own)}. Give "
                "others for them, or take the character out."
            )
    n = sum(map(len, parts.values()))
    print(
        f"Left out {len(lost):,} of {n:,} pictures, which show no ink: {_first(found, lost)}.",
        file=sys.stderr,
        flush=True,
    )
    return {part: split.take(np.flatnonzero(~blank[part])) for part, split in parts.items()}


def _first(found: Found, places: list[tuple[str, int]]) -> str:
    """The names of the first pictures of `places`."""
    names = ", ".join(found.name(*place) for place in places[:NAMED])
    return names + (f" and {len(places) - NAMED:,} more" if len(places) > NAMED else "")


def _splits(found: Found, parts: dict[str, Split]) -> tuple[Split, Split, Split]:
    """Training, validation and test split, drawn where they are not given."""
    characters = found.characters
    if "train" not in parts:
        train, validation, test = _drawn(parts["all"], SHARES, characters)
        return train, validation, test
    lacking = set(range(len(characters))) - set(parts["train"].labels.tolist())
    if lacking:
        names = " ".join(characters[label] for label in sorted(lacking))
        raise DataError(
            f"Every character must have pictures to train on. Received: none of {names} in train, "
            "though other splits have them. Add some, or take the characters out."
        )
    if "validation" in parts:
        return parts["train"], parts["validation"], parts["test"]
    train, validation = _drawn(parts["train"], OF_TRAINING, characters)
    return train, validation, parts["test"]


def _drawn(split: Split, shares: Sequence[float], characters: Sequence[str]) -> list[Split]:
    parts = divided(pixel_hashes(split.images), split.labels, shares, characters)
    return [split.take(part) for part in parts]


def divided(
    hashes: np.ndarray, labels: np.ndarray, shares: Sequence[float], characters: Sequence[str]
) -> list[np.ndarray]:
    """Split indices by hash, so that every character has a picture in every part.

    Args:
        hashes: uint64 (n,), one a picture, equal for equal pictures.
        labels: int (n,), indices into `characters`.
        shares: The share of the pictures that each part takes; together 1.
        characters: The character of each label.

    Returns:
        One sorted int64 array of indices a share. Equal pictures are in one part, even under two
        labels. With fewer pictures than parts a character is in the first part, then in the last.

    Raises:
        DataError: A character has fewer than two different pictures.
    """
    unique, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    # Of a picture under two labels, the one that comes first decides.
    owner, n = labels[first], len(shares)
    part = np.zeros(len(unique), np.int64)
    for i, indices in enumerate(by_hash(unique, shares)):
        part[indices] = i
    for label, character in enumerate(characters):
        own = np.flatnonzero(owner == label)
        if len(own) < 2:
            raise DataError(
                "A character must have at least two different pictures, to learn from one and to "
                f"check with another. Received: {len(own)} of {character} "
                f"({_name(character)}). Add some, or take the character out."
            )
        needed = [0, *range(n - 1, 0, -1)][: len(own)]
        if np.isin(needed, part[own]).all():
            continue
        counts = np.bincount(needed, minlength=n)
        while counts.sum() < len(own):
            counts[np.argmax(len(own) * np.asarray(shares) - counts)] += 1
        part[own] = np.repeat(np.arange(n), counts)
    return [np.flatnonzero(part[inverse] == i) for i in range(n)]


def _name(character: str) -> str:
    return unicodedata.name(character, f"U+{ord(character):04X}").lower()

"""Data of the user's own: a folder of pictures, a pair of IDX files, or an `.npz`.

    datasets.load("own", path="my_letters")

The first form is described in `hcr.datasets.own_folder`, the others in `own_arrays`. Where they
don't say which pictures are for training, validation and test, a picture's hash decides, 0.7, 0.15
and 0.15 of all: copies of one picture are never in two parts, and pictures that are added later
move no other. A character that would so have no picture in some part has its own pictures cut by
the rank of their hash instead, so that three different ones suffice for all three parts.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hcr import environment, images
from hcr.datasets import own_arrays, own_folder
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.own_folder import Found, Pictures
from hcr.datasets.split import Info, Options, Split, by_hash
from hcr.errors import DataError, ParameterError, nearest

CACHED = True

# What the files' pictures are like; a literal, read as text where parameters are checked.
ORIENTATIONS = {
    "upright": "light ink on dark paper, as in MNIST; pictures that are not 28 x 28 in either way",
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

    A picture of 28 x 28 whose colours are greys is taken as it is, with light and dark swapped
    where the orientation says so. Any other goes through `hcr.images.from_picture`, which finds
    out by itself whether its ink is dark, unless the orientation says that it is.

    Raises:
        DataError: A picture is broken, labels and characters don't fit together, there is one
            character only, or one with too few pictures.
        ParameterError: An unknown orientation.
    """
    orientation = options.orientation
    if orientation not in ORIENTATIONS:
        raise ParameterError(
            f"orientation must be one of {', '.join(ORIENTATIONS)}. Received: {orientation!r}."
            + nearest(orientation, ORIENTATIONS)
        )
    found = _find(_path(options))
    parts = {
        part: Split(_upright(pictures, labels, orientation), labels)
        for part, (pictures, labels) in found.read().items()
    }
    return _splits(found, parts)


def _path(options: Options) -> Path:
    """Where the data lie; a relative path counts from here, else from the project's top."""
    if not options.path:
        raise DataError(
            "The data set own is read from where path says. Received: no path. Give it, as in "
            f"-p shared.path=my_letters: {FORMS}."
        )
    given = Path(options.path).expanduser()
    for path in (given, environment.root() / given):
        if path.exists():
            return path.resolve()
    raise DataError(
        f"path must be that of a folder or file of your own. Received: {options.path}, which does "
        f"not exist. A relative path counts from {Path.cwd()} or {environment.root()}."
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


def _upright(pictures: Pictures, labels: np.ndarray, orientation: str) -> np.ndarray:
    """Pictures as the files have them, to the contract: uint8 (n, 28, 28)."""
    inverted = orientation.endswith("inverted")
    if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (images.SIDE, images.SIDE):
        upright = 255 - pictures if inverted else pictures
    else:
        upright = np.zeros((len(labels), images.SIDE, images.SIDE), np.uint8)
        for i, picture in enumerate(_with_progress(pictures, len(labels))):
            upright[i] = _one(picture, inverted)
    if orientation.startswith("transposed"):
        upright = upright.swapaxes(1, 2)
    return np.ascontiguousarray(upright)


def _with_progress(pictures: Pictures, n: int) -> Iterable:
    """`pictures` with a bar on a terminal; nothing in a log, and nothing for few."""
    quick = True if n < 1000 else None
    return tqdm(pictures, total=n, desc="Reading pictures", unit="", leave=False, disable=quick)


def _one(picture: np.ndarray, inverted: bool) -> np.ndarray:
    """One picture (h, w) or (h, w, channels), as `images.pixels` has it: uint8 (28, 28)."""
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * np.uint8(255)
    if picture.shape[:2] == (images.SIDE, images.SIDE) and picture.dtype == np.uint8:
        greys = picture.reshape(images.SIDE, images.SIDE, -1)
        opaque = greys.shape[2] in (1, 3) or bool((greys[..., -1] == 255).all())
        colours = greys[..., : 3 if greys.shape[2] > 2 else 1]
        if opaque and (colours == colours[..., :1]).all():
            return 255 - greys[..., 0] if inverted else greys[..., 0]
    return images.from_picture(picture, inverted=True if inverted else None)


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

"""A person's own data, in any of the forms of `hcr.datasets.own_forms`.

    datasets.load("own", path="my_letters")

docs/own_data.md tells how the images are read, and how they are split by their hashes.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from hcr.datasets import files
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.own_forms import Source, scan
from hcr.datasets.split import Info, Options, Split, by_hash
from hcr.errors import DataError, ParameterError, nearest
from hcr.preprocessing import SIDE, from_picture, to_gray_levels
from hcr.preprocessing.images import BORDER, gray_range

# What the files' images are like: rows and columns swapped as in EMNIST's files, dark ink on light
# paper, both, or as one reads them: arrays of 28 x 28 with light ink on dark, all others either.
ORIENTATIONS = ("upright", "transposed", "inverted", "transposed-inverted")
SHARES = (0.7, 0.15, 0.15)  # training, validation, test
OF_TRAINING = (0.9, 0.1)  # training, validation, where only the test images are given
NAMED = 3  # of the images that are left out, so many are named
FORM = "a folder character/picture.png, a CSV (.gz and .zip, too), IDX files, a .mat or an .npz"
REMEDY = "Mend it (docs/own_data.md), or give another path."


def info(name: str, options: Options) -> Info:
    """What is known of the user's data; the title has the name of the file or folder."""
    path, source = _scanned(options)
    title = f"{path.name if path.is_dir() else path.stem} (your own)"
    return Info(title, source.characters, "your own", "your own data", "")


def sources(name: str, options: Options) -> list[Path]:
    """All files that are read. Raises `DataError` for anything that is none of the forms."""
    return _scanned(options)[1].files


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Read, orient and split the images; says on standard error how they were taken.

    A gray image of 28 x 28 is taken to be framed already and only oriented, any other goes through
    `from_picture`. Raises `DataError` where an image is broken, labels and images don't fit
    together, or a character has too few images.
    """
    orientation = options.orientation
    if orientation not in ORIENTATIONS:
        hint = nearest(orientation, ORIENTATIONS)
        raise ParameterError(f"There is no orientation {orientation!r}.{hint}")
    path, source = _scanned(options)
    with files.reading(path, FORM, REMEDY):
        return _split(source, orientation)


def _scanned(options: Options) -> tuple[Path, Source]:
    """Where the data lie, and what lies there."""
    for path in files.from_here(options.path) if options.path else ():
        if path.exists():
            with files.reading(path.resolve(), FORM, REMEDY):
                return path.resolve(), scan(path.resolve())
    rule = f"own is read from {FORM}, where path says"
    raise DataError(f"{rule}. Received: nothing at {options.path}. Give -p shared.path=my_letters.")


def _split(source: Source, orientation: str) -> tuple[Split, Split, Split]:
    parts = _with_ink(source, _upright(source, orientation))
    characters = source.characters
    if len(parts) == 1:
        return tuple(_divide(*parts.values(), SHARES, characters))
    if missing := [c for i, c in enumerate(characters) if i not in parts["train"].labels]:
        raise ValueError(f"none of {' '.join(missing)} in train, though other parts have them")
    if "validation" not in parts:
        parts["train"], parts["validation"] = _divide(parts["train"], OF_TRAINING, characters)
    return parts["train"], parts["validation"], parts["test"]


def _upright(source: Source, orientation: str) -> dict[str, Split]:
    """All images, as the contract has them, by part."""
    notes, inverted = list(source.notes), orientation.endswith("inverted")
    transposed = orientation.startswith("transposed")
    if source.transposed and not transposed:
        transposed = True
        notes.append("Taken as transposed, as EMNIST's own files are.")
    raw = {part: source.images(part) for part in source.labels}
    arrays = [each for each in raw.values() if isinstance(each, np.ndarray)]
    bounds = gray_range(*arrays) if arrays else (0, 255)
    if bounds != (0, 255) or any(each.dtype != np.uint8 for each in arrays):
        notes.append("The grays are taken to be in {:g}..{:g}.".format(*bounds))
        raw = {part: to_gray_levels(each, bounds) for part, each in raw.items()}
    parts, framed = {}, {}
    for part in source.labels:
        parts[part], framed[part] = _contract(raw.pop(part), inverted)
    if not inverted:
        # One by one a bold character without a margin would be mistaken.
        small = np.concatenate([parts[part][framed[part]] for part in parts])
        if len(small) and np.median(small[:, BORDER]) >= 128:
            if source.of_files:
                for part, pixels in parts.items():
                    pixels[framed[part]] ^= 255
            else:
                notes.append("Most borders are bright: dark ink needs orientation=inverted.")
    if transposed:
        parts = {k: np.ascontiguousarray(v.swapaxes(1, 2)) for k, v in parts.items()}
    for note in notes:
        print(note, file=sys.stderr)
    return {
        part: Split(pixels, source.labels[part], writers=source.writers.get(part))
        for part, pixels in parts.items()
    }


def _contract(pictures: Iterable[np.ndarray], inverted: bool) -> tuple[np.ndarray, np.ndarray]:
    """`pictures` as uint8 (m, 28, 28), and which were framed already, bool (m,)."""
    if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (SIDE, SIDE):
        return (255 - pictures if inverted else pictures), np.ones(len(pictures), bool)
    pixels, framed = [np.zeros((0, SIDE, SIDE), np.uint8)], []
    for picture in pictures:
        gray = _framed(picture)
        framed.append(gray is not None)
        if gray is None:
            gray = from_picture(picture, inverted=True if inverted else None)
        elif inverted:
            gray = 255 - gray
        pixels.append(gray[None])
    return np.concatenate(pixels), np.array(framed, bool)


def _framed(picture: np.ndarray) -> np.ndarray | None:
    """A picture of 28 x 28 grays, as `read_picture` gives it: uint8 (28, 28); None for others."""
    picture = picture * np.uint8(255) if picture.dtype == bool else picture
    if picture.shape[:2] != (SIDE, SIDE) or picture.dtype != np.uint8:
        return None
    channels = picture.reshape(SIDE, SIDE, -1)
    opaque = channels.shape[2] in (1, 3) or bool((channels[..., -1] == 255).all())
    colors = channels[..., : 3 if channels.shape[2] > 2 else 1]
    return channels[..., 0] if opaque and (colors == colors[..., :1]).all() else None


def _with_ink(source: Source, parts: dict[str, Split]) -> dict[str, Split]:
    """`parts` without the images of one gray, which are named."""
    blank = {part: np.ptp(split.images, axis=(1, 2)) == 0 for part, split in parts.items()}
    if lost := [source.name(part, i) for part in parts for i in np.flatnonzero(blank[part])]:
        n, names = sum(map(len, parts.values())), ", ".join(lost[:NAMED])
        text = f"Left out {len(lost):,} of {n:,} images, which show no ink: {names}"
        print(text + (", ..." if len(lost) > NAMED else "."), file=sys.stderr)
    return {part: split.take(np.flatnonzero(~blank[part])) for part, split in parts.items()}


def _divide(split: Split, shares: Sequence[float], characters: Sequence[str]) -> list[Split]:
    """`split` by hash, so that every character is in every part, as far as it has images."""
    # Equal images are in one part, even under two labels.
    hashes, labels = pixel_hashes(split.images), split.labels
    unique, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    # Of an image under two labels, the one that comes first decides.
    owner, n = labels[first], len(shares)
    part = np.zeros(len(unique), np.int64)
    for i, indices in enumerate(by_hash(unique, shares)):
        part[indices] = i
    for label, character in enumerate(characters):
        theirs = np.flatnonzero(owner == label)
        if not len(theirs):
            raise ValueError(f"0 different images of {character!r}, with ink")
        if len(theirs) == 1:
            print(f"Of {character} there is one image, for training only.", file=sys.stderr)
        needed = [0, *range(n - 1, 0, -1)][: len(theirs)]
        if np.isin(needed, part[theirs]).all():
            continue
        counts = np.bincount(needed, minlength=n)
        while counts.sum() < len(theirs):
            counts[np.argmax(len(theirs) * np.asarray(shares) - counts)] += 1
        part[theirs] = np.repeat(np.arange(n), counts)
    return [split.take(np.flatnonzero(part[inverse] == i)) for i in range(n)]

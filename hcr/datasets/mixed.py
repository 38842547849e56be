"""The 36 classes 0–9A–Z: MNIST's digits with the capitals of the A–Z file, or of EMNIST instead.

`mnist+az` is what others train on. Without that file there are two stand-ins, which say so beside
every figure: `mnist+emnist-upper` takes the capitals of EMNIST ByClass, and
`mnist+emnist-upper-local` those of its test file that are not in ByMerge's test file, on which
others of our figures are measured. Their F, I, M and V are not rare, as those of the A–Z file are:
`hcr.datasets.thinning` gives them its class shape.

Pictures stay as their makers left them. The longer side of a digit of MNIST is 20 pixels, of some
few less, and the A–Z file's page says 20 of its letters; that of EMNIST's capitals is 22 to 28 (any
ink counted, all 70,000 digits and the 26,947 capitals). So in a stand-in the size alone tells every
digit from every letter, and pairs such as 0 and O are not the task that they are on paper.
"""

from pathlib import Path

import numpy as np

from hcr.datasets import archive, az, emnist, idx, leaks, mnist
from hcr.datasets.split import Info, Options, Split, by_hash
from hcr.errors import DataError
from hcr.preprocessing.labels import ALPHANUMERIC, BYCLASS, DIGITS, LETTERS

CACHED = True
CAVEAT = "stand-in for MNIST + A–Z"
TITLES = {
    "mnist+az": "MNIST + A–Z, 36 classes",
    "mnist+emnist-upper": "MNIST + capitals of EMNIST ByClass, 36 classes",
    "mnist+emnist-upper-local": "MNIST + capitals of EMNIST ByClass's test file, 36 classes",
}
UPPER_SHARES = (0.9, 0.1)  # training, validation; the official test file is the test split
LOCAL_SHARES = (0.7, 0.15, 0.15)  # training, validation, test
PICTURES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
Three = tuple[Split, Split, Split]


def info(name: str, options: Options) -> Info:
    """What is known of `name`; the stand-ins say by their caveat that they are."""
    digits = mnist.info("mnist", Options())
    if name == "mnist+az":
        letters, caveat = az.info("az", options), ""
    else:
        letters, caveat = emnist.info("emnist-byclass", options), CAVEAT
    return Info(
        title=TITLES[name],
        characters=tuple(ALPHANUMERIC),
        licence=f"Digits: {digits.licence}. Letters: {letters.licence}",
        citation=f"{digits.citation}. {letters.citation}",
        url=letters.url,
        caveat=caveat,
    )


def sources(name: str, options: Options) -> list[Path]:
    """MNIST's four files, then those of the letters.

    Raises `DataError` where one is missing. There is no silent fall-back: without the A–Z file
    `mnist+az` names its stand-ins.
    """
    return [*mnist.sources("mnist", Options()), *_letter_files(name, options)]


def read(name: str, options: Options) -> Three:
    """Digits as `mnist` splits them, and behind them the letters.

    The letters of the stand-ins are split by the hash of the picture, as those of `az`.
    """
    if name == "mnist+az":
        letters = [Split(part.images, part.labels + 10) for part in az.read("az", options)]
    elif name == "mnist+emnist-upper":
        letters = _upper(_letter_files(name, options))
    else:
        letters = _upper_local(_letter_files(name, options))
    digits = mnist.read("mnist", Options())
    train, validation, test = (_joined(*parts) for parts in zip(digits, letters, strict=True))
    return train, validation, test


def _letter_files(name: str, options: Options) -> list[Path]:
    if name == "mnist+az":
        return az.sources("az", options)
    splits = ["emnist-byclass-train", "emnist-byclass-test"]
    if name == "mnist+emnist-upper-local":
        splits = splits[1:]
    files = [archive.member(f"{each}-{kind}") for each in splits for kind in (PICTURES, LABELS)]
    if name == "mnist+emnist-upper-local":
        files.append(archive.member(f"emnist-bymerge-test-{PICTURES}"))
    return files


def _upper(paths: list[Path]) -> list[Split]:
    """The capitals of ByClass: its train file split by hash, its test file as it is."""
    whole = _capitals(*paths[:2])
    parts = by_hash(leaks.pixel_hashes(whole.images), UPPER_SHARES)
    return [*(whole.take(part) for part in parts), _capitals(*paths[2:])]


def _upper_local(paths: list[Path]) -> list[Split]:
    """The capitals of ByClass's test file without ByMerge's test pictures, split by hash."""
    whole = _capitals(*paths[:2])
    hashes = leaks.pixel_hashes(whole.images)
    kept = np.flatnonzero(~np.isin(hashes, _hashes(paths[2])))
    return [whole.take(kept[part]) for part in by_hash(hashes[kept], LOCAL_SHARES)]


def _capitals(images: Path, labels: Path) -> Split:
    """The capitals of a ByClass file, upright; their labels are those of the 36 classes."""
    pictures, values = idx.read_pair(images, labels, len(BYCLASS))
    first = len(DIGITS)
    chosen = np.flatnonzero((values >= first) & (values < first + len(LETTERS)))
    return Split(emnist.upright(pictures[chosen]), values[chosen])


def _hashes(images: Path) -> np.ndarray:
    """The hashes of the upright pictures of an EMNIST file."""
    pictures = idx.read(images)
    if pictures.shape[1:] != (28, 28):
        raise DataError(
            f"{images} must hold pictures of 28 x 28. Received: values of shape {pictures.shape}. "
            "Fetch it again."
        )
    return leaks.pixel_hashes(emnist.upright(pictures))


def _joined(first: Split, second: Split) -> Split:
    return Split(
        np.concatenate([first.images, second.images]),
        np.concatenate([first.labels, second.labels]),
    )

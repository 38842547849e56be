"""EMNIST's six sets and the standing protocol's subset, from the official form of their files."""

from pathlib import Path

import numpy as np

from hcr.datasets import archive, idx, places, subset
from hcr.datasets.split import SPLIT_SEED, Info, Options, Split, stratified
from hcr.errors import DataError
from hcr.preprocessing.labels import BALANCED, BYCLASS, BYMERGE, DIGITS, LETTERS, parse_mapping

CACHED = True
CITATION = (
    "G. Cohen, S. Afshar, J. Tapson, A. van Schaik. EMNIST: an extension of MNIST to handwritten "
    "letters. arXiv:1702.05373, 2017"
)
LICENCE = "NIST Special Database 19, a work of the U.S. government"
URL = "https://www.nist.gov/itl/products-and-services/emnist-dataset"

SUBSET = "emnist-subset"
# Name -> characters, title. The counts are those of the official train and test files.
SETS = {
    "emnist-balanced": (BALANCED, "EMNIST Balanced, 47 classes (112,800 and 18,800 pictures)"),
    "emnist-letters": (LETTERS, "EMNIST Letters, 26 classes (124,800 and 20,800 pictures)"),
    "emnist-digits": (DIGITS, "EMNIST Digits, 10 classes (240,000 and 40,000 pictures)"),
    "emnist-mnist": (DIGITS, "EMNIST MNIST, 10 classes (60,000 and 10,000 pictures)"),
    "emnist-bymerge": (BYMERGE, "EMNIST ByMerge, 47 classes (697,932 and 116,323 pictures)"),
    "emnist-byclass": (BYCLASS, "EMNIST ByClass, 62 classes (697,932 and 116,323 pictures)"),
    SUBSET: (BALANCED, "EMNIST subset, 47 classes (test: ByMerge)"),
}


def info(name: str, options: Options) -> Info:
    """Title, characters and terms of `name`."""
    characters, title = SETS[name]
    return Info(title, tuple(characters), LICENCE, CITATION, URL)


def sources(name: str, options: Options) -> list[Path]:
    """The files of the training split, then those of the test split; fetched where missing.

    For the subset without its own training files they are ByMerge's training pictures and the
    list that comes with the package; without its own test files those of ByMerge.

    Raises:
        DataError: A file is missing, damaged or cannot be fetched, or a mapping file that lies
            with them names other characters.
    """
    _check_mapping(name)
    return [*_files(name, "train"), *_files(name, "test")]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Nine tenths of the train file to fit on, one tenth to choose by, and the test file."""
    whole = part(name, "train")
    train, validation = stratified(whole.labels, (0.9, 0.1), SPLIT_SEED)
    return whole.take(train), whole.take(validation), part(name, "test")


def part(name: str, split: str) -> Split:
    """One whole official file of `name`, `"train"` or `"test"`, upright, labels counting from 0.

    The largest, 697,932 pictures, needs 1.1 GB while it is read and 0.55 GB then.
    """
    images, labels = _files(name, split)
    if labels == subset.LIST:
        return subset.rebuild((upright(batch) for batch in _batches(images)), labels)
    # In EMNIST Letters A is 1.
    first = int(name == "emnist-letters")
    pictures, values = idx.read_pair(images, labels, len(SETS[name][0]) + first)
    if values.min() < first:
        raise DataError(
            f"Labels in {labels} must count from {first}. Received: {values.min()}. "
            "Is it the label file of another set?"
        )
    return Split(upright(pictures), values - first)


def upright(images: np.ndarray) -> np.ndarray:
    """Undo EMNIST's transposition: uint8 (n, 28, 28) as stored to the picture contract."""
    return np.ascontiguousarray(images.swapaxes(1, 2))


def _files(name: str, split: str) -> list[Path]:
    """The pictures' and the labels' file; the list in place of labels for a subset to rebuild."""
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    if name != SUBSET:
        return [archive.member(f"{name}-{split}-{kind}") for kind in kinds]
    own = [f"{name}-{split}-{kind}" for kind in kinds]
    found = [path for each in own if (path := places.find("emnist", each)) is not None]
    if len(found) == 1:
        found = [places.need("emnist", each) for each in own]
    if not found and split == "test":
        return _files("emnist-bymerge", "test")
    return found or [archive.member("emnist-bymerge-train-images-idx3-ubyte"), subset.LIST]


def _batches(path: Path):
    """The pictures of an IDX file as stored, some at a time."""
    pictures = idx.read(path)
    for start in range(0, len(pictures), 10_000):
        yield pictures[start : start + 10_000]


def _check_mapping(name: str) -> None:
    """Where a mapping file lies with the others, it must name the same characters."""
    path = places.find("emnist", f"{name}-mapping.txt")
    if path is None or path.suffix == ".gz":
        return
    try:
        found = parse_mapping(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} must be a text file. Received: {error}. Delete it.") from None
    except DataError as error:
        raise DataError(f"{path}: {error} Put the official file back, or delete it.") from None
    if found != tuple(SETS[name][0]):
        raise DataError(
            f"{path} must map the labels of {name} to {SETS[name][0]}. Received: {''.join(found)}. "
            "Is it of another set? Put the official files back, or delete it."
        )

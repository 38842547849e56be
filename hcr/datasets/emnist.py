"""EMNIST's six sets, the subset of the standing protocol, and either with pen drawings.

With drawings (`emnist-subset+unipen`, `+drawings`), those of UNIPEN's or the user's own training
split join the training images; validation and test are EMNIST's alone. `Split.sources` keeps the
two apart: 0 for EMNIST's images, whose writers are empty, 1 for the drawings.

The subset was gathered from several EMNIST sets, all of which are drawn from ByMerge's pool, and
none of its images is in ByMerge's test split. The list that comes with the package holds, in the
subset's order, the `pixel_hashes` of its upright images, their labels, and a digest, so that
ByMerge's official training file is enough to rebuild it.
"""

import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np

from hcr.datasets.download import check_official, emnist_file
from hcr.datasets.files import find, read_idx, read_pair
from hcr.datasets.leaks import LISTED, listed, pixel_hashes
from hcr.datasets.split import SPLIT_SEED, Info, Options, Split, stratified
from hcr.errors import DataError
from hcr.preprocessing.labels import BALANCED, BYCLASS, BYMERGE, DIGITS, LETTERS

CACHED = True
CITATION = (
    "G. Cohen, S. Afshar, J. Tapson, A. van Schaik. EMNIST: an extension of MNIST to handwritten "
    "letters. arXiv:1702.05373, 2017"
)
LICENSE = "NIST Special Database 19, a work of the U.S. government"
URL = "https://www.nist.gov/itl/products-and-services/emnist-dataset"

SUBSET = "emnist-subset"
# Name -> characters, title. The counts are those of the official train and test files.
SETS = {
    "emnist-balanced": (BALANCED, "EMNIST Balanced, 47 classes (112,800 and 18,800 images)"),
    "emnist-letters": (LETTERS, "EMNIST Letters, 26 classes (124,800 and 20,800 images)"),
    "emnist-digits": (DIGITS, "EMNIST Digits, 10 classes (240,000 and 40,000 images)"),
    "emnist-mnist": (DIGITS, "EMNIST MNIST, 10 classes (60,000 and 10,000 images)"),
    "emnist-bymerge": (BYMERGE, "EMNIST ByMerge, 47 classes (697,932 and 116,323 images)"),
    "emnist-byclass": (BYCLASS, "EMNIST ByClass, 62 classes (697,932 and 116,323 images)"),
    SUBSET: (BALANCED, "EMNIST subset, 47 classes (test: ByMerge)"),
}
# The dataset that may be joined: its module, its name, what is said to have been learned from.
JOINED = {
    "unipen": ("hcr.datasets.unipen", "UNIPEN", "drawings of UNIPEN"),
    "drawings": ("hcr.datasets.drawings", "Drawings", "drawings of your own"),
}


def info(name: str, options: Options) -> Info:
    """Title, characters and terms of `name`."""
    first, _, second = name.partition("+")
    characters, title = SETS[first]
    if not second:
        return Info(title, tuple(characters), LICENSE, CITATION, URL)
    module, who, learned = JOINED[second]
    other = import_module(module).info(second, options)
    return Info(
        title=f"{title}; training also on {learned}",
        characters=tuple(characters),
        license=f"EMNIST: {LICENSE}. {who}: {other.license}",
        citation=f"{CITATION}. {other.citation}",
        url=URL,
        caveat=f"{learned} among the training images",
    )


def sources(name: str, options: Options) -> list[Path]:
    """The files of the training split, then of the test split, then of the drawings.

    For the subset without its own training files they are ByMerge's training images and the list
    that comes with the package; without its own test files those of ByMerge. Raises `DataError`
    where one is missing and cannot be downloaded.
    """
    first, _, second = name.partition("+")
    drawings = import_module(JOINED[second][0]).sources(second, options) if second else []
    return [*_files(first, "train"), *_files(first, "test"), *drawings]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Nine tenths of the train file to fit on, one tenth to choose by, and the test file."""
    first, _, second = name.partition("+")
    whole = part(first, "train")
    train, validation = map(whole.take, stratified(whole.labels, (0.9, 0.1), SPLIT_SEED))
    if second:
        drawn = import_module(JOINED[second][0]).read(second, options)[0]
        train = Split(
            np.concatenate([train.images, drawn.images]),
            np.concatenate([train.labels, drawn.labels]),
            writers=np.concatenate([np.full(len(train), ""), drawn.writers]),
            sources=np.repeat([0, 1], [len(train), len(drawn)]).astype(np.int64),
        )
    return train, validation, part(first, "test")


def part(name: str, split: str) -> Split:
    """One whole official file of `name`, `"train"` or `"test"`, upright, labels counting from 0.

    The largest, 697,932 images, needs 1.1 GB while it is read and 0.55 GB then.
    """
    images, labels = _files(name, split)
    if labels == LISTED[SUBSET]:
        return rebuild(upright_images(images))
    check_official(images)
    check_official(labels)
    # In EMNIST Letters A is 1.
    first = int(name == "emnist-letters")
    pixels, values = read_pair(images, labels, len(SETS[name][0]) + first)
    if values.min() < first:
        raise DataError(
            f"Labels in {labels} must count from {first}. Received: {values.min()}. "
            "Is it the label file of another set?"
        )
    return Split(_upright(pixels), values - first)


def upright_images(path: Path) -> np.ndarray:
    """The images of one of EMNIST's IDX files, uint8 (n, 28, 28)."""
    check_official(path)
    return _upright(read_idx(path))


def rebuild(pool: np.ndarray) -> Split:
    """The subset's training images, bit for bit, out of a `pool` of upright images, in any order.

    Raises `DataError` where some are not in the pool, or the result has another digest.
    """
    hashes, labels, expected = listed(SUBSET)
    keys = pixel_hashes(pool)
    order = np.argsort(keys)
    at = order[np.searchsorted(keys, hashes, sorter=order).clip(max=len(pool) - 1)]
    if (missing := int((keys[at] != hashes).sum())) > 0:
        raise DataError(
            f"Every one of the {len(hashes):,} listed images must be there. Received: {missing:,} "
            f"that are not among {len(pool):,}. Get EMNIST ByMerge's training images again."
        )
    images = pool[at]
    digest = hashlib.sha256(images)
    digest.update(labels)
    if digest.hexdigest() != expected:
        raise DataError(
            f"The rebuilt images must have the digest {expected[:16]} of the list. Received: "
            f"{digest.hexdigest()[:16]}. The list or the file is damaged: get both again."
        )
    return Split(images, labels.astype(np.int64))


def _upright(images: np.ndarray) -> np.ndarray:
    """Undo EMNIST's transposition."""
    return np.ascontiguousarray(images.swapaxes(1, 2))


def _files(name: str, split: str) -> list[Path]:
    """The images' and the labels' file; the list in place of labels for a subset to rebuild."""
    names = [f"{name}-{split}-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    if name != SUBSET:
        return [emnist_file(each) for each in names]
    paths = [find("emnist", each) for each in names]
    if all(paths):
        return paths
    if split == "test":
        return _files("emnist-bymerge", "test")
    return [emnist_file("emnist-bymerge-train-images-idx3-ubyte"), LISTED[SUBSET]]

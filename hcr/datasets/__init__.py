"""Datasets by name: read, checked, oriented, split, cached, guarded against leaks.

data = datasets.load("mnist-sample")
data.train.images      # uint8 (n, 28, 28), ink 255 on 0, upright
data.train.labels      # int64 (n,), an index into data.characters
"""

# ruff: noqa: F401
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from hcr.datasets import cache, leaks, profiles, split
from hcr.datasets.split import DATASETS, Dataset, Info, Options, Split, Strokes, described
from hcr.errors import DataError, ParameterError, nearest

# The sample, the first that anyone loads, must not depend on a folder that can be written; and who
# deletes drawings leaves no copy of them behind.
UNCACHED = ("mnist-sample", "drawings", "drawings-47")
# The datasets whose place the user may name.
TAKE_PATH = ("own", "az", "mnist+az", "drawings", "drawings-47", "emnist-subset+drawings")


def load(
    name: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    imbalance_factor: float = 1.0,
    class_profile: str = "none",
    path: str | None = None,
    orientation: str = "upright",
    framing: str = "original",
) -> Dataset:
    """Read the dataset `name`.

    What makes the training split smaller is applied in the order class_profile, imbalance_factor,
    limit; validation and test stay as they are, for every seed.

    Args:
        name: A key of `DATASETS`.
        limit: At most this many training images, drawn so that each class keeps its share.
        seed: Of these draws.
        imbalance_factor: Largest class over smallest of `profiles.long_tailed`; 1: as they are.
        class_profile: A key of `hcr.datasets.profiles.CLASS_PROFILES`.
        path: Where a dataset of the user's own lies.
        orientation: A key of `hcr.datasets.own.ORIENTATIONS`, for the user's own images.
        framing: `"original"`: as their makers framed the images; `"emnist"`: all as EMNIST's.

    Returns:
        The dataset; `data.test`, when it is first used, is recorded as opened.

    Raises:
        DataError: The name is unknown, or a file is missing, cut short or of the wrong form.
        ParameterError: An option is out of its range or does not go with the dataset.
    """
    module, options = _resolved(name, path, orientation, framing)

    def read() -> tuple[Split, ...]:
        splits = module.read(name, options)
        return splits if framing == "original" else _reframed(splits)

    if name in UNCACHED:
        train, validation, test, report = leaks.guard(*read())
        place = None
    else:
        place = cache.place(name, options, module.sources(name, options))
        train, validation, test, report = cache.load(place, read)
    known = info(name, path=path, orientation=orientation)
    read_test = (lambda: cache.load(place, read, "test")[2]) if place else lambda: test
    data = Dataset(name, known, train, validation, test.labels, read_test, report)
    n_classes = len(data.characters)
    if class_profile != "none":
        chosen, scale = profiles.apply_profile(train.labels, data.characters, class_profile, seed)
        data.keep(chosen, class_profile=class_profile, profile_scale=scale)
    if imbalance_factor != 1:
        chosen = profiles.long_tailed(data.train.labels, n_classes, imbalance_factor, seed)
        data.keep(chosen, imbalance_factor=imbalance_factor)
    if limit is not None:
        chosen = split.stratified_sample(data.train.labels, limit, seed, n_classes)
        data.keep(chosen, limit=limit)
    return data


def info(name: str, *, path: str | None = None, orientation: str = "upright") -> Info:
    """What is known of the dataset `name` before anything of it is read."""
    module, options = _resolved(name, path, orientation)
    return described()[name] if name in described() else module.info(name, options)


def sources(name: str, *, path: str | None = None, orientation: str = "upright") -> list[Path]:
    """The files that `name` is read from, downloaded where they can be, else `DataError`."""
    module, options = _resolved(name, path, orientation)
    return module.sources(name, options)


def _resolved(
    name: str, path: str | None, orientation: str, framing: str = "original"
) -> tuple[ModuleType, Options]:
    """The module of `name`, and the options, checked for whether they go with it."""
    if name not in DATASETS:
        raise DataError(f"There is no dataset {name!r}.{nearest(name, DATASETS)}")
    if framing not in ("original", "emnist"):
        raise ParameterError(f"framing must be original or emnist. Received: {framing!r}.")
    if orientation != "upright" and name != "own":
        raise ParameterError(f"orientation goes with own. Received: {name}. Drop it.")
    if path is not None and name not in TAKE_PATH:
        known = ", ".join(TAKE_PATH)
        raise ParameterError(f"path goes with {known}. Received: {name}. Drop it.")
    return import_module(DATASETS[name]), Options(path, orientation, framing)


def _reframed(splits: tuple[Split, ...]) -> tuple[Split, ...]:
    """`splits` with each image as a picture of it would be framed for EMNIST.

    Where all but 1 % are framed so already, all stay bit for bit; else none does: a network would
    tell what was resampled from what was not, and be worse on pictures.
    """
    from hcr.preprocessing import paper  # imports SciPy

    if np.mean(np.concatenate([_is_emnists(split.images) for split in splits])) >= 0.99:
        return splits
    framed = []
    for part in splits:
        images = np.array(part.images)
        for i in np.flatnonzero(images.any(axis=(1, 2))):
            images[i] = paper.frame(paper.clean_ink(images[i] / np.float32(255)))
        framed.append(replace(part, images=images, originals=leaks.hashes_of(part)))
    return tuple(framed)


def _is_emnists(images: np.ndarray) -> np.ndarray:
    """Which images, uint8 (n, 28, 28), are framed as EMNIST's or blank: bool (n,)."""
    # EMNIST left two pixels free around any ink, before it was resized; MNIST four.
    rows, columns = images.any(axis=2), images.any(axis=1)
    sides = (rows, rows[:, ::-1], columns, columns[:, ::-1])
    top, bottom, left, right = np.array([side.argmax(axis=1) for side in sides])
    return (np.minimum(top, left) <= 3) & (abs(top - bottom) <= 1) & (abs(left - right) <= 1)

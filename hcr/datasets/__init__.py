"""Finds or reads, checks, orients and splits one data set, whichever it is, by its name.

    from hcr import datasets
    data = datasets.load("mnist-sample")
    data.train.images      # uint8 (n, 28, 28), ink 255 on 0, upright
    data.train.labels      # int64 (n,), an index into data.characters

A new data set is a line in `DATASETS` and a module with

    CACHED                      # whether what is read is kept in its fast form
    info(name, options)         # `Info`, known before anything is read
    sources(name, options)      # the files that are read; fetches them where it can
    read(name, options)         # training, validation and test split, upright
"""

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from hcr import runs
from hcr.datasets import cache, leaks, thinning
from hcr.datasets.split import Data, Info, Options, Split, Strokes, stratified_sample
from hcr.errors import DataError, HcrError, ParameterError, nearest

# Name to module; read as text where parameters are checked, so it stays a literal.
DATASETS = {
    "mnist-sample": "hcr.datasets.mnist",
    "mnist": "hcr.datasets.mnist",
    "emnist-subset": "hcr.datasets.emnist",
    "emnist-subset+unipen": "hcr.datasets.joined",
    "emnist-subset+drawings": "hcr.datasets.joined",
    "emnist-balanced": "hcr.datasets.emnist",
    "emnist-balanced+unipen": "hcr.datasets.joined",
    "emnist-letters": "hcr.datasets.emnist",
    "emnist-digits": "hcr.datasets.emnist",
    "emnist-mnist": "hcr.datasets.emnist",
    "emnist-bymerge": "hcr.datasets.emnist",
    "emnist-byclass": "hcr.datasets.emnist",
    "az": "hcr.datasets.az",
    "mnist+az": "hcr.datasets.mixed",
    "mnist+emnist-upper": "hcr.datasets.mixed",
    "mnist+emnist-upper-local": "hcr.datasets.mixed",
    "unipen": "hcr.datasets.unipen",
    "unipen-62": "hcr.datasets.unipen",
    "pen-strokes": "hcr.datasets.synthetic",
    "pen-strokes-62": "hcr.datasets.synthetic",
    "pen-strokes-36": "hcr.datasets.synthetic",
    "pen-strokes-10": "hcr.datasets.synthetic",
    "drawings": "hcr.datasets.drawings",
    "own": "hcr.datasets.own",
}

__all__ = [
    "DATASETS",
    "Data",
    "Info",
    "Options",
    "Split",
    "Strokes",
    "check",
    "info",
    "load",
    "one_each",
    "sources",
]


def load(
    name: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    imbalance_factor: float = 1.0,
    thin: str = "none",
    path: str | None = None,
    orientation: str = "upright",
    run: Any = None,
) -> Data:
    """Read the data set `name`.

    What makes the training split smaller is applied in the order thin, imbalance_factor, limit;
    validation and test stay as they are.

    Args:
        name: A key of `DATASETS`.
        limit: At most this many training pictures, drawn so that each class keeps its share.
        seed: Of these draws. The splits themselves are the same for every seed.
        imbalance_factor: Largest class over smallest, at least 1, of a long-tailed training split
            (`hcr.datasets.thinning.long_tailed`); 1 leaves it as it is.
        thin: A key of `hcr.datasets.thinning.THINNING`.
        path: Where a data set of the user's own lies.
        orientation: A key of `hcr.datasets.own.ORIENTATIONS`, for the user's own pictures.
        run: The `hcr.runs.Run` in which to record the data and each opening of the test split.

    Returns:
        The data set; its test pictures are read when `data.test` is first used.

    Raises:
        DataError: The name is unknown, or a file is missing, cut short or of the wrong form.
        ParameterError: An option is out of its range or does not go with the data set.
    """
    family, options = _family(name), _options(name, path, orientation)
    if family.CACHED and name not in UNCACHED:
        place = cache.place(name, options, family.sources(name, options))
        read = partial(family.read, name, options)
        found = cache.entry(place, read)
        train, validation = found.split("train"), found.split("validation")
        test_labels, report = found.labels("test"), found.leaks

        def read_test() -> Split:
            again = cache.entry(place, read, check="test")
            if again.digests != found.digests:
                raise DataError(
                    f"{name} must stay as it is while it is used. Received: others. Load it again."
                )
            return again.split("test")
    else:
        train, validation, test = family.read(name, options)
        train, validation, report = leaks.guard(train, validation, test)
        test_labels = test.labels

        def read_test() -> Split:
            return test

    data = Data(
        name, family.info(name, options), train, validation, test_labels, read_test, dict(report)
    )
    _shrink(data, thin, imbalance_factor, limit, seed)
    if run is not None:
        run.record_data(data.facts())
        data.on_test_opened = run.test_opened
    return data


def one_each(
    folder: Path, characters: Sequence[str], seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """A validation image of each of `characters`, of the data set that a run's network learned.

    Returns uint8 (m, 28, 28), and the character of each: those of which there are any. There are
    none where the record of the run in `folder` names no data set, or it is not at hand.
    """
    try:
        given = runs.read(folder)["stages"]["03_train"]["parameters"]
        options = {key: given[key] for key in ("path", "orientation") if key in given}
        data = load(given["dataset"], **options)
    except (HcrError, KeyError, TypeError):
        return np.zeros((0, 28, 28), np.uint8), []
    rng, split = np.random.default_rng(seed), data.validation
    own = {each: np.flatnonzero(split.labels == i) for i, each in enumerate(data.characters)}
    chosen = {each: int(rng.choice(own[each])) for each in characters if len(own.get(each, ()))}
    return split.images[np.array(list(chosen.values()), int)], list(chosen)


def info(name: str, *, path: str | None = None, orientation: str = "upright") -> Info:
    """What is known of the data set `name` before anything of it is read."""
    return _family(name).info(name, _options(name, path, orientation))


def check(
    name: str, *, thin: str = "none", path: str | None = None, orientation: str = "upright"
) -> None:
    """Hold the options against the data set `name` before anything is read.

    Raises `ParameterError` where one does not go with it, or where the user's own data are not at
    `path` or in none of the forms. Other files may still be missing or have to be fetched.
    """
    try:
        characters = info(name, path=path, orientation=orientation).characters
    except DataError as error:
        raise ParameterError(str(error)) from error
    thinning.check(characters, thin)


def sources(name: str, *, path: str | None = None, orientation: str = "upright") -> list[Path]:
    """The files that `name` is read from, fetched where they can be.

    Raises `DataError` where one is missing.
    """
    return _family(name).sources(name, _options(name, path, orientation))


def _shrink(data: Data, thin: str, factor: float, limit: int | None, seed: int) -> None:
    """Take the pictures that the options ask for from the training split."""
    n_classes = len(data.characters)
    if thin != "none":
        chosen, scale = thinning.thin(data.train.labels, data.characters, thin, seed)
        _keep(data, chosen, thin=thin, thin_scale=scale)
    if factor != 1:
        chosen = thinning.long_tailed(data.train.labels, n_classes, factor, seed)
        _keep(data, chosen, imbalance_factor=factor)
    if limit is not None:
        chosen = stratified_sample(data.train.labels, limit, seed, n_classes)
        _keep(data, chosen, limit=limit)


def _keep(data: Data, chosen: np.ndarray, **changed: Any) -> None:
    data.changed |= changed
    if len(chosen) == len(data.train):
        return
    data.train = data.train.take(chosen)
    data.indices = chosen if data.indices is None else data.indices[chosen]


def _options(name: str, path: str | None, orientation: str) -> Options:
    """The options, checked for whether they go with `name`."""
    if orientation != "upright" and name != "own":
        raise ParameterError(
            f"orientation goes with the data set own; others are turned upright where they are "
            f"read. Received: {orientation!r} with {name}. Drop it."
        )
    if path is not None and name not in TAKE_PATH:
        raise ParameterError(
            f"path goes with the data sets {', '.join(TAKE_PATH)}. Received: {path!r} with "
            f"{name}. Drop it."
        )
    return Options(path, orientation)


# Small, and the first that anyone loads: it must not hang on a folder that can be written.
UNCACHED = ("mnist-sample",)

# The data sets whose place the user may name.
TAKE_PATH = ("own", "az", "mnist+az", "drawings", "emnist-subset+drawings")


def _family(name: str) -> ModuleType:
    if name not in DATASETS:
        raise DataError(f"There is no data set {name!r}.{nearest(name, DATASETS)}")
    return import_module(DATASETS[name])

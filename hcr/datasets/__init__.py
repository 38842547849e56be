"""Finds or reads, checks, orients and splits one data set, whichever it is, by its name.

    from hcr import datasets
    data = datasets.load("mnist-sample")
    data.train.images      # uint8 (n, 28, 28), ink 255 on 0, upright
    data.train.labels      # int64 (n,), an index into data.characters

A new data set is a module with `load` and `sources`, and a line in `DATASETS`.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from hcr.datasets.split import Data, Split, stratified_sample
from hcr.errors import DataError, nearest

# Name to module; read as text where parameters are checked, so it stays a literal.
DATASETS = {
    "mnist-sample": "hcr.datasets.mnist",
    "mnist": "hcr.datasets.mnist",
    "emnist-subset": "hcr.datasets.emnist",
}

__all__ = ["DATASETS", "Data", "Split", "load", "sources"]


def load(name: str, *, limit: int | None = None, seed: int = 0, run: Any = None) -> Data:
    """Read the data set `name`.

    Args:
        name: A key of `DATASETS`.
        limit: At most this many training pictures, drawn so that each class keeps its share.
        seed: Of that draw. The splits themselves are the same for every seed.
        run: The `hcr.runs.Run` in which to record the data and each opening of the test split.

    Returns:
        The data set; its test pictures are read when `data.test` is first used.

    Raises:
        DataError: The name is unknown, or a file is missing, cut short or of the wrong form.
    """
    data = _module(name).load(name)
    if limit is not None:
        data.train = stratified_sample(data.train, limit, seed, len(data.characters))
    if run is not None:
        run.record_data(data.facts())
        data.on_test_opened = run.test_opened
    return data


def sources(name: str) -> list[Path]:
    """The files that `name` is read from. Raises `DataError` where one is missing."""
    return _module(name).sources(name)


def _module(name: str) -> ModuleType:
    if name not in DATASETS:
        raise DataError(f"There is no data set {name!r}.{nearest(name, DATASETS)}")
    return import_module(DATASETS[name])

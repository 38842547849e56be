"""Where the data sets' files lie: `HCR_DATA`, and the cache folder for what was fetched or made."""

import os
from pathlib import Path

from hcr.errors import DataError
from hcr.runs import environment
from hcr.runs.environment import CACHE_VARIABLE
from hcr.runs.environment import cache_folder as cache

__all__ = ["CACHE_VARIABLE", "DATA_VARIABLE", "cache", "find", "folders", "missing", "need"]

DATA_VARIABLE = "HCR_DATA"


def find(family: str, name: str) -> Path | None:
    """The path of the file `name`, or of `name.gz`, of `family`, as `"emnist"`; None if nowhere.

    It is looked for in `$HCR_DATA/<family>/`, `$HCR_DATA/` and `<cache>/<family>/`, plain first. A
    relative `HCR_DATA` counts from the working folder, else from the project's top, because a
    notebook works in `notebooks/`.
    """
    for folder in folders(family):
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate.resolve()
    return None


def need(family: str, name: str) -> Path:
    """The path of the file `name` as `find` has it. Raises `DataError` where it is nowhere."""
    path = find(family, name)
    if path is None:
        raise missing(family, f"{name}.gz")
    return path


def missing(family: str, file: str) -> DataError:
    """The error for a `file` that can't be found, with the remedy."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        return DataError(
            f"{file} is read from the folder that {DATA_VARIABLE} names, and {DATA_VARIABLE} "
            f"is not set. Put the file into a folder {family}/ and set {DATA_VARIABLE} to the "
            "folder above it, or use the data set mnist-sample, which needs no file."
        )
    return DataError(
        f"There is no {file} in {folder}/{family} or {folder}. Put it there, or set "
        f"{DATA_VARIABLE} to the folder that has it."
    )


def folders(family: str) -> list[Path]:
    """The folders in which files of `family` are looked for, the first one first."""
    found = []
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        given = Path(folder).expanduser()
        for top in (given, environment.root() / given):
            found += [top / family, top]
    return [*found, cache() / family]

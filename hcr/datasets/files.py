"""The datasets' files: where they lie, and IDX, the format of MNIST and EMNIST."""

import gzip
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np

from hcr.errors import DataError
from hcr.runs.environment import cache_folder, root

DATA_VARIABLE = "HCR_DATA"
MOST_IMAGES = 1 << 20  # in a split; EMNIST's largest has 697,932
MOST = MOST_IMAGES * 28 * 28  # bytes of arrays; a file of a few kB may declare, or unpack to, any


def folders(family: str) -> list[Path]:
    """Where files of `family` may be: `$HCR_DATA/<family>`, `$HCR_DATA`, `<cache>/<family>`."""
    data = os.environ.get(DATA_VARIABLE)
    tops = from_here(data) if data else []
    return [path for top in tops for path in (top / family, top)] + [cache_folder() / family]


def from_here(path: str) -> list[Path]:
    """What a person's `path` may mean: from the working folder, or from the project's top."""
    given = Path(path).expanduser()
    return list(dict.fromkeys((Path.cwd() / given, root() / given)))


def find(family: str, name: str) -> Path | None:
    """The path of the file `name` or `name.gz` of `family`, plain first; None if nowhere."""
    places = (folder / each for folder in folders(family) for each in (name, f"{name}.gz"))
    return next((place.resolve() for place in places if place.is_file()), None)


def need(family: str, name: str, remedy: str) -> Path:
    """As `find`. Raises `DataError`, with the remedy, where the file is nowhere."""
    path = find(family, name)
    if path is None:
        where = os.environ.get(DATA_VARIABLE, "no folder")
        rule = f"{name} or {name}.gz must lie in the folder {family} below {DATA_VARIABLE}"
        raise DataError(f"{rule}. Received: no such file in {where}. {remedy}")
    return path


@contextmanager
def reading(path: Path, form: str, remedy: str) -> Iterator[None]:
    """Raise `DataError` in place of what a file at `path` that is not of the `form` raises."""
    try:
        yield
    except DataError:
        raise
    # What NumPy, pandas and zipfile raise for a damaged file is of many kinds.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = reason.splitlines()[0].rstrip(".")
        raise DataError(f"{path} must be {form}. Received: {reason}. {remedy}") from error


def read_npz(path: Path, keys: Sequence[str], form: str, remedy: str) -> list[np.ndarray]:
    """The arrays `keys` of an `.npz`. Raises `DataError` where it is damaged or lacks one."""
    # Opened here, because NumPy leaves a file open where its archive is damaged.
    with reading(path, form, remedy), open(path, "rb") as file, np.load(file) as arrays:
        return [arrays[key] for key in keys]


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped: uint8, of its header's shape.

    Raises `DataError` where it is cut short, damaged, no IDX file, or larger than `MOST`.
    """
    form, remedy = "a whole IDX file of unsigned bytes", "Get it again, or make it smaller."
    with (
        reading(path, form, remedy),
        (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file,
    ):
        head = file.read(4)
        axes = head[3] if len(head) == 4 else 0
        sizes = file.read(4 * axes)
        if head[:3] != b"\0\0\x08" or axes not in range(1, 5) or len(sizes) < 4 * axes:
            raise ValueError(f"{head.hex() or 'nothing'} as its first bytes")
        shape = struct.unpack(f">{axes}I", sizes)
        if prod(filter(None, shape)) > MOST:
            raise ValueError(f"a header of {shape}, more than {MOST:,} bytes")
        # One more, which is not there: gzip's checksum is looked at behind the last.
        content = file.read(prod(shape) + 1)
        if len(content) != prod(shape):
            raise ValueError(f"{len(content):,} bytes or more for {shape}")
        return np.frombuffer(content, np.uint8).reshape(shape)


def read_pair(
    images: Path, labels: Path, n_classes: int, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Read images, uint8 (n, 28, 28) as stored, and labels, int64 (n,) from 0, n from 1 up.

    Raises `DataError` where the two don't fit together or a label in the file is not one of the
    `n_classes` from `first` up.
    """
    pixels, values = read_idx(images), read_idx(labels).astype(np.int64) - first
    form = f"images of 28 x 28, and {labels.name} one label of {n_classes} from {first} up for each"
    with reading(images, form, "Are they of one split of one dataset?"):
        if pixels.shape[1:] != (28, 28) or values.shape != (len(pixels),) or not len(values):
            raise ValueError(f"{pixels.shape} and {values.shape}")
        if values.min() < 0 or values.max() >= n_classes:
            raise ValueError(f"labels from {values.min() + first} to {values.max() + first}")
    return pixels, values

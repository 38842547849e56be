"""Reads IDX files, the format of MNIST and EMNIST, plain or gzipped."""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from hcr.errors import DataError


def read(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes.

    Returns:
        uint8, of the shape that the file's header gives; read-only.

    Raises:
        DataError: The file is cut short, is damaged or is no IDX file.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            content = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} must be a whole gzip file. Received: {error}. It was cut short or damaged: "
            "fetch it again."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} must be a file that can be read. Received: {error.strerror or error}. "
            "Change its rights, or fetch it again."
        ) from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        found = content[:4].hex() or "nothing"
        raise DataError(
            f"{path} must be an IDX file of unsigned bytes. Received: {found} as its first bytes. "
            "Fetch it again."
        )
    start = 4 + 4 * content[3]
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != prod(shape):
        raise DataError(
            f"{path} must hold {' x '.join(map(str, shape))} bytes behind its header. "
            f"Received: {len(content) - start:,}. It was cut short or damaged: fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_pair(images: Path, labels: Path, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures, uint8 (n, 28, 28) as stored, and their labels, int64 (n,).

    Raises `DataError` where the two don't fit together or a label is not below `n_classes`.
    """
    pictures, values = read(images), read_labels(labels, n_classes)
    if pictures.shape[1:] != (28, 28) or len(pictures) != len(values):
        raise DataError(
            f"{images.name} must hold pictures of 28 x 28 and {labels.name} one label for each. "
            f"Received: {pictures.shape} and {values.shape}. Are they of one split?"
        )
    return pictures, values


def read_labels(path: Path, n_classes: int) -> np.ndarray:
    """Read labels, int64 (n,), n from 1 up. Raises `DataError` where one is `n_classes` or more."""
    values = read(path).astype(np.int64)
    if values.ndim != 1 or not len(values):
        raise DataError(
            f"{path} must hold one label a picture. Received: values of shape {values.shape}. "
            "Fetch it again."
        )
    if values.max() >= n_classes:
        raise DataError(
            f"Labels in {path} must be below {n_classes}. Received: {values.max()}. "
            "Is it the label file of another split?"
        )
    return values

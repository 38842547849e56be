"""Reads IDX files, the format of MNIST and EMNIST, plain or gzipped."""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from hcr.errors import DataError

MOST_IMAGES = 1 << 20  # of a split; EMNIST's largest has 697,932
MOST = MOST_IMAGES * 28 * 28  # bytes of arrays; a file of a few kB may declare, or unpack to, any


def read(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes.

    Returns:
        uint8, of the shape that the file's header gives; read-only.

    Raises:
        DataError: The file is cut short, is damaged or is no IDX file, or is larger than `MOST`.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            head = file.read(4)
            axes = head[3] if len(head) == 4 else 0
            head += file.read(4 * axes)
            if head[:3] != b"\0\0\x08" or axes not in range(1, 5) or len(head) < 4 + 4 * axes:
                raise DataError(
                    f"{path} must be an IDX file of unsigned bytes. Received: "
                    f"{head[:4].hex() or 'nothing'} as its first bytes. Fetch it again."
                )
            shape = struct.unpack(f">{axes}I", head[4:])
            if prod(filter(None, shape)) > MOST:
                raise DataError(
                    f"{path} must hold at most {MOST:,} bytes. Received: a header of "
                    f"{' x '.join(map(str, shape))}. Fetch it again, or make its images smaller."
                )
            # One more, which is not there: gzip's checksum is looked at behind the last.
            content = file.read(prod(shape) + 1)
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
    if len(content) != prod(shape):
        raise DataError(
            f"{path} must hold {' x '.join(map(str, shape))} bytes behind its header. "
            f"Received: {len(content):,} or more. It was cut short or damaged: fetch it again."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


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
    values = read(path)
    if values.ndim != 1 or not 0 < len(values) <= MOST_IMAGES:
        raise DataError(
            f"{path} must hold one label a picture. Received: values of shape {values.shape}. "
            "Fetch it again."
        )
    if values.max() >= n_classes:
        raise DataError(
            f"Labels in {path} must be below {n_classes}. Received: {values.max()}. "
            "Is it the label file of another split?"
        )
    return values.astype(np.int64)

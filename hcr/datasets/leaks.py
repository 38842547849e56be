"""The leak guard: the same picture must not be trained on and measured with.

EMNIST's sets are shuffles of one pool (Cohen et al. 2017), so a picture of one set's training split
may lie in another's test split. Pictures are compared by hash, so the test pictures stay closed.
"""

import hashlib

import numpy as np

from hcr.datasets.split import Split

Report = dict[str, int]


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """The first 8 bytes, as a little-endian number, of the SHA-256 of each picture's bytes.

    Args:
        images: uint8 (n, 28, 28), upright.

    Returns:
        uint64 (n,). Among a million pictures two different ones have the same with a chance of
        about 3 in 100 million.
    """
    rows = np.ascontiguousarray(images)
    joined = b"".join(hashlib.sha256(row).digest()[:8] for row in rows)
    return np.frombuffer(joined, "<u8").astype(np.uint64, copy=False)


def guard(train: Split, validation: Split, test: Split) -> tuple[Split, Split, Report]:
    """Take the pictures of later splits out of earlier ones.

    Returns:
        Training split without the pictures of validation and test, validation split without those
        of test, and the report: how many pictures of train were found in validation
        (`train_in_validation`) and in test (`train_in_test`), how many of validation in test
        (`validation_in_test`), and how many were removed (`removed_from_train`,
        `removed_from_validation`).
    """
    hashes = [pixel_hashes(split.images) for split in (train, validation, test)]
    in_validation = np.isin(hashes[0], hashes[1])
    in_test = np.isin(hashes[0], hashes[2])
    late = np.isin(hashes[1], hashes[2])
    leaked = in_validation | in_test
    report = {
        "train_in_validation": int(in_validation.sum()),
        "train_in_test": int(in_test.sum()),
        "validation_in_test": int(late.sum()),
        "removed_from_train": int(leaked.sum()),
        "removed_from_validation": int(late.sum()),
    }
    return _without(train, leaked), _without(validation, late), report


def _without(split: Split, leaked: np.ndarray) -> Split:
    return split.take(np.flatnonzero(~leaked)) if leaked.any() else split

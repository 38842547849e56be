"""The standing protocol's training pictures, found again among EMNIST's by a list of their hashes.

The subset was gathered from several EMNIST sets, all of which are drawn from one pool (Cohen et al.
2017), the one of ByMerge, and none of its pictures is in the ByMerge test split. So whoever has the
official ByMerge training file can have the subset: the list holds, in the subset's order, the
`pixel_hashes` of its upright pictures and their labels, and a digest of it all.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.split import Split
from hcr.errors import DataError
from hcr.runs import files

LIST = Path(__file__).with_name("emnist_subset.npz")


def rebuild(pool: Iterable[np.ndarray], path: Path = LIST) -> Split:
    """Find the pictures of the list in `path` in a `pool` and put them into the list's order.

    Labels come from the list, so it does not matter how the pool is labelled or ordered.

    Args:
        pool: Batches of upright pictures, uint8 (any, 28, 28); reading stops when all are found.
        path: A list as `write_list` makes it.

    Returns:
        The pictures and labels, bit for bit as they were when the list was made.

    Raises:
        DataError: Some pictures are not in the pool, the result has another digest, or the list
            cannot be read.
    """
    hashes, labels, expected = _read_list(path)
    wanted, place = np.unique(hashes, return_inverse=True)
    found = np.zeros(len(wanted), bool)
    images = np.empty((len(wanted), 28, 28), np.uint8)
    searched = 0
    for batch in pool:
        keys = pixel_hashes(batch)
        at = np.searchsorted(wanted, keys).clip(max=len(wanted) - 1)
        hits = np.flatnonzero(wanted[at] == keys)
        images[at[hits]] = batch[hits]
        found[at[hits]] = True
        searched += len(batch)
        if found.all():
            break
    if not found.all():
        missing = int((~found[place]).sum())
        raise DataError(
            f"Every one of the {len(hashes):,} listed pictures must be found. Received: "
            f"{missing:,} that are not among the {searched:,} searched. Are they EMNIST ByMerge's "
            "training pictures? Fetch the file again."
        )
    images = images[place]
    received = digest(images, labels)
    if received != expected:
        raise DataError(
            f"The rebuilt pictures must have the digest {expected[:16]}... of the list. Received: "
            f"{received[:16]}.... The list or the file is damaged: fetch both again."
        )
    return Split(images, labels.astype(np.int64))


def write_list(images: np.ndarray, labels: np.ndarray, path: Path = LIST) -> None:
    """Write the list from which `rebuild` finds pictures again.

    The one that is shipped was made from the subset's own files:

        from hcr.datasets import emnist, subset
        part = emnist.part("emnist-subset", "train")
        subset.write_list(part.images, part.labels)

    Args:
        images: uint8 (n, 28, 28), upright.
        labels: int (n,), 0 to 255.
        path: The `.npz` file; its arrays are `hashes`, uint64 (n,), `labels`, uint8 (n,), and
            `digest`.
    """
    with files.writing(path) as aside, open(aside, "wb") as file:
        np.savez_compressed(
            file,
            hashes=pixel_hashes(images).astype("<u8"),
            labels=labels.astype(np.uint8),
            digest=np.array(digest(images, labels)),
        )


def digest(images: np.ndarray, labels: np.ndarray) -> str:
    """The hexadecimal SHA-256 of the pictures' bytes, then one byte a label."""
    total = hashlib.sha256(np.ascontiguousarray(images))
    total.update(labels.astype(np.uint8))
    return total.hexdigest()


def _read_list(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Hashes, labels and digest of a list."""
    try:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as found:
            hashes, labels, expected = (found[key] for key in ("hashes", "labels", "digest"))
    # What NumPy raises for a damaged file is of many kinds.
    except Exception as error:
        raise DataError(
            f"{path} must be the list of the subset's pictures. Received: {type(error).__name__}. "
            "Install hcr again."
        ) from error
    return hashes.astype(np.uint64), labels, str(expected)

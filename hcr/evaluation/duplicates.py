"""Copies: the same picture several times, also under two labels, and pictures nearly the same."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hcr.errors import DataError
from hcr.evaluation.features import draw
from hcr.evaluation.neighbours import check, nearest

if TYPE_CHECKING:
    import pandas as pd


# Of 20,000 pictures of emnist-subset's train file and their nearest neighbours in all of it, the
# pairs below this are bare strokes, 1, I and l, as like as two hands can make them; the first pair
# of any other character stands at 0.17, and one sees that two hands wrote it. A copy that was saved
# with losses, or has noise of 10 levels on it, stays below 0.1.
MOST = 0.15


@dataclass(frozen=True)
class Duplicates:
    """The pictures that stand more than once among the `n` that were looked at.

    `groups` has an array of indices for each picture that occurs at least twice, in order of the
    first occurrence; `conflicts` those of them whose labels are not all the same.
    """

    n: int
    groups: list[np.ndarray]
    conflicts: list[np.ndarray]

    @property
    def extra(self) -> int:
        """How many pictures are copies of an earlier one."""
        return sum(len(each) - 1 for each in self.groups)


def duplicates(
    hashes: np.ndarray, labels: np.ndarray, among: np.ndarray | None = None
) -> Duplicates:
    """Find equal pictures by their hashes.

    Args:
        hashes: Shape (n,), as `hcr.datasets.leaks.pixel_hashes` gives them.
        labels: Class indices, int (n,).
        among: Indices of the pictures that are looked at, int (m,), each once: those that hold
            ink, since blank ones are all alike. All where None.

    Raises `DataError` where there isn't one label a hash.
    """
    hashes, labels = np.asarray(hashes), np.asarray(labels)
    if hashes.ndim != 1 or hashes.shape != labels.shape:
        raise DataError(
            "hashes and labels must have one entry a picture. "
            f"Received: {hashes.shape} and {labels.shape}."
        )
    looked = np.arange(len(hashes)) if among is None else np.sort(among)
    order = looked[np.argsort(hashes[looked], kind="stable")]
    ordered = hashes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else order
    sizes = np.diff(starts, append=len(order))
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    first = np.argsort(order[starts], kind="stable")
    # Where the label changes between two neighbours of the sorted pictures, counted up.
    changes = np.cumsum(np.r_[0, labels[order][1:] != labels[order][:-1]])
    groups, conflicts = [], []
    for start, end in zip(starts[first], (starts + sizes)[first], strict=True):
        groups.append(order[start:end])
        if changes[end - 1] != changes[start]:
            conflicts.append(groups[-1])
    return Duplicates(len(looked), groups, conflicts)


def near_duplicates(
    features: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    most: float = MOST,
    sample: int | None = 5000,
    seed: int = 0,
) -> "pd.DataFrame":
    """Pairs of pictures that are nearly, but not wholly, the same.

    Of each picture looked at, the nearest neighbour by its features is compared pixel by pixel.

    Args:
        features: float32 (n, d), as `audit.features` gives them.
        images: uint8 (n, 28, 28); may be a memory map.
        labels: Class indices, int (n,).
        most: Of the pictures' distance over their length, sqrt(2 |a - b|^2 / (|a|^2 + |b|^2)),
            in [0, 2]: pairs below it are nearly the same.
        sample: Look at this many pictures, drawn at random, each compared with all; None: at all
            of them. 5,000 among 141,475 take about two seconds.
        seed: Of that draw.

    Returns:
        A row for each pair, the nearest first: `first` and `second` (indices, first < second),
        `distance`, `given` and `other` (their class indices), `differ` (whether these are two).
        `attrs["n"]` is how many pictures were looked at.

    Raises `DataError` where arrays don't fit together.
    """
    import pandas as pd

    if len(images) != len(features):
        raise DataError(
            f"images must have one entry a row of features. Received: {len(images):,} for "
            f"{len(features):,}."
        )
    labels = check(features, labels, int(np.max(labels, initial=0)) + 1)
    chosen = draw(len(labels), sample, seed) if len(labels) > 1 else np.zeros(0, np.int64)
    found, _ = nearest(features, chosen)
    pairs = np.unique(np.sort(np.stack([chosen, found], axis=1), axis=1), axis=0)
    distance = np.array([_relative(images[a], images[b]) for a, b in pairs])
    kept = np.flatnonzero((distance > 0) & (distance < most))
    kept = kept[np.argsort(distance[kept], kind="stable")]
    first, second = pairs[kept].T
    frame = pd.DataFrame({"first": first, "second": second, "distance": distance[kept]})
    frame["given"], frame["other"] = labels[first], labels[second]
    frame["differ"] = frame["given"] != frame["other"]
    frame.attrs = {"n": len(chosen)}
    return frame


def _relative(first: np.ndarray, second: np.ndarray) -> float:
    """The distance of two pictures over the length of one; 0 where both are blank."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    length = (a * a).sum() + (b * b).sum()
    return float(np.sqrt(2 * ((a - b) ** 2).sum() / length)) if length else 0.0

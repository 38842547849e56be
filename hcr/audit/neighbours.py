"""What nearest neighbours tell before any training: confused classes, typical and odd pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hcr.audit.features import draw
from hcr.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Rows of a block of distances; with 5,000 queries a block has 40 MB.
BLOCK = 2048
# Of a class's mean variance, added to every direction's, so that a class of few pictures has a
# distance in all of them.
SHRINKAGE = 0.1


@dataclass(frozen=True)
class Neighbours:
    """How well the nearest neighbour tells the class, and which classes it confuses.

    Of `n` pictures, `right` have their nearest neighbour in their own class. `pairs` has a row for
    each two classes that are confused, the most frequent first: `character`, `other`, `count`
    (pictures of either whose neighbour is of the other), `n` (pictures of both) and `share`, count
    over n. `examples` has for each row indices of pictures and their neighbours, int (k, 2), the
    nearest first.
    """

    n: int
    right: int
    pairs: "pd.DataFrame"
    examples: list[np.ndarray]

    @property
    def accuracy(self) -> float:
        """The share of pictures whose neighbour is of their class."""
        return self.right / self.n


def neighbours(
    features: np.ndarray,
    labels: np.ndarray,
    characters: Sequence[str],
    sample: int | None = 20_000,
    seed: int = 0,
    examples: int = 8,
) -> Neighbours:
    """Compare each picture's class with that of its nearest neighbour among all the others.

    Args:
        features: float32 (m, d), as `audit.features` gives them.
        labels: Class indices, int (m,).
        characters: The classes' names.
        sample: Only this many pictures, drawn at random, are looked at and looked among; time
            grows with its square, 20,000 take about a second. The accuracy is that of so many.
        seed: Of that draw.
        examples: At most so many a pair of classes.

    Raises `DataError` where arrays don't fit together, or there are fewer than two pictures.
    """
    import pandas as pd

    labels = check(features, labels, len(characters))
    chosen = draw(len(labels), sample, seed)
    if len(chosen) < 2:
        raise DataError(f"Neighbours need at least 2 pictures. Received: {len(chosen)}.")
    own = features[chosen]
    near, distance = nearest(own, np.arange(len(own)))
    given, found = labels[chosen], labels[chosen[near]]
    wrong = np.flatnonzero(given != found)
    wrong = wrong[np.argsort(distance[wrong], kind="stable")]
    low, high = np.minimum(given, found)[wrong], np.maximum(given, found)[wrong]
    keys, place, counts = np.unique(
        low * len(characters) + high, return_inverse=True, return_counts=True
    )
    sizes = np.bincount(given, minlength=len(characters))
    order = np.argsort(-counts, kind="stable")
    rows, shown = [], []
    for key in order:
        first, second = divmod(int(keys[key]), len(characters))
        total = int(sizes[first] + sizes[second])
        count = int(counts[key])
        rows.append((characters[first], characters[second], count, total, count / total))
        members = wrong[place == key]
        both = np.stack([chosen[members], chosen[near[members]]], axis=1)
        # Two that are each other's neighbour would be shown twice.
        _, once = np.unique(np.sort(both, axis=1), axis=0, return_index=True)
        shown.append(both[np.sort(once)[:examples]])
    columns = ["character", "other", "count", "n", "share"]
    table = pd.DataFrame(rows, columns=columns)
    return Neighbours(len(chosen), int((given == found).sum()), table, shown)


def nearest(features: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each query's nearest other picture.

    Args:
        features: float32 (m, d), m from 2 up.
        queries: Indices of pictures, int (q,).

    Returns:
        Indices, int (q,), and Euclidean distances, float32 (q,).
    """
    wanted = features[queries]
    squares = np.einsum("ij,ij->i", features, features)
    best = np.full(len(queries), np.inf, np.float32)
    result = np.zeros(len(queries), np.int64)
    for begin in range(0, len(queries), 5000):
        part = slice(begin, begin + 5000)
        rows = np.arange(len(queries[part]))
        for start in range(0, len(features), BLOCK):
            block = slice(start, start + BLOCK)
            # The query's own square, the same for all, is left out until the end.
            distance = wanted[part] @ (-2 * features[block].T)
            distance += squares[block]
            at = queries[part] - start
            own = (at >= 0) & (at < distance.shape[1])
            distance[rows[own], at[own]] = np.inf
            found = distance.argmin(axis=1)
            value = distance[rows, found]
            nearer = value < best[part]
            best[part][nearer] = value[nearer]
            result[part][nearer] = found[nearer] + start
    best += squares[queries]
    return result, np.sqrt(np.maximum(best, 0))


def typical(
    features: np.ndarray, labels: np.ndarray, n_classes: int, images: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The most and the least typical picture of each class.

    By the distance to the class's mean in units of its spread in each direction (Mahalanobis).

    Args:
        features: float32 (m, d), as `audit.features` gives them.
        labels: Class indices, int (m,).
        n_classes: How many classes there are.
        images: uint8 (m, 28, 28). Where given, a picture with less than a quarter of the ink of
            the most typical one isn't taken for the least typical: that it is blank is no news.

    Returns:
        Two arrays of indices, int (n_classes,); -1 where a class has no picture.
    """
    labels = check(features, labels, n_classes)
    most, least = np.full(n_classes, -1), np.full(n_classes, -1)
    for label in range(n_classes):
        members = np.flatnonzero(labels == label)
        if not len(members):
            continue
        order = members[np.argsort(mahalanobis(features[members]), kind="stable")]
        most[label] = least[label] = order[0]
        ink = 0.0 if images is None else 0.25 * images[order[0]].mean()
        for index in order[:0:-1]:
            if images is None or images[index].mean() >= ink:
                least[label] = index
                break
    return most, least


def mahalanobis(features: np.ndarray) -> np.ndarray:
    """Each row's squared distance to the rows' mean, in units of their spread, float64 (m,)."""
    centred = features - features.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / len(centred)
    variance = np.trace(covariance) / len(covariance)
    if variance == 0:
        return np.zeros(len(features))
    covariance += SHRINKAGE * variance * np.eye(len(covariance))
    return np.einsum("ij,ji->i", centred, np.linalg.solve(covariance, centred.T))


def check(features: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """The labels as int64. Raises `DataError` where they don't belong to the features."""
    labels = np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise DataError(
            "features must have the shape (m, d) and labels one entry a picture. "
            f"Received: {features.shape} and {labels.shape}."
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise DataError(
            f"labels must be in 0..{n_classes - 1}. Received: {labels.min()} to {labels.max()}."
        )
    return labels.astype(np.int64)

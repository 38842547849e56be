"""What nearest neighbours tell before any training: confused classes, typical and odd pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hcr.errors import DataError
from hcr.evaluation.features import draw

if TYPE_CHECKING:
    import pandas as pd

# Rows of a block of distances; with 5,000 queries a block has 40 MB.
BLOCK = 2048


@dataclass(frozen=True)
class Neighbours:
    """How well the nearest neighbour tells the class, and which classes it confuses.

    Of `n` pictures, `right` have their nearest neighbour in their own class. `pairs` has a row for
    each two classes that are confused, the largest count first: `character`, `other`, `count`
    (pictures of either whose neighbour is of the other), `n` (pictures of both) and `share`, count
    over n, which falls in another order where classes differ in size. `examples` has for each row
    indices of pictures and their neighbours, int (k, 2), the nearest first.
    """

    n: int
    right: int
    pairs: "pd.DataFrame"
    examples: list[np.ndarray]

    @property
    def wrong(self) -> int:
        """How many pictures have their neighbour in another class: the sum of the counts."""
        return self.n - self.right

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
    features: np.ndarray, labels: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The most and the least typical picture of each class.

    The most typical one is the most like all of its class, the least typical one the least: by the
    mean cosine between its features and theirs. A distance, to the class's mean or to its pictures,
    would favour those that hold little ink, down to a lone crossbar; the cosine asks for the form.
    On sheets of `emnist-subset`, `unipen` and `mnist-sample` it chose better by eye than
    Mahalanobis' distance to the mean and the median distance to the class, and better among
    directions of edges than among blurred pixels, where it favours thick lines.

    Args:
        features: float32 (m, d), as `audit.features(of="directions")` gives them; of pictures that
            hold ink.
        labels: Class indices, int (m,).
        n_classes: How many classes there are.

    Returns:
        Two arrays of indices, int (n_classes,); -1 where a class has no picture.
    """
    labels = check(features, labels, n_classes)
    most, least = np.full(n_classes, -1), np.full(n_classes, -1)
    for label in range(n_classes):
        members = np.flatnonzero(labels == label)
        if len(members):
            own = features[members].astype(np.float64)
            own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
            # The product with the mean is the mean of the products.
            order = members[np.argsort(-own @ own.mean(axis=0), kind="stable")]
            most[label], least[label] = order[0], order[-1]
    return most, least


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

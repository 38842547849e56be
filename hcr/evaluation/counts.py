"""Labels become counts: accuracies, confusions and per-class tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def accuracy(true: ArrayLike, predicted: ArrayLike) -> float:
    """The share of pictures whose predicted class is the true one."""
    true, predicted = pair(true, predicted)
    return float(np.mean(true == predicted))


def balanced_accuracy(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> float:
    """The mean recall over the classes that have at least one picture.

    A class without pictures has no recall and is left out of the mean.
    """
    return float(balanced_accuracy_of(confusion(true, predicted, n_classes)))


def accuracy_of(matrices: np.ndarray) -> np.ndarray:
    """Accuracy of count matrices, shape (..., classes, classes)."""
    return np.trace(matrices, axis1=-2, axis2=-1) / matrices.sum(axis=(-2, -1))


def balanced_accuracy_of(matrices: np.ndarray) -> np.ndarray:
    """Mean recall over the classes present, of count matrices, shape (..., classes, classes)."""
    recalls = divide(matrices.diagonal(axis1=-2, axis2=-1), matrices.sum(axis=-1))
    return np.nanmean(recalls, axis=-1)


def confusion(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> np.ndarray:
    """Counts of shape (n_classes, n_classes), int64: row the true class, column the predicted."""
    true, predicted = pair(true, predicted, n_classes)
    cells = true * n_classes + predicted
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def per_class(true: ArrayLike, predicted: ArrayLike, characters: Sequence[str]) -> "pd.DataFrame":
    """One row a class, in order: character, n, recall, precision, f1; NaN where undefined.

    Recall is undefined for a class without pictures, precision for one that was never predicted,
    F1 where both hold.
    """
    import pandas as pd

    counts = confusion(true, predicted, len(characters))
    right, n, read = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    return pd.DataFrame(
        {
            "character": list(characters),
            "n": n,
            "recall": divide(right, n),
            "precision": divide(right, read),
            "f1": divide(2 * right, n + read),
        }
    )


def worst_confusions(matrix: np.ndarray, characters: Sequence[str], n: int = 20) -> "pd.DataFrame":
    """The `n` largest cells off the diagonal: true, predicted, count, share of the true class.

    Sorted by count, then by share; cells with no picture are left out.
    """
    import pandas as pd

    matrix = matrix_of(matrix, characters)
    share = divide(matrix, matrix.sum(axis=1, keepdims=True))
    rows, columns = np.nonzero(matrix * ~np.eye(len(matrix), dtype=bool))
    order = np.lexsort((-share[rows, columns], -matrix[rows, columns]))[:n]
    rows, columns = rows[order], columns[order]
    return pd.DataFrame(
        {
            "true": [characters[row] for row in rows],
            "predicted": [characters[column] for column in columns],
            "count": matrix[rows, columns],
            "share": share[rows, columns],
        }
    )


def labels(values: ArrayLike, n_classes: int | None = None, name: str = "labels") -> np.ndarray:
    """`values` as an int64 array of shape (n,), n at least 1, each in 0..n_classes - 1."""
    found = np.asarray(values)
    if found.size == 0:
        raise DataError(f"{name} must hold at least one picture's class. Received: none.")
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise DataError(
            f"{name} must be class indices: integers of shape (n,). "
            f"Received: {found.dtype}, shape {found.shape}. Take argmax(axis=1) of probabilities."
        )
    low, high = int(found.min()), int(found.max())
    if low < 0 or (n_classes is not None and high >= n_classes):
        top = "" if n_classes is None else f" and at most {n_classes - 1}"
        raise DataError(
            f"{name} must be at least 0{top}. Received: {low if low < 0 else high}. "
            "Check that they belong to this label set."
        )
    return found.astype(np.int64)


def pair(
    true: ArrayLike, predicted: ArrayLike, n_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Both as class indices of the same shape (n,)."""
    true = labels(true, n_classes, "true")
    predicted = labels(predicted, n_classes, "predicted")
    same_length(true, predicted, "predicted")
    return true, predicted


def same_length(true: np.ndarray, other: np.ndarray, name: str) -> None:
    """Raise `DataError` unless both have as many entries."""
    if len(true) != len(other):
        raise DataError(
            f"true and {name} must have one entry a picture each. "
            f"Received: {len(true):,} and {len(other):,}."
        )


def matrix_of(matrix: ArrayLike, characters: Sequence[str]) -> np.ndarray:
    """`matrix` as counts of shape (classes, classes) with one character a class."""
    found = np.asarray(matrix)
    size = len(characters)
    if found.shape != (size, size) or size == 0 or found.min() < 0:
        raise DataError(
            "A confusion matrix must hold counts, one row and one column a character. "
            f"Received: shape {found.shape} for {size} characters."
        )
    return found


def divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where `below` is 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)

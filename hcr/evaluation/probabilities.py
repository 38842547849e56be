"""What a network says of its own answers: top-k, log loss and calibration."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.counts import divide, labels, same_length

if TYPE_CHECKING:
    import pandas as pd


BINS = 15  # of the calibration error, as Guo et al. have them


def top_k(true: ArrayLike, probabilities: ArrayLike, k: int) -> float:
    """The share of pictures whose true class is among the `k` most probable.

    Of equally probable classes the first counts as the more probable, as in `argmax`, so that
    `k=1` is the accuracy of `argmax`.
    """
    return float(np.mean(hits(true, probabilities, k)))


def hits(true: ArrayLike, probabilities: ArrayLike, k: int) -> np.ndarray:
    """Of which pictures the true class is among the `k` most probable, bool (n,); see `top_k`."""
    probabilities, true = probabilities_of(probabilities, true)
    if not 1 <= k <= probabilities.shape[1]:
        raise DataError(f"k must be in 1..{probabilities.shape[1]}. Received: {k}.")
    own = probabilities[np.arange(true.size), true][:, None]
    earlier = np.arange(probabilities.shape[1]) < true[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return before.sum(axis=1) < k


def log_loss(true: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of -log(probability of the true class), in nats.

    A probability below the float type's epsilon counts as that epsilon (1.2e-7 in float32).
    """
    return float(losses(true, probabilities).mean())


def losses(true: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """What each picture adds to `log_loss`, float64 (n,)."""
    probabilities, true = probabilities_of(probabilities, true)
    epsilon = np.finfo(probabilities.dtype).eps
    own = probabilities[np.arange(true.size), true].astype(np.float64)
    return -np.log(np.clip(own, epsilon, 1.0))


def reliability(true: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> "pd.DataFrame":
    """Confidence against accuracy in `bins` bins of equal width, (low, high] each.

    Columns low, high, n, right (counts), confidence, accuracy (means; NaN in an empty bin).
    """
    import pandas as pd

    n, right, confidence, edges = _binned(true, probabilities, bins)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "n": n,
            "right": right,
            "confidence": divide(confidence, n),
            "accuracy": divide(right, n),
        }
    )


def ece(true: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """The expected calibration error of the most probable class, in [0, 1].

    The mean distance of accuracy and confidence over bins of equal width, weighted by their
    pictures: Guo et al. (2017), On calibration of modern neural networks, ICML.
    """
    n, right, confidence, _ = _binned(true, probabilities, bins)
    return float(np.abs(right - confidence).sum() / n.sum())


def probabilities_of(values: ArrayLike, true: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """`values` as floats of shape (n, classes) with rows that sum to 1, and `true` beside them."""
    found = np.asarray(values)
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.floating):
        raise DataError(
            "probabilities must be floats of shape (n, classes). "
            f"Received: {found.dtype}, shape {found.shape}."
        )
    indices = labels(true, found.shape[1], "true")
    same_length(indices, found, "probabilities")
    if not np.isfinite(found).all() or found.min() < 0:
        raise DataError("probabilities must be finite and at least 0. Received: others.")
    worst = float(np.abs(found.sum(axis=1, dtype=np.float64) - 1).max())
    if worst > 0.01:
        raise DataError(
            f"probabilities must sum to 1 in each row. Received: a sum that is off by {worst:.3g}. "
            "Apply softmax to logits."
        )
    return found, indices


def binned(
    true: ArrayLike, probabilities: ArrayLike, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each picture is read right, how sure its answer is, and in which bin that lies.

    Returns:
        bool (n,), float64 (n,), int (n,): bins of equal width, (low, high] each.
    """
    probabilities, true = probabilities_of(probabilities, true)
    if bins < 1:
        raise DataError(f"bins must be at least 1. Received: {bins}.")
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == true
    return right, confidence, np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)


def _binned(
    true: ArrayLike, probabilities: ArrayLike, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Each bin's pictures, right ones and sum of confidences; and the bins' edges."""
    right, confidence, place = binned(true, probabilities, bins)
    return (
        np.bincount(place, minlength=bins),
        np.bincount(place[right], minlength=bins),
        np.bincount(place, weights=confidence, minlength=bins),
        np.linspace(0, 1, bins + 1),
    )

"""The class shares of the training split, and answers without them."""

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError


def prior(counts: ArrayLike) -> np.ndarray:
    """The share of each class, float64 (classes,) of sum 1, from counts or sums of weights."""
    found = np.asarray(counts, dtype=np.float64)
    if found.ndim != 1 or found.size == 0 or found.min() < 0 or found.sum() <= 0:
        raise DataError(
            "A prior needs counts of at least 0, one a class, not all 0. "
            f"Received: shape {found.shape}."
        )
    return found / found.sum()


def adjust(probabilities: np.ndarray, shares: ArrayLike, tau: float = 1.0) -> np.ndarray:
    """Probabilities divided by the training prior to the power `tau`, and rows of sum 1 again.

    This is the post-hoc logit adjustment of Menon, Jayasumana, Rawat, Jain, Veit and Kumar (2021),
    Long-tail learning via logit adjustment, ICLR: `tau * log(prior)` is subtracted from the logits.
    With `tau` 1 the answers are, by Bayes' rule, those for classes of equal share, which is what
    class-balanced accuracy asks for; with `tau` 0 they stay.

    Args:
        probabilities: float (n, classes), rows of sum 1.
        shares: (classes,), of sum 1, as `prior` gives them. A class of share 0, which training
            never showed, is not raised.
        tau: At least 0.

    Returns:
        float of the type of `probabilities`, (n, classes).
    """
    given = np.asarray(probabilities)
    shift = log_shares(shares, tau)
    if given.ndim != 2 or given.shape[1] != len(shift):
        raise DataError(
            f"probabilities must have one column for each of {len(shift)} shares. "
            f"Received: shape {given.shape}."
        )
    raised = given * np.exp(-shift)
    return (raised / raised.sum(axis=1, keepdims=True)).astype(given.dtype)


def log_shares(shares: ArrayLike, tau: float) -> np.ndarray:
    """`tau * log(share)`, float64 (classes,); 0 for a share of 0, whose logarithm is not finite."""
    shares = np.asarray(shares, dtype=np.float64)
    return tau * np.log(np.where(shares > 0, shares, 1.0))

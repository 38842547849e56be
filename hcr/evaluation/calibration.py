"""How sure a network may be: one number, fitted on validation, that makes its probabilities true.

Temperature scaling: Guo et al. (2017), On calibration of modern neural networks, ICML. Logits are
divided by T before the softmax: above 1 the answers become less sure, below 1 surer. The order of
the classes stays, so no answer and no accuracy changes.
"""

from math import exp, log

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.probabilities import ece, log_loss, probabilities_of

# Where a temperature is looked for. Networks that were trained at all lie well inside.
LOWEST, HIGHEST = 0.1, 10.0
# Halvings of that range, logarithmic: to a hundred-thousandth of its size.
STEPS = 20


def temperature(probabilities: ArrayLike, labels: ArrayLike, balanced: bool = False) -> float:
    """The temperature at which `probabilities` have the lowest log loss.

    To be fitted on the validation split. In 1 / T the loss is convex, so its slope has one zero,
    which is found by halving the range from `LOWEST` to `HIGHEST`; the answer has four digits
    behind the point. Logits aren't needed: the logarithm of a probability is one, up to a number
    that a softmax takes out again.

    Where no picture is misread the loss falls for ever as T does, and nothing tells how sure is too
    sure: the answer is 1, as it is where no temperature makes the loss lower.

    Args:
        probabilities: Floats, shape (n, classes), rows that sum to 1.
        labels: Class indices, shape (n,).
        balanced: Whether every class counts the same, however many pictures it has: for a network
            that answers as if all characters were equally likely.

    Raises:
        DataError: The two are something else, or don't belong together.
    """
    found, labels = probabilities_of(probabilities, labels)
    if (found.argmax(axis=1) == labels).all():
        return 1.0
    weights = 1 / np.bincount(labels)[labels] if balanced else np.ones(len(labels))
    weights /= weights.sum()
    logits = np.log(np.maximum(found, np.finfo(found.dtype).tiny)).astype(np.float64)
    # The highest is 0, so that no exponential overflows.
    logits -= logits.max(axis=1, keepdims=True)
    own = float(weights @ _own(logits, labels))
    low, high = log(1 / HIGHEST), log(1 / LOWEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        if float(weights @ _expected(logits, exp(middle))) > own:
            high = middle
        else:
            low = middle
    fitted = round(exp(-(low + high) / 2), 4)
    before, after = (
        float(weights @ -np.log(np.maximum(_own(each, labels), np.finfo(found.dtype).eps)))
        for each in (found, apply(found, fitted))
    )
    return fitted if after < before else 1.0


def apply(probabilities: ArrayLike, temperature: float) -> np.ndarray:
    """`probabilities` as if the logits had been divided by `temperature`.

    A softmax of z / T is proportional to p ** (1 / T).

    Args:
        probabilities: Floats, shape (n, classes), rows that sum to 1.
        temperature: Above 0.

    Returns:
        Of the same shape and type; rows sum to 1.
    """
    found = np.asarray(probabilities)
    if not 0 < temperature < np.inf:
        raise DataError(f"temperature must be a number above 0. Received: {temperature}.")
    if temperature == 1:
        return found
    scaled = (found / found.max(axis=1, keepdims=True)) ** (1 / temperature)
    return scaled / scaled.sum(axis=1, keepdims=True)


def gain(labels: ArrayLike, before: ArrayLike, after: ArrayLike) -> dict[str, float]:
    """Log loss and calibration error of two sets of probabilities for the same pictures.

    Returns:
        log_loss and ece of `before`; log_loss_calibrated and ece_calibrated of `after`.
    """
    return {
        "log_loss": log_loss(labels, before),
        "log_loss_calibrated": log_loss(labels, after),
        "ece": ece(labels, before),
        "ece_calibrated": ece(labels, after),
    }


def _own(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each row's value for its own class."""
    return values[np.arange(len(labels)), labels].astype(np.float64)


def _expected(logits: np.ndarray, factor: float) -> np.ndarray:
    """The logit that each row lets expect, where probabilities are the softmax of factor * logits.

    Its mean, less that of the true classes' logits, is the slope of the log loss in `factor`.
    """
    shares = np.exp(factor * logits)
    return (shares * logits).sum(axis=1) / shares.sum(axis=1)

"""Temperature scaling, and how often a model is right by its confidence.

Guo et al. (2017), On calibration of modern neural networks, ICML: logits are divided by T before
the softmax. Above 1 confidence sinks, below 1 it rises; no prediction changes.
"""

from math import exp, log

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.evaluation.scores import BINS, check, confidences, divide, ece, log_loss, wilson
from hcr.recognizer.recognizer import apply_temperature

LOWEST, HIGHEST = 0.1, 10.0  # where a temperature is looked for
STEPS = 20  # halvings of that range, logarithmic


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike, balanced: bool = False) -> float:
    """The temperature at which `probabilities` of the validation split have the lowest log loss.

    In 1 / T the loss is convex: its slope's one zero is found by halving. Where no image is wrong
    the loss falls for ever as T does: the answer is 1, as where no temperature lowers the loss.

    Args:
        probabilities: float (n, classes), rows that sum to 1.
        labels: int (n,).
        balanced: Whether every class counts the same.

    Raises:
        DataError: They are no such arrays, or don't fit together.
    """
    labels, probabilities = check(labels, probabilities)
    if (probabilities.argmax(axis=1) == labels).all():
        return 1.0
    weights = 1 / np.bincount(labels)[labels] if balanced else np.ones(len(labels))
    weights /= weights.sum()
    type_ = np.finfo(probabilities.dtype)
    logits = np.log(np.maximum(probabilities, type_.tiny)).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)  # so that no exponential overflows
    rows = np.arange(len(labels)), labels
    target = float(weights @ logits[rows])
    low, high = log(1 / HIGHEST), log(1 / LOWEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        shares = np.exp(exp(middle) * logits)
        # The slope of the loss: the logit to be expected, less that of the label.
        expected = (shares * logits).sum(axis=1) / shares.sum(axis=1)
        low, high = (low, middle) if float(weights @ expected) > target else (middle, high)
    fitted = round(exp(-(low + high) / 2), 4)
    before, after = (
        float(weights @ -np.log(np.maximum(p[rows].astype(np.float64), type_.eps)))
        for p in (probabilities, apply_temperature(probabilities, fitted))
    )
    return fitted if after < before else 1.0


def reliability(labels: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """Confidence against accuracy in 15 bins of equal width, a row each.

    Columns n, right (counts), confidence, accuracy (means; NaN in an empty bin), low and high
    (Wilson's interval of the accuracy). In `attrs`: ece, log_loss.
    """
    right, confidence, place = confidences(labels, probabilities)
    n, hits = (np.bincount(place[of], minlength=BINS) for of in (slice(None), right))
    frame = pd.DataFrame({"n": n, "right": hits})
    frame["confidence"] = divide(np.bincount(place, confidence, minlength=BINS), n)
    frame["accuracy"] = divide(hits, n)
    frame["low"], frame["high"] = wilson(hits, n)
    frame.attrs = {"ece": ece(labels, probabilities), "log_loss": log_loss(labels, probabilities)}
    return frame

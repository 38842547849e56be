"""How far a model can be trusted: its temperature, and what to do where it is unsure.

Guo et al. (2017), On calibration of modern neural networks, ICML: logits are divided by T before
the softmax. Above 1 confidence sinks, below 1 it rises; no prediction changes. Where confidence is
low, a model names alternatives or rejects the image; both thresholds are chosen on validation.
Alternatives are split-conformal sets: M. Sadinle, J. Lei and L. Wasserman (2019), Least ambiguous
set-valued classifiers with bounded error levels, JASA 114, 223-234. Rejection by the highest
probability: Y. Geifman and R. El-Yaniv (2017), NeurIPS.
"""

from math import exp, floor, log

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.evaluation.scores import BINS, check, confidences, divide, ece, log_loss, losses, wilson
from hcr.recognizer.recognizer import apply_temperature

LOWEST, HIGHEST = 0.1, 10.0  # where a temperature is looked for
STEPS = 20  # halvings of that range, logarithmic
COVERAGE = 0.95  # of the alternatives


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike, balanced: bool = False) -> float:
    """The temperature at which `probabilities` of the validation split have the lowest log loss.

    In 1 / T the loss is convex: its slope's one zero is found by halving. Where no image is wrong
    the loss falls for ever as T does: the answer is 1, as where no temperature lowers the loss.
    Where it is `balanced`, every class counts the same.

    Raises `DataError` where probabilities and labels are not what `evaluate` takes.
    """
    labels, probabilities = check(labels, probabilities)
    if (probabilities.argmax(axis=1) == labels).all():
        return 1.0
    weights = 1 / np.bincount(labels)[labels] if balanced else np.ones(len(labels))
    weights /= weights.sum()
    logits = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)  # so that no exponential overflows
    target = float(weights @ logits[np.arange(len(labels)), labels])
    low, high = log(1 / HIGHEST), log(1 / LOWEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        shares = np.exp(exp(middle) * logits)
        # The slope of the loss: the logit to be expected, less that of the label.
        expected = (shares * logits).sum(axis=1) / shares.sum(axis=1)
        low, high = (low, middle) if float(weights @ expected) > target else (middle, high)
    fitted = round(exp(-(low + high) / 2), 4)
    scaled = apply_temperature(probabilities, fitted)
    before, after = (losses(labels, p) for p in (probabilities, scaled))
    return fitted if weights @ after < weights @ before else 1.0


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


def alternatives_threshold(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The probability from which on a class is an alternative, from calibrated probabilities.

    The label is then among the alternatives of 95 % of new images from the same source. It is the
    k-th smallest probability of a label, k = floor((n + 1) / 20); 0, so that every class is an
    alternative, where n is too small for that. Raises `DataError` for other arrays.
    """
    labels, probabilities = check(labels, probabilities)
    k = floor((len(labels) + 1) * (1 - COVERAGE) + 1e-9)
    label = np.sort(probabilities[np.arange(len(labels)), labels])
    return float(label[k - 1]) if k else 0.0


def alternatives(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Which classes are alternatives, bool (n, classes): p >= threshold, and always the best."""
    sets = probabilities >= threshold
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    return sets


def risk_coverage(labels: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """The accuracy of the accepted images at every threshold of the highest probability.

    Returns a row a threshold, the highest first: infinite, then each probability that occurs, the
    last with all images: threshold; accepted, wrong (counts of images at least as confident);
    coverage, the share accepted; accuracy of these (NaN for none), with Wilson's interval low and
    high. Raises `DataError` where the arrays are not what `evaluate` takes.
    """
    labels, probabilities = check(labels, probabilities)
    confidence = probabilities.max(axis=1).astype(np.float64)
    wrong = pd.Series(probabilities.argmax(axis=1) != labels)
    # Equally confident images are accepted together.
    frame = wrong.groupby(confidence).agg(accepted="size", wrong="sum")
    frame.loc[np.inf] = 0
    frame = frame[::-1].cumsum().rename_axis("threshold").reset_index()
    frame["coverage"] = frame["accepted"] / len(labels)
    right = frame["accepted"] - frame["wrong"]
    frame["accuracy"] = divide(right, frame["accepted"])
    frame["low"], frame["high"] = wilson(right, frame["accepted"])
    return frame


def rejection_threshold(
    labels: ArrayLike, probabilities: ArrayLike, accuracy: float = 0.99
) -> float:
    """The lowest threshold at which the accepted images have this accuracy; for validation.

    0 where all can be accepted; infinite where not even the most confident are so often right.
    """
    curve = risk_coverage(labels, probabilities)
    # In whole images, because a share such as 0.99 is no exact number.
    allowed = (1 - accuracy) * curve["accepted"] + 1e-9 * len(np.asarray(labels))
    last = curve[curve["wrong"] <= allowed].iloc[-1]
    return 0.0 if last["coverage"] == 1 else float(last["threshold"])

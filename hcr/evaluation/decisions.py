"""What to do where the model is unsure: name the alternatives, or reject the image.

Both thresholds are chosen on validation. Alternatives are split-conformal sets: M. Sadinle, J. Lei
and L. Wasserman (2019), Least ambiguous set-valued classifiers with bounded error levels, JASA 114,
223-234. Rejection by the highest probability: Y. Geifman and R. El-Yaniv (2017), NeurIPS.
"""

from math import floor

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.evaluation.scores import (
    check,
    divide,
    known_writers,
    mean_interval,
    share_interval,
    wilson,
)

COVERAGE = 0.95


def alternatives_threshold(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The probability from which on a class is an alternative, from calibrated probabilities.

    The label is then among the alternatives of 95 % of new images from the same source. It is the
    k-th smallest probability of a label, k = floor((n + 1) / 20); 0, so that every class is an
    alternative, where n is too small for that.

    Raises:
        DataError: They are no such arrays.
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


def score_alternatives(
    labels: ArrayLike,
    probabilities: ArrayLike,
    threshold: float,
    seed: int = 0,
    writers: ArrayLike | None = None,
) -> pd.DataFrame:
    """Rows coverage, the share of images whose label is an alternative, and mean_size.

    Columns value, low, high; the intervals are over the writers where these are known.
    """
    labels, probabilities = check(labels, probabilities)
    sets, writers = alternatives(probabilities, threshold), known_writers(writers)
    covered, sizes = sets[np.arange(len(labels)), labels], sets.sum(axis=1)
    rows = {
        "coverage": (covered.mean(), *share_interval(covered, seed, writers)),
        "mean_size": (sizes.mean(), *mean_interval(sizes, seed, writers)),
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])
    return frame.rename_axis("score")


def risk_coverage(labels: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """The accuracy of the accepted images at every threshold of the highest probability.

    Returns:
        A row a threshold, the highest first: infinite, then each probability that occurs, the last
        with all images: threshold; accepted, wrong (counts of images at least as confident);
        coverage, the share accepted; accuracy of these (NaN for none), with Wilson's interval low
        and high.

    Raises:
        DataError: `labels` and `probabilities` are not what `evaluate` takes.
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

"""Split-conformal sets of alternatives: all classes that are probable enough, few but rarely wrong.

The threshold is chosen on validation such that the label is among the alternatives of 95 % of new
images from the same source: Sadinle, Lei and Wasserman (2019), Least ambiguous set-valued
classifiers with bounded error levels, JASA 114, 223-234.
"""

from math import floor

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.scores import check, known_writers, mean_interval, share_interval

COVERAGE = 0.95


def alternatives_threshold(
    probabilities: ArrayLike, labels: ArrayLike, coverage: float = COVERAGE
) -> float:
    """The lowest probability of an alternative, from calibrated probabilities of validation images.

    The k-th smallest probability of a label, k = floor((n + 1) (1 - coverage)); 0, so that every
    class is an alternative, where n is too small for the coverage.

    Raises:
        DataError: They are no such arrays, or the coverage is no share.
    """
    if not 0 < coverage < 1:
        raise DataError(f"coverage must be above 0 and below 1. Received: {coverage}.")
    labels, probabilities = check(labels, probabilities)
    k = floor((len(labels) + 1) * (1 - coverage) + 1e-9)
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

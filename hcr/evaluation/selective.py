"""Selective prediction: how many images must be rejected for the others to be right so often.

R. El-Yaniv and Y. Wiener (2010), On the foundations of noise-free selective classification, JMLR
11, 1605-1641; by the highest probability: Y. Geifman and R. El-Yaniv (2017), NeurIPS.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.evaluation.scores import check, wilson


def risk_coverage(labels: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """The accuracy of the accepted images at every threshold of the highest probability.

    Returns:
        A row a probability that occurs, the highest first, the last with all images: threshold;
        accepted, wrong (counts of images at least as confident); coverage, the share accepted;
        accuracy of these, with Wilson's interval low and high.

    Raises:
        DataError: `labels` and `probabilities` are not what `evaluate` takes.
    """
    labels, probabilities = check(labels, probabilities)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence, wrong = confidence[order], (probabilities.argmax(axis=1) != labels)[order]
    # Equally confident images are accepted together.
    ends = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)
    frame = pd.DataFrame(
        {
            "threshold": confidence[ends].astype(np.float64),
            "accepted": ends + 1,
            "wrong": np.cumsum(wrong)[ends],
            "coverage": (ends + 1) / len(confidence),
        }
    )
    frame["accuracy"] = 1 - frame["wrong"] / frame["accepted"]
    frame["low"], frame["high"] = wilson(frame["accepted"] - frame["wrong"], frame["accepted"])
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
    good = curve[curve["wrong"] <= allowed]
    if good.empty:
        return float("inf")
    return 0.0 if good.index[-1] == curve.index[-1] else float(good["threshold"].iloc[-1])


def selective_scores(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> pd.Series:
    """What comes of rejecting predictions below `threshold`.

    Entries n, threshold, accepted, wrong, coverage, accuracy (NaN where none is accepted), and its
    Wilson interval low and high.
    """
    labels, probabilities = check(labels, probabilities)
    kept = probabilities.max(axis=1) >= threshold
    wrong = int((kept & (probabilities.argmax(axis=1) != labels)).sum())
    accepted = int(kept.sum())
    low, high = wilson(accepted - wrong, accepted)
    return pd.Series(
        {
            "n": len(kept),
            "threshold": float(threshold),
            "accepted": accepted,
            "wrong": wrong,
            "coverage": accepted / len(kept),
            "accuracy": 1 - wrong / accepted if accepted else float("nan"),
            "low": low,
            "high": high,
        },
        dtype=object,
    )

"""Reading only what one is sure of: how many pictures must be refused for so few mistakes.

Risk and coverage: R. El-Yaniv and Y. Wiener (2010), On the foundations of noise-free selective
classification, JMLR 11, 1605-1641; for networks, by the highest probability: Y. Geifman and R.
El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.intervals import wilson
from hcr.evaluation.probabilities import probabilities_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Refusal:
    """What comes of it when answers below a probability are refused.

    Attributes:
        threshold: The lowest probability that is accepted; infinite where all is refused.
        n: All pictures.
        accepted: Pictures that are read.
        wrong: Those of them that are misread.
    """

    threshold: float
    n: int
    accepted: int
    wrong: int

    @property
    def refused(self) -> float:
        """The share of pictures that are refused."""
        return 1 - self.accepted / self.n

    @property
    def accuracy(self) -> float:
        """The share of accepted pictures that are read right; NaN where there is none."""
        return 1 - self.wrong / self.accepted if self.accepted else float("nan")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Wilson's interval of the accuracy; from 0 to 1 where no picture is accepted."""
        if not self.accepted:
            return 0.0, 1.0
        return wilson(self.accepted - self.wrong, self.accepted, level)


def risk_coverage(true: ArrayLike, probabilities: ArrayLike) -> "pd.DataFrame":
    """What is read, and how much of it wrong, at every threshold of the highest probability.

    Answers that are equally sure are accepted or refused together, for nothing tells them apart.

    Args:
        true: Class indices, shape (n,).
        probabilities: Floats, shape (n, classes), rows that sum to 1.

    Returns:
        One row a probability that occurs, the highest first, the last row holding all pictures:
        threshold; accepted, wrong (counts of pictures at least as sure); coverage, the share
        accepted; risk, the share of these that is wrong.
    """
    import pandas as pd

    found, labels = probabilities_of(probabilities, true)
    sure, wrong = found.max(axis=1), found.argmax(axis=1) != labels
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], wrong[order]
    ends = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
    accepted, failed = ends + 1, np.cumsum(wrong)[ends]
    return pd.DataFrame(
        {
            "threshold": sure[ends].astype(np.float64),
            "accepted": accepted,
            "wrong": failed,
            "coverage": accepted / len(sure),
            "risk": failed / accepted,
        }
    )


def area(curve: "pd.DataFrame") -> float:
    """The mean risk over coverages from 0 to 1, in [0, 1]: lower where doubts are well placed.

    The area under the steps of `risk_coverage`: equally sure pictures have one risk. Geifman,
    Uziel and El-Yaniv (2019), Bias-reduced uncertainty estimation for deep neural classifiers,
    ICLR, call it AURC.
    """
    return float(np.diff(curve["coverage"], prepend=0) @ curve["risk"])


def threshold_for(true: ArrayLike, probabilities: ArrayLike, accuracy: float = 0.99) -> Refusal:
    """The lowest threshold at which what is accepted is read with this accuracy.

    It is a choice: make it on the validation split, and see what comes of it on another with `at`.
    Where all can be accepted the threshold is 0. Where not even the surest answers are so often
    right, all is refused.

    Args:
        true: Class indices, shape (n,).
        probabilities: Floats, shape (n, classes), rows that sum to 1.
        accuracy: The share of accepted pictures that is to be read right, above 0 and at most 1.
    """
    if not 0 < accuracy <= 1:
        raise DataError(f"accuracy must be above 0 and at most 1. Received: {accuracy}.")
    curve = risk_coverage(true, probabilities)
    n = int(curve["accepted"].iloc[-1])
    # In whole pictures, because a share such as 0.99 is no exact number.
    good = curve["wrong"] <= (1 - accuracy) * curve["accepted"] + 1e-9 * n
    if not good.any():
        return Refusal(float("inf"), n, 0, 0)
    row = curve[good].iloc[-1]
    threshold = 0.0 if row["accepted"] == n else float(row["threshold"])
    return Refusal(threshold, n, int(row["accepted"]), int(row["wrong"]))


def at(true: ArrayLike, probabilities: ArrayLike, threshold: float) -> Refusal:
    """What comes of a threshold, one chosen with `threshold_for` on other pictures, say.

    Args:
        true: Class indices, shape (n,).
        probabilities: Floats, shape (n, classes), rows that sum to 1.
        threshold: Answers with a lower probability are refused.
    """
    if np.isnan(threshold):
        raise DataError("threshold must be a number. Received: NaN.")
    found, labels = probabilities_of(probabilities, true)
    kept = found.max(axis=1) >= threshold
    wrong = found.argmax(axis=1) != labels
    return Refusal(float(threshold), len(kept), int(kept.sum()), int((wrong & kept).sum()))

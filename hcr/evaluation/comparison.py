"""Two models on the same pictures: is one better, or is it chance?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.counts import labels, pair, same_length
from hcr.evaluation.intervals import check_level

if TYPE_CHECKING:
    import pandas as pd

# Below so many pictures that only one model reads, the p-value is the binomial distribution's own.
FEW = 25


SHOWN = ("difference", "low", "high", "only_first", "only_second", "p_value", "exact")


@dataclass(frozen=True)
class Comparison:
    """What McNemar's test says of two models, the first and the second.

    Attributes:
        n: Pictures.
        both: Pictures that both read right.
        only_first: Pictures that only the first reads right.
        only_second: Pictures that only the second reads right.
        neither: Pictures that both misread.
        difference: Accuracy of the first less that of the second.
        low: Lower end of the difference's interval.
        high: Its upper end.
        level: Of the interval, as 0.95.
        statistic: The smaller of `only_first` and `only_second` where the test is exact, otherwise
            McNemar's chi-squared of one degree of freedom.
        p_value: How often a difference at least as large would come about between two models that
            are equally good.
        exact: Whether the p-value is the binomial distribution's.
    """

    n: int
    both: int
    only_first: int
    only_second: int
    neither: int
    difference: float
    low: float
    high: float
    level: float
    statistic: float
    p_value: float
    exact: bool

    @property
    def first(self) -> float:
        """Accuracy of the first model."""
        return (self.both + self.only_first) / self.n

    @property
    def second(self) -> float:
        """Accuracy of the second model."""
        return (self.both + self.only_second) / self.n

    @property
    def told_apart(self) -> bool:
        """Whether the test finds a difference at this level."""
        return self.p_value < 1 - self.level


def mcnemar(
    true: ArrayLike, first: ArrayLike, second: ArrayLike, level: float = 0.95
) -> Comparison:
    """McNemar's test between two models that read the same pictures.

    Only the pictures that one of the two reads right and the other wrong tell which is better. If
    they were equally good, each would win half of these: with fewer than `FEW` of them that is
    tested with the binomial distribution (two-sided), with more by McNemar's chi-squared without a
    correction for continuity: Q. McNemar (1947), Note on the sampling error of the difference
    between correlated proportions or percentages, Psychometrika 12, 153-157. The interval is that
    of `paired_interval`; it holds 0 exactly where the two are not told apart.

    Pictures count as independent draws. Of several pictures by the same hand that is not quite so.

    Args:
        true: Class indices, shape (n,).
        first: What the first model answered, class indices, shape (n,).
        second: What the second one answered.
        level: Of the interval.
    """
    true, first = pair(true, first)
    second = labels(second, name="second")
    same_length(true, second, "second")
    a, b = first == true, second == true
    counts = [int(np.sum(each)) for each in (a & b, a & ~b, ~a & b, ~a & ~b)]
    return mcnemar_of(*counts, level=level)


def mcnemar_of(
    both: int, only_first: int, only_second: int, neither: int, level: float = 0.95
) -> Comparison:
    """As `mcnemar`, from the four counts."""
    from scipy import stats

    one, other, n = only_first, only_second, both + only_first + only_second + neither
    exact = one + other < FEW
    if exact:
        statistic = float(min(one, other))
        p_value = min(1.0, 2 * float(stats.binom.cdf(statistic, one + other, 0.5)))
    else:
        statistic = (one - other) ** 2 / (one + other)
        p_value = float(stats.chi2.sf(statistic, 1))
    low, high = paired_interval(one, other, n, level)
    difference = (one - other) / n
    return Comparison(
        both=both,
        only_first=one,
        only_second=other,
        neither=neither,
        n=n,
        difference=difference,
        low=low,
        high=high,
        level=level,
        statistic=statistic,
        p_value=p_value,
        exact=exact,
    )


def each_pair(
    true: ArrayLike, answers: Mapping[str, ArrayLike], level: float = 0.95
) -> "pd.DataFrame":
    """McNemar's test between every two of several models, in the order of their names given.

    Of many pairs some differ by chance. `p_holm` counts all pairs at once: where it is below 0.05,
    fewer than 1 of 20 such tables would name any difference that is none.

    Args:
        true: Class indices, shape (n,).
        answers: Name of a model to what it answered, class indices, shape (n,).
        level: Of the intervals, each by itself.

    Returns:
        One row a pair: first, second (names); difference, low, high, of the accuracy of the first
        less that of the second; only_first, only_second (counts); p_value, exact, p_holm.
    """
    import pandas as pd

    rows = []
    for one, other in combinations(answers, 2):
        found = mcnemar(true, answers[one], answers[other], level)
        rows.append({"first": one, "second": other, **{key: getattr(found, key) for key in SHOWN}})
    frame = pd.DataFrame(rows, columns=["first", "second", *SHOWN])
    return frame.assign(p_holm=holm(frame["p_value"]))


def holm(p_values: ArrayLike) -> list[float]:
    """`p_values`, shape (k,), corrected for their number, in their order.

    S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6, 65-70: the chance that any of the differences found is none stays below the
    level, whatever hangs on whatever.
    """
    found = np.asarray(p_values, float)
    order = np.argsort(found, kind="stable")
    # The least counts for all pairs, the next for all but one; none before a lesser one.
    scaled = found[order] * np.arange(len(found), 0, -1)
    corrected = np.empty(len(found))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected.tolist()


def paired_interval(
    only_first: int, only_second: int, n: int, level: float = 0.95
) -> tuple[float, float]:
    """The interval of the difference of two shares of the same `n` pictures.

    The score interval: all differences that the generalisation of McNemar's chi-squared does not
    refute. T. Tango (1998), Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design, Statistics in Medicine 17, 891-908. It has a width
    where the models never differ, too. Where `mcnemar` is exact, it reaches at least as far as the
    binomial test does: as the interval of Clopper and Pearson (1934) for the share of the first
    among the pictures that only one reads, times their share of all pictures.

    Args:
        only_first: Pictures that only the first model reads right.
        only_second: Pictures that only the second reads right.
        n: All pictures, at least 1 and at least the sum of these two.
        level: Of the interval.

    Returns:
        Its ends, in [-1, 1], for the accuracy of the first less that of the second.

    Raises:
        DataError: Counts that cannot be, or a level that is none.
    """
    from scipy import stats

    _check_counts(only_first, only_second, n)
    check_level(level)
    low = -_highest(only_second, only_first, n, level)
    high = _highest(only_first, only_second, n, level)
    apart = only_first + only_second
    if 0 < apart < FEW:
        test = stats.binomtest(only_first, apart).proportion_ci(level, "exact")
        low = min(low, (2 * float(test.low) - 1) * apart / n)
        high = max(high, (2 * float(test.high) - 1) * apart / n)
    return low, high


def _highest(one: int, other: int, n: int, level: float) -> float:
    """The largest difference that a score test of this level does not refute."""
    from scipy.optimize import brentq

    z = NormalDist().inv_cdf(0.5 + level / 2)
    observed = (one - other) / n

    def beyond(difference: float) -> float:
        # Tango's statistic without its root, so that it stays finite at the ends.
        half = (2 * n + other - one) * difference - one - other
        root = sqrt(max(half**2 + 8 * n * other * difference * (1 - difference), 0.0))
        share = (root - half) / (4 * n)
        spread = n * (2 * share + difference * (1 - difference))
        return (one - other - n * difference) + z * sqrt(max(spread, 0.0))

    # A little to the right: where the two never differ, the observed difference is a root, too.
    start = observed + 1e-9
    return float(brentq(beyond, start, 1.0)) if start < 1 else 1.0


def _check_counts(one: int, other: int, n: int) -> None:
    if n < 1 or min(one, other) < 0 or one + other > n:
        raise DataError(
            "The pictures that only one of two models reads must be at least 0 each, and together "
            f"at most n, which is at least 1. Received: {one}, {other} and n = {n}."
        )

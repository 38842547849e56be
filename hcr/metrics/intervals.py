"""How sure a share is: intervals, and their text."""

from collections.abc import Callable
from math import isfinite, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError, nearest
from hcr.metrics.counts import accuracy_of, balanced_accuracy_of, confusion, pair

STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": accuracy_of,
    "balanced_accuracy": balanced_accuracy_of,
}

# Resamples that are held in memory at one time; part of the random stream, so it stays as it is.
CHUNK = 250


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share, `successes` out of `n`.

    Edwin B. Wilson (1927), Probable inference, the law of succession, and statistical inference,
    JASA 22, 209-212. It stays in [0, 1] and is not empty at 0 or n successes.
    """
    if n < 1 or not 0 <= successes <= n:
        raise DataError(f"successes must be in 0..n and n at least 1. Received: {successes}, {n}.")
    _check_level(level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return float(low), float(high)


def bootstrap(
    statistic: str | Callable[[np.ndarray], ArrayLike],
    true: ArrayLike,
    predicted: ArrayLike,
    seed: int,
    n: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """The percentile bootstrap interval of a statistic of the confusion matrix.

    Pictures are drawn with replacement from the whole test set, so the number of pictures of a
    class varies from resample to resample, as it does between test sets from one source. A
    resample of N pictures is one multinomial draw over the matrix's cells: exactly the same
    distribution, and fast. A class that a resample misses is left out of that resample's balanced
    accuracy. Without any error the interval has no width: show Wilson's beside it.

    Args:
        statistic: `"accuracy"`, `"balanced_accuracy"`, or a function of count matrices, shape
            (resamples, classes, classes), rows true, that returns shape (resamples,).
        true: Class indices, shape (N,).
        predicted: Class indices, shape (N,).
        seed: Of the resampling; the same seed gives the same interval.
        n: How many resamples.
        level: The share of resamples that the interval holds.
    """
    if isinstance(statistic, str):
        if statistic not in STATISTICS:
            raise DataError(f"Unknown statistic {statistic!r}.{nearest(statistic, STATISTICS)}")
        statistic = STATISTICS[statistic]
    if n < 1:
        raise DataError(f"n must be at least 1 resample. Received: {n}.")
    _check_level(level)
    true, predicted = pair(true, predicted)
    classes = int(max(true.max(), predicted.max())) + 1
    counts = confusion(true, predicted, classes).ravel()
    cells = np.flatnonzero(counts)
    generator = np.random.default_rng(seed)
    values = []
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        drawn = np.zeros((size, counts.size), dtype=np.int64)
        drawn[:, cells] = generator.multinomial(true.size, counts[cells] / true.size, size)
        values.append(np.asarray(statistic(drawn.reshape(size, classes, classes))))
    low, high = np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired(before: ArrayLike, after: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """How much larger a share is after than before, of the same pictures, and how sure that is.

    Alan Agresti and Yongyi Min (2005), Simple improved confidence intervals for comparing matched
    proportions, Statistics in Medicine 24, 729-740: Wald's interval of a paired difference, after
    half a picture was added to each of the four cells. It is not empty where the two never differ.

    Args:
        before: bool (n,), whether a picture was read right.
        after: bool (n,), the same of the same pictures, read by another network.
        level: Of the interval.

    Returns:
        The difference in [-1, 1], positive where it is larger after, and the interval's two ends.
    """
    before, after = np.asarray(before, bool), np.asarray(after, bool)
    if before.ndim != 1 or before.shape != after.shape or not before.size:
        raise DataError(
            "A paired difference needs two answers to each picture, and one picture at least. "
            f"Received: shapes {before.shape} and {after.shape}."
        )
    _check_level(level)
    won, lost, n = int((after & ~before).sum()), int((before & ~after).sum()), before.size
    z = NormalDist().inv_cdf(0.5 + level / 2)
    middle = (won - lost) / (n + 2)
    half = z * sqrt(won + lost + 1 - (won - lost) ** 2 / (n + 2)) / (n + 2)
    return (won - lost) / n, max(-1.0, middle - half), min(1.0, middle + half)


def percent(x: float, digits: int = 1) -> str:
    """A share as text: `"98.4 %"` for 0.984; `"n/a"` where it is undefined."""
    return f"{100 * x:.{digits}f} %" if isfinite(x) else "n/a"


def interval_text(low: float, high: float, n: int, *, level: float = 0.95, digits: int = 1) -> str:
    """An interval of a share as text: `"95 %: 97.4 to 99.0; n = 1,000"`."""
    return f"{100 * level:g} %: {100 * low:.{digits}f} to {100 * high:.{digits}f}; n = {n:,}"


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level must be between 0 and 1, as 0.95. Received: {level}.")

"""How sure the figures of a set of answers are, whoever drew the pictures."""

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.counts import same_length
from hcr.evaluation.intervals import bootstrap, check_level, expanded, wilson
from hcr.evaluation.probabilities import BINS, binned, hits, losses, probabilities_of

# Pictures are put into so many steps of what they add, so that 100,000 of them are drawn at once.
STEPS = 1000
# How many of the first answers may hold the true class.
FIRST = (3, 5)

Ends = tuple[float, float]


def of_answers(
    true: ArrayLike, probabilities: ArrayLike, seed: int, groups: ArrayLike | None = None
) -> dict[str, Ends]:
    """The 95 % intervals of all figures of one set of answers.

    Shares have Wilson's interval, the others a bootstrap over the pictures. Where `groups` says
    whose each picture is, all have a bootstrap over these (`metrics.bootstrap`).

    Args:
        true: Class indices, shape (n,).
        probabilities: Floats, shape (n, classes), rows that sum to 1.
        seed: Of the resampling.
        groups: n names or numbers, two different ones at least; None where nobody knows.

    Returns:
        Low and high end by name: accuracy, balanced_accuracy, top3 and top5 (where there are more
        classes), log_loss, ece.

    Raises:
        DataError: As for all metrics; also for one group alone.
    """
    answers, true = probabilities_of(probabilities, true)
    read = answers.argmax(axis=1)
    found = {
        "accuracy": share(read == true, seed, groups)
        if groups is None
        else bootstrap("accuracy", true, read, seed, groups=groups),
        "balanced_accuracy": bootstrap("balanced_accuracy", true, read, seed, groups=groups),
    }
    for k in (each for each in FIRST if each < answers.shape[1]):
        found[f"top{k}"] = share(hits(true, answers, k), seed, groups)
    found["log_loss"] = mean(losses(true, answers), seed, groups)
    found["ece"] = ece(true, answers, seed, groups)
    return found


def share(right: ArrayLike, seed: int, groups: ArrayLike | None = None) -> Ends:
    """The 95 % interval of a share: Wilson's, or where `groups` are told, a bootstrap over them.

    `right` says of each picture whether it counts, bool (n,).
    """
    right = np.asarray(right, dtype=bool)
    if groups is None:
        return wilson(int(right.sum()), right.size)
    return mean(right.astype(float), seed, groups)


def mean(values: ArrayLike, seed: int, groups: ArrayLike | None = None) -> Ends:
    """The 95 % bootstrap interval of the mean of `values`, float (n,)."""
    values = np.asarray(values, dtype=np.float64)
    one = np.zeros(values.size, np.int64)
    drawn, n = resampled(values, one, seed, groups)
    return _ends(drawn[:, 0] / n, groups)


def ece(
    true: ArrayLike,
    probabilities: ArrayLike,
    seed: int,
    groups: ArrayLike | None = None,
    bins: int = BINS,
) -> Ends:
    """The 95 % bootstrap interval of `metrics.ece`.

    Chance alone makes an ECE larger than 0, and resampling adds as much chance again: the resamples
    are moved so that their mean is the figure itself, not below 0. The ends tell how far it would
    lie elsewhere with other pictures, as many; they do not take out what chance adds.
    """
    right, confidence, place = binned(true, probabilities, bins)
    drawn, n = resampled(right - confidence, place, seed, groups)
    values = np.abs(drawn).sum(axis=1) / n
    whole = np.abs(np.bincount(place, right - confidence)).sum() / len(place)
    low, high = _ends(values - values.mean() + whole, groups)
    return max(0.0, low), min(1.0, max(0.0, high))


def resampled(
    values: np.ndarray,
    bins: np.ndarray,
    seed: int,
    groups: ArrayLike | None = None,
    n: int = 1000,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of `values` in each of `bins`, in resamples of the pictures, or of whole groups.

    Values that lie within a `STEPS`-th of their range count as their mean, so a resample of N
    pictures is one multinomial draw over a thousand steps: what is lost is far below what is drawn.

    Args:
        values: What each picture adds, float (N,).
        bins: To which sum, int (N,), from 0.
        seed: Of the resampling.
        groups: Whose each picture is; None where each stands for itself.
        n: How many resamples.

    Returns:
        The sums, float (n, bins), and each resample's pictures, int (n,).
    """
    values = np.asarray(values, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise DataError("values must be finite, one a picture. Received: none, or others.")
    generator, n_bins = np.random.default_rng(seed), int(bins.max()) + 1
    if groups is None:
        low, high = float(values.min()), float(values.max())
        step = np.minimum((values - low) / ((high - low) or 1) * STEPS, STEPS - 1).astype(np.int64)
        whose, size = bins * STEPS + step, values.size
    else:
        whose, size = np.unique(np.asarray(groups), return_inverse=True)[1].ravel(), None
        same_length(values, whose, "groups")
        if whose.max() < 1:
            raise DataError("groups must be at least two, to be drawn from. Received: one alone.")
    units, whose, counts = np.unique(whose, return_inverse=True, return_counts=True)
    sums = np.zeros((len(units), n_bins))
    np.add.at(sums, (whose, bins), values)
    if groups is None:
        drawn = generator.multinomial(size, counts / size, n)
        return drawn @ (sums / counts[:, None]), np.full(n, size)
    drawn = generator.multinomial(len(units), np.full(len(units), 1 / len(units)), n)
    return drawn @ sums, drawn @ counts


def difference(first: float, its: Ends, second: float, others: Ends) -> Ends:
    """The interval of a difference of two figures of different pictures, from the interval of each.

    Of shares with Wilson's intervals it is the tenth method of R. G. Newcombe (1998), Interval
    estimation for the difference between independent proportions, Statistics in Medicine 17,
    873-890; it holds for other figures likewise (G. Y. Zou and A. Donner 2008, the same, 27,
    1693-1702).

    Args:
        first: A figure.
        its: Low and high end of its interval.
        second: What is taken from it.
        others: Low and high end of that one's.
    """
    gap = first - second
    low = gap - float(np.hypot(first - its[0], others[1] - second))
    high = gap + float(np.hypot(its[1] - first, second - others[0]))
    return low, high


def known(writers: ArrayLike | None) -> np.ndarray | None:
    """Whose each picture is, where it is told of every one and they are two people at least."""
    if writers is None:
        return None
    found = np.asarray(writers)
    names = set(found.tolist())
    return found if len(names) > 1 and "" not in names else None


def _ends(values: np.ndarray, groups: ArrayLike | None, level: float = 0.95) -> Ends:
    check_level(level)
    if groups is not None:
        level = expanded(level, len(np.unique(np.asarray(groups))))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

"""Two models on the same images: McNemar's test, the balanced accuracies, class by class."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.evaluation.scores import seed_interval

DRAWS = 4000  # of the bootstrap


def mcnemar(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> dict[str, float]:
    """McNemar's exact test of two models' predictions, int (n,), of the same images.

    Only the images that one model predicts right and the other wrong tell which is better; if they
    were equally good, each would win half of these (Q. McNemar 1947, Psychometrika 12, 153-157).
    Returns n; only_first, only_second; difference of the accuracies, first less second, its
    interval low and high (A. Agresti and Y. Min 2005, Statistics in Medicine 24, 729-740); p_value.
    """
    from scipy.stats import binomtest

    right = (np.asarray(first) == labels).astype(int) - (np.asarray(second) == labels)
    n, one, other = len(right), int((right > 0).sum()), int((right < 0).sum())
    p_value = float(binomtest(one, one + other).pvalue) if one + other else 1.0
    ends = seed_interval(right[None], np.zeros(n, np.int64), np.ones(1), (-1, 1))
    row = {"n": n, "only_first": one, "only_second": other}
    return row | dict(zip(("difference", "low", "high"), ends, strict=True)) | {"p_value": p_value}


def balanced_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray
) -> dict[str, float]:
    """The difference of two models' balanced accuracies, first less second: a paired bootstrap.

    Takes int (n,). Within each class images are drawn again (B. Efron and R. Tibshirani 1993, An
    introduction to the bootstrap), each with what both models predict of it. Returns balanced, its
    95 % interval balanced_low and balanced_high, and balanced_p, two-sided.
    """
    right = (first == labels).astype(int) - (second == labels) + 1
    rng, value, draws = np.random.default_rng(0), 0.0, np.zeros(DRAWS)
    present = np.unique(labels)
    for label in present:
        counts = np.bincount(right[labels == label], minlength=3)
        n = counts.sum()
        drawn = rng.multinomial(n, counts / n, DRAWS)
        value += (counts[2] - counts[0]) / n / len(present)
        draws += (drawn[:, 2] - drawn[:, 0]) / n / len(present)
    low, high = np.quantile(draws, (0.025, 0.975))
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    p_value = min(1.0, 2 * (tail + 1) / (DRAWS + 1))
    row = {"balanced": float(value), "balanced_low": float(low), "balanced_high": float(high)}
    return row | {"balanced_p": float(p_value)}


def by_class(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, characters: Sequence[str]
) -> pd.DataFrame:
    """A row a class that has images, int (n,), of two models, those that differ most first.

    Columns: character, the recalls first and second, and `mcnemar`'s.
    """
    rows = []
    for label in np.unique(labels):
        mine = labels == label
        recalls = {"first": (first[mine] == label).mean(), "second": (second[mine] == label).mean()}
        test = mcnemar(labels[mine], first[mine], second[mine])
        rows.append({"character": characters[label]} | recalls | test)
    order = {"key": np.abs, "ascending": False, "kind": "stable", "ignore_index": True}
    return pd.DataFrame(rows).sort_values("difference", **order)


def compare_pairs(labels: ArrayLike, predictions: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """`mcnemar` for every two of several models, by name: first, second, its columns, p_holm."""
    frame = pd.DataFrame(
        {"first": one, "second": other, **mcnemar(labels, predictions[one], predictions[other])}
        for one, other in combinations(predictions, 2)
    )
    return frame.assign(p_holm=holm(frame["p_value"]))


def holm(p_values: pd.Series) -> pd.Series:
    """p-values corrected for their number (S. Holm 1979, Scand. J. Statistics 6, 65-70)."""
    ordered = p_values.sort_values(kind="stable")
    return (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1.0)

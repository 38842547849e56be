"""How unequal the classes are, in numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError


@dataclass(frozen=True)
class Imbalance:
    """How unequal the classes of a split are.

    Classes without a picture are left out of all but `effective_numbers` and `empty`.

    Attributes:
        ratio: The largest class over the smallest; 1 where all are equal.
        gini: Gini's coefficient of the counts, from 0 (equal) to below 1 (one class has nearly
            all): the mean difference of two classes over twice their mean (Gini 1912).
        effective_classes: exp(H) with H the entropy of the class shares: as many classes of equal
            size are as hard to guess (Hill 1973, diversity of order 1). From 1 to the number of
            classes.
        effective_numbers: float64 (classes,), the effective number of samples of each class; see
            the function of that name.
        empty: How many classes have no picture.
    """

    ratio: float
    gini: float
    effective_classes: float
    effective_numbers: np.ndarray
    empty: int


def imbalance(counts: ArrayLike, beta: float = 0.999) -> Imbalance:
    """The numbers of imbalance of a split with these `counts`, (classes,), each at least 0.

    `beta` is that of `effective_numbers`. Raises `DataError` where there is no picture at all.
    """
    found = np.asarray(counts, dtype=np.float64)
    if found.ndim != 1 or not (found > 0).any() or found.min() < 0:
        raise DataError(
            "counts must be pictures a class, at least 0 each and not all 0. "
            f"Received: shape {found.shape}, {found.sum():g} pictures."
        )
    own = np.sort(found[found > 0])
    shares, k = own / own.sum(), len(own)
    # Over sorted shares this equals sum |x_i - x_j| / (2 k^2 mean), without the k^2 differences.
    gini = 2 * (np.arange(1, k + 1) * shares).sum() / k - (k + 1) / k
    return Imbalance(
        ratio=float(own[-1] / own[0]),
        gini=max(0.0, float(gini)),
        effective_classes=float(np.exp(-(shares * np.log(shares)).sum())),
        effective_numbers=effective_numbers(found, beta),
        empty=int((found == 0).sum()),
    )


def effective_numbers(counts: ArrayLike, beta: float = 0.999) -> np.ndarray:
    """(1 - beta^n) / (1 - beta) of each count n, float64: its effective number of samples.

    The more pictures a class has, the more a further one is like those that are there, so the
    number grows to at most 1 / (1 - beta): Cui, Jia, Lin, Song and Belongie (2019), Class-balanced
    loss based on effective number of samples, CVPR.

    Args:
        counts: Pictures a class, each at least 0.
        beta: In [0, 1).
    """
    counts = np.asarray(counts, dtype=np.float64)
    if beta == 0:
        return np.minimum(counts, 1.0)
    # expm1 and log1p, because 1 - beta^n loses its digits where beta is close to 1.
    return -np.expm1(counts * np.log1p(beta - 1)) / (1 - beta)

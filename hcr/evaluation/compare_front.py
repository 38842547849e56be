"""What is worth its price."""

import numpy as np
from numpy.typing import ArrayLike


def front(price: ArrayLike, value: ArrayLike) -> np.ndarray:
    """Which of several things nothing else beats in both price and value (Pareto's front).

    Args:
        price: float (n,), the less the better; NaN where unknown.
        value: float (n,), the more the better; NaN where unknown.

    Returns:
        bool (n,): whether no other costs at most as much and is worth at least as much, and is
        better in one of the two. What is unknown is on no front, and beats nothing.
    """
    price, value = np.asarray(price, float), np.asarray(value, float)
    known = np.isfinite(price) & np.isfinite(value)
    cheaper = price[:, None] <= price[None, :]
    better = value[:, None] >= value[None, :]
    truly = (price[:, None] < price[None, :]) | (value[:, None] > value[None, :])
    beaten = (cheaper & better & truly & known[:, None]).any(axis=0)
    return known & ~beaten

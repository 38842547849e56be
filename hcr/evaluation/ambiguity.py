"""Which characters a network cannot tell apart: groups of them, found on validation."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.counts import divide, matrix_of, pair
from hcr.evaluation.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

# Of the pictures that are read as one of two characters, so many are read as the wrong one of the
# two; chance alone would give a half. A network of 120,000 parameters on EMNIST without the prior
# of its classes has 0 and O, 1, I and L, 9, g and q, F and f at 0.13 to 0.33 and then a gap: 2 and
# Z are at 0.08. With three seeds every threshold from 0.07 to 0.13 gave these four groups, but for
# an 8 once at 0.07.
THRESHOLD = 0.1
# Fewer mixed-up pictures than these are taken for chance, whatever their share.
SUPPORT = 10


def rates(matrix: ArrayLike) -> np.ndarray:
    """How often each two classes are taken for one another, each class counting the same.

    Of the pictures of a class that are read as it or as the other, the share read as the other;
    the mean of the two classes' shares. How many pictures a class has doesn't matter, nor which of
    the two the network prefers: one that reads both as the same has a rate of a half.

    Args:
        matrix: Counts, shape (classes, classes), as `metrics.confusion` gives them.

    Returns:
        Floats, shape (classes, classes), symmetric; 0 on the diagonal and where a class has no
        picture that is read as either.
    """
    counts = _square(matrix)
    own = counts.diagonal()[:, None]
    shares = divide(counts, own + counts)
    found = np.nan_to_num((shares + shares.T) / 2)
    np.fill_diagonal(found, 0)
    return found


def groups(
    matrix: ArrayLike, threshold: float = THRESHOLD, support: int = SUPPORT
) -> list[tuple[int, ...]]:
    """Groups of classes that a network confuses, from the confusion matrix of the validation split.

    Two classes are confused where the lower end of the 95 % Wilson interval of their rate (`rates`)
    is at least `threshold`, and `support` pictures or more were mixed up. Groups grow from the most
    confused two: two groups are joined where some class of the one and some of the other are
    confused, and the mean rate over all such couples is at least `threshold`, too. So three
    characters that look alike become one group, and a chain of likenesses does not.

    Args:
        matrix: Counts, shape (classes, classes), row the true class.
        threshold: A rate, above 0 and at most 0.5.
        support: How many pictures at least.

    Returns:
        Each group's classes in order, two at least; the groups by their first class. No class is
        in two groups, and most are in none.
    """
    if not 0 < threshold <= 0.5:
        raise DataError(f"threshold must be above 0 and at most 0.5. Received: {threshold}.")
    rate, confused = rates(matrix), _confused(matrix, threshold, support)
    found = [(each,) for each in np.flatnonzero(confused.any(axis=0)).tolist()]
    while True:
        joined = max(
            (
                (float(rate[np.ix_(one, other)].mean()), place, further)
                for place, one in enumerate(found)
                for further, other in enumerate(found[:place])
                if confused[np.ix_(one, other)].any()
            ),
            default=(0.0, 0, 0),
        )
        if joined[0] < threshold:
            break
        merged = tuple(sorted(found[joined[1]] + found[joined[2]]))
        found = [each for i, each in enumerate(found) if i not in joined[1:]] + [merged]
    return sorted(each for each in found if len(each) > 1)


def pairs(
    matrix: ArrayLike, found: Sequence[tuple[int, ...]], characters: Sequence[str], n: int = 15
) -> "pd.DataFrame":
    """The `n` couples of characters that are surest to be confused, and the group of both if any.

    Columns one and other (text), mixed, the pictures of either that were read as the other, read,
    all of either that were read as either; rate and low, as `rates` tells it and the lower end of
    its 95 % interval; group (text, empty for none).
    """
    import pandas as pd

    counts = matrix_of(matrix, characters)
    names = {each: " ".join(characters[i] for i in group) for group in found for each in group}
    rate, rows = rates(counts), []
    for one, other in np.argwhere(np.triu(counts + counts.T, 1)).tolist():
        square = counts[np.ix_((one, other), (one, other))]
        together = any({one, other} <= set(group) for group in found)
        rows.append(
            {
                "one": characters[one],
                "other": characters[other],
                "mixed": int(square.sum() - square.trace()),
                "read": int(square.sum()),
                "rate": rate[one, other],
                "low": _low(counts, rate, one, other),
                "group": names[one] if together else "",
            }
        )
    columns = ["one", "other", "mixed", "read", "rate", "low", "group"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.sort_values(["low", "rate"], ascending=False, kind="stable")
    return frame.head(n).reset_index(drop=True)


def examples(
    true: ArrayLike,
    predicted: ArrayLike,
    found: Sequence[tuple[int, ...]],
    n: int = 15,
) -> np.ndarray:
    """Some mistakes within the groups, of every kind: where there is no group, of all mistakes.

    Of each pair (true, predicted) the first, the most frequent pairs first; then of each the
    second, and so on.

    Returns:
        At most `n` indices, int64.
    """
    true, predicted = pair(true, predicted)
    inside = {couple for group in found for couple in product(group, group)}
    kinds: dict[tuple[int, int], list[int]] = {}
    for index in np.flatnonzero(true != predicted).tolist():
        kind = int(true[index]), int(predicted[index])
        if not inside or kind in inside:
            kinds.setdefault(kind, []).append(index)
    frequent = sorted(kinds.values(), key=len, reverse=True)
    turns = max(map(len, frequent), default=0)
    chosen = [each[turn] for turn in range(turns) for each in frequent if turn < len(each)]
    return np.array(chosen[:n], dtype=np.int64)


def _confused(matrix: ArrayLike, threshold: float, support: int) -> np.ndarray:
    """Whether each two classes are, bool (classes, classes)."""
    counts, rate = _square(matrix), rates(matrix)
    confused = np.zeros(counts.shape, dtype=bool)
    likely = np.triu(counts + counts.T >= support, 1) & (rate >= threshold)
    for one, other in np.argwhere(likely):
        low = _low(counts, rate, one, other)
        confused[one, other] = confused[other, one] = low >= threshold
    return confused


def _low(counts: np.ndarray, rate: np.ndarray, one: int, other: int) -> float:
    """The lower end of the 95 % interval of a rate; 0 where it is none."""
    here, there = counts[one, one] + counts[one, other], counts[other, other] + counts[other, one]
    if not (here and there):
        return 0.0
    # The mean of two shares varies like one share of so many pictures.
    n = 4 / (1 / here + 1 / there)
    return wilson(round(rate[one, other] * n), round(n))[0]


def _square(matrix: ArrayLike) -> np.ndarray:
    """`matrix` as counts of shape (classes, classes)."""
    return matrix_of(matrix, range(len(np.asarray(matrix))))

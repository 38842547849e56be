"""How much of the error lies between characters that look alike, and what is left without it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.counts import confusion, divide
from hcr.evaluation.intervals import wilson
from hcr.preprocessing import labels

if TYPE_CHECKING:
    import pandas as pd

# Characters that a person, too, cannot tell apart in a picture of one alone. Nothing of a network's
# answers went into this: 0 and O, 1, I and L (which holds l), g and q have the same strokes; the
# others are the pairs of which `docs/label_audit.csv` calls two labels or more ambiguous.
ALIKE = ("0O", "1I", "1L", "IL", "gq", "9q", "9g", "3Z", "5S", "2Z", "8g", "7T", "6b", "8q")
"""Pairs that look alike to people, beside the two cases of a letter."""

KINDS = {
    "all": "all mistakes",
    "case": "the same letter in the other case",
    "alike": "a pair that looks alike to people",
    "group": "another pair of a group that this network confuses",
    "other": "any other pair",
}
"""Name of a kind of mistake, to what it is; a mistake is of the first after "all" that it fits."""

ALL_GROUPS = "all groups"  # a row of `within_and_across`


def mistakes(
    true: ArrayLike,
    predicted: ArrayLike,
    characters: Sequence[str],
    groups: Iterable[Sequence[int]] = (),
    alike: Iterable[str] = ALIKE,
) -> "pd.DataFrame":
    """The mistakes by their kind, and the accuracy that is left when kinds are set aside in turn.

    A mistake that is set aside counts as right: as if the pair were one character.

    Args:
        true: Class indices, shape (n,).
        predicted: Class indices, shape (n,).
        characters: The classes' names.
        groups: Classes that the network confuses, found on validation (`ambiguity.groups`).
        alike: Pairs of characters that people confuse, two characters each, for the classes whose
            names are merged to these (`labels.merge`): 0O stands for 0 and o, too.

    Returns:
        One row a kind, in the order of `KINDS`: kind; n, mistakes; of_mistakes, their share of all
        mistakes (NaN where there is none); of_pictures, their share of all pictures; accuracy,
        where this kind and those before it are set aside, in the first row none, in the last NaN;
        low and high, its 95 % interval (Wilson); balanced, the class-balanced accuracy likewise.
    """
    import pandas as pd

    counts = confusion(true, predicted, len(characters))
    total, per_class = int(counts.sum()), counts.sum(axis=1)
    right, rows = np.eye(len(counts), dtype=bool), []
    wrong = int(counts[~right].sum())
    for kind, cells in _cells(characters, groups, alike).items():
        n = int(counts[cells & ~right].sum()) if rows else wrong
        right |= cells
        good = (counts * right).sum(axis=1)
        row = {
            "kind": kind,
            "n": n,
            "of_mistakes": _share(n, wrong),
            "of_pictures": n / total,
        }
        if kind != "other":
            low, high = wilson(int(good.sum()), total)
            row |= {"accuracy": good.sum() / total, "low": low, "high": high}
            row["balanced"] = float(np.nanmean(divide(good, per_class)))
        rows.append(row)
    return pd.DataFrame(rows)


def within_and_across(
    true: ArrayLike,
    predicted: ArrayLike,
    characters: Sequence[str],
    groups: Iterable[Sequence[int]],
) -> "pd.DataFrame":
    """How well each group is told from all else, and its characters from one another.

    Args:
        true: Class indices, shape (n,).
        predicted: Class indices, shape (n,).
        characters: The classes' names.
        groups: Classes that the network confuses, no class in two of them (`ambiguity.groups`).

    Returns:
        One row a group, its characters with blanks between; then `all groups`, then `all others`,
        the classes in no group, and `all`. Columns:

        - group, n: the pictures of these classes; mistakes, and of_mistakes, their share of all;
        - accuracy, low, high: read as the very character, with the 95 % Wilson interval;
        - across: read as any character of the group (as the character itself where it has none),
          and across_low, across_high, its interval;
        - within: of those of a group that are read as one of it, n_within, the share read as the
          very character, and within_low, within_high; NaN where there is none, so for `all others`.
    """
    import pandas as pd

    size = len(characters)
    counts, found = confusion(true, predicted, size), _checked(groups, size)
    inside = (counts * _merged(found, size)).sum(axis=1)
    n, right = counts.sum(axis=1), counts.diagonal()
    wrong = int((n - right).sum())
    grouped = np.isin(np.arange(size), [each for group in found for each in group])
    parts = [(" ".join(characters[i] for i in group), list(group)) for group in found]
    parts += [(ALL_GROUPS, grouped), ("all others", ~grouped), ("all", np.full(size, True))]
    rows = []
    for name, chosen in parts:
        its = np.isin(np.arange(size), chosen) if isinstance(chosen, list) else chosen
        pictures, good = int(n[its].sum()), int(right[its].sum())
        kept, own = int(inside[its].sum()), int(inside[its & grouped].sum())
        told, (low, high) = int(right[its & grouped].sum()), _ends(good, pictures)
        across, within = _ends(kept, pictures), _ends(told, own)
        rows.append(
            {
                "group": name,
                "n": pictures,
                "mistakes": pictures - good,
                "of_mistakes": _share(pictures - good, wrong),
                "accuracy": _share(good, pictures),
                "low": low,
                "high": high,
                "across": _share(kept, pictures),
                "across_low": across[0],
                "across_high": across[1],
                "n_within": own,
                "within": _share(told, own),
                "within_low": within[0],
                "within_high": within[1],
            }
        )
    return pd.DataFrame(rows)


def _cells(
    characters: Sequence[str], groups: Iterable[Sequence[int]], alike: Iterable[str]
) -> dict[str, np.ndarray]:
    """Which cells of the confusion matrix are of each kind, bool (classes, classes), symmetric."""
    size = len(characters)
    names = np.array([labels.merge(each) for each in characters])
    pairs = np.zeros((size, size), dtype=bool)
    for each in alike:
        if len(each) != 2:
            raise DataError(f"A pair must be two characters, as '0O'. Received: {each!r}.")
        one, other = (names == labels.merge(character) for character in each)
        pairs |= np.outer(one, other) | np.outer(other, one)
    return {
        "all": np.eye(size, dtype=bool),
        "case": _same_fold(characters),
        "alike": pairs,
        "group": _merged(_checked(groups, size), size),
        "other": np.ones((size, size), dtype=bool),
    }


def _ends(part: int, whole: int) -> tuple[float, float]:
    """Wilson's interval of a share; NaN where it is of nothing."""
    return wilson(part, whole) if whole else (float("nan"), float("nan"))


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def _merged(groups: Iterable[Sequence[int]], size: int) -> np.ndarray:
    """Whether two classes are of one group, or the same, bool (classes, classes)."""
    found = np.eye(size, dtype=bool)
    for group in groups:
        found[np.ix_(group, group)] = True
    return found


def _same_fold(characters: Sequence[str]) -> np.ndarray:
    """Whether two classes are one letter, bool (classes, classes)."""
    folds = np.array([labels.fold_case(each) for each in characters])
    return folds[:, None] == folds


def _checked(groups: Iterable[Sequence[int]], size: int) -> list[tuple[int, ...]]:
    """`groups` of whole numbers below `size`, none of them twice."""
    found = [tuple(int(each) for each in group) for group in groups]
    flat = [each for group in found for each in group]
    if len(set(flat)) != len(flat) or any(not 0 <= each < size for each in flat):
        raise DataError(
            f"Groups must hold class indices below {size}, none of them twice. Received: {found}."
        )
    return found

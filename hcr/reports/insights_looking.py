"""Which pictures show where a network looks."""

from collections.abc import Sequence

import numpy as np

from hcr.evaluation import metrics
from hcr.preprocessing import labels

MOST = 10  # characters, where none are chosen


def asked(chosen: str | None, characters: Sequence[str]) -> list[int] | None:
    """The classes of the characters in `chosen`; None where nobody chose.

    Raises `ParameterError` where one is no character of these.
    """
    return None if chosen is None else labels.parse_characters(chosen, characters)


def pictures(
    true: np.ndarray,
    predicted: np.ndarray,
    characters: Sequence[str],
    chosen: Sequence[int] | None = None,
) -> tuple[np.ndarray, list[str]]:
    """One picture each of some characters, to look at what speaks for the answer.

    Of a character it is the first picture of its most frequent confusion; of one that is always
    read right its first picture, and of one without a picture none.

    Args:
        true: Class indices, int (n,).
        predicted: Class indices, int (n,).
        characters: The classes' names.
        chosen: Class indices, in whose order they are shown; None for those with the most frequent
            confusions, ten at most.

    Returns:
        Indices of pictures, int64 (k,), and what is said of each, as `"O read as 0"`.
    """
    matrix = metrics.confusion(true, predicted, len(characters))
    many = {} if chosen is None else {"n": matrix.size}
    worst = metrics.worst_confusions(matrix, characters, **many)
    first = worst.drop_duplicates("true").set_index("true")["predicted"]
    place = {character: i for i, character in enumerate(characters)}
    if chosen is None:
        chosen = [place[each] for each in first.index[:MOST]]
    found, told = [], []
    for each in chosen:
        read = first.get(characters[each], characters[each])
        its = np.flatnonzero((true == each) & (predicted == place[read]))
        if len(its):
            found.append(int(its[0]))
            told.append(f"{characters[each]} read as {read}")
    return np.array(found, np.int64), told

"""What is wrong with whole classes, in words: hardly read, never answered, labels exchanged."""

from collections.abc import Sequence

import numpy as np

from hcr.evaluation import metrics
from hcr.reports.insights_wording import counted

# Fewer pictures of a class, or labels of a pair each way, may be chance: nothing is said of them.
FEW = 5
# A class is read far worse where its recall lies surely below this share of the classes' median.
FAR = 0.5
# Doubted labels are more than slips where one pair has this share of them all, and where this share
# of the pair's own labels is doubted. Of two classes alone every doubt lies between them.
OF_DOUBTS, OF_LABELS = 0.5, 0.05
MOST = 5  # classes that are named
WARNING = "> **Warning.** "


def of_classes(true: np.ndarray, predicted: np.ndarray, characters: Sequence[str]) -> str:
    """Whether a network reads some classes far worse than the others, or two in exchange.

    Two classes are read in exchange where more than half of either is read as the other, as far as
    its 95 % interval tells. They are not told of a second time among those that are read far worse.

    Args:
        true: Class indices, int (n,).
        predicted: Class indices, int (n,).
        characters: The classes' names.

    Returns:
        Markdown: warnings, or a sentence that says which class is read worst.
    """
    matrix = metrics.confusion(true, predicted, len(characters))
    pairs = _exchanged(matrix)
    told = []
    for one, other in pairs:
        a, b = (f"“{characters[each]}”" for each in (one, other))
        told.append(
            f"{WARNING}“{characters[one]}” and “{characters[other]}” look exchanged: "
            f"{_of(matrix[one, other], matrix[one].sum())} of {a} are read as {b}, and "
            f"{_of(matrix[other, one], matrix[other].sum())} of {b} as {a}. Look at the order of "
            "the model's labels, and at the labels of the data."
        )
    whole = metrics.per_class(true, predicted, characters)
    asked = whole[whole["n"] >= FEW]
    aside = {each for pair in pairs for each in pair}
    far = [each for each in _far(matrix) if each not in aside]
    if far:
        named = "; ".join(_failing(matrix, each, characters) for each in far[:MOST])
        more = f"; and {len(far) - MOST} more" if len(far) > MOST else ""
        usual = metrics.percent(float(asked["recall"].median()))
        told.append(
            f"{WARNING}{len(far)} of {counted(len(asked), 'class', 'classes')} "
            f"{'is' if len(far) == 1 else 'are'} read far worse than the others (median recall "
            f"{usual}): {named}{more}. Look at their pictures and at their share of the training."
        )
    if told or asked.empty:
        return "\n\n".join(told)
    worst = asked.loc[asked["recall"].idxmin()]
    return (
        "No class is read far worse than the others: the worst is "
        f"“{worst['character']}”, of which {metrics.percent(worst['recall'])} of "
        f"{counted(int(worst['n']), 'picture')} are read right; the median is "
        f"{metrics.percent(float(asked['recall'].median()))}."
    )


def of_labels(
    given: np.ndarray, suggested: np.ndarray, n: np.ndarray, characters: Sequence[str]
) -> str:
    """Between which two characters most of the doubted labels lie, and whether that is chance.

    Args:
        given: The labels that are doubted, int (k,).
        suggested: What they are rather, int (k,).
        n: How many labels of each class were looked at, (classes,).
        characters: The classes' names.

    Returns:
        Markdown: a warning where the two look as if their labels had been exchanged, else a
        sentence; empty where no pair has `FEW` doubted labels either way.
    """
    if not len(given):
        return ""
    counts = metrics.confusion(given, suggested, len(characters))
    both = np.where(np.minimum(counts, counts.T) >= FEW, counts + counts.T, 0)
    np.fill_diagonal(both, 0)
    if not both.any():
        return ""
    one, other = (int(each) for each in np.unravel_index(both.argmax(), both.shape))
    a, b, total = f"“{characters[one]}”", f"“{characters[other]}”", int(both[one, other])
    share = total / len(given)
    text = (
        f"Of {counted(len(given), 'doubted label')} {total:,} ({metrics.percent(share)}) lie "
        f"between {a} and {b}: {counts[one, other]:,} are labelled {a} and look like {b}, "
        f"{counts[other, one]:,} the other way round."
    )
    if share < OF_DOUBTS or total < OF_LABELS * float(n[one] + n[other]):
        return text
    return f"{WARNING}{text} That is no chance: look whether these labels were exchanged."


def _exchanged(matrix: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of classes that are surely read as one another more often than not."""
    n, found = matrix.sum(axis=1), []
    for one, other in np.argwhere(np.triu(matrix > n[:, None] / 2, 1)).tolist():
        both = ((matrix[one, other], n[one]), (matrix[other, one], n[other]))
        if all(k >= FEW and metrics.wilson(int(right), int(k))[0] > 0.5 for right, k in both):
            found.append((one, other))
    return found


def _far(matrix: np.ndarray) -> list[int]:
    """Classes that are read far worse than the others, or never answered, the worst first."""
    n, right, read = matrix.sum(axis=1), matrix.diagonal(), matrix.sum(axis=0)
    asked = np.flatnonzero(n >= FEW)
    if not len(asked):
        return []
    usual = float(np.median(right[asked] / n[asked]))
    found = [
        int(each)
        for each in asked
        if not read[each] or metrics.wilson(int(right[each]), int(n[each]))[1] < FAR * usual
    ]
    return sorted(found, key=lambda each: right[each] / n[each])


def _failing(matrix: np.ndarray, which: int, characters: Sequence[str]) -> str:
    """A class that is hardly read: how often, and as what most of it."""
    row, n = matrix[which].copy(), int(matrix[which].sum())
    text = f"“{characters[which]}”, {_of(row[which], n)} read right"
    if not matrix[:, which].any():
        text += ", never answered at all"
    row[which] = 0
    most = int(row.argmax())
    return f"{text}, {row[most]:,} read as “{characters[most]}”"


def _of(part: int, n: int) -> str:
    return f"{part:,} of {counted(int(n), 'picture')}"

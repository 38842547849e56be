"""Which classes a model confuses, and warnings where that is no chance."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from hcr.evaluation.scores import confusion, divide, percent, wilson

# Of the images predicted as one of two characters, so many are the other; chance alone would give a
# half. A network of 120,000 parameters on EMNIST without the prior of its classes has 0 and O, 1, I
# and L, 9, g and q, F and f at 0.13 to 0.33 and then a gap: 2 and Z are at 0.08. With three seeds
# every threshold from 0.07 to 0.13 gave these four groups, but for an 8 at 0.07.
THRESHOLD = 0.1
SUPPORT = 10  # fewer mistakes between two classes may be chance, whatever their share
FEW = 5  # fewer images of a class, or labels of a pair each way, may be chance: no warning
FAR = 0.5  # far worse: recall surely below this share of the median recall
OF_SUSPECTS, OF_LABELS = 0.5, 0.05  # swapped: this share of the suspects, and of the pair's labels


def worst_confusions(matrix: np.ndarray, characters: Sequence[str], n: int = 20) -> pd.DataFrame:
    """The `n` largest cells off the diagonal: true, predicted, count, share of the true class."""
    share = divide(matrix, matrix.sum(axis=1, keepdims=True))
    rows, columns = np.nonzero(matrix * ~np.eye(len(matrix), dtype=bool))
    order = np.lexsort((-share[rows, columns], -matrix[rows, columns]))[:n]
    rows, columns, names = rows[order], columns[order], np.array(list(characters), object)
    cells = {"count": matrix[rows, columns], "share": share[rows, columns]}
    return pd.DataFrame({"true": names[rows], "predicted": names[columns], **cells})


def confusable_groups(matrix: np.ndarray) -> list[tuple[int, ...]]:
    """Groups of classes that a model confuses, from the confusion matrix of the validation split.

    The rate of two classes is the mean of two shares: of the images of either that are predicted as
    it or as the other, those predicted as the other. They are confused where the lower end of the
    rate's interval is at least `THRESHOLD`, with `SUPPORT` mistakes or more. From the most confused
    two on groups are joined where some of their classes are confused and the mean rate over all
    couples is at least `THRESHOLD`, too: a chain of likenesses is no group. Returns each group's
    classes in order, two at least; no class is in two groups, most in none.
    """
    images = matrix.diagonal()[:, None] + matrix
    shares = divide(matrix, images)
    rate = np.nan_to_num((shares + shares.T) / 2)
    np.fill_diagonal(rate, 0)
    # The mean of two shares varies like one share of so many images.
    n = np.nan_to_num(4 / (divide(1, images) + divide(1, images.T))).round()
    confused = np.nan_to_num(wilson((rate * n).round(), n)[0]) >= THRESHOLD
    confused &= matrix + matrix.T >= SUPPORT
    groups = [(i,) for i in np.flatnonzero(confused.any(axis=0)).tolist()]
    while True:
        rated = [
            (float(rate[np.ix_(one, other)].mean()), i, j)
            for i, one in enumerate(groups)
            for j, other in enumerate(groups[:i])
            if confused[np.ix_(one, other)].any()
        ]
        best, *joined = max(rated, default=(0.0, 0, 0))
        if best < THRESHOLD:
            return sorted(group for group in groups if len(group) > 1)
        merged = tuple(sorted(groups[joined[0]] + groups[joined[1]]))
        groups = [group for i, group in enumerate(groups) if i not in joined] + [merged]


def score_groups(
    labels: np.ndarray,
    predicted: np.ndarray,
    characters: Sequence[str],
    groups: Iterable[Sequence[int]],
) -> pd.DataFrame:
    """How well each group is told from all other classes, and its characters from one another.

    Returns a row a group (its characters with blanks between), then `all groups`: group, n; across,
    the share predicted as any character of the group; n_within, the images that are, and within,
    the share of these predicted as the very character; the shares with Wilson's interval low and
    high, across_low …; NaN where of nothing.
    """
    counts = confusion(labels, predicted, len(characters))
    parts = {" ".join(characters[i] for i in group): list(group) for group in groups}
    parts["all groups"] = [i for group in groups for i in group]
    together = np.eye(len(characters), dtype=bool)  # whether two classes are of one group
    for group in groups:
        together[np.ix_(group, group)] = True
    inside = (counts * together).sum(axis=1)
    rows = np.stack([counts.sum(axis=1), inside, counts.diagonal()])
    n, across, within = np.array([rows[:, part].sum(axis=1) for part in parts.values()]).T
    frame = pd.DataFrame({"group": list(parts), "n": n, "across": divide(across, n)})
    frame["across_low"], frame["across_high"] = wilson(across, n)
    frame["n_within"], frame["within"] = across, divide(within, across)
    frame["within_low"], frame["within_high"] = wilson(within, across)
    return frame


def warnings(labels: np.ndarray, predicted: np.ndarray, characters: Sequence[str]) -> list[str]:
    """What is wrong with whole classes: two that look swapped, those that are hardly recognized.

    Two classes look swapped where surely more than half of either is predicted as the other.
    """
    matrix = confusion(labels, predicted, len(characters))
    n, right = matrix.sum(axis=1), matrix.diagonal()
    surely = np.nan_to_num(wilson(matrix, n[:, None])[0]) > 0.5
    swapped = np.argwhere(np.triu(surely & surely.T & (np.minimum(matrix, matrix.T) >= FEW), 1))
    texts = [
        f"“{characters[i]}” and “{characters[j]}” look swapped: {matrix[i, j]:,} of {n[i]:,} are "
        f"predicted as the other, and {matrix[j, i]:,} of {n[j]:,}. Check the order of the model's "
        "labels, and the labels of the data."
        for i, j in swapped.tolist()
    ]
    asked, recall = n >= FEW, divide(right, n)
    usual = float(np.median(recall[asked])) if asked.any() else 0.0
    far = (matrix.sum(axis=0) == 0) | (np.nan_to_num(wilson(right, n)[1], nan=1) < FAR * usual)
    far = np.setdiff1d(np.flatnonzero(far & asked), swapped)
    if len(far):
        worst = sorted(far, key=lambda i: recall[i])[:5]
        named = [f"“{characters[i]}” ({right[i]:,} of {n[i]:,})" for i in worst]
        texts.append(
            f"{len(far)} of {asked.sum()} classes are never predicted, or have a recall far below "
            f"the median of {percent(usual)}: {', '.join(named)}{' …' * (len(far) > 5)}. Look at "
            "their images, and at their share of the training."
        )
    return texts


def swapped_labels(
    given: np.ndarray, suggested: np.ndarray, counts: np.ndarray, characters: Sequence[str]
) -> list[str]:
    """A warning where suspected label errors lie mostly between two classes, both ways.

    `given` and `suggested` are class indices, (k,); `counts` the labels of each class looked at.
    """
    matrix = confusion(given, suggested, len(characters)) if len(given) else np.zeros((1, 1), int)
    both = np.triu(np.where(np.minimum(matrix, matrix.T) >= FEW, matrix + matrix.T, 0), 1)
    i, j = np.unravel_index(both.argmax(), both.shape)
    if both[i, j] < max(1, OF_SUSPECTS * len(given), OF_LABELS * (counts[i] + counts[j])):
        return []
    return [
        f"{both[i, j]:,} of {len(given):,} suspected label errors lie between “{characters[i]}” "
        f"and “{characters[j]}”, {matrix[i, j]:,} one way and {matrix[j, i]:,} the other. Check "
        "whether these labels were swapped."
    ]

"""An order of the classes in which those that are confused lie side by side."""

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.counts import divide, matrix_of

# Two groups of classes belong to one block where on the average so large a share of the one is read
# as the other, and the other way round. On EMNIST's 47 classes 0.2 % leaves blocks of two to six
# characters; half as much makes fewer and longer ones, twice as much mostly couples.
SHARE = 0.002


def blocks(matrix: ArrayLike, share: float = SHARE) -> list[tuple[int, ...]]:
    """The classes in blocks that a network confuses, so that the confusions lie near the diagonal.

    Two classes are the nearer the larger the share of either that is read as the other: their
    distance is 1 - sqrt((p + q) / 2), p and q being these shares of their rows. The classes are
    clustered by average linkage. Within a block they are in the order of the leaves in which
    neighbours lie nearest to each other: Z. Bar-Joseph, D. K. Gifford and T. S. Jaakkola (2001),
    Fast optimal leaf ordering for hierarchical clustering, Bioinformatics 17, S22-S29, as SciPy
    computes it.

    The leaves of the whole tree would turn about with every new matrix. So only classes that
    are confused share a block, the lower of a block's two ends comes first, and the blocks are in
    the order of their lowest class: what is never confused stays in its place.

    Args:
        matrix: Counts, shape (classes, classes), row the true class.
        share: From 0 to 1; where less than this is confused a new block begins.

    Returns:
        Every class once, blocks of one class among them.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    if not 0 < share <= 1:
        raise DataError(f"share must be above 0 and at most 1. Received: {share}.")
    counts = matrix_of(matrix, range(len(np.asarray(matrix))))
    if len(counts) == 1:
        return [(0,)]
    shares = np.nan_to_num(divide(counts, counts.sum(axis=1, keepdims=True)))
    distance = 1 - np.sqrt((shares + shares.T) / 2)
    np.fill_diagonal(distance, 0)
    tree = hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    cluster = hierarchy.fcluster(tree, 1 - np.sqrt(share), "distance")
    found: dict[int, list[int]] = {}
    for leaf in hierarchy.leaves_list(tree).tolist():
        found.setdefault(int(cluster[leaf]), []).append(leaf)
    turned = (each if each[0] < each[-1] else each[::-1] for each in found.values())
    return sorted(map(tuple, turned), key=min)


def classes(matrix: ArrayLike, share: float = SHARE) -> np.ndarray:
    """The classes in the order of `blocks`, int64 (classes,): `matrix[np.ix_(order, order)]`."""
    return np.array([each for block in blocks(matrix, share) for each in block], dtype=np.int64)

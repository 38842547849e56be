"""Lays pictures out on a plane, so that those that look alike lie together."""

import numpy as np

from hcr.errors import DataError, ParameterError

PERPLEXITY = 30
STEPS = 600
# Fewer pictures make no map.
FEWEST = 8


def draw_evenly(labels: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Draw about as many pictures of each class, so that rare ones are seen too.

    Args:
        labels: Class indices, int (m,).
        n: How many in all; a class with fewer than its part gives all, and the others more.
        seed: Of the draw.

    Returns:
        `n` indices, or as many as there are, sorted, int64.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.bincount(labels)
    # The first of each class, then the second of each, and so on.
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[np.argsort(rank, kind="stable")[:n]])


def lay_out(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Place pictures on a plane by t-SNE (van der Maaten and Hinton 2008, JMLR 9).

    Neighbours on the plane are neighbours in the features; how far apart two groups lie, and how
    large one is, means nothing. It starts from the first two principal components, so that the
    rough order of the groups is theirs. Takes about 5 s for 2,000 pictures.

    Args:
        features: Principal components, float (n, d), n at least 8, as `features` gives
            them.
        seed: Of the embedding.

    Returns:
        float32 (n, 2), x right and y down, each from 0 to 1.

    Raises:
        DataError: There are fewer than 8 pictures.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    found = np.asarray(features, np.float32)
    if found.ndim != 2 or len(found) < FEWEST:
        raise DataError(
            f"A map needs the features of at least {FEWEST} pictures, of shape (n, d). "
            f"Received: {found.shape}."
        )
    perplexity = min(PERPLEXITY, (len(found) - 1) / 3)
    # Pictures that are all alike have no principal component to start from.
    start = "pca" if found.shape[1] >= 2 and np.ptp(found, axis=0).max() > 0 else "random"
    tsne = TSNE(perplexity=perplexity, init=start, max_iter=STEPS, random_state=seed)
    # On one thread it gives the same map however many cores there are, and does not crawl where
    # they are busy.
    with threadpool_limits(1):
        embedding = tsne.fit_transform(found)
    low, high = embedding.min(axis=0), embedding.max(axis=0)
    return ((embedding - low) / np.maximum(high - low, 1e-9)).astype(np.float32)


def regions(places: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Divide the plane into regions by k-means.

    Args:
        places: As `lay_out` gives them, (m, 2).
        n: How many regions; as many as there are pictures at most.
        seed: Of k-means.

    Returns:
        The region of each picture, int64 (m,), numbered from the upper left, line by line.

    Raises:
        ParameterError: `n` is less than 1.
    """
    from sklearn.cluster import KMeans

    if n < 1:
        raise ParameterError(f"There must be at least 1 region. Received: {n}.")
    n = min(n, len(np.unique(places, axis=0)))
    found = KMeans(n, n_init=2, random_state=seed).fit(places)
    x, y = found.cluster_centers_.T
    lines = np.floor(y * np.sqrt(n)).clip(0)
    rank = np.empty(n, np.int64)
    rank[np.lexsort((x, lines))] = np.arange(n)
    return rank[found.labels_]

"""Pictures become a few dozen numbers each, in which distances are cheap and mean something."""

from collections.abc import Callable

import numpy as np

from hcr.errors import DataError, ParameterError, nearest
from hcr.preprocessing import check_images

# Pictures at a time: what is computed of them stays below 100 MB.
CHUNK = 4096
# The principal axes are found on at most this many pictures.
SAMPLE = 20_000
BLUR = 1.0  # px: with it, lines that lie a pixel apart are near each other
BINS, CELL = 8, 4  # directions, and the side in pixels of the square that they are summed over


def features(
    images: np.ndarray, n: int = 50, seed: int = 0, sample: int = SAMPLE, of: str = "pixels"
) -> np.ndarray:
    """The first principal components of pictures.

    Args:
        images: uint8 (m, 28, 28); may be a memory map, of which a chunk is read at a time.
        n: How many components; fewer where there are fewer pictures than that.
        seed: Of the draw of the sample that the axes are found on.
        sample: The size of that sample.
        of: `"pixels"`, blurred with sigma = 1, or `"directions"`: how strong the edges of each
            of 8 directions are in each of 7 x 7 squares (after Dalal and Triggs 2005, Histograms
            of oriented gradients for human detection, CVPR, without their normalisation). Edges
            tell characters apart better; blurred pixels are nearer to what one sees.

    Returns:
        float32 (m, n), each component centred; all of one scale, so distances are those of the
        pictures.

    Raises:
        DataError: The pictures break the contract, or there is none.
        ParameterError: `n`, `sample` or `of` can't be.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    check_images(images)
    if of not in KINDS:
        raise ParameterError(
            f"of must be one of {', '.join(KINDS)}. Received: {of!r}." + nearest(of, KINDS)
        )
    if n < 1 or sample < 1:
        raise ParameterError(f"n and sample must be at least 1. Received: {n} and {sample}.")
    if not len(images):
        raise DataError("Features need at least one picture. Received: none.")
    kind = KINDS[of]
    chosen = draw(len(images), sample, seed)
    basis = np.concatenate([kind(images[part]) for part in _parts(chosen)])
    whole = len(chosen) == len(images)
    n = min(n, len(basis), basis.shape[1])
    result = np.empty((len(images), n), np.float32)
    # One thread: for matrices of this size more only wait for each other on a busy machine. Where
    # all pictures are equal, shares of a variance of 0 are computed, and not used.
    with threadpool_limits(1), np.errstate(invalid="ignore"):
        axes = PCA(n, svd_solver="covariance_eigh").fit(basis)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            result[part] = axes.transform(basis[part] if whole else kind(images[part]))
    return result


def draw(n: int, sample: int | None, seed: int) -> np.ndarray:
    """The indices, in order, of `sample` of `n` pictures drawn at random, or of all of them."""
    if sample is None or sample >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, sample, replace=False))


def _parts(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[start : start + CHUNK] for start in range(0, len(indices), CHUNK)]


def _pixels(images: np.ndarray) -> np.ndarray:
    """Blurred pixels in [0, 1], float32 (m, 784)."""
    from scipy.ndimage import gaussian_filter

    scaled = images.astype(np.float32) / 255
    return gaussian_filter(scaled, (0, BLUR, BLUR)).reshape(len(images), -1)


def _directions(images: np.ndarray) -> np.ndarray:
    """The strength of edges by direction and place, float32 (m, 8 * 7 * 7)."""
    down, right = _slopes(images)
    count, side = len(images), images.shape[1]
    cells = side // CELL
    # Sums over the squares' columns as a product of matrices, which is the quickest way.
    pool = np.repeat(np.eye(cells, dtype=np.float32), CELL, axis=0)
    found = np.empty((count, BINS, cells, cells), np.float32)
    for place in range(BINS // 2):
        angle = 2 * np.pi * place / BINS
        along = np.float32(np.cos(angle)) * right + np.float32(np.sin(angle)) * down
        # An edge that falls in one direction rises in the opposite one.
        for bound, at in ((np.maximum, place), (np.minimum, place + BINS // 2)):
            part = bound(along, 0)
            part *= part
            rows = (part.reshape(-1, side) @ pool).reshape(count, cells, CELL, cells)
            found[:, at] = rows.sum(axis=2)
    return np.sqrt(found, out=found).reshape(count, -1)


def _slopes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How brightness grows downward and to the right, after a blur with the weights 1, 2, 1."""
    wide = np.pad(images.astype(np.float32) / (16 * 255), ((0, 0), (1, 1), (1, 1)))
    tall = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    blurred = tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]
    down, right = np.zeros_like(blurred), np.zeros_like(blurred)
    down[:, 1:-1] = blurred[:, 2:] - blurred[:, :-2]
    right[:, :, 1:-1] = blurred[:, :, 2:] - blurred[:, :, :-2]
    return down, right


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "pixels": _pixels,
    "directions": _directions,
}

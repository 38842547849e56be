"""Suspects in a dataset: nearest neighbors, likely label errors, the wrong orientation.

Nothing here is for a test split. scikit-learn and cleanlab are imported where they are used: that
takes seconds.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pandas as pd
from scipy import ndimage, special
from threadpoolctl import threadpool_limits

from hcr.errors import ParameterError
from hcr.preprocessing import from_strokes, synthesis
from hcr.preprocessing.images import BORDER
from hcr.preprocessing.ink import measure_framing
from hcr.runs import environment

SAMPLE = 20_000  # images that principal components are computed from
CHUNK = 4096  # images at a time: what is computed of them stays below 100 MB
BLUR = 1.0  # px: with it, lines that are a pixel apart are near each other
BINS, CELL = 8, 4  # directions, and the side in pixels of the square that they are summed over
# The classifier behind the suspects: on a fifth of emnist-subset 88.9 % in 5 s; 15 neighbors
# on pixels 84.0 % in 7 s, a layer of 512 89.1 % in 9 s. Of few images more epochs are taken.
COMPONENTS, HIDDEN, BATCH, EPOCHS, MIN_STEPS = 150, 256, 256, 8, 400


def sample_indices(n: int, sample: int | None, seed: int) -> np.ndarray:
    """The indices, in order, of `sample` of `n` images drawn at random, or of all of them."""
    if sample is None or sample >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, sample, replace=False))


def image_features(
    images: np.ndarray, n: int = 50, seed: int = 0, of: str = "pixels"
) -> np.ndarray:
    """The first principal components of images: float32 (m, n), centered, all of one scale.

    There are fewer where there are fewer `images`, uint8 (m, 28, 28), at least one. The axes are
    computed from `SAMPLE` of them, drawn by `seed`: `of` `"pixels"`, blurred, or of the
    `"directions"` of edges, which tell characters apart better.
    """
    from sklearn.decomposition import PCA

    kind = {"pixels": _pixels, "directions": edge_directions}[of]
    chosen = sample_indices(len(images), SAMPLE, seed)
    parts = [slice(i, i + CHUNK) for i in range(0, len(images), CHUNK)]
    some = [chosen[part] for part in parts[: -(-len(chosen) // CHUNK)]]
    basis = np.concatenate([kind(images[part]) for part in some])
    # One thread: for matrices of this size more only wait for each other on a busy machine. Where
    # all images are equal, shares of a variance of 0 are computed, and not used.
    with threadpool_limits(1), np.errstate(invalid="ignore"):
        axes = PCA(min(n, *basis.shape), svd_solver="covariance_eigh").fit(basis)
        rows = [axes.transform(kind(images[part])) for part in parts]
    return np.concatenate(rows).astype(np.float32)


def _pixels(images: np.ndarray) -> np.ndarray:
    """Blurred pixels in [0, 1], float32 (m, 784)."""
    scaled = images.astype(np.float32) / 255
    return ndimage.gaussian_filter(scaled, (0, BLUR, BLUR)).reshape(len(images), -1)


def edge_directions(images: np.ndarray) -> np.ndarray:
    """How strong the edges of 8 directions are in each of 7 x 7 squares, float32 (m, 392).

    After Dalal and Triggs (2005), Histograms of oriented gradients, CVPR, without normalization.
    """
    # The slopes downward and to the right after a blur with the weights 1, 2, 1.
    wide = np.pad(images.astype(np.float32) / (16 * 255), ((0, 0), (1, 1), (1, 1)))
    tall = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    blurred = tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]
    down, right = np.zeros_like(blurred), np.zeros_like(blurred)
    down[:, 1:-1] = blurred[:, 2:] - blurred[:, :-2]
    right[:, :, 1:-1] = blurred[:, :, 2:] - blurred[:, :, :-2]
    count, side = len(images), images.shape[1]
    cells = side // CELL
    # Sums over the squares' columns as a product of matrices, which is the fastest way.
    pool = np.repeat(np.eye(cells, dtype=np.float32), CELL, axis=0)
    strength = np.empty((count, BINS, cells, cells), np.float32)
    for i in range(BINS // 2):
        angle = 2 * np.pi * i / BINS
        along = np.float32(np.cos(angle)) * right + np.float32(np.sin(angle)) * down
        # An edge that falls in one direction rises in the opposite one.
        for bound, direction in ((np.maximum, i), (np.minimum, i + BINS // 2)):
            part = bound(along, 0) ** 2
            rows = (part.reshape(-1, side) @ pool).reshape(count, cells, CELL, cells)
            strength[:, direction] = rows.sum(axis=2)
    return np.sqrt(strength, out=strength).reshape(count, -1)


def nearest_neighbors(features: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """A row an image: its class, its nearest neighbor (an index), that one's class, the distance.

    Columns label, neighbor, other, distance. Time grows with the square of n: 20,000 take a second.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(features)
    distance, index = search.kneighbors(features)
    # Of an image that occurs twice the first may be the other one.
    rows = np.arange(len(features))
    at = rows, (index[:, 0] == rows).astype(int)
    frame = pd.DataFrame({"label": labels, "neighbor": index[at], "other": labels[index[at]]})
    return frame.assign(distance=distance[at])


def neighbor_pairs(neighbors: pd.DataFrame, characters: Sequence[str]) -> tuple[pd.DataFrame, list]:
    """A row for each two classes that `nearest_neighbors` confuses, the largest count first.

    Columns character, other, count (images whose neighbor is of the other), n (of both), share. And
    for each row the indices of four images, at most, and their neighbors, the nearest first.
    """
    sizes = np.bincount(neighbors["label"], minlength=len(characters))
    wrong = neighbors[neighbors["label"] != neighbors["other"]]
    wrong = wrong.sort_values("distance", kind="stable")
    ends = [wrong[["label", "other"]].min(axis=1), wrong[["label", "other"]].max(axis=1)]
    rows, shown = [], []
    for (low, high), group in sorted(wrong.groupby(ends), key=lambda group: -len(group[1])):
        n = int(sizes[low] + sizes[high])
        rows.append((characters[low], characters[high], len(group), n, len(group) / n))
        couples = group["neighbor"].reset_index().to_numpy()
        # Two that are each other's neighbor would be shown twice.
        _, once = np.unique(np.sort(couples, axis=1), axis=0, return_index=True)
        shown.append(couples[np.sort(once)[:4]])
    return pd.DataFrame(rows, columns=["character", "other", "count", "n", "share"]), shown


def suspected_labels(
    images: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    folds: int = 5,
    seed: int = 0,
    sample: int | None = None,
) -> pd.DataFrame:
    """The images whose labels a classifier that has not seen them contradicts, the worst first.

    A small network is fitted to the other folds, and cleanlab ranks the labels by its probabilities
    (Northcutt, Jiang and Chuang 2021, JAIR 70). Blank images are left out. Columns index, given,
    suggested (classes), score (the normalized margin; 0 is worst), issue (whether cleanlab counts
    it among the errors); in `attrs` n and accuracy. Raises `ParameterError` for too few images.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    chosen = sample_indices(len(images), sample, seed)
    chosen = chosen[images[chosen].any(axis=(1, 2))]
    if n_classes < 2 or not 2 <= folds <= len(chosen):
        rule = "Suspected labels need 2 classes, and from 2 folds to one for each image with ink"
        raise ParameterError(f"{rule}. Received: {n_classes}, {folds} and {len(chosen):,}.")
    given = labels[chosen].astype(np.int64)
    features = image_features(images[chosen], COMPONENTS, seed, of="directions")
    probabilities = _held_out(features, given, n_classes, folds, seed)
    suggested = probabilities.argmax(axis=1)
    frame = pd.DataFrame({"index": chosen, "given": given, "suggested": suggested})
    frame["score"] = get_label_quality_scores(given, probabilities, method="normalized_margin")
    with warnings.catch_warnings():
        # A class of an image or two can hold no suspect; that is no news.
        warnings.filterwarnings("ignore", "May not flag all label issues", UserWarning)
        frame["issue"] = find_label_issues(given, probabilities, n_jobs=1)
    frame = frame[suggested != given].sort_values("score", kind="stable", ignore_index=True)
    frame.attrs = {"n": len(given), "accuracy": float((suggested == given).mean())}
    return frame


def _held_out(
    features: np.ndarray, labels: np.ndarray, n_classes: int, folds: int, seed: int
) -> np.ndarray:
    """Each image's probabilities, float64 (n, n_classes), from a network fitted to other folds."""
    from sklearn.neural_network import MLPClassifier

    features = features / (float(features.std()) or 1.0)
    # A class's images are dealt out like cards.
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold_of = np.empty(len(labels), np.int64)
    fold_of[order] = np.arange(len(labels)) % folds
    result = np.empty((len(labels), n_classes))

    def fit(fold: int) -> None:
        held = fold_of == fold
        known, values = features[~held], labels[~held]
        batch = min(BATCH, max(32, len(known) // 32), len(known))
        # A generator, not a number: each epoch is then in another order.
        state = np.random.RandomState(seed)
        network = MLPClassifier((HIDDEN,), batch_size=batch, random_state=state)
        for _ in range(max(EPOCHS, -(-MIN_STEPS * batch // len(known)))):
            network.partial_fit(known, values, classes=np.arange(n_classes))
        result[held] = network.predict_proba(features[held])

    # One thread a fold: on matrices this small, threads that share one wait for each other.
    with threadpool_limits(1), ThreadPoolExecutor(min(folds, environment.cores())) as pool:
        list(pool.map(fit, range(folds)))
    return result / result.sum(axis=1, keepdims=True)


# What was done to upright images -> what undoes it.
ORIENTATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "upright": lambda x: x,
    "transposed": lambda x: x.swapaxes(1, 2),
    "mirrored": lambda x: x[:, :, ::-1],
    "upside down": lambda x: x[:, ::-1],
    "turned by 180 degrees": lambda x: x[:, ::-1, ::-1],
    "turned to the left": lambda x: np.rot90(x, -1, axes=(1, 2)),
    "turned to the right": lambda x: np.rot90(x, 1, axes=(1, 2)),
    "transposed along the other diagonal": lambda x: x[:, ::-1, ::-1].swapaxes(1, 2),
}
LOOKED_AT, DRAWINGS = 20, 12  # images and drawings of a character, at most
BRIGHT = 128  # an image whose border's median is at least this is inverted
SURE = 0.95  # one-sided, Student's t over the characters
SLACK = 0.01  # of a score: what drawings and people's writing differ by in any case


def check_framing(images: np.ndarray, labels: np.ndarray, characters: Sequence[str]) -> list[str]:
    """A warning where some classes are centered by box and others by mass, as two datasets are."""
    found = {"box": "", "mass": ""}
    for label, character in enumerate(characters):
        some = images[np.flatnonzero(labels == label)[:LOOKED_AT]]
        if len(some) >= 10:
            found[measure_framing(some).centering] += character
    if min(map(len, found.values())) < 3:
        return []
    return [
        f"{found['mass']} are framed otherwise than {found['box']}: place and size tell them "
        "apart, and no picture fits both. Give all of them one framing, with framing=emnist."
    ]


def check_orientation(
    images: np.ndarray, labels: np.ndarray, characters: Sequence[str]
) -> list[str]:
    """Warnings where images look inverted, transposed, turned or mirrored, with the remedy.

    Some of each character, turned in the eight ways of a square, are compared with synthetic
    drawings of it: a way's score is the mean correlation with the most alike one.
    """
    generator = np.random.default_rng(0)
    parts = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    chosen = np.sort(np.concatenate([generator.permutation(p)[:LOOKED_AT] for p in parts]))
    sample, labels = np.array(images[chosen]), labels[chosen]
    bright = np.median(sample[:, BORDER], axis=1) >= BRIGHT
    sample[bright] = 255 - sample[bright]
    rows = []
    for label in np.unique(labels):
        drawings = _drawings(characters[label])
        if drawings is not None:
            undone = [undo(sample[labels == label]) for undo in ORIENTATIONS.values()]
            rows.append([(_normed(x) @ drawings.T).max(axis=1).mean() for x in undone])
    table = pd.DataFrame(rows, columns=list(ORIENTATIONS), dtype=float)
    scores = table.mean().fillna(0.0)
    first, second = scores.sort_values(ascending=False, kind="stable").index[:2]
    lead, n = table[first] - table[second], len(table)
    sure = n > 1 and lead.mean() > special.stdtrit(n - 1, SURE) * np.sqrt(lead.var() / n + SLACK**2)
    texts = []
    if bright.mean() > 0.01:
        texts.append(
            f"{bright.mean():.0%} of the images look inverted: they have a bright border, as ink "
            "on light paper has. For data of your own change `inverted` in `orientation`."
        )
    if sure and first != "upright":
        remedy = "change `transposed` in `orientation`" if first == "transposed" else "turn them"
        texts.append(
            f"The images look {first}: mean correlation with drawn characters {scores[first]:.2f} "
            f"when undone, {scores['upright']:.2f} as they are. For data of your own {remedy}."
        )
    return texts


@cache
def _drawings(character: str) -> np.ndarray | None:
    """Synthetic drawings of `character`, normed; None where it can't be drawn."""
    try:
        drawn = [synthesis.character(character, seed, form=None) for seed in range(DRAWINGS)]
    except ParameterError:
        return None
    return _normed(np.array([from_strokes(strokes) for strokes in drawn]))


def _normed(images: np.ndarray) -> np.ndarray:
    """Float32 (n, 784), each of mean 0 and length 1, so that products are correlations."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)

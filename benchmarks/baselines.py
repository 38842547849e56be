"""Baselines of scikit-learn, without a network, with one fixed setting each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from hcr.evaluation import edge_directions

BASELINES = {
    "logreg": lambda seed: LogisticRegression(C=0.1, max_iter=200, tol=1e-3, random_state=seed),
    "knn": lambda seed: KNeighborsClassifier(5, algorithm="brute"),
    "hog_svm": lambda seed: LinearSVC(C=1.0, tol=1e-3, random_state=seed),
}
CHUNK = 4096  # images at a time: their features stay below 50 MB
CELL, BINS = 4, 8  # of the histograms, pixels and directions
CLIP = 0.2  # of a normalized histogram; Dalal and Triggs 2005, section 6.4


@dataclass(frozen=True)
class Baseline:
    """A fitted key of `BASELINES`."""

    name: str
    fitted: Any

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The class, int64 (n,), of each image, uint8 (n, 28, 28)."""
        parts = [self.fitted.predict(features) for features in _features(self.name, images)]
        return np.concatenate(parts).astype(np.int64)


def fit(name: str, images: np.ndarray, labels: np.ndarray, seed: int = 0) -> Baseline:
    """Fit a key of `BASELINES` to images, uint8 (n, 28, 28), and labels of two classes or more."""
    # One thread: on a busy machine more of them wait for each other, up to 20 times as long.
    with threadpool_limits(1):
        inputs = np.concatenate(list(_features(name, images)))
        return Baseline(name, BASELINES[name](seed).fit(inputs, labels))


def hog(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients, float32 (n, 1152), of uint8 (n, 28, 28).

    8 signed directions in cells of 4x4 pixels, normalized in overlapping blocks of 2x2 cells
    ("L2-Hys" of Dalal and Triggs 2005, Histograms of oriented gradients for human detection, CVPR).
    """
    side = images.shape[1] // CELL
    cells = edge_directions(images).reshape(len(images), BINS, side, side)
    last = side - 1
    corners = [cells[:, :, y : y + last, x : x + last] for y in (0, 1) for x in (0, 1)]
    blocks = np.concatenate(corners, axis=1)
    for bound in (CLIP, np.inf):
        blocks = blocks / np.sqrt((blocks**2).sum(axis=1, keepdims=True) + 1e-6)
        blocks = np.minimum(blocks, np.float32(bound))
    return blocks.reshape(len(images), -1)


def _features(name: str, images: np.ndarray) -> Iterator[np.ndarray]:
    """What the baseline sees, float32 (k, features) a chunk."""
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        flat = chunk.reshape(len(chunk), -1).astype(np.float32) / 255
        yield hog(chunk) if name == "hog_svm" else flat

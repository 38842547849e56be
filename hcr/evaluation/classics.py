"""Classifiers of scikit-learn, without a network: the floor that a network must rise above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hcr.errors import DataError, ParameterError, nearest
from hcr.evaluation.features import BINS, CELL, KINDS
from hcr.preprocessing import check_images

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

CLASSICS = {
    "logreg": "logistic regression on the pixels",
    "knn": "a vote of the 5 pictures that are nearest, pixel by pixel",
    "hog_svm": "a linear support-vector machine on histograms of oriented gradients",
}

# Pictures at a time: what is computed of them stays below 50 MB.
CHUNK = 4096
CLIP = 0.2  # of a normalised histogram; Dalal and Triggs 2005, section 6.4


@dataclass(frozen=True)
class Classic:
    """A fitted classifier.

    Attributes:
        name: A key of `CLASSICS`.
        fitted: scikit-learn's own.
    """

    name: str
    fitted: ClassifierMixin

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The class, int64 (n,), of each picture, uint8 (n, 28, 28)."""
        check_images(images)
        if not len(images):
            return np.zeros(0, np.int64)
        parts = [
            self.fitted.predict(_inputs(self.name, images[start : start + CHUNK]))
            for start in range(0, len(images), CHUNK)
        ]
        return np.concatenate(parts).astype(np.int64)


def fit(name: str, images: np.ndarray, labels: np.ndarray, seed: int = 0) -> Classic:
    """Fit the classifier `name`, with one fixed setting; nothing is tuned.

    Args:
        name: A key of `CLASSICS`.
        images: uint8 (n, 28, 28).
        labels: int (n,), of at least two classes.
        seed: Of what the solvers draw.

    Raises:
        ParameterError: There is no such classifier.
        DataError: The pictures break the contract, or there is one class only.
    """
    if name not in CLASSICS:
        raise ParameterError(f"There is no classifier {name!r}.{nearest(name, CLASSICS)}")
    check_images(images)
    labels = np.asarray(labels)
    if len(labels) != len(images) or len(np.unique(labels)) < 2:
        raise DataError(
            "A classifier needs pictures of at least two classes, with a label each. Received: "
            f"{len(images)} pictures, {len(labels)} labels of {len(np.unique(labels))} classes."
        )
    from threadpoolctl import threadpool_limits

    model = _MODELS[name](seed)
    parts = [_inputs(name, images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
    # One thread: on a busy machine more of them wait for each other, up to 20 times as long.
    with threadpool_limits(1):
        return Classic(name, model.fit(np.concatenate(parts), labels))


def hog(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients, float32 (n, 1152), of uint8 (n, 28, 28).

    8 signed directions in cells of 4x4 pixels, normalised in overlapping blocks of 2x2 cells
    ("L2-Hys" of Dalal and Triggs 2005, Histograms of oriented gradients for human detection, CVPR).
    """
    side = images.shape[1] // CELL
    found = KINDS["directions"](images).reshape(len(images), BINS, side, side)
    last = side - 1
    corners = [found[:, :, y : y + last, x : x + last] for y in (0, 1) for x in (0, 1)]
    blocks = np.concatenate(corners, axis=1)
    for bound in (CLIP, np.inf):
        blocks = blocks / np.sqrt((blocks**2).sum(axis=1, keepdims=True) + 1e-6)
        blocks = np.minimum(blocks, np.float32(bound))
    return blocks.reshape(len(images), -1)


def _inputs(name: str, images: np.ndarray) -> np.ndarray:
    """What the classifier sees: float32 (n, numbers a picture)."""
    if name == "hog_svm":
        return hog(images)
    return images.reshape(len(images), -1).astype(np.float32) / 255


# scikit-learn takes a second to load, which only those wait for who fit.
def _logreg(seed: int) -> ClassifierMixin:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.1, max_iter=200, tol=1e-3, random_state=seed)


def _knn(seed: int) -> ClassifierMixin:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(5, algorithm="brute")


def _hog_svm(seed: int) -> ClassifierMixin:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=1.0, tol=1e-3, random_state=seed)


_MODELS: dict[str, Callable[[int], ClassifierMixin]] = {
    "logreg": _logreg,
    "knn": _knn,
    "hog_svm": _hog_svm,
}

"""Baselines: what scikit-learn's classifiers reach on a dataset's validation split.

    HCR_DATA=FOLDER uv run benchmarks/baselines.py [DATASET] [N]

DATASET is a key of hcr.datasets.DATASETS, by default emnist-subset. They are fitted to N images of
the training split, each class by its share, by default 20,000: with all of them `hog_svm` takes
many minutes, and `knn` compares each answer with all. The test split is not opened, so these are
no figures to put beside those of a test; they say what a network's validation accuracy must beat.

Measured on emnist-subset with 20,000 of its 127,330 training images, on two cores of a virtual
machine (AMD EPYC, no AMX) that other programs used as well; validation split, n = 14,145, 1 seed,
with 95 % intervals:

    logreg   73.3 % (72.5 to 74.0), class-balanced 59.1 % (58.0 to 60.2); fit 11 s, predict 0.1 s
    knn      76.8 % (76.1 to 77.5), class-balanced 60.8 % (59.8 to 61.6); fit 0.1 s, predict 20 s
    hog_svm  84.5 % (83.9 to 85.1), class-balanced 76.9 % (76.0 to 78.0); fit 113 s, predict 1.5 s
"""

import sys
import time
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from hcr import datasets, evaluation
from hcr.datasets.split import stratified_sample
from hcr.runs import environment

N, SEED = 20_000, 0
BASELINES = {
    "logreg": lambda seed: LogisticRegression(C=0.1, max_iter=200, tol=1e-3, random_state=seed),
    "knn": lambda seed: KNeighborsClassifier(5, algorithm="brute"),
    "hog_svm": lambda seed: LinearSVC(C=1.0, tol=1e-3, random_state=seed),
}
CHUNK = 4096  # images at a time: their features stay below 50 MB
CELL, BINS = 4, 8  # of the histograms, pixels and directions
CLIP = 0.2  # of a normalized histogram; Dalal and Triggs 2005, section 6.4


def hog(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients, float32 (n, 1152), of uint8 (n, 28, 28).

    8 signed directions in cells of 4x4 pixels, normalized in overlapping blocks of 2x2 cells
    ("L2-Hys" of Dalal and Triggs 2005, Histograms of oriented gradients for human detection, CVPR).
    """
    side = images.shape[1] // CELL
    cells = evaluation.edge_directions(images).reshape(len(images), BINS, side, side)
    last = side - 1
    corners = [cells[:, :, y : y + last, x : x + last] for y in (0, 1) for x in (0, 1)]
    blocks = np.concatenate(corners, axis=1)
    for bound in (CLIP, np.inf):
        blocks = blocks / np.sqrt((blocks**2).sum(axis=1, keepdims=True) + 1e-6)
        blocks = np.minimum(blocks, np.float32(bound))
    return blocks.reshape(len(images), -1)


def features(name: str, images: np.ndarray) -> Iterator[np.ndarray]:
    """What the baseline sees, float32 (k, features) a chunk."""
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        flat = chunk.reshape(len(chunk), -1).astype(np.float32) / 255
        yield hog(chunk) if name == "hog_svm" else flat


def main(dataset: str, n: int) -> None:
    """Fit each baseline and print a line."""
    data = datasets.load(dataset, seed=SEED)
    validation = data.validation
    chosen = stratified_sample(
        data.train.labels, min(n, len(data.train)), SEED, len(data.characters)
    )
    train, hardware = data.train.take(chosen), environment.facts()["hardware"]
    caveat = f" ({data.info.caveat})" if data.info.caveat else ""
    print(
        f"{dataset}{caveat}: fitted on {len(train):,} of {len(data.train):,} training images, "
        f"validated on {len(validation):,}; 1 seed; "
        f"{hardware['processor']}, {hardware['cores']} cores"
    )
    for name, create in BASELINES.items():
        started = time.perf_counter()
        # One thread: on a busy machine more of them wait for each other, up to 20 times as long.
        with threadpool_limits(1):
            inputs = np.concatenate(list(features(name, train.images)))
            model = create(SEED).fit(inputs, train.labels)
        fitted = time.perf_counter()
        predicted = [model.predict(each) for each in features(name, validation.images)]
        predicted = np.concatenate(predicted)
        ended = time.perf_counter()
        right = predicted == validation.labels
        accuracy = right.mean(), *evaluation.share_interval(right, SEED)
        balanced = (
            evaluation.balanced_accuracy(validation.labels, predicted),
            *evaluation.balanced_accuracy_interval(validation.labels, predicted, SEED),
        )
        texts = [
            "{:.1f} % ({:.1f} to {:.1f})".format(*(100 * float(each) for each in share))
            for share in (accuracy, balanced)
        ]
        print(
            f"{name:8}  accuracy {texts[0]}, balanced {texts[1]}  "
            f"fit {fitted - started:.1f} s  predict {ended - fitted:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    words = sys.argv[1:]
    if len(words) > 2 or (len(words) == 2 and not words[1].isdecimal()):
        sys.exit("Usage: benchmarks/baselines.py [DATASET] [N]")
    main(words[0] if words else "emnist-subset", int(words[1]) if len(words) == 2 else N)

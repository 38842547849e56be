"""The floor: what scikit-learn's classifiers reach on a data set's validation split.

    HCR_DATA=FOLDER uv run benchmarks/floor.py [DATASET] [N]

DATASET is a key of hcr.datasets.DATASETS, by default emnist-subset. They learn from N pictures of
the training split, each class by its share, by default 20,000: with all of them `hog_svm` takes
many minutes, and `knn` looks at each for every answer. The test split stays closed, so these are
no figures to put beside those of a test; they say what a network's validation accuracy must beat.

Measured on emnist-subset with 20,000 of its 127,330 training pictures, on two cores of a virtual
machine (AMD EPYC, no AMX) that other programs used as well; validation split, n = 14,145, 1 seed,
with 95 % intervals:

    logreg   73.3 % (72.5 to 74.0), class-balanced 59.1 % (58.0 to 60.2); fit 11 s, predict 0.1 s
    knn      76.8 % (76.1 to 77.5), class-balanced 60.8 % (59.8 to 61.6); fit 0.1 s, predict 20 s
    hog_svm  84.5 % (83.9 to 85.1), class-balanced 76.9 % (76.0 to 78.0); fit 113 s, predict 1.5 s
"""

import sys
import time

import numpy as np

from hcr import datasets
from hcr.datasets.split import stratified_sample
from hcr.evaluation import classics, metrics
from hcr.runs import environment

N, SEED = 20_000, 0


def main(dataset: str, n: int) -> None:
    """Fit each classifier and print a line."""
    data = datasets.load(dataset, seed=SEED)
    n_classes, asked = len(data.characters), data.validation
    train = data.train.take(
        stratified_sample(data.train.labels, min(n, len(data.train)), SEED, n_classes)
    )
    hardware = environment.facts()["hardware"]
    caveat = f" ({data.info.caveat})" if data.info.caveat else ""
    print(
        f"{dataset}{caveat}: fitted on {len(train):,} of {len(data.train):,} training pictures, "
        f"asked about the {len(asked):,} of the validation split; 1 seed; "
        f"{hardware['processor']}, {hardware['cores']} cores"
    )
    for name in classics.CLASSICS:
        begun = time.perf_counter()
        model = classics.fit(name, train.images, train.labels, SEED)
        fitted = time.perf_counter()
        predicted = model.predict(asked.images)
        told = time.perf_counter()
        right = int((predicted == asked.labels).sum())
        balanced = metrics.balanced_accuracy(asked.labels, predicted, n_classes)
        print(
            f"{name:8}  accuracy {_share(right / len(asked), metrics.wilson(right, len(asked)))}  "
            "class-balanced "
            + _share(
                balanced, metrics.bootstrap("balanced_accuracy", asked.labels, predicted, SEED)
            )
            + f"  fit {fitted - begun:.1f} s  predict {told - fitted:.1f} s",
            flush=True,
        )


def _share(value: float, interval: tuple[float, float]) -> str:
    low, high = (100 * np.asarray(interval)).tolist()
    return f"{100 * value:.1f} % ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    if len(sys.argv) > 3 or (len(sys.argv) == 3 and not sys.argv[2].isdecimal()):
        sys.exit("Usage: benchmarks/floor.py [DATASET] [N]")
    given = sys.argv[1:]
    main(given[0] if given else "emnist-subset", int(given[1]) if len(given) == 2 else N)

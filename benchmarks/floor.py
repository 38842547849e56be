"""The baselines: what scikit-learn's classifiers reach on a dataset's validation split.

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

import baselines

from hcr import datasets, evaluation
from hcr.datasets.split import stratified_sample
from hcr.runs import environment

N, SEED = 20_000, 0


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
    for name in baselines.BASELINES:
        started = time.perf_counter()
        model = baselines.fit(name, train.images, train.labels, SEED)
        fitted = time.perf_counter()
        predicted = model.predict(validation.images)
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
            f"{name:8}  accuracy {texts[0]}, class-balanced {texts[1]}  "
            f"fit {fitted - started:.1f} s  predict {ended - fitted:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    words = sys.argv[1:]
    if len(words) > 2 or (len(words) == 2 and not words[1].isdecimal()):
        sys.exit("Usage: benchmarks/floor.py [DATASET] [N]")
    main(words[0] if words else "emnist-subset", int(words[1]) if len(words) == 2 else N)

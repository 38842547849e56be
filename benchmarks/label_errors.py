"""What it gives on validation to leave the certain label errors out of the training split.

    HCR_DATA=FOLDER uv run benchmarks/label_errors.py [SEEDS]

The suspects of `emnist-subset`'s training split are found as `01_eda` finds them: each image is
predicted by a classifier that was fitted to others. Certain, as decided before any training: those
that cleanlab counts among the errors, and whose suggestion is more probable than the label by
`CERTAIN` at least. Written to `outputs/label_errors/labels.csv`, they are left out of 40,000
training images, which the seed draws. The network is as small as the audit's: a layer of 256 on the
principal components of the edges' directions, 8 epochs. Validation keeps its labels, and the test
split stays closed. Intervals are for other images and other seeds, as in `06_compare`. Delete that
folder to find the suspects again.

Measured (docs/datasets.md): the accuracy changes by -0.01 points (-0.24 to +0.22).
"""

import sys
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from hcr import evaluation, runs
from hcr.datasets.choice import CORRECTIONS, DataChoice, whole_data, write_corrections
from hcr.datasets.split import Dataset

CERTAIN, LIMIT = 0.9, 40_000


def main(n_seeds: int) -> None:
    """Find them, train with and without them, compare."""
    path = runs.outputs() / "label_errors" / CORRECTIONS
    if not path.is_file():
        data = whole_data(DataChoice("emnist-subset"))
        train, n_classes = data.train, len(data.characters)
        suspects = evaluation.suspected_labels(train.images, train.labels, n_classes)
        # The score is (1 + the label's probability - the suggestion's) / 2.
        certain = suspects[suspects["issue"] & (suspects["score"] <= (1 - CERTAIN) / 2)]
        write_corrections(path, data, dict.fromkeys(certain["index"].tolist(), ""))
        print(f"{suspects['issue'].sum():,} suspected, {len(certain):,} certain of {len(train):,}")
    right: dict[str, list[np.ndarray]] = {"with": [], "without": []}
    for seed in range(n_seeds):
        for arm, relabel in (("with", None), ("without", str(path))):
            data = DataChoice("emnist-subset", limit=LIMIT, seed=seed, relabel=relabel).load()
            right[arm].append(trained(data, seed).astype(np.int8))
            share = evaluation.percent(right[arm][-1].mean())
            print(f"seed {seed}, {arm}: {len(data.train):,} images, {share}", flush=True)
    labels, right = data.validation.labels, {arm: np.array(each) for arm, each in right.items()}
    counts = np.bincount(labels)
    for score, weights in (("accuracy", counts), ("class-balanced", np.sign(counts))):
        rows = {arm: (each, (0, 1)) for arm, each in right.items()}
        rows["without less with"] = right["without"] - right["with"], (-1, 1)
        for what, (values, scale) in rows.items():
            ends = evaluation.seed_interval(values, labels, weights / weights.sum(), scale)
            value, low, high = (f"{100 * each:.2f}" for each in ends)
            print(f"{score}, {what}: {value} ({low} to {high}), n = {len(labels):,}")


def trained(data: Dataset, seed: int) -> np.ndarray:
    """Which validation images a network that is trained on `data` predicts right, bool (n,)."""
    network = MLPClassifier((256,), batch_size=256, max_iter=8, random_state=seed)
    edges = FunctionTransformer(evaluation.edge_directions)
    steps = edges, PCA(150, svd_solver="covariance_eigh"), network
    with threadpool_limits(1), warnings.catch_warnings(action="ignore"):  # of so few epochs
        model = make_pipeline(*steps).fit(data.train.images, data.train.labels)
        return model.predict(data.validation.images) == data.validation.labels


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 3)

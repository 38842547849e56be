"""What it gives on validation to leave the certain label errors out of the training split.

    HCR_DATA=FOLDER uv run benchmarks/label_errors.py [SEEDS]

The suspects of `emnist-subset`'s training split are found as `01_eda` finds them: each image is
predicted by a classifier that was fitted to others. Certain, as decided before any training: those
that cleanlab counts among the errors, and whose suggestion is more probable than the label by
`CERTAIN` at least. Written to `outputs/label_errors/labels.csv`, they are left out of 20,000
training images, which the seed draws: `hcr_small`, 1,000 steps of 128 (6.4 passes), with the recipe
of `params/emnist_subset.yaml` and no choice of an epoch. Validation keeps its labels, and the test
split stays closed. Intervals are for other images and other seeds, as in `06_compare`. What is
finished is kept in that folder; delete it to begin again.
"""

import sys

import numpy as np

from hcr import evaluation, models, runs
from hcr.datasets import balancing
from hcr.datasets.choice import CORRECTIONS, DataChoice, write_corrections

CERTAIN, LIMIT, STEPS = 0.9, 20_000, 1_000
RECIPE = {"model": "hcr_small", "batch_size": 128, "learning_rate": 2e-3, "augmentation": "affine"}


def main(n_seeds: int) -> None:
    """Find them, train with and without them, compare."""
    folder = runs.outputs() / "label_errors"
    path = folder / CORRECTIONS
    if not path.is_file():
        data = DataChoice("emnist-subset").whole()
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
            kept = folder / f"{arm}-{seed}.npy"
            if not kept.is_file():
                recipe = models.Recipe(seed=seed, **RECIPE)
                plan = balancing.plan(data.train.labels)
                net = models.train_steps(recipe, data.train, plan, len(data.characters), STEPS)
                answers = models.predict(net, data.validation.images).argmax(axis=1)
                np.save(kept, answers == data.validation.labels)
            right[arm].append(np.load(kept).astype(np.int8))
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


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 3)

"""How networks read a split, in tables: several on the same pictures, one on several splits."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hcr import exhibits, metrics
from hcr.datasets import Data
from hcr.exhibits import Result
from hcr.insights import verdicts


def headline(
    data: Data, probabilities: np.ndarray, before: np.ndarray | None, seed: int
) -> tuple[list[Result], dict[str, float]]:
    """How the test split is read: the figures that every run has.

    Where it is known who wrote what, contributors are resampled in both intervals; else accuracy
    has Wilson's interval, class-balanced accuracy a bootstrap over the pictures.

    Args:
        data: Whose test split was read.
        probabilities: float (n, classes), the answers.
        before: int (n,), what the network that training began from reads; None where there is none.
        seed: Of the resampling.

    Returns:
        The results, and the ends of both intervals by their keys in `metrics.json`.
    """
    true, predicted = data.test.labels, probabilities.argmax(axis=1)
    n, classes = probabilities.shape
    right = int((predicted == true).sum())
    hands = data.test.writers
    hands = hands if hands is not None and len(set(hands.tolist())) > 1 else None
    balanced = metrics.balanced_accuracy(true, predicted, classes)
    ends = {
        "accuracy": metrics.wilson(right, n)
        if hands is None
        else metrics.bootstrap("accuracy", true, predicted, seed, groups=hands),
        "balanced_accuracy": metrics.bootstrap(
            "balanced_accuracy", true, predicted, seed, groups=hands
        ),
    }
    told = ", 1 seed"
    if hands is not None:
        told += f", {len(set(hands.tolist()))} contributors resampled"
    notes = {key: metrics.interval_text(*each, n) + told for key, each in ends.items()}
    rows = [
        exhibits.share(
            "accuracy", right / n, data.accuracy_of(data.test), notes["accuracy"], headline=True
        ),
        exhibits.share(
            "balanced_accuracy",
            balanced,
            "Class-balanced accuracy",
            notes["balanced_accuracy"],
            headline=True,
        ),
    ]
    for k in (each for each in (3, 5) if each < classes):
        share = metrics.top_k(true, probabilities, k)
        rows.append(exhibits.share(f"top{k}", share, f"Right among the first {k}"))
    rows += [
        exhibits.number("log_loss", metrics.log_loss(true, probabilities), "Log loss", ".4f"),
        exhibits.share("ece", metrics.ece(true, probabilities), "Calibration error (ECE)"),
        exhibits.count("n", n, "Test pictures"),
        *exhibits.against(true, predicted, before),
    ]
    return rows, {
        f"{key}_{end}": value
        for key, pair in ends.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }


def in_pairs(answers: Mapping[str, np.ndarray], true: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    """McNemar's test of every two of several models, and each in a sentence.

    Args:
        answers: By the model's name its probabilities, float (n, classes).
        true: Class indices, int (n,).

    Returns:
        What `metrics.comparison.each_pair` gives, and a sentence a row.
    """
    read = {name: each.argmax(axis=1) for name, each in answers.items()}
    table = metrics.comparison.each_pair(true, read)
    told = []
    for first, second in zip(table["first"], table["second"], strict=True):
        found = metrics.comparison.mcnemar(true, read[first], read[second])
        told.append(verdicts.compared(found, first, second))
    return table, told


def side_by_side(answers: Mapping[str, np.ndarray], true: np.ndarray, seed: int) -> pd.DataFrame:
    """Several models on the same pictures.

    Args:
        answers: By the model's name its probabilities, float (n, classes).
        true: Class indices, int (n,).
        seed: Of the bootstrap.

    Returns:
        A row a model, in their order: model, accuracy, interval, balanced (class-balanced
        accuracy), balanced_interval, top3, log_loss, ece. Intervals are texts, of 95 %: Wilson's,
        and the bootstrap over the pictures.
    """
    return pd.DataFrame([_row("model", name, each, true, seed) for name, each in answers.items()])


def by_split(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]], seed: int, base: str = "test"
) -> pd.DataFrame:
    """One model on several splits, and by how much it is better there than on the split `base`.

    Args:
        splits: By the split's name the labels, int (n,), and the probabilities, (n, classes).
        seed: Of the bootstrap.
        base: One of these names.

    Returns:
        A row a split: split, n, and the columns of `side_by_side` but top3; then gap, the accuracy
        less that on `base`, in points.
    """
    rows = []
    for name, (true, answers) in splits.items():
        row = _row("split", name, answers, true, seed)
        del row["top3"]
        rows.append({"split": name, "n": len(true)} | row)
    frame = pd.DataFrame(rows)
    own = frame.loc[frame["split"] == base, "accuracy"].item()
    return frame.assign(gap=100 * (frame["accuracy"] - own))


def _row(key: str, name: str, answers: np.ndarray, true: np.ndarray, seed: int) -> dict:
    read = answers.argmax(axis=1)
    ends = metrics.wilson(int((read == true).sum()), len(true))
    balanced = metrics.bootstrap("balanced_accuracy", true, read, seed)
    return {
        key: name,
        "accuracy": metrics.accuracy(true, read),
        "interval": _span(ends),
        "balanced": metrics.balanced_accuracy(true, read, answers.shape[1]),
        "balanced_interval": _span(balanced),
        "top3": metrics.top_k(true, answers, min(3, answers.shape[1])),
        "log_loss": metrics.log_loss(true, answers),
        "ece": metrics.ece(true, answers),
    }


def _span(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{100 * low:.2f} to {100 * high:.2f}"

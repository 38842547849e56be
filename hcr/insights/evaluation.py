"""How networks read a split, in tables: several on the same pictures, one on several splits."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hcr import metrics


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

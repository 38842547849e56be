"""The accuracy on images that were corrupted on purpose, in eight ways and five strengths."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from hcr.evaluation.scores import balanced_accuracy, mean_interval, wilson
from hcr.preprocessing.corruptions import CORRUPTIONS, corrupt


def corruption_scores(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
) -> tuple[pd.DataFrame, np.ndarray]:
    """The accuracy on the same images as they are and under every corruption and strength.

    `predict` maps `images`, uint8 (n, 28, 28), to probabilities, float (n, classes); `labels` are
    int (n,). Returns a row a corruption and strength from 0, the images as they are, to 5:
    corruption, strength, amplitude (NaN at 0), n, right (counts), accuracy, low, high (Wilson's),
    balanced. And which images were right, bool (1 + 5 corruptions, n): as they are, then in the
    rows' order.
    """

    def scores(corrupted: np.ndarray) -> dict[str, float]:
        predicted = predict(corrupted).argmax(axis=1)
        hits.append(predicted == labels)
        right, n = int(hits[-1].sum()), len(labels)
        low, high = wilson(right, n)
        balanced = balanced_accuracy(labels, predicted)
        row = {"n": n, "right": right, "accuracy": right / n, "low": low, "high": high}
        return row | {"balanced": balanced}

    hits: list[np.ndarray] = []
    plain, rows = scores(images), []
    for name, amplitudes in CORRUPTIONS.items():
        rows.append({"corruption": name, "strength": 0, "amplitude": np.nan, **plain})
        for strength, amplitude in enumerate(amplitudes, start=1):
            row = {"corruption": name, "strength": strength, "amplitude": amplitude}
            rows.append(row | scores(corrupt(images, name, strength, seed)))
    return pd.DataFrame(rows), np.array(hits)


def corruption_summary(frame: pd.DataFrame, right: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """What `corruption_scores` measured, a row a corruption and a last one, `mean`, of them all.

    Columns corruption; plain, the accuracy of the images as they are; 1 to 5, that at a strength;
    mean, of the five; lost, plain less mean; low, high, lost_low, lost_high: 95 % intervals, a
    bootstrap over the images, each drawn with all its corrupted copies.
    """
    wide = frame.pivot(index="corruption", columns="strength", values="accuracy")
    wide = wide.loc[frame["corruption"].unique()]
    table = wide.rename(columns=lambda strength: str(strength) if strength else "plain")
    table["mean"] = wide.drop(columns=0).mean(axis=1)
    table["lost"] = table["plain"] - table["mean"]
    table = pd.concat([table, table.mean().to_frame("mean").T])
    table = table.rename_axis(index="corruption", columns=None).reset_index()
    means = right[1:].reshape(len(wide), -1, right.shape[1]).mean(axis=1)
    means = np.vstack([means, means.mean(axis=0)])
    for prefix, values in (("", means), ("lost_", right[0] - means)):
        table[[f"{prefix}low", f"{prefix}high"]] = [mean_interval(v, seed) for v in values]
    return table

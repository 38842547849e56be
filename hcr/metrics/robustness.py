"""How well a network reads pictures that were spoilt on purpose."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.metrics.counts import balanced_accuracy, labels, same_length
from hcr.metrics.intervals import wilson
from hcr.synthesis import spoilt

if TYPE_CHECKING:
    import pandas as pd


def measure(
    predict: Callable[[np.ndarray], np.ndarray],
    pictures: np.ndarray,
    true: ArrayLike,
    seed: int = 0,
    corruptions: Iterable[str] = tuple(spoilt.AMPLITUDES),
) -> "pd.DataFrame":
    """The accuracy on the same pictures as they are and under every corruption and strength.

    The pictures are spoilt one corruption at a time, so that they are never all held.

    Args:
        predict: From uint8 (n, 28, 28) to probabilities, float (n, classes), as a recognizer's.
        pictures: uint8 (n, 28, 28); `synthesis.spoilt.sample` chooses some of each class.
        true: Class indices, shape (n,).
        seed: Of the corruptions.
        corruptions: Keys of `spoilt.AMPLITUDES`.

    Returns:
        A row a corruption and strength, from 0, the pictures as they are, to 5: corruption,
        strength, amplitude (NaN at 0), n, right (counts), accuracy, low, high (the 95 % Wilson
        interval), balanced (class-balanced accuracy).
    """
    import pandas as pd

    true = labels(true, name="true")
    same_length(true, pictures, "pictures")

    def row(given: np.ndarray) -> dict[str, float]:
        probabilities = np.asarray(predict(given))
        if probabilities.ndim != 2 or len(probabilities) != len(true):
            raise DataError(
                "predict must give probabilities of shape (n, classes). "
                f"Received: {probabilities.shape} for {len(true)} pictures."
            )
        read = probabilities.argmax(axis=1)
        right = int((read == true).sum())
        low, high = wilson(right, len(true))
        balanced = balanced_accuracy(true, read, probabilities.shape[1])
        accuracy = right / len(true)
        found = {"n": len(true), "right": right, "accuracy": accuracy, "low": low, "high": high}
        return found | {"balanced": balanced}

    plain, rows = row(pictures), []
    for name in corruptions:
        rows.append({"corruption": name, "strength": 0, "amplitude": np.nan, **plain})
        for strength in spoilt.STRENGTHS:
            given = spoilt.spoil(pictures, name, strength, seed)
            amplitude = spoilt.AMPLITUDES[name][strength - 1]
            its = {"corruption": name, "strength": strength, "amplitude": amplitude}
            rows.append({**its, **row(given)})
    return pd.DataFrame(rows)


def summary(frame: "pd.DataFrame") -> "pd.DataFrame":
    """What `measure` found, one row a corruption and a last one, `mean`, of them all.

    Returns:
        Columns corruption; plain, the accuracy of the pictures as they are; one for each strength,
        1 to 5, named by its number; mean, that of the five strengths, and low and high, its 95 %
        interval; lost, plain less mean. The last row is the mean of the others, each corruption
        counting the same. The ends are the means of the strengths' ends (Wilson): every strength
        is read on the same pictures, so a mean of them may vary as much as one, and not more.
    """
    import pandas as pd

    wide = frame.pivot(index="corruption", columns="strength", values="accuracy")
    wide = wide.loc[frame["corruption"].unique()]
    strengths = [each for each in wide.columns if each > 0]
    table = wide.rename(columns={0: "plain", **{each: str(each) for each in strengths}})
    table["mean"] = wide[strengths].mean(axis=1)
    ends = frame[frame["strength"] > 0].groupby("corruption")[["low", "high"]].mean()
    table[["low", "high"]] = ends.loc[wide.index]
    table["lost"] = table["plain"] - table["mean"]
    last = table.mean().to_frame("mean").T
    table = pd.concat([table, last]).rename_axis("corruption").reset_index()
    table.columns.name = None
    return table

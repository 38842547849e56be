"""How well a network reads pictures that were spoilt on purpose."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import resampling
from hcr.evaluation.counts import balanced_accuracy, labels, same_length
from hcr.evaluation.intervals import wilson
from hcr.preprocessing.corruptions import CORRUPTIONS, STRENGTHS, corrupt

if TYPE_CHECKING:
    import pandas as pd


def measure(
    predict: Callable[[np.ndarray], np.ndarray],
    pictures: np.ndarray,
    true: ArrayLike,
    seed: int = 0,
    corruptions: Iterable[str] = tuple(CORRUPTIONS),
) -> tuple["pd.DataFrame", np.ndarray]:
    """The accuracy on the same pictures as they are and under every corruption and strength.

    The pictures are spoilt one corruption at a time, so that they are never all held.

    Args:
        predict: From uint8 (n, 28, 28) to probabilities, float (n, classes), as a recognizer's.
        pictures: uint8 (n, 28, 28); `corruptions.sample` chooses some of each class.
        true: Class indices, shape (n,).
        seed: Of the corruptions.
        corruptions: Keys of `CORRUPTIONS`.

    Returns:
        A row a corruption and strength, from 0, the pictures as they are, to 5: corruption,
        strength, amplitude (NaN at 0), n, right (counts), accuracy, low, high (the 95 % Wilson
        interval), balanced (class-balanced accuracy). And which pictures were read right, bool
        (1 + 5 corruptions, n): as they are, then at each corruption's strengths.
    """
    import pandas as pd

    true = labels(true, name="true")
    same_length(true, pictures, "pictures")
    hits = []

    def row(given: np.ndarray) -> dict[str, float]:
        probabilities = np.asarray(predict(given))
        if probabilities.ndim != 2 or len(probabilities) != len(true):
            raise DataError(
                "predict must give probabilities of shape (n, classes). "
                f"Received: {probabilities.shape} for {len(true)} pictures."
            )
        read = probabilities.argmax(axis=1)
        hits.append(read == true)
        right = int(hits[-1].sum())
        low, high = wilson(right, len(true))
        balanced = balanced_accuracy(true, read, probabilities.shape[1])
        accuracy = right / len(true)
        found = {"n": len(true), "right": right, "accuracy": accuracy, "low": low, "high": high}
        return found | {"balanced": balanced}

    plain, rows = row(pictures), []
    for name in corruptions:
        rows.append({"corruption": name, "strength": 0, "amplitude": np.nan, **plain})
        for strength in STRENGTHS:
            given = corrupt(pictures, name, strength, seed)
            amplitude = CORRUPTIONS[name][strength - 1]
            its = {"corruption": name, "strength": strength, "amplitude": amplitude}
            rows.append({**its, **row(given)})
    return pd.DataFrame(rows), np.array(hits)


def summary(frame: "pd.DataFrame", right: np.ndarray, seed: int = 0) -> "pd.DataFrame":
    """What `measure` found, one row a corruption and a last one, `mean`, of them all.

    Args:
        frame: The first that `measure` gives.
        right: The second.
        seed: Of the bootstrap.

    Returns:
        Columns corruption; plain, the accuracy of the pictures as they are; one for each strength,
        1 to 5, named by its number; mean, that of the five strengths; lost, plain less mean; low,
        high, lost_low and lost_high, their 95 % intervals. The last row is the mean of the others,
        each corruption counting the same. The intervals are a bootstrap over the pictures, each
        drawn with all that became of it: its spoilt copies are no pictures of their own.
    """
    import pandas as pd

    wide = frame.pivot(index="corruption", columns="strength", values="accuracy")
    wide = wide.loc[frame["corruption"].unique()]
    strengths = [each for each in wide.columns if each > 0]
    table = wide.rename(columns={0: "plain", **{each: str(each) for each in strengths}})
    table["mean"] = wide[strengths].mean(axis=1)
    table["lost"] = table["plain"] - table["mean"]
    last = table.mean().to_frame("mean").T
    table = pd.concat([table, last]).rename_axis("corruption").reset_index()
    table.columns.name = None
    means = np.asarray(right[1:], float).reshape(len(wide), len(strengths), -1).mean(axis=1)
    means = np.vstack([means, means.mean(axis=0)])
    for what, each in (("", means), ("lost_", right[0] - means)):
        ends = [resampling.mean(values, seed) for values in each]
        table[[f"{what}low", f"{what}high"]] = ends
    return table

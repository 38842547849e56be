"""How a network does beside its parent model; goes once 03_train and 04_evaluate compute it."""

import numpy as np

from hcr.evaluation import metrics
from hcr.reports.show import NBSP, Result, share, typeset


def against(
    labels: np.ndarray,
    predicted: np.ndarray,
    before: np.ndarray | None,
    *notes: str,
    on: str = "",
) -> list[Result]:
    """How a network reads beside the one that its training began from, on the same pictures.

    Args:
        labels: int (n,).
        predicted: int (n,), what the network reads.
        before: int (n,), what the other one reads; None where training began anew: no results.
        notes: What else must be known of the comparison; what is empty is not told.
        on: What the results' labels end with, as `", on validation"`.
    """
    if before is None:
        return []
    found = metrics.comparison.mcnemar(labels, predicted, before)
    ends = found.difference, found.low, found.high
    sure = "better" if ends[1] > 0 else "worse" if ends[2] < 0 else "not surely better or worse"
    if (before == predicted).all():
        sure = "it reads all as before"
    # z: what rounds to 0 has no minus.
    gain, low, high = (typeset(f"{100 * each:+z.1f}") for each in ends)
    n, right = len(labels), int((before == labels).sum())
    told = [sure, f"95 %: {low} to {high}; n = {n:,}, the same for both", *notes]
    value = dict(zip(("difference", "low", "high"), ends, strict=True))
    n_classes = 1 + max(int(each.max()) for each in (labels, predicted, before))
    balanced = metrics.balanced_accuracy(labels, before, n_classes)
    of = [metrics.wilson(right, n), metrics.bootstrap("balanced_accuracy", labels, before, seed=0)]
    plain, even = (metrics.interval_text(*each, n) for each in of)
    label = f"Class-balanced accuracy of its start{on}"
    rows = [
        share("start_accuracy", right / n, f"Accuracy of its start{on}", plain),
        share("start_balanced_accuracy", balanced, label, even),
    ]
    text, label = f"{gain}{NBSP}points", f"Accuracy gained over its start{on}"
    note = "; ".join(filter(None, told))
    return [*rows, Result("gain", value, label, text, note, headline=True)]

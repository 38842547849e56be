"""What each of several plans repeats and throws away, as a table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hcr.datasets.balance_saved import Plan

if TYPE_CHECKING:
    import pandas as pd


def overview(plans: Mapping[str, Plan], labels: np.ndarray, n_classes: int) -> "pd.DataFrame":
    """One row a plan: what it draws in an epoch, and how the classes then stand.

    Args:
        plans: Plans by name, all for one training split.
        labels: int (n,), of that split.
        n_classes: How many classes there are.

    Returns:
        Columns strategy, draws, distinct (pictures drawn at least once), never drawn, most
        repeated (draws of one picture), smallest class, largest class (sums of weights, classes
        without a picture left out) and ratio of the two.
    """
    import pandas as pd

    rows = []
    there = np.bincount(labels, minlength=n_classes) > 0
    for name, plan in plans.items():
        repeats, seen = plan.repeats(len(labels)), plan.counts(labels, n_classes)[there]
        rows.append(
            {
                "strategy": name,
                "draws": len(plan),
                "distinct": int((repeats > 0).sum()),
                "never drawn": int((repeats == 0).sum()),
                "most repeated": int(repeats.max()),
                "smallest class": float(seen.min()),
                "largest class": float(seen.max()),
                "ratio": float(seen.max() / seen.min()),
            }
        )
    return pd.DataFrame(rows)

"""What the pictures have in common, and which classes lie in each other's way."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from hcr import reports
from hcr.datasets import balancing
from hcr.evaluation import audit, metrics
from hcr.preprocessing import ink as ink_statistics
from hcr.reports import Result
from hcr.reports.insights_wording import counted, interval, minus

MOST = 5  # classes or pairs that are named in one line


def of_classes(counts: np.ndarray, characters: Sequence[str]) -> list[Result]:
    """How many pictures and classes there are, and how unequal the classes.

    Args:
        counts: Training pictures a class, int (classes,).
        characters: The classes' names.
    """
    found = balancing.imbalance(counts)
    span = f"{counts.max():,} over {counts[counts > 0].min():,}"
    rows = [
        reports.count("train", counts.sum(), "Training pictures", headline=True),
        reports.count("classes", len(counts), "Classes", _empty(int((counts == 0).sum()))),
        reports.number("imbalance", found["ratio"], "Largest class over smallest", note=span),
        reports.number("gini", found["gini"], "Gini coefficient of the classes", ".2f", "0: equal"),
        reports.number(
            "effective_classes",
            found["effective_classes"],
            "Effective number of classes",
            note="so many equal ones are as hard to guess",
        ),
    ]
    # Where all are equal none is rare.
    if counts.max() > counts.min():
        few = np.argsort(counts, kind="stable")[:MOST]
        numbers = "; ".join(f"{each:,}" for each in counts[few])
        rows.append(reports.text("rarest", _named(few, characters), "Rarest classes", numbers))
    return rows


def of_ink(
    frame: pd.DataFrame, images: np.ndarray, labels: np.ndarray, characters: Sequence[str]
) -> list[Result]:
    """What the measures of the pictures tell.

    Args:
        frame: As `measures.of` gives it.
        images: The same pictures, uint8 (n, 28, 28).
        labels: Class indices, int (n,).
        characters: The classes' names.
    """
    table = ink_statistics.by_class(frame, labels, characters)
    _, spread = ink_statistics.mean_and_spread(images, labels, len(characters))
    loose = np.sqrt((spread**2).mean(axis=(1, 2)))
    widest = [each for each in np.argsort(-loose, kind="stable") if np.isfinite(loose[each])][:MOST]
    stroke, slant = frame["stroke"].quantile([0.05, 0.5, 0.95]), table["slant"].dropna()
    ends = [f"“{characters[at]}” {slant[at]:z.0f}" for at in (slant.idxmin(), slant.idxmax())]
    leaning = f"{' to '.join(ends)}, partly by their form"
    rows = [
        reports.share("ink", frame["ink"].mean(), "Mean share of ink"),
        reports.count("blank", (frame["ink"] == 0).sum(), "Pictures without ink"),
        reports.number(
            "stroke",
            stroke[0.5],
            "Median line width",
            ".2f px",
            f"90 % are from {stroke[0.05]:.2f} to {stroke[0.95]:.2f} px",
        ),
        reports.number(
            "slant",
            frame["slant"].median(),
            "Median slant to the right, in degrees",
            "z.1f",
            note=leaning,
        ),
        reports.text(
            "widest_spread",
            _named(widest, characters),
            "Classes whose pictures differ most",
            "spread: " + "; ".join(f"{loose[each]:.1f}" for each in widest) + " (root mean square)",
        ),
    ]
    return [replace(row, text=minus(row.text), note=minus(row.note)) for row in rows]


def of_pairs(found: audit.Neighbours) -> list[Result]:
    """Which classes will be confused, as their nearest neighbours are.

    The shares are of all pictures whose nearest neighbour is of another class, so they fall in the
    order of the pairs; the share of the two classes' own pictures would leap up where these are
    few.
    """
    worst = found.pairs[:MOST]
    names = ", ".join(f"{a}/{b}" for a, b in zip(worst["character"], worst["other"], strict=True))
    shares = "; ".join(metrics.percent(each / found.wrong) for each in worst["count"])
    if shares:
        shares += f" of the {counted(found.wrong, 'picture')} with a neighbour of another class"
    note = interval(found.right, found.n)
    return [
        reports.share(
            "neighbour_accuracy", found.accuracy, "Nearest neighbour of the same class", note
        ),
        reports.text("confused", names or "none", "Pairs that will be confused", shares),
    ]


def _named(order: Sequence[int], characters: Sequence[str]) -> str:
    return ", ".join(characters[each] for each in order)


def _empty(number: int) -> str:
    return f"{number} without a training picture" if number else ""

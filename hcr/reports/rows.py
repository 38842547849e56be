"""A stage's figures as a reader sees them: value, label, note."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hcr.evaluation import metrics
from hcr.reports import show as tables

NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Result:
    """One figure of a stage.

    Attributes:
        key: Its name in `metrics.json`.
        value: Its value there: a number, text, or what else JSON can hold.
        label: Its name for a reader.
        text: The value as a reader sees it, as `"98.4 %"`.
        note: Interval, n and seeds, as `"95 %: 97.4 to 99.0; n = 1,000"`.
        headline: Whether the run's front page shows it.
    """

    key: str
    value: Any
    label: str
    text: str
    note: str = ""
    headline: bool = False


def share(key: str, value: float, label: str, note: str = "", headline: bool = False) -> Result:
    """A result that is a share of 1, shown in per cent."""
    return Result(key, value, label, _unbroken(metrics.percent(value)), note, headline)


def count(key: str, value: int, label: str, note: str = "", headline: bool = False) -> Result:
    """A result that is a whole number, shown with its thousands apart."""
    return Result(key, int(value), label, f"{value:,d}", note, headline)


def number(
    key: str, value: float, label: str, form: str = ".1f", note: str = "", headline: bool = False
) -> Result:
    """A result that is any number; `form` is its format specification, and may end in a unit."""
    form, _, unit = form.partition(" ")
    shown = tables.typeset(f"{value:{form}}")
    return Result(key, value, label, f"{shown}{NBSP + unit if unit else ''}", note, headline)


def text(key: str, value: str, label: str, note: str = "", headline: bool = False) -> Result:
    """A result that is a word."""
    return Result(key, value, label, value, note, headline)


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
    gain, low, high = (tables.typeset(f"{100 * each:+z.1f}") for each in ends)
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


def _unbroken(words: str) -> str:
    """`words` that a page keeps on one line."""
    return words.replace(" ", NBSP)

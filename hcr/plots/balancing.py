"""What a balancing plan does to the training split, and what the strategies buy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import (
    COLOURS,
    SMALL,
    TEXT,
    WIDTH,
    axes,
    canvas,
    class_axis,
    class_width,
    count_axis,
    counts_of,
    percents,
    same_length,
    styled,
    thousands,
)

if TYPE_CHECKING:
    import pandas as pd

# What `compared` reads.
COMPARED = ("strategy", "measure", "value", "low", "high")
COMPARED += ("difference", "difference_low", "difference_high")


@styled
def counts_before_after(
    before: ArrayLike, after: ArrayLike, characters: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Pictures a class of the training split before balancing and after it.

    Args:
        before: Counts, shape (classes,).
        after: Counts, or sums of weights, shape (classes,).
        characters: The classes' names.
        ax: Axes to draw on.
    """
    first, second = counts_of(before, characters, "before"), counts_of(after, characters, "after")
    ax = axes(ax, 3.4, class_width(characters))
    places = np.arange(len(characters))
    style = {"color": COLOURS["mark"], "linewidth": 2.2, "zorder": 2}
    ax.hlines(first, places - 0.45, places + 0.45, label=f"before: {first.sum():,.0f}", **style)
    ax.bar(places, second, 0.7, color=COLOURS["train"], label=f"after: {second.sum():,.0f}")
    class_axis(ax, characters)
    count_axis(ax, log=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return ax


@styled
def repeats(
    indices: ArrayLike, n: int, weights: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """How many training pictures are drawn how often in an epoch of a balancing plan.

    Args:
        indices: The plan's pictures, shape (m,), each in 0..n - 1.
        n: How many pictures the training split has.
        weights: The plan's weights, shape (m,); where they aren't all 1, a picture's sum of
            weights is shown.
        ax: Axes to draw on.
    """
    drawn = metrics.labels(indices, n, "indices")
    if weights is not None:
        same_length("weights", np.asarray(weights), len(drawn))
        # Weights of 1 say no more than the counts.
        weights = None if np.allclose(weights, 1) else weights
    totals = np.bincount(drawn, weights=weights, minlength=n)
    ax = axes(ax, 3.0)
    if weights is None and totals.max() <= 40:
        heights = np.bincount(totals.astype(int))
        bars = ax.bar(np.arange(len(heights)), heights, 0.8, color=COLOURS["train"])
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(heights) <= 10:
            ax.set_xticks(np.arange(len(heights)))
            ax.bar_label(bars, [f"{each:,}" if each else "" for each in heights], padding=2)
        elif heights.max() > 100 * heights[heights > 0].min():
            ax.set_yscale("log")
            ax.set_ylim(bottom=0.8)
    else:
        ax.hist(totals, bins=40, color=COLOURS["train"])
    ax.set_xlabel("Times drawn an epoch" if weights is None else "Sum of weights an epoch")
    log = ax.get_yscale() == "log"
    ax.set_ylabel("Training pictures" + (", logarithmic" if log else ""))
    ax.margins(y=0.12)
    thousands(ax.xaxis)
    thousands(ax.yaxis)
    return ax


@styled
def compared(frame: "pd.DataFrame", measures: Sequence[str] | None = None) -> Figure:
    """One panel a measure, one row a strategy: value, interval, and the difference to the first.

    A strategy whose paired difference has an interval without 0 has a full dot: green above the
    first strategy, vermilion below it. The others' dots are hollow.

    Args:
        frame: Columns strategy, measure, value, low, high, difference, difference_low,
            difference_high, shares of 1, as `study`'s summary gives them. The strategy that
            comes first is the one that the others are held against.
        measures: Which measures to show, in their order; all where None.
    """
    missing = [each for each in COMPARED if each not in frame]
    if missing:
        raise DataError(f"frame must have the columns {', '.join(COMPARED)}. Missing: {missing}.")
    measures = list(dict.fromkeys(frame["measure"]) if measures is None else measures)
    unknown = [each for each in measures if each not in set(frame["measure"])]
    if unknown or not measures:
        raise DataError(f"measures must be in the frame, at least one. Received: {unknown}.")
    strategies = list(dict.fromkeys(frame["strategy"]))
    lines, columns = -(-len(measures) // 2), min(2, len(measures))
    figure = canvas(0.75 + lines * (0.75 + 0.27 * len(strategies)), WIDTH)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for panel, measure in zip(panels.flat, measures, strict=False):
        own = frame[frame["measure"] == measure].set_index("strategy").reindex(strategies)
        _measure(panel, own, measure)
    for panel in panels.flat[len(measures) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_yticks(np.arange(len(strategies)), labels=strategies)
    panels[0, 0].set_ylim(len(strategies) - 0.5, -0.5)
    keys = [("above", "right", True), ("below", "wrong", True), ("not told apart", "before", False)]
    figure.legend(
        handles=[
            Line2D([], [], label=f"{label} {strategies[0]}" if full else label, **_dot(name, full))
            for label, name, full in keys
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure


def _measure(ax: Axes, own: "pd.DataFrame", name: str) -> None:
    """One panel of `compared`."""
    places = np.arange(len(own))
    ax.axvline(own["value"].iloc[0], color=COLOURS["mark"], linewidth=1, linestyle="-.", zorder=1)
    ax.hlines(places, own["low"], own["high"], color="#9fb8c9", linewidth=4, zorder=2)
    for place, (_, row) in zip(places, own.iterrows(), strict=True):
        told = row["difference_low"] > 0 or row["difference_high"] < 0
        side = ("right" if row["difference"] > 0 else "wrong") if told else "before"
        dot = _dot("mark" if place == 0 else side, bool(told) or place == 0)
        ax.plot(row["value"], place, clip_on=False, zorder=3, **dot)
        if np.isfinite(row["difference"]):
            # z: what rounds to 0 has no minus.
            text = f"{100 * row['difference']:+z.1f}".replace("-", "\N{MINUS SIGN}")
            colour = TEXT.get(side, TEXT["quiet"])
            ends = {"xycoords": ("axes fraction", "data"), "annotation_clip": False}
            ax.annotate(text, (1.02, place), va="center", size=SMALL, color=colour, **ends)
    ax.set_title(name[:1].upper() + name[1:])
    ax.tick_params(axis="y", length=0)
    narrow = own["high"].max() - own["low"].min() < 0.04
    percents(ax.xaxis, 1 if narrow else 0)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.grid(axis="x")


def _dot(colour: str, full: bool) -> dict[str, object]:
    face = COLOURS[colour] if full else "white"
    return {
        "marker": "o",
        "linestyle": "none",
        "markersize": 7,
        "markerfacecolor": face,
        "markeredgecolor": COLOURS[colour] if colour != "before" else "#555555",
        "markeredgewidth": 1.5,
    }

"""What a balancing plan does to the training split."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from hcr import metrics
from hcr.plots.look import (
    COLOURS,
    axes,
    class_axis,
    class_width,
    count_axis,
    counts_of,
    same_length,
    styled,
    thousands,
)


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

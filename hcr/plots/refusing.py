"""How many pictures a network must refuse to be right about the others."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from hcr.evaluation import metrics
from hcr.evaluation.refusal import Refusal
from hcr.plots.look import COLOURS, SMALL, TEXT, axes, percents, styled
from hcr.plots.several import by_name, lines

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("accepted", "wrong", "coverage", "risk")
# Below this share of the pictures a curve, which is rough there, has no say in what y shows.
FEWEST = 0.05
# Points of a curve that are drawn: as many as a screen has.
POINTS = 600


@styled
def risk_coverage(
    curves: "pd.DataFrame | Mapping[str, pd.DataFrame]",
    goal: float | None = 0.99,
    chosen: Refusal | None = None,
    split: str = "test",
    ax: Axes | None = None,
) -> Axes:
    """Of the pictures that are accepted, the share read right; the least sure are refused first.

    Args:
        curves: As `metrics.refusal.risk_coverage` gives it, or several by the name of their model.
            One alone has the band of its 95 % Wilson intervals, each share by itself.
        goal: A share that is to be read right, drawn as a line; None for none.
        chosen: What came of a threshold, drawn as a point with its interval.
        split: The split that was read, for the colour of a curve that is alone.
        ax: Axes to draw on.
    """
    named = by_name(curves, COLUMNS)
    ax = axes(ax, 4.2)
    lowest = [1.0 if goal is None else goal]
    for (name, curve), line in zip(named.items(), lines(len(named), split), strict=True):
        some = curve.iloc[_places(curve)]
        x, y = some["coverage"].to_numpy(float), 1 - some["risk"].to_numpy(float)
        if len(named) == 1:
            pairs = zip(some["accepted"] - some["wrong"], some["accepted"], strict=True)
            low, high = np.array([metrics.wilson(int(right), int(n)) for right, n in pairs]).T
            ax.fill_between(x, low, high, color=line["color"], alpha=0.25, linewidth=0)
        ax.plot(x, y, label=name or "read right", clip_on=False, **line)
        lowest.append(float(y[x >= FEWEST].min()))
    low = min(lowest)
    ax.set(xlim=(0, 1), ylim=(max(0.0, low - 0.12 * (1 - low) - 0.002), 1))
    if goal is not None:
        line = {"color": COLOURS["before"], "linestyle": "--", "linewidth": 1.2}
        digits = 0 if round(100 * goal, 6).is_integer() else 1
        ax.axhline(goal, label=f"{metrics.percent(goal, digits)} right", **line)
    if chosen is not None and chosen.accepted:
        _mark(ax, chosen)
    n = int(next(iter(named.values()))["accepted"].iloc[-1])
    ax.set_xlabel(f"Share of the pictures that is accepted, n = {n:,}")
    ax.set_ylabel("Read right of these")
    percents(ax.xaxis)
    percents(ax.yaxis, 0 if 1 - low > 0.04 else 1)
    ax.grid()
    ax.legend(loc="lower left", fontsize=SMALL)
    return ax


def _mark(ax: Axes, chosen: Refusal) -> None:
    """The point of a threshold, with its interval and what it refuses."""
    x, y = chosen.accepted / chosen.n, chosen.accuracy
    ax.vlines(x, *chosen.interval(), color=COLOURS["mark"], linewidth=1.6)
    ax.plot([x], [y], "o", color=COLOURS["mark"], markersize=7, zorder=4)
    # Below a curve that falls to the right there is room at the left, and above it at the right.
    left = x > 0.45
    ax.annotate(
        f"{metrics.percent(chosen.refused)} refused: {metrics.percent(y, 2)} right",
        (x, y),
        xytext=(-10, -18) if left else (10, 10),
        textcoords="offset points",
        ha="right" if left else "left",
        size=10,
        color=TEXT["plain"],
    )


def _places(curve: "pd.DataFrame") -> np.ndarray:
    """Rows to draw: the first ones all, for there a curve is rough, then evenly over coverage."""
    coverage = curve["coverage"].to_numpy(float)
    wanted = np.searchsorted(coverage, np.linspace(0, 1, POINTS)).clip(0, len(curve) - 1)
    return np.unique(np.concatenate([np.arange(min(50, len(curve))), wanted]))

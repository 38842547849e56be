"""Several runs side by side: their ranks, their costs, how they learned, what sets them apart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.plots.look import COLOURS, SERIES, SMALL, TEXT, axes, canvas, percents, styled

if TYPE_CHECKING:
    import pandas as pd

MACHINES = ("o", "s", "D", "^")
DASHES = ("-", "--", ":", "-.")
# What a price is called, and how its numbers are written.
PRICES = {
    "seconds": "Training (s)",
    "parameters": "Parameters",
    "latency": "Strokes to answer (ms)",
}
SPLITS = {"validation": ("o", -0.17), "test": ("D", 0.17)}
WORSE_BETTER = LinearSegmentedColormap.from_list(
    "worse_better", [COLOURS["wrong"], "#ffffff", COLOURS["right"]]
)


def colour_of(place: int) -> str:
    """The colour of what stands in the `place`, from 0."""
    return SERIES[place % len(SERIES)]


@styled
def ranked(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A row a recipe, in the frame's order: validation above test, each with its interval.

    Args:
        frame: Columns label, split (validation or test), value, low, high, shares of 1, and each,
            the values of its seeds; NaN ends where no interval is known.
        ax: Axes to draw on.
    """
    _columns(frame, "label", "split", "value", "low", "high", "each")
    labels = list(dict.fromkeys(frame["label"]))
    ax = axes(ax, 1.25 + 0.5 * len(labels))
    for split, (marker, shift) in SPLITS.items():
        own = frame[frame["split"] == split]
        places = np.array([labels.index(label) for label in own["label"]]) + shift
        colour = COLOURS[split]
        ax.hlines(places, own["low"], own["high"], color=colour, linewidth=4, alpha=0.45, zorder=2)
        for place, values in zip(places, own["each"], strict=True):
            if len(values) > 1:
                ticks = np.full(len(values), place)
                ax.plot(values, ticks, "|", color=TEXT["plain"], markersize=7, zorder=3)
        style = {"color": colour, "markeredgecolor": TEXT["plain"], "markeredgewidth": 0.8}
        ax.plot(own["value"], places, marker, markersize=7, label=split, zorder=4, **style)
    ax.set_yticks(np.arange(len(labels)), [f"{name}  {i + 1}" for i, name in enumerate(labels)])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    for place in range(1, len(labels)):
        ax.axhline(place - 0.5, color="#dddddd", linewidth=0.8, zorder=0)
    low, high = ax.get_xlim()
    percents(ax.xaxis, 1 if high - low < 0.04 else 0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x")
    ax.set_xlabel("Class-balanced accuracy")
    handles, names = ax.get_legend_handles_labels()
    if any(len(each) > 1 for each in frame["each"]):
        handles.append(Line2D([], [], marker="|", linestyle="none", color=TEXT["plain"]))
        names.append("one seed")
    ax.legend(handles, names, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return ax


@styled
def prices(frame: "pd.DataFrame") -> Figure:
    """Accuracy against each price that is known: seconds, parameters, latency; the fronts marked.

    A full disc is on a front, which a line connects; a hollow one is beaten by another. The number
    in it is its row's, from 1. Times have a front for each machine.

    Args:
        frame: Columns label, value (a share of 1), low, high, machine (empty where it is several),
            and, for each price in `PRICES`, its number, NaN where unknown, and `<price>_front`,
            whether it is on the front.
    """
    _columns(frame, "label", "value", "low", "high", "machine")
    known = [name for name in PRICES if name in frame and frame[name].notna().any()]
    if not known:
        raise DataError(f"frame must have a price: {', '.join(PRICES)}. Received: none.")
    rows = -(-len(frame) // 3)
    figure = canvas(3.5 + 0.24 * rows)
    panels = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
    machines = list(dict.fromkeys(each for each in frame["machine"] if each))
    for ax, name in zip(panels, known, strict=True):
        timed = name != "parameters"
        _price(ax, frame, name, machines if timed else [])
    panels[0].set_ylabel("Class-balanced accuracy, validation")
    low, high = panels[0].get_ylim()
    percents(panels[0].yaxis, 1 if high - low < 0.04 else 0)
    handles = [_handle(i, label) for i, label in enumerate(frame["label"])]
    if len(machines) > 1:
        style = {"linestyle": "none", "color": TEXT["quiet"], "markersize": 7}
        handles += [
            Line2D([], [], marker=_shape(i), label=name, **style) for i, name in enumerate(machines)
        ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


@styled
def histories(curves: Sequence[tuple[str, "pd.DataFrame"]], ax: Axes | None = None) -> Axes:
    """The class-balanced accuracy on validation by epoch, a line for each, on one axis.

    Args:
        curves: A label and a frame each, in the order of their ranks: columns epoch, value, low
            and high (the lowest and highest of the seeds), chosen (whether a seed kept it).
        ax: Axes to draw on.
    """
    if not curves:
        raise DataError("curves must hold at least one. Received: none.")
    ax = axes(ax, 4.0 + 0.24 * -(-len(curves) // 3))
    for place, (_, frame) in enumerate(curves):
        _columns(frame, "epoch", "value", "low", "high", "chosen")
        colour, dashes = colour_of(place), DASHES[place // len(SERIES) % len(DASHES)]
        ax.fill_between(frame["epoch"], frame["low"], frame["high"], color=colour, alpha=0.15, lw=0)
        ax.plot(frame["epoch"], frame["value"], color=colour, linestyle=dashes)
        kept = frame[frame["chosen"]]
        ax.plot(kept["epoch"], kept["value"], "o", color=colour, markersize=5)
        last = frame.iloc[-1]
        _number(ax, place, last["epoch"], last["value"], full=True, size=11)
    ax.set(xlabel="Epoch", ylabel="Class-balanced accuracy, validation")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    ax.set_xlim(left=0.6)
    # The first epochs of a poor start would press all the others to the top.
    ends = [frame["value"].iloc[-1] for _, frame in curves]
    floor = min(ends) - 2.0 * max(max(ends) - min(ends), 0.02)
    lowest = min(frame["low"].min() for _, frame in curves)
    ax.set_ylim(bottom=max(floor, lowest - 0.01))
    low, high = ax.get_ylim()
    percents(ax.yaxis, 1 if high - low < 0.04 else 0)
    ax.grid(axis="y")
    handles = [_handle(i, label) for i, (label, _) in enumerate(curves)]
    style = {"loc": "outside lower center", "ncols": 3, "columnspacing": 1.2}
    ax.figure.legend(handles=handles, **style)
    return ax


@styled
def differences(
    values: ArrayLike, told: ArrayLike, labels: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Accuracy of each row's model less that of each column's, in points; a test beside each.

    Args:
        values: float (n, n), shares of 1; only what is above the diagonal is shown.
        told: bool (n, n), whether the two are told apart; the others stand in brackets.
        labels: n names.
        ax: Axes to draw on.
    """
    values, told = 100 * np.asarray(values, float), np.asarray(told, bool)
    n = len(labels)
    if values.shape != (n, n) or told.shape != (n, n) or n < 2:
        raise DataError(
            f"values and told must have the shape (n, n) for n labels, at least 2. Received: "
            f"{values.shape} and {told.shape} for {n}."
        )
    ax = axes(ax, 0.9 + 0.4 * n)
    shown = np.triu(np.ones((n, n), bool), 1)
    limit = max(float(np.abs(values[shown]).max()), 1e-9)
    coloured = np.where(shown & told, values, 0.0)
    ax.imshow(coloured, cmap=WORSE_BETTER, vmin=-1.6 * limit, vmax=1.6 * limit, aspect="auto")
    for row, column in zip(*np.nonzero(shown), strict=True):
        text = f"{values[row, column]:+z.1f}".replace("-", "\N{MINUS SIGN}")
        sure = told[row, column]
        style = {"size": SMALL, "color": TEXT["plain" if sure else "quiet"]}
        ax.text(column, row, text if sure else f"({text})", ha="center", va="center", **style)
    names = [f"{name}  {i + 1}" for i, name in enumerate(labels)]
    ax.set_yticks(np.arange(n - 1), names[:-1])
    ax.set_xticks(np.arange(1, n), [str(i + 1) for i in range(1, n)])
    ax.set(xlim=(0.5, n - 0.5), ylim=(n - 1.5, -0.5))
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def _price(ax: Axes, frame: "pd.DataFrame", name: str, machines: Sequence[str]) -> None:
    """One panel of `prices`; without machines there is one front."""
    ax.vlines(frame[name], frame["low"], frame["high"], color="#bbbbbb", linewidth=2, zorder=1)
    for i, machine in enumerate(machines or [""]):
        own = frame[frame["machine"] == machine] if machines else frame
        line = own[own[f"{name}_front"]].sort_values(name)
        style = {"color": "#777777", "linewidth": 1.4, "linestyle": DASHES[i % len(DASHES)]}
        ax.plot(line[name], line["value"], drawstyle="steps-post", zorder=2, **style)
    for place, (_, row) in enumerate(frame.iterrows()):
        if np.isfinite(row[name]):
            shape = machines.index(row["machine"]) if row["machine"] in machines else 0
            full = bool(row[f"{name}_front"])
            _number(ax, place, row[name], row["value"], full, 13, _shape(shape))
    ax.set_xscale("log")
    ax.set_xlabel(PRICES[name])
    values = frame[name].dropna()
    if values.max() < 10 * values.min():
        ax.set_xlim(values.min() / 1.6, values.max() * 1.6)
    else:
        ax.margins(x=0.12)
    ax.xaxis.set_major_locator(FixedLocator(_round(*ax.get_xlim())))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    ax.margins(y=0.12)
    ax.grid(axis="both")


def _round(low: float, high: float) -> list[float]:
    """Some three to five round numbers within `low` and `high`, both above 0."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(np.arange(1, 10, 0.5))):
        found = [p * s for p in powers for s in steps if low <= p * s <= high]
        if len(found) >= 3:
            return found[:: -(-len(found) // 5)]
    return found


def _short(value: float) -> str:
    """A number in few letters: 500, 20 k, 1.5 M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _shape(place: int) -> str:
    return MACHINES[place % len(MACHINES)]


def _number(
    ax: Axes, place: int, x: float, y: float, full: bool, size: float, marker: str = "o"
) -> None:
    """A marker with the place, from 1, in it."""
    colour = colour_of(place)
    style = {"markerfacecolor": colour if full else "white", "markeredgecolor": colour}
    ax.plot(x, y, marker, markersize=size, markeredgewidth=1.6, zorder=5, clip_on=False, **style)
    ink = _ink(colour) if full else TEXT["plain"]
    place_of = {"ha": "center", "va": "center_baseline", "zorder": 6}
    ax.text(x, y, str(place + 1), color=ink, size=SMALL, fontweight="bold", **place_of)


def _handle(place: int, label: str) -> Line2D:
    dashes = DASHES[place // len(SERIES) % len(DASHES)]
    style = {"color": colour_of(place), "marker": "o", "markersize": 7, "linestyle": dashes}
    return Line2D([], [], label=f"{place + 1}  {label}", **style)


def _ink(colour: str) -> str:
    """White, or black where `colour` is light."""
    red, green, blue = to_rgb(colour)
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.6 else "#000000"


def _columns(frame: "pd.DataFrame", *names: str) -> None:
    missing = [each for each in names if each not in frame]
    if missing or len(frame) == 0:
        raise DataError(
            f"frame must have rows with the columns {', '.join(names)}. "
            f"Received: {len(frame)} rows{', without ' if missing else ''}{', '.join(missing)}."
        )

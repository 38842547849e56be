"""How a network learned; several runs side by side: ranks, costs and differences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator

from hcr.plots import look
from hcr.plots.look import COLORS, SMALL, TEXT

COSTS = look.TABLE["costs"]
BALANCED = "Class-balanced accuracy"
SPLITS = {"validation": ("o", -0.17), "test": ("D", 0.17)}  # marker, and place beside the row
DIFFERENCES = {"above": COLORS["right"], "below": COLORS["wrong"], "hollow: no difference": "white"}
TRAINING = {"color": COLORS["train"], "marker": "o", "markersize": 4}
VALIDATION = {"color": COLORS["validation"], "linestyle": "--", "marker": "D", "markersize": 4}
MARK = {"color": COLORS["mark"], "linewidth": 1.2, "linestyle": "-."}
LEGEND = {"loc": "outside lower center", "ncols": 3, "columnspacing": 1.2}


@look.style()
def curves(history: pd.DataFrame, chosen: int | None = None) -> Figure:
    """Loss and accuracy over the epochs, training and validation, the space between shaded.

    `history` has a row an epoch: epoch, loss, accuracy, val_loss, val_accuracy and
    val_balanced_accuracy. `chosen` is the epoch whose weights were kept.
    """
    figure = look.canvas(5.4)
    panels, epochs = figure.subplots(2), history["epoch"].to_numpy(int)
    style = VALIDATION | {"linestyle": ":", "marker": "s", "label": "validation, class-balanced"}
    panels[1].plot(epochs, history["val_balanced_accuracy"], **style)
    for ax, name in zip(panels, ("loss", "accuracy"), strict=True):
        train, validation = history[name], history[f"val_{name}"]
        ax.plot(epochs, train, label="training", **TRAINING)
        ax.plot(epochs, validation, label="validation", **VALIDATION)
        ax.fill_between(epochs, train, validation, color="#999999", alpha=0.18, linewidth=0)
        if chosen is not None:
            ax.axvline(chosen, label=f"epoch kept: {chosen}", **MARK)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
        ax.set(xlim=(epochs[0] - 0.4, epochs[-1] + 0.4), xlabel="Epoch")
        ax.grid(axis="y")
    panels[0].set(title="Loss", ylabel="Cross entropy (nats)", ylim=(0, None))
    panels[1].set(title="Accuracy", ylabel="Accuracy")
    look.percents(panels[1].yaxis)
    figure.legend(*panels[1].get_legend_handles_labels(), **LEGEND | {"ncols": 4})
    return figure


@look.style()
def ranking(frame: pd.DataFrame) -> Axes:
    """A row a recipe, in the frame's order: validation above test, each with its interval.

    `frame` has the columns recipe, split (validation or test), value, low, high (shares of 1, NaN
    where no interval is known), and each, the list of the seeds' values.
    """
    recipes = list(frame["recipe"].unique())
    ax = look.axes(1.25 + 0.5 * len(recipes))
    for split, (marker, shift) in SPLITS.items():
        part = frame[frame["split"] == split]
        places = np.array([recipes.index(recipe) for recipe in part["recipe"]]) + shift
        look.intervals(ax, part, "value", places, COLORS[split], marker=marker, label=split)
        for place, values in zip(places, part["each"], strict=True):
            if len(values) > 1:
                ax.plot(values, [place] * len(values), "|", color=TEXT["plain"], zorder=4)
    look.rows(ax, [f"{name}  {i}" for i, name in enumerate(recipes, 1)])
    ax.set_xlabel(BALANCED)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return ax


@look.style()
def costs(frame: pd.DataFrame) -> Figure:
    """Accuracy on validation against each cost that is known: a panel a cost.

    A full disc is on a front, which a line connects; a hollow one is beaten by another. The number
    in it is its row's, from 1. Times have a front for each machine. `frame` has the columns recipe,
    validation, validation_low, validation_high, machine, and each of `COSTS`, or NaN, and x_front.
    """
    known = [name for name in COSTS if (frame[name] > 0).any()]
    figure = look.canvas(3.5 + 0.24 * -(-len(frame) // 3))
    panels = figure.subplots(1, max(len(known), 1), sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, known, strict=False):
        low, high = frame["validation_low"], frame["validation_high"]
        ax.vlines(frame[name], low, high, color="#bbbbbb", linewidth=2, zorder=1)
        front = frame[frame[f"{name}_front"]]
        by = front["machine"] if name != "parameters" else np.zeros(len(front))
        for _, part in front.groupby(by):
            line = part.sort_values(name)
            ax.plot(line[name], line["validation"], color="#777777", drawstyle="steps-post")
        ax.set(xscale="log", xlabel=COSTS[name])
        least, most = frame[name][frame[name] > 0].agg(["min", "max"])
        look.thousands(ax.xaxis)
        if most >= 10_000:
            ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        # At least a factor of 3, so that nearly equal costs look so; at most about 4 numbers.
        wide = max((most / least) ** 0.15, (3 * least / most) ** 0.5)
        ax.set_xlim(least / wide, most * wide)
        subs = (1, 2, 5) if most / least < 10 else (1, 3) if most / least < 40 else (1,)
        ax.xaxis.set_major_locator(LogLocator(subs=subs))
        ax.margins(y=0.15)
        ax.grid()
        _numbers(ax, frame[name], frame["validation"], frame[f"{name}_front"])
    panels[0].set_ylabel(f"{BALANCED}, validation")
    look.percents(panels[0].yaxis)
    figure.legend(handles=_handles(frame["recipe"]), **LEGEND)
    return figure


@look.style()
def histories(frame: pd.DataFrame) -> Axes:
    """The class-balanced accuracy on validation by epoch, a line for each recipe.

    `frame` has the columns recipe, epoch, value, low and high (of the seeds), recipes by rank.
    """
    recipes = list(frame["recipe"].unique())
    ax = look.axes(4.0 + 0.24 * -(-len(recipes) // 3))
    for i, recipe in enumerate(recipes):
        part, line = frame[frame["recipe"] == recipe], look.series(i)
        band = {"fc": line["color"], "alpha": 0.15, "lw": 0}
        ax.fill_between(part["epoch"], part["low"], part["high"], **band)
        ax.plot(part["epoch"], part["value"], **line)
    ax.set(xlabel="Epoch", ylabel=f"{BALANCED}, validation", xlim=(0.6, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    # The first epochs of a poor start would press all the others to the top.
    ends = frame.groupby("recipe")["value"].last()
    floor = ends.min() - 2.0 * max(ends.max() - ends.min(), 0.02)
    ax.set_ylim(bottom=max(floor, frame["low"].min() - 0.01))
    look.percents(ax.yaxis)
    ax.grid(axis="y")
    last = frame.groupby("recipe", sort=False)[["epoch", "value"]].last()
    _numbers(ax, last["epoch"], last["value"], last["value"] > -1)
    ax.figure.legend(handles=_handles(recipes), **LEGEND)
    return ax


@look.style()
def class_differences(frame: pd.DataFrame) -> Axes:
    """A row a class: how much higher the first model's recall is than the second's.

    The dot is full where the interval is without 0. `frame` has the columns character, difference,
    low and high, shares of 1, and is drawn in its order.
    """
    places = np.arange(len(frame))
    ax = look.axes(0.9 + 0.2 * len(frame))
    ax.axvline(0, color=COLORS["mark"], linewidth=1, linestyle="-.")
    sides = [frame["low"] > 0, frame["high"] < 0, frame["low"] <= 0]
    color = np.select(sides, list(DIFFERENCES.values()), "")
    look.intervals(ax, frame, "difference", places, color)
    look.rows(ax, frame["character"])
    ax.set_xlabel("Recall of the first less that of the second")
    return ax


@look.style()
def differences(frame: pd.DataFrame) -> Figure:
    """One panel a measure, one row a recipe: value, interval, and the difference to the first.

    A recipe whose paired difference has an interval without 0 has a full dot: green above the
    first recipe, vermilion below it. The others' dots are hollow. `frame` has the columns recipe,
    measure, value, low, high, difference, difference_low, difference_high, shares of 1.
    """
    measures, names = list(frame["measure"].unique()), list(frame["recipe"].unique())
    rows, places = -(-len(measures) // 2), np.arange(len(names))
    figure = look.canvas(0.75 + rows * (0.75 + 0.27 * len(names)))
    panels = figure.subplots(rows, min(2, len(measures)), sharey=True, squeeze=False).ravel()
    for ax, measure in zip(panels, measures, strict=False):
        part = frame[frame["measure"] == measure].set_index("recipe").reindex(names)
        ax.axvline(part["value"].iloc[0], color=COLORS["mark"], linewidth=1, linestyle="-.")
        sides = [part["difference_low"] > 0, part["difference_high"] < 0, part["value"] > -1]
        color = np.select(sides, list(DIFFERENCES.values()), "")
        look.intervals(ax, part, "value", places, color)
        for place, value in zip(places, part["difference"], strict=True):
            # z: what rounds to 0 has no minus.
            text = f"{100 * value:+z.1f}".replace("-", "\N{MINUS SIGN}") if value == value else ""
            ends = {"xycoords": ("axes fraction", "data"), "annotation_clip": False}
            ax.annotate(text, (1.02, place), va="center", size=SMALL, **ends)
        ax.set_title(measure[:1].upper() + measure[1:])
        look.rows(ax, names)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    for ax in panels[len(measures) :]:
        ax.set_visible(False)
    style = {"linestyle": "", "marker": "o", "markeredgecolor": TEXT["plain"]}
    handles = [Line2D([], [], color=c, label=name, **style) for name, c in DIFFERENCES.items()]
    title = f"Paired difference to {names[0]}, in points"
    figure.legend(handles=handles, title=title, loc="outside lower center", ncols=3)
    return figure


def _numbers(ax: Axes, x: pd.Series, y: pd.Series, full: pd.Series) -> None:
    """At each place a disc with its number, from 1; those that would overlap are moved apart."""
    known = np.flatnonzero((x > 0) & np.isfinite(y))
    ax.scatter(x.iloc[known], y.iloc[known], s=0)  # the limits hold all
    size = 2.1 * SMALL * ax.figure.dpi / 72  # pixels of the canvas between two discs
    spots = ax.transData.transform(np.column_stack([x, y])[known])
    spots += np.arange(len(spots))[:, None] * 1e-3  # of two in one place one goes up
    for _ in range(200):
        apart = spots[:, None] - spots
        far = np.hypot(*apart.T).T + np.eye(len(spots)) * size
        push = np.where(far < size, (size - far) / 2 * np.sign(apart[:, :, 1]), 0).sum(axis=1)
        spots[:, 1] += 0.5 * push
    moved = ax.transData.inverted().transform(spots)
    for place, (left, up) in zip(known, moved, strict=True):
        color = look.series(place)["color"]
        disc = {"boxstyle": "circle,pad=0.25", "edgecolor": color, "linewidth": 1.6}
        disc |= {"facecolor": color if full.iloc[place] else "white"}
        style = {"color": "white" if full.iloc[place] else color, "size": SMALL}
        style |= {"ha": "center", "va": "center", "fontweight": "bold", "zorder": 6}
        ax.plot([x.iloc[place], left], [y.iloc[place], up], color=color, linewidth=1, zorder=5)
        ax.text(left, up, str(place + 1), bbox=disc, **style)


def _handles(labels: Sequence[str]) -> list[Line2D]:
    styles = [look.series(i) | {"label": f"{i + 1}  {name}"} for i, name in enumerate(labels)]
    return [Line2D([], [], marker="o", **style) for style in styles]

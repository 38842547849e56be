"""How well a network recognizes: confusions, recalls, calibration, rejection and robustness."""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hcr.evaluation.scores import percent
from hcr.plots import look
from hcr.plots.look import COLORS, INTERVAL, SHARE, SMALL

FEWEST = 0.05  # coverage below which a curve, which is rough there, has no say in what y shows
POINTS = 600  # of a curve that are drawn: as many as a screen has
GOAL = {"color": COLORS["before"], "linestyle": "--", "linewidth": 1.2}


@look.style()
def confusion(
    counts: np.ndarray, characters: Sequence[str], blocks: Sequence[Sequence[int]]
) -> Axes:
    """Heat map: of the images of a true class (row), the share predicted as each class (column).

    The colors are stretched so that a confusion of 1 % shows. Up to 16 classes have their shares
    in per cent written in. `counts` are (classes, classes), rows true. The classes of each of
    `blocks`, which a model confuses, stand side by side in a frame; what is in none is left out.
    """
    order = np.concatenate(blocks)
    size, width = len(order), look.class_width(order)
    share = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[np.ix_(order, order)]
    ax = look.axes(width * 0.87, width)
    bar = {"shrink": 0.6, "ticks": [0, 0.01, 0.05, 0.2, 0.5, 1], "label": "Share of the row"}
    numbers = [[f"{100 * v:.{int(v < 0.0995)}f}" if v else "" for v in row] for row in share]
    annot = {"annot": np.array(numbers), "fmt": ""} if size <= 16 else {}
    norm = PowerNorm(0.4, vmin=0, vmax=1)
    sns.heatmap(share, ax=ax, cmap=SHARE, norm=norm, linewidths=0.4, cbar_kws=bar, **annot)
    look.percents(ax.collections[0].colorbar.ax.yaxis)
    start = 0
    for n in map(len, blocks):
        if n > 1:
            ax.add_patch(Rectangle((start, start), n, n, fill=False, edgecolor=COLORS["wrong"]))
        start += n
    for axis in (ax.xaxis, ax.yaxis):
        look.name_ticks(axis, np.arange(size) + 0.5, [characters[i] for i in order])
    ax.tick_params(axis="y", labelrotation=0)
    ax.set(xlabel="Predicted as", ylabel="True character")
    return ax


def confusion_places(
    characters: Sequence[str], blocks: Sequence[Sequence[int]], answers: pd.DataFrame
) -> pd.DataFrame:
    """Where `confusion` says and shows what (see `hcr.reports.show`): its cells and rows' names.

    `answers` has a row an image, from 0, and the columns true, predicted, probability. Confident
    mistakes come first, and doubtful right ones; a row's name has the mistakes of its class.
    """
    shown = [characters[i] for block in blocks for i in block]
    side = max(1, len(shown) / 20)
    place = {character: at + 0.5 for at, character in enumerate(shown)}
    right, n = answers["true"] == answers["predicted"], answers["true"].value_counts()
    ranks = answers["probability"].where(right, -answers["probability"])
    ranked = answers.assign(right=right).loc[ranks.sort_values(kind="stable").index]
    both = pd.concat([ranked, ranked[~ranked["right"]].assign(predicted="")])
    both = both[both["true"].isin(shown) & both["predicted"].isin([*shown, ""])]
    rows = []
    for (a, b), images in both.groupby(["true", "predicted"]).groups.items():
        text = f"{a} predicted as {b}" if b else f"All mistakes at {a}"
        text += f": {len(images):,} of {n[a]:,}, {percent(len(images) / n[a])}."
        x, width = (place[b], 1) if b else (-side / 2, side)
        rows.append((x, place[a], width, 1, text, images))
    return pd.DataFrame(rows, columns=["x", "y", "width", "height", "text", "images"])


@look.style()
def per_class(frame: pd.DataFrame) -> Axes:
    """Each class's recall with its interval, the worst on top; a line marks their mean.

    `frame` has the columns character, n, recall, low, high. A class without images is left out.
    """
    frame = frame[frame["n"] > 0].sort_values(["recall", "n"], kind="stable")
    places, mean = np.arange(len(frame)), frame["recall"].mean()
    ax = look.axes(1.0 + 0.19 * max(len(frame), 4))
    look.intervals(ax, frame, "recall", places, COLORS["test"])
    ax.axvline(mean, color=COLORS["mark"], linewidth=1.2, linestyle="-.")
    ax.set_title(f"Mean of the recalls: {percent(mean)} (line)", fontweight="normal")
    names = [f"{name} {n:>6,}" for name, n in zip(frame["character"], frame["n"], strict=True)]
    look.name_ticks(ax.yaxis, places, names)
    ax.set(ylim=(len(frame) - 0.4, -0.6), xlim=(max(0.0, frame["low"].min() - 0.02), 1.0))
    look.percents(ax.xaxis)
    ax.set(xlabel="Recall, with its 95 % interval", ylabel="Character, and number of images")
    ax.grid(axis="x")
    return ax


@look.style()
def reliability(tables: Mapping[str, pd.DataFrame], split: str = "test") -> Figure:
    """Accuracy against confidence, each bin with its interval: a panel a table.

    `tables` has a panel's title and its table, as `hcr.evaluation.reliability` gives it: columns n,
    confidence, accuracy, low, high; attributes ece, log_loss. `split` decides the color.
    """
    figure = look.canvas(4.1)
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for ax, (title, table) in zip(panels, tables.items(), strict=True):
        bins = table[table["n"] > 0]
        ax.plot([0, 1], [0, 1], label="calibrated", **GOAL)
        ax.vlines(bins["confidence"], bins["low"], bins["high"], color=INTERVAL, linewidth=4)
        label = "a bin; its area: how many images"
        dots = {"s": 20 + 160 * bins["n"] / bins["n"].max(), "color": COLORS[split]}
        dots |= {"edgecolor": "#222222", "zorder": 3, "label": label}
        ax.scatter(bins["confidence"], bins["accuracy"], **dots)
        ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xlabel="Confidence")
        loss = table.attrs["log_loss"]
        text = f"{title}: ECE {percent(table.attrs['ece'], 2)}, log loss {loss:.4f}"
        ax.set_title(text, fontweight="normal", size=10.5)
        look.percents(ax.xaxis, ax.yaxis)
        ax.grid()
    panels[0].set_ylabel("Accuracy")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@look.style()
def risk_coverage(curve: pd.DataFrame, goal: float, point: pd.Series) -> Axes:
    """The accuracy on the images that are accepted, the least confident being rejected first.

    `curve` is as `hcr.evaluation.risk_coverage` gives it, `point` the row of a threshold; `goal` is
    an accuracy to reach, drawn as a line.
    """
    curve = curve[curve["accepted"] > 0]
    ax, n = look.axes(4.2), len(curve)
    some = curve.iloc[:: max(1, n // POINTS)]
    coverage, accuracy = some["coverage"], some["accuracy"]
    ax.fill_between(coverage, some["low"], some["high"], color=COLORS["test"], alpha=0.25, lw=0)
    ax.plot(coverage, accuracy, color=COLORS["test"], label="accuracy, and its interval")
    low = min(accuracy[coverage >= FEWEST].min(), goal)
    ax.set(xlim=(0, 1), ylim=(max(0.0, low - 0.12 * (1 - low) - 0.002), 1))
    ax.axhline(goal, label=f"goal: {percent(goal)}", **GOAL)
    if point["coverage"] > 0:
        x, y = point["coverage"], point["accuracy"]
        ax.vlines(x, point["low"], point["high"], color=COLORS["mark"], linewidth=1.6)
        label = f"{percent(1 - x)} rejected: {percent(y, 2)}"
        ax.plot([x], [y], "o", color=COLORS["mark"], label=label, markersize=7, zorder=4)
    images = curve["accepted"].iloc[-1]
    ax.set_xlabel(f"Coverage: share of the images accepted, n = {images:,}")
    ax.set_ylabel("Accuracy of these")
    look.percents(ax.xaxis, ax.yaxis)
    ax.grid()
    ax.legend(loc="lower left", fontsize=SMALL)
    return ax


@look.style()
def robustness(frame: pd.DataFrame) -> Figure:
    """The accuracy at every strength, 0 for the images as they are: a panel a corruption.

    The last panel is the mean, each corruption counting the same; it has no band, for they are the
    same images. `frame` has the columns corruption, strength, n, accuracy, low, high, as
    `hcr.evaluation.corruption_scores` gives them.
    """
    names = [*frame["corruption"].unique(), "mean"]
    rows = ceil(len(names) / 3)
    figure = look.canvas(1.85 * rows + 0.45)
    panels = figure.subplots(rows, 3, sharex=True, sharey=True, squeeze=False).ravel()
    style = {"color": COLORS["test"], "marker": "o", "markersize": 3.5, "clip_on": False}
    for ax, name in zip(panels, names, strict=False):
        part = frame[frame["corruption"] == name]
        band = {"color": COLORS["test"], "alpha": 0.25, "linewidth": 0}
        ax.fill_between(part["strength"], part["low"], part["high"], **band)
        line = (frame if name == "mean" else part).groupby("strength")["accuracy"].mean()
        ax.plot(line.index, line, linewidth=1.6, **style)
        ax.set(xlim=(-0.15, 5.15), ylim=(0, 1), xticks=range(6))
        ax.set_title(name, size=10.5)
        look.percents(ax.yaxis)
        ax.grid()
    figure.supxlabel(f"Strength (n = {frame['n'].iloc[0]:,} images at each)", size=10.5)
    figure.supylabel("Accuracy", size=10.5)
    return figure

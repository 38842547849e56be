"""How well a network reads: confusions, recalls, mistakes and calibration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import (
    COLOURS,
    SHARE,
    SMALL,
    TEXT,
    WIDTH,
    axes,
    canvas,
    colour_of,
    name_ticks,
    percents,
    pictures,
    same_length,
    styled,
)
from hcr.plots.sheet import message, sheet

if TYPE_CHECKING:
    import pandas as pd


@styled
def confusion(matrix: ArrayLike, characters: Sequence[str], ax: Axes | None = None) -> Axes:
    """Heat map: of the pictures of a true class (row), the share read as each class (column).

    The colours are stretched so that a confusion of 1 % shows. Up to 16 classes have their shares
    written in.

    Args:
        matrix: Counts, shape (classes, classes), as `metrics.confusion` gives them.
        characters: The classes' names.
        ax: Axes to draw on.
    """
    import seaborn as sns

    counts = metrics.counts.matrix_of(matrix, characters)
    share = metrics.counts.divide(counts, counts.sum(axis=1, keepdims=True))
    size = len(characters)
    width = WIDTH if size <= 24 else 8.0
    ax = axes(ax, width * 0.87, width)
    notes = np.full(share.shape, "", dtype=object)
    if size <= 16:
        for cell in zip(*np.nonzero(counts), strict=True):
            value = 100 * share[cell]
            notes[cell] = f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
    sns.heatmap(
        share,
        mask=~(counts > 0),
        annot=notes,
        fmt="",
        annot_kws={"size": 9.5},
        cmap=SHARE,
        norm=PowerNorm(0.4, vmin=0, vmax=1),
        square=True,
        linewidths=0.5 if size <= 24 else 0.2,
        linecolor="#ebebeb",
        cbar_kws={"shrink": 0.6, "pad": 0.02, "ticks": [0, 0.01, 0.05, 0.2, 0.5, 1]},
        ax=ax,
    )
    # As vectors, 47 classes' cells would be half a megabyte.
    ax.collections[0].set_rasterized(size > 24)
    bar = ax.collections[0].colorbar
    percents(bar.ax.yaxis)
    bar.set_label("Share of the row")
    middles = np.arange(size) + 0.5
    name_ticks(ax.xaxis, middles, characters)
    name_ticks(ax.yaxis, middles, characters)
    ax.set(xlabel="Read as", ylabel="True character")
    return ax


@styled
def per_class(frame: "pd.DataFrame", split: str = "test", ax: Axes | None = None) -> Axes:
    """Each class's recall with its 95 % Wilson interval, the worst on top.

    Args:
        frame: Columns character, n, recall, as `metrics.per_class` gives them. A class without
            pictures is left out.
        split: The split that was read, for the colour.
        ax: Axes to draw on.
    """
    missing = [each for each in ("character", "n", "recall") if each not in frame]
    if missing:
        raise DataError(f"frame must have the columns character, n, recall. Missing: {missing}.")
    kept = frame[frame["n"] > 0].sort_values(["recall", "n"], kind="stable")
    if kept.empty:
        return message("No class has a picture.", ax)
    n, recall = kept["n"].to_numpy(int), kept["recall"].to_numpy(float)
    spans = [metrics.wilson(round(r * k), int(k)) for r, k in zip(recall, n, strict=True)]
    low, high = np.array(spans).T
    places = np.arange(len(kept))
    ax = axes(ax, 1.0 + 0.19 * max(len(kept), 4))
    ax.hlines(places, low, high, color="#9fb8c9", linewidth=4)
    dots = {"color": colour_of(split, 0), "markeredgecolor": "#222222", "markersize": 6}
    ax.plot(recall, places, "o", clip_on=False, **dots)
    mean = float(np.mean(recall))
    ax.axvline(mean, color=COLOURS["mark"], linewidth=1.2, linestyle="-.")
    ax.set_title(
        f"Mean of the recalls: {metrics.percent(mean)} (line)", fontweight="normal", loc="left"
    )
    name_ticks(ax.yaxis, places, kept["character"])
    ax.set_ylim(len(kept) - 0.4, -0.6)
    left = min(float(low.min()), mean)
    ax.set_xlim(max(0.0, left - 0.02), 1.0)
    for place, count in zip(places, n, strict=True):
        ax.annotate(
            f"{count:,}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=9,
            color=TEXT["quiet"],
            annotation_clip=False,
        )
    ax.annotate("n", (1.01, 1.01), xycoords="axes fraction", size=9, color=TEXT["quiet"])
    percents(ax.xaxis, 0 if 1 - left > 0.05 else 1)
    ax.set(xlabel="Recall, with its 95 % interval", ylabel="Character")
    ax.grid(axis="x")
    return ax


@styled
def predictions(
    images: ArrayLike,
    true: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    characters: Sequence[str],
    n: int = 15,
    ax: Axes | None = None,
) -> Axes:
    """The first `n` pictures, how each was read and how sure the network was.

    A wrong one has a dashed frame, a cross, and the true character.

    Args:
        images: Shape (m, 28, 28), uint8.
        true: Class indices, shape (m,).
        predicted: Class indices, shape (m,).
        probabilities: Shape (m, classes).
        characters: The classes' names.
        n: How many.
        ax: Axes to draw on.
    """
    found, true, predicted, sure = _read(images, true, predicted, probabilities, characters)
    return _gallery(np.arange(min(n, len(found))), found, true, predicted, sure, characters, ax)


@styled
def mistakes(
    images: ArrayLike,
    true: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    characters: Sequence[str],
    n: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """The `n` mistakes that the network was surest of, the surest first.

    The arguments are those of `predictions`; there may be no picture.
    """
    if not len(np.asarray(images)):
        return message("No mistakes.", ax)
    found, true, predicted, sure = _read(images, true, predicted, probabilities, characters)
    wrong = np.flatnonzero(true != predicted)
    if not len(wrong):
        return message(f"No mistake in {len(true):,} pictures.", ax)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:n]
    return _gallery(chosen, found, true, predicted, sure, characters, ax)


@styled
def reliability(
    true: ArrayLike,
    probabilities: ArrayLike,
    bins: int = 15,
    split: str = "test",
    ax: Axes | None = None,
) -> Axes:
    """Accuracy against confidence, each bin with its 95 % Wilson interval, and the ECE.

    Args:
        true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        bins: Of equal width, over the most probable class's probability.
        split: The split that was read, for the colour.
        ax: Axes to draw on.
    """
    table = metrics.reliability(true, probabilities, bins)
    table = table[table["n"] > 0]
    spans = [
        metrics.wilson(int(k), int(n)) for k, n in zip(table["right"], table["n"], strict=True)
    ]
    low, high = np.array(spans).T
    ax = axes(ax, 4.9, 5.6)
    style = {"color": COLOURS["before"], "linestyle": "--", "linewidth": 1.2}
    ax.plot([0, 1], [0, 1], label="as sure as it is right", **style)
    x, y = table["confidence"].to_numpy(), table["accuracy"].to_numpy()
    ax.vlines(x, low, high, color="#9fb8c9", linewidth=4)
    # The dot's area tells where the pictures are.
    area = 20 + 160 * table["n"].to_numpy() / table["n"].max()
    label = "a bin; its area: how many answers"
    ax.scatter(x, y, s=area, color=colour_of(split, 0), edgecolor="#222222", zorder=3, label=label)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    ax.set(xlabel="Confidence: the answer's probability", ylabel="Share read right")
    text = f"Calibration error (ECE, {bins} bins): "
    text += f"{metrics.percent(metrics.ece(true, probabilities, bins))}, n = {table['n'].sum():,}"
    ax.set_title(text, fontweight="normal", pad=24)
    percents(ax.xaxis)
    percents(ax.yaxis)
    ax.grid()
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, fontsize=SMALL)
    return ax


@styled
def calibration(
    true: ArrayLike, before: ArrayLike, after: ArrayLike, split: str = "validation", bins: int = 15
) -> Figure:
    """`reliability` before and after a temperature, side by side, with both errors and log losses.

    Args:
        true: Class indices, shape (n,).
        before: Probabilities, shape (n, classes).
        after: The same, calibrated.
        split: The split that was read, for the colour.
        bins: Of equal width.
    """
    figure = canvas(4.1)
    panels = figure.subplots(1, 2, sharey=True)
    for ax, name, given in zip(panels, ("Before", "After"), (before, after), strict=True):
        reliability(true, given, bins, split, ax)
        ax.get_legend().remove()
        ax.set_xlabel("Confidence: the probability")
        error, loss = metrics.ece(true, given, bins), metrics.log_loss(true, given)
        text = f"{name}: ECE {metrics.percent(error, 2)}, log loss {loss:.4f}"
        ax.set_title(text, fontweight="normal", size=10.5, pad=8)
    panels[1].set_ylabel("")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def _read(
    images: ArrayLike,
    true: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    characters: Sequence[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The arguments checked, and the probability of each answer."""
    found = pictures(images)
    true = metrics.labels(true, len(characters), "true")
    predicted = metrics.labels(predicted, len(characters), "predicted")
    checked, _ = metrics.probabilities_of(probabilities, true)
    if checked.shape[1] != len(characters):
        raise DataError(
            "probabilities must have one column a character. "
            f"Received: {checked.shape[1]} for {len(characters)} characters."
        )
    for name, other in (("true", true), ("predicted", predicted), ("probabilities", checked)):
        same_length(name, other, len(found))
    return found, true, predicted, checked[np.arange(len(found)), predicted]


def _gallery(
    chosen: np.ndarray,
    images: np.ndarray,
    true: np.ndarray,
    predicted: np.ndarray,
    sure: np.ndarray,
    characters: Sequence[str],
    ax: Axes | None,
) -> Axes:
    right = (true == predicted)[chosen]
    captions, colours = [], []
    for each, good in zip(chosen, right, strict=True):
        read, meant = characters[predicted[each]], characters[true[each]]
        first = f"{read} \u2713" if good else f"{meant} read as {read} \u2717"
        captions.append(f"{first}\n{metrics.percent(sure[each])}")
        colours.append(TEXT["right" if good else "wrong"])
    # Where all are wrong, frames would tell nothing.
    frames = ~right if right.any() else ()
    columns = 5 if max(len(line) for text in captions for line in text.split("\n")) <= 15 else 4
    return sheet(images[chosen], columns, captions, colours, frames, size=10.5, ax=ax)

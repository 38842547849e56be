"""How a network learned, and what it looks at."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import (
    ACTIVATION,
    AMOUNT,
    COLOURS,
    SIGNS,
    TEXT,
    axes,
    canvas,
    percents,
    pictures,
    styled,
)
from hcr.plots.sheet import sheet, sheet_height

if TYPE_CHECKING:
    import pandas as pd

SIGNED = LinearSegmentedColormap.from_list("signed", [SIGNS[0], "#f7f7f7", SIGNS[1]])


@styled
def curves(history: "pd.DataFrame", chosen: int | None = None) -> Figure:
    """Loss and accuracy over the epochs, training and validation, the space between shaded.

    Args:
        history: One row an epoch; columns epoch, loss, accuracy, and, where there are, val_loss,
            val_accuracy, val_balanced_accuracy.
        chosen: The epoch whose weights were kept; it gets a vertical line.
    """
    epochs = _epochs(history, "loss", "accuracy")
    if chosen is not None and chosen not in epochs:
        raise DataError(
            f"chosen must be one of the epochs {epochs[0]} to {epochs[-1]}. Received: {chosen}."
        )
    figure = canvas(5.4)
    upper, lower = figure.subplots(2)
    _lines(upper, history, epochs, "loss", chosen)
    upper.set(title="Loss", ylabel="Cross entropy (nats)")
    upper.set_ylim(bottom=0)
    _lines(lower, history, epochs, "accuracy", chosen)
    if "val_balanced_accuracy" in history:
        values = history["val_balanced_accuracy"].to_numpy(float)
        style = {"color": COLOURS["validation"], "linestyle": ":", "marker": "s"}
        lower.plot(epochs, values, markersize=4, label="validation, class-balanced", **style)
    if chosen is not None:
        for ax in (upper, lower):
            style = {"color": COLOURS["mark"], "linewidth": 1.2, "linestyle": "-."}
            ax.axvline(chosen, label=f"epoch kept: {chosen}", **style)
    lower.set(title="Accuracy", ylabel="Share read right")
    percents(lower.yaxis, _digits(lower))
    handles, names = lower.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, columnspacing=1.4)
    return figure


@styled
def learning_rate(history: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The learning rate of each epoch; logarithmic where it falls tenfold or more."""
    epochs = _epochs(history, "learning_rate")
    values = history["learning_rate"].to_numpy(float)
    ax = axes(ax, 2.6)
    ax.plot(epochs, values, color=COLOURS["train"], marker="o", markersize=4)
    if values.min() > 0 and values.max() >= 10 * values.min():
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.12f}".rstrip("0").rstrip("."))
    )
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel("Learning rate")
    _epoch_axis(ax, epochs)
    return ax


@styled
def steps(history: "pd.DataFrame", clipnorm: float | None = None) -> Figure:
    """The learning rate by epoch and, where they were recorded, how long the gradients were.

    Args:
        history: As for `curves`; columns epoch, learning_rate and, where there are, grad_norm,
            grad_norm_max and clipped: their mean length, the longest, and the share of steps in
            which some array's gradient was shortened.
        clipnorm: The longest that the gradient of one array of weights was left.
    """
    recorded = {"grad_norm", "grad_norm_max", "clipped"} <= set(history)
    figure = canvas(5.2 if recorded else 2.6)
    panels = np.atleast_1d(figure.subplots(2 if recorded else 1))
    learning_rate(history, panels[0])
    if not recorded:
        return figure
    epochs, ax = _epochs(history, "learning_rate"), panels[1]
    mean, longest = (history[each].to_numpy(float) for each in ("grad_norm", "grad_norm_max"))
    style = {"color": AMOUNT, "linestyle": "--", "marker": "^", "markersize": 4}
    ax.plot(epochs, longest, label="the longest of the epoch", **style)
    style = {"color": COLOURS["train"], "marker": "o", "markersize": 4}
    ax.plot(epochs, mean, label="mean of the epoch", **style)
    # A single long one would press all the others to the ground.
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set(ylabel="Gradient's length")
    if clipnorm is not None:
        style = {"color": COLOURS["mark"], "linewidth": 1.2, "linestyle": "-."}
        ax.axhline(clipnorm, label="clipnorm, of each array", **style)
        share = metrics.percent(float(history["clipped"].mean()))
        ax.set_title(f"Shortened in {share} of the steps", fontweight="normal")
    _epoch_axis(ax, epochs)
    ax.legend(loc="upper right", ncols=3, bbox_to_anchor=(1, -0.22))
    return figure


@styled
def augmented(before: ArrayLike, after: ArrayLike, ax: Axes | None = None) -> Axes:
    """Training pictures and what augmentation makes of them.

    Args:
        before: Shape (n, h, w), uint8 or floats in [0, 1].
        after: The same pictures augmented: shape (n, h, w), or (n, k, h, w) for k variants.
        ax: Axes to draw on.
    """
    first, second = pictures(before, "before"), np.asarray(after)
    if second.ndim == 3:
        second = second[:, None]
    if second.ndim != 4 or (len(second), *second.shape[2:]) != first.shape:
        raise DataError(
            "after must hold the pictures of before, with the shape (n, h, w) or (n, k, h, w). "
            f"Received: {np.shape(after)} for {first.shape}."
        )
    count, variants = second.shape[:2]
    flat = pictures(second.reshape(-1, *first.shape[1:]), "after")
    groups = np.concatenate([first[:, None], flat.reshape(second.shape)], axis=1)
    side = max(1, min(count, 10 // (variants + 1)))
    captions = ["original", *[""] * variants] if variants > 1 else ["before", "after"]
    ax = sheet(
        groups.reshape(-1, *first.shape[1:]),
        side * (variants + 1),
        captions * count,
        ax=ax,
    )
    return ax


@styled
def filters(weights: ArrayLike, n: int = 64) -> Figure:
    """The kernels of a convolution, brown below 0 and violet above, all on one scale.

    Args:
        weights: Shape (h, w, channels in, channels out), as Keras keeps them.
        n: At most this many kernels are shown.
    """
    return _scaled([_kernels(weights, n)])


@styled
def feature_maps(maps: ArrayLike, n: int = 64) -> Figure:
    """What the channels of a layer answer to one picture, all on one scale.

    Args:
        maps: Shape (h, w, channels).
        n: At most this many channels are shown.
    """
    return _scaled([_maps(maps, n)])


@styled
def kernels_and_maps(weights: ArrayLike, maps: ArrayLike, n: int = 32) -> Figure:
    """`filters` above `feature_maps`, in one order: the map in each place is that kernel's.

    The arguments are theirs; there must be one map for each kernel, so one channel in.
    """
    upper, lower = _kernels(weights, n), _maps(maps, n)
    if np.shape(weights)[2:] != (1, np.shape(maps)[2]):
        raise DataError(
            "There must be one map for each kernel of one channel. "
            f"Received: weights {np.shape(weights)} and maps {np.shape(maps)}."
        )
    return _scaled([upper, lower])


# Pictures, colour map, its ends, title, and what the colours mean.
Panel = tuple[np.ndarray, Colormap, tuple[float, float], str, str]


def _kernels(weights: ArrayLike, n: int) -> Panel:
    found = np.asarray(weights, dtype=np.float64)
    if found.ndim != 4 or 0 in found.shape:
        raise DataError(f"weights must have the shape (h, w, in, out). Received: {found.shape}.")
    kernels = found.transpose(3, 2, 0, 1).reshape(-1, *found.shape[:2])
    limit = float(np.abs(kernels).max()) or 1.0
    title = f"{min(n, len(kernels)):,} of {len(kernels):,} kernels"
    return kernels[:n], SIGNED, (-limit, limit), title, "Weight"


def _maps(maps: ArrayLike, n: int) -> Panel:
    found = np.asarray(maps, dtype=np.float64)
    if found.ndim != 3 or 0 in found.shape:
        raise DataError(f"maps must have the shape (h, w, channels). Received: {found.shape}.")
    shown = found.transpose(2, 0, 1)
    low, high = min(0.0, float(found.min())), float(found.max())
    silent = int((shown.max(axis=(1, 2)) <= max(low, 0)).sum())
    title = f"{min(n, len(shown)):,} of {len(shown):,} channels; {silent:,} are silent"
    limits = low, high if high > low else low + 1
    return shown[:n], ACTIVATION, limits, title, "Activation"


def _scaled(panels: list[Panel]) -> Figure:
    """Sheets with a colour bar each, one above the other."""
    columns = [min(max(len(each[0]), 4), 8) if len(each[0]) <= 32 else 16 for each in panels]
    heights = [
        max(1.6, sheet_height(each[0].shape, n, width=6.1) + 0.4)
        for each, n in zip(panels, columns, strict=True)
    ]
    figure = canvas(sum(heights))
    parts = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel, n in zip(parts, panels, columns, strict=True):
        images, cmap, limits, title, label = panel
        sheet(images, n, cmap=cmap, limits=limits, ax=ax)
        bar = figure.colorbar(ax.images[0], ax=ax, label=label, fraction=0.03, pad=0.02)
        bar.outline.set_visible(False)
        ax.set_title(title, fontweight="normal")
    return figure


def _epochs(history: "pd.DataFrame", *columns: str) -> np.ndarray:
    missing = [each for each in ("epoch", *columns) if each not in history]
    if missing or len(history) == 0:
        raise DataError(
            f"history must have rows with the columns epoch, {', '.join(columns)}. "
            f"Received: {len(history)} rows with {', '.join(map(str, history)) or 'no column'}."
        )
    return history["epoch"].to_numpy(int)


def _lines(
    ax: Axes, history: "pd.DataFrame", epochs: np.ndarray, name: str, chosen: int | None
) -> None:
    train = history[name].to_numpy(float)
    ax.plot(epochs, train, color=COLOURS["train"], marker="o", markersize=4, label="training")
    if f"val_{name}" in history:
        val = history[f"val_{name}"].to_numpy(float)
        style = {"color": COLOURS["validation"], "linestyle": "--", "marker": "D"}
        ax.plot(epochs, val, markersize=4, label="validation", **style)
        ax.fill_between(epochs, train, val, color="#999999", alpha=0.18, linewidth=0)
        place = np.flatnonzero(epochs == (epochs[-1] if chosen is None else chosen))[0]
        gap = train[place] - val[place]
        text = f"{100 * gap:+.1f} points" if name == "accuracy" else f"{gap:+.3f}"
        text = f"training minus validation at epoch {epochs[place]}: {text}"
        style = {"fontsize": 9, "fontweight": "normal", "color": TEXT["quiet"]}
        ax.set_title(text.replace("-", "\u2212"), loc="right", **style)
    _epoch_axis(ax, epochs)


def _epoch_axis(ax: Axes, epochs: np.ndarray) -> None:
    if len(epochs) <= 12:
        ax.set_xticks(epochs)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    ax.set_xlim(epochs[0] - 0.4, epochs[-1] + 0.4)
    ax.set_xlabel("Epoch")
    ax.grid(axis="y")


def _digits(ax: Axes) -> int:
    low, high = ax.get_ylim()
    return 0 if high - low > 0.05 else 1

"""How a network learned, and what its first convolution learned."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from hcr.plots import look
from hcr.plots.images import sheet
from hcr.plots.look import AMOUNT, COLORS, SHARE, TEXT

if TYPE_CHECKING:
    import pandas as pd

TRAINING = {"color": COLORS["train"], "marker": "o", "markersize": 4}
VALIDATION = {"color": COLORS["validation"], "linestyle": "--", "marker": "D", "markersize": 4}
MARK = {"color": COLORS["mark"], "linewidth": 1.2, "linestyle": "-."}


@look.styled
def curves(history: "pd.DataFrame", chosen: int | None = None) -> Figure:
    """Loss and accuracy over the epochs, training and validation, the space between shaded.

    `history` has a row an epoch: epoch, loss, accuracy, and, where there are, val_loss,
    val_accuracy, val_balanced_accuracy. `chosen` is the epoch whose weights were kept.
    """
    figure = look.canvas(5.4)
    panels, epochs = figure.subplots(2), history["epoch"].to_numpy(int)
    for ax, name in zip(panels, ("loss", "accuracy"), strict=True):
        train = history[name].to_numpy(float)
        ax.plot(epochs, train, label="training", **TRAINING)
        if f"val_{name}" in history:
            validation = history[f"val_{name}"].to_numpy(float)
            ax.plot(epochs, validation, label="validation", **VALIDATION)
            ax.fill_between(epochs, train, validation, color="#999999", alpha=0.18, linewidth=0)
            at = np.flatnonzero(epochs == (chosen or epochs[-1]))[0]
            gap = train[at] - validation[at]
            text = f"{100 * gap:+.1f} points" if name == "accuracy" else f"{gap:+.3f}"
            text = f"training minus validation at epoch {epochs[at]}: {text}"
            style = {"fontsize": 9, "fontweight": "normal", "color": TEXT["quiet"]}
            ax.set_title(text.replace("-", "\u2212"), loc="right", **style)
        if name == "accuracy" and "val_balanced_accuracy" in history:
            style = VALIDATION | {"linestyle": ":", "marker": "s"}
            label = "validation, class-balanced"
            ax.plot(epochs, history["val_balanced_accuracy"], label=label, **style)
        if chosen is not None:
            ax.axvline(chosen, label=f"epoch kept: {chosen}", **MARK)
        _epoch_axis(ax, epochs)
    panels[0].set(title="Loss", ylabel="Cross entropy (nats)", ylim=(0, None))
    panels[1].set(title="Accuracy", ylabel="Accuracy")
    look.percents(panels[1].yaxis)
    handles, names = panels[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, columnspacing=1.4)
    return figure


@look.styled
def learning_rate(history: "pd.DataFrame", clipnorm: float | None = None) -> Figure:
    """The learning rate by epoch and, where they were recorded, the norms of the gradients.

    `history` has the columns epoch, learning_rate and, where there are, grad_norm, grad_norm_max
    (mean and largest) and clipped (share of the steps); `clipnorm` is the largest norm allowed.
    """
    recorded, epochs = "grad_norm" in history, history["epoch"].to_numpy(int)
    figure = look.canvas(5.2 if recorded else 2.6)
    panels = np.atleast_1d(figure.subplots(2 if recorded else 1))
    values = history["learning_rate"].to_numpy(float)
    panels[0].plot(epochs, values, **TRAINING)
    panels[0].set_ylabel("Learning rate")
    if values.min() > 0 and values.max() >= 10 * values.min():
        panels[0].set_yscale("log")
    else:
        panels[0].set_ylim(bottom=0)
    if recorded:
        style = {"color": AMOUNT, "linestyle": "--", "marker": "^", "markersize": 4}
        panels[1].plot(epochs, history["grad_norm_max"], label="largest of the epoch", **style)
        panels[1].plot(epochs, history["grad_norm"], label="mean of the epoch", **TRAINING)
        # A single long one would press all the others to the ground.
        panels[1].set(yscale="log", ylabel="Norm of the gradient")
        if clipnorm is not None:
            panels[1].axhline(clipnorm, label="clipnorm, of each array", **MARK)
            text = f"Clipped in {look.percent(float(history['clipped'].mean()))} of the steps"
            panels[1].set_title(text, fontweight="normal")
        panels[1].legend(loc="upper right", ncols=3, bbox_to_anchor=(1, -0.22))
    for ax in panels:
        number = FuncFormatter(lambda value, _: f"{value:.12f}".rstrip("0").rstrip("."))
        ax.yaxis.set_major_formatter(number)
        ax.yaxis.set_minor_formatter(NullFormatter())
        _epoch_axis(ax, epochs)
    return figure


@look.styled
def kernels_and_maps(kernels: np.ndarray, maps: np.ndarray, n: int = 32) -> Figure:
    """The first `n` kernels of a convolution, and below, in the same places, the maps they make.

    `kernels` are (h, w, 1, channels), brown below 0 and violet above; `maps` (h, w, channels).
    """
    channels = maps.shape[2]
    largest, columns = float(np.abs(kernels).max()) or 1.0, min(max(channels, 4), 8)
    figure = look.canvas(2 * max(1.6, 0.85 * -(-min(n, channels) // columns) + 0.4))
    upper, lower = figure.subplots(2)
    for ax, values, cmap, limits, label in (
        (upper, kernels[:, :, 0], "PuOr", (-largest, largest), "Weight"),
        (lower, maps, SHARE, (min(0.0, maps.min()), maps.max()), "Activation"),
    ):
        sheet(values.transpose(2, 0, 1)[:n], columns, cmap=cmap, limits=limits, ax=ax)
        figure.colorbar(ax.images[0], ax=ax, label=label, fraction=0.03, pad=0.02)
    upper.set_title(f"{min(n, channels)} of {channels} kernels", fontweight="normal")
    lower.set_title("The map of each", fontweight="normal")
    return figure


def _epoch_axis(ax: Axes, epochs: np.ndarray) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    ax.set(xlim=(epochs[0] - 0.4, epochs[-1] + 0.4), xlabel="Epoch")
    ax.grid(axis="y")

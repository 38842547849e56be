"""How a network learned."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hcr.plots import look
from hcr.plots.look import AMOUNT, COLORS

if TYPE_CHECKING:
    import pandas as pd

TRAINING = {"color": COLORS["train"], "marker": "o", "markersize": 4}
VALIDATION = {"color": COLORS["validation"], "linestyle": "--", "marker": "D", "markersize": 4}
MARK = {"color": COLORS["mark"], "linewidth": 1.2, "linestyle": "-."}


@look.styled
def curves(history: "pd.DataFrame", chosen: int | None = None) -> Figure:
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
        _epoch_axis(ax, epochs)
    panels[0].set(title="Loss", ylabel="Cross entropy (nats)", ylim=(0, None))
    panels[1].set(title="Accuracy", ylabel="Accuracy")
    look.percents(panels[1].yaxis)
    handles, names = panels[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, columnspacing=1.4)
    return figure


@look.styled
def learning_rate(history: "pd.DataFrame") -> Figure:
    """The learning rate by epoch and, where they were recorded, the norms of the gradients.

    `history` has the columns epoch, learning_rate and, where there are, grad_norm and grad_norm_max
    (mean and largest).
    """
    recorded, epochs = "grad_norm" in history, history["epoch"].to_numpy(int)
    figure = look.canvas(5.2 if recorded else 2.6)
    panels = np.atleast_1d(figure.subplots(2 if recorded else 1))
    panels[0].plot(epochs, history["learning_rate"], **TRAINING)
    panels[0].set_ylabel("Learning rate")
    panels[0].set_ylim(bottom=0)
    if recorded:
        style = {"color": AMOUNT, "linestyle": "--", "marker": "^", "markersize": 4}
        panels[1].plot(epochs, history["grad_norm_max"], label="largest of the epoch", **style)
        panels[1].plot(epochs, history["grad_norm"], label="mean of the epoch", **TRAINING)
        # A single long one would press all the others to the ground.
        panels[1].set(yscale="log", ylabel="Norm of the gradient")
        panels[1].legend(loc="upper right", ncols=3, bbox_to_anchor=(1, -0.22))
    for ax in panels:
        look.thousands(ax.yaxis)
        _epoch_axis(ax, epochs)
    return figure


def _epoch_axis(ax: Axes, epochs: np.ndarray) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    ax.set(xlim=(epochs[0] - 0.4, epochs[-1] + 0.4), xlabel="Epoch")
    ax.grid(axis="y")

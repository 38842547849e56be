"""How a network learned."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hcr.plots import look
from hcr.plots.look import COLORS

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


def _epoch_axis(ax: Axes, epochs: np.ndarray) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    ax.set(xlim=(epochs[0] - 0.4, epochs[-1] + 0.4), xlabel="Epoch")
    ax.grid(axis="y")

"""What a network bears: pictures spoilt on purpose, and how well they are still read."""

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.plots.look import SMALL, TEXT, WIDTH, axes, canvas, percents, pictures, styled
from hcr.plots.several import by_name, lines
from hcr.plots.sheet import sheet
from hcr.preprocessing import corruptions

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("corruption", "strength", "n", "accuracy", "low", "high")
MEAN = "mean of all"
# Name to how its amplitudes are told: factor, and the words around "1 to 5".
TOLD = {
    "shift": (1, "{} px"),
    "rotation": (1, "{}°"),
    "scale": (100, "{} % smaller"),
    "stroke width": (1, "wider or thinner lines"),
    "blur": (1, "sigma {} px"),
    "noise": (100, "sigma {} %"),
    "contrast": (100, "{} % lost"),
    "occlusion": (1, "{} px hidden"),
}


@styled
def robustness(
    frames: "pd.DataFrame | Mapping[str, pd.DataFrame]", split: str = "test", columns: int = 3
) -> Figure:
    """The accuracy at every strength, 0 for the pictures as they are: one panel a corruption.

    Of several corruptions the last panel is the mean, each counting the same; it has no band, for
    they are the same pictures.

    Args:
        frames: As `metrics.robustness.measure` gives it, or several by the name of their model.
            The band is the 95 % Wilson interval.
        split: The split that the pictures are of, for the colour of one model alone.
        columns: Panels in a row.
    """
    named = by_name(frames, COLUMNS)
    first = next(iter(named.values()))
    corruptions = list(first["corruption"].unique())
    corruptions += [MEAN] if len(corruptions) > 1 else []
    columns = min(columns, len(corruptions))
    rows = ceil(len(corruptions) / columns)
    figure = canvas(1.95 * rows + 0.45 + 0.3 * (len(named) > 1))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, ax in enumerate(panels.flat):
        if place >= len(corruptions):
            ax.set_axis_off()
            continue
        for (name, frame), line in zip(named.items(), lines(len(named), split), strict=True):
            its = _curve(frame, corruptions[place])
            x = its["strength"].to_numpy(float)
            if "low" in its:
                ax.fill_between(x, its["low"], its["high"], color=line["color"], alpha=0.25, lw=0)
            style = {**line, "marker": "o", "markersize": 3.5, "linewidth": 1.6}
            ax.plot(x, its["accuracy"], label=name, clip_on=False, **style)
        _panel(ax, corruptions[place], place % columns == 0, place + columns >= len(corruptions))
    n = int(first["n"].iloc[0])
    note = {"size": SMALL, "color": TEXT["quiet"], "x": 0.99, "ha": "right"}
    figure.suptitle(f"n = {n:,} at each strength", **note)
    if len(named) > 1:
        handles, names = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(4, len(names)))
    return figure


@styled
def spoilt_pictures(images: ArrayLike, seed: int = 0, ax: Axes | None = None) -> Axes:
    """Every corruption in a row of its own: pictures as they are, then at strengths 1 to 5.

    Args:
        images: uint8 (n, 28, 28), n from 1 to 6: the same ones at each strength.
        seed: Of the corruptions.
        ax: Axes to draw on.
    """
    found = pictures(images)
    if found.dtype != np.uint8 or not 1 <= len(found) <= 6:
        raise DataError(
            f"images must be 1 to 6 pictures of uint8. Received: {len(found)}, {found.dtype}."
        )
    tiles = []
    for name in corruptions.CORRUPTIONS:
        tiles.append(found)
        tiles += [corruptions.corrupt(found, name, each, seed) for each in corruptions.STRENGTHS]
    columns = len(found) * (1 + len(corruptions.STRENGTHS))
    # Room for the names at the left.
    wide = 1.45
    board = np.concatenate(tiles)
    height = (WIDTH - wide) * len(corruptions.CORRUPTIONS) / columns + 0.35
    ax = axes(ax, height)
    sheet(board, columns, ax=ax)
    across, down = ax.get_xlim()[1] + 0.5, ax.get_ylim()[0] + 0.5
    step = across / (1 + len(corruptions.STRENGTHS))
    style = {"size": SMALL, "color": TEXT["quiet"]}
    for i, text in enumerate(("as it is", *(f"strength {each}" for each in corruptions.STRENGTHS))):
        ax.text((i + 0.5) * step, -4, text, ha="center", va="bottom", **style)
    for i, name in enumerate(corruptions.CORRUPTIONS):
        ax.text(
            -6,
            (i + 0.5) * down / len(corruptions.CORRUPTIONS),
            name,
            ha="right",
            va="center",
            size=10,
        )
    return ax


def _curve(frame: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """A corruption's rows by strength; of `MEAN` the mean of all, columns strength, accuracy."""
    if name == MEAN:
        return frame.groupby("strength")["accuracy"].mean().reset_index()
    return frame[frame["corruption"] == name].sort_values("strength")


def _panel(ax: Axes, name: str, first: bool, lowest: bool) -> None:
    """A panel's title, what its strengths are, and its axes."""
    ax.set_title(name, size=10.5, pad=17)
    ax.set(xlim=(-0.15, 5.15), ylim=(0, 1), xticks=range(6))
    percents(ax.yaxis)
    ax.grid()
    if first:
        ax.set_ylabel("Read right")
    if lowest:
        ax.set_xlabel("Strength")
        ax.tick_params(labelbottom=True)
    if name in TOLD:
        factor, words = TOLD[name]
        ends = [f"{factor * corruptions.CORRUPTIONS[name][end]:g}" for end in (0, -1)]
        text = words.format(" to ".join(ends))
        ax.text(0, 1.04, text, transform=ax.transAxes, size=SMALL, color=TEXT["quiet"])

"""How much ink pictures hold, where, and how classes differ in it."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import (
    AMOUNT,
    COLOURS,
    SHARE,
    SMALL,
    axes,
    canvas,
    class_width,
    name_ticks,
    percents,
    pictures,
    same_length,
    styled,
    thousands,
)
from hcr.preprocessing import ink as ink_statistics

if TYPE_CHECKING:
    import pandas as pd

# What is shown of each class, and the heading; the unit is the x axis' label.
PANELS = {
    "ink": ("Ink", "of the picture"),
    "stroke": ("Line width", "pixels"),
    "slant": ("Slant", "degrees"),
    "width": ("Width", "pixels"),
    "height": ("Height", "pixels"),
}
# Pixels from the middle to the edge of the window that shows the centres of mass, at least.
NARROWEST = 5


@styled
def pixel_values(images: ArrayLike, bins: int = 32, ax: Axes | None = None) -> Axes:
    """Histogram of the pixels' values, 0 paper to 255 ink, on a logarithmic scale."""
    values = ink_statistics.pixel_counts(_bytes(pictures(images)))
    edges = np.linspace(0, 256, bins + 1)
    heights = np.add.reduceat(values, edges[:-1].astype(int))
    ax = axes(ax, 3.0)
    ax.bar(edges[:-1], heights, np.diff(edges), align="edge", color=AMOUNT, linewidth=0)
    floor = 10 ** np.floor(np.log10(heights[heights > 0].min()))
    ax.set(yscale="log", xlim=(0, 256), ylim=(floor, None))
    ax.set(xlabel="Pixel value: 0 paper, 255 ink", ylabel="Pixels, logarithmic")
    ax.set_xticks([0, 64, 128, 192, 255])
    thousands(ax.yaxis)
    ax.grid(axis="y")
    paper, ink = values[0] / values.sum(), values[255] / values.sum()
    text = f"{metrics.percent(paper)} of the pixels are 0, {metrics.percent(ink)} are 255"
    ax.set_title(text, fontweight="normal")
    return ax


@styled
def measures_by_class(
    frame: "pd.DataFrame", labels: ArrayLike, characters: Sequence[str]
) -> Figure:
    """Ink, line width, slant, width and height by class: a line a class, a column a measure.

    The dot is the class's median, its thick line holds half of the class's pictures, its thin line
    90 %. The lowest and the highest median of each column are marked, and a line shows the median
    of all pictures.

    Args:
        frame: As `measures.of` gives it, n rows.
        labels: Class indices, shape (n,).
        characters: The classes' names. A class without pictures stays empty.
    """
    classes = metrics.labels(labels, len(characters))
    same_length("labels", classes, len(frame))
    rows = np.arange(len(characters))
    figure = canvas(1.1 + 0.165 * max(len(characters), 8), class_width(characters))
    panels = figure.subplots(1, len(PANELS), sharey=True)
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    for ax, (name, (title, unit)) in zip(panels, PANELS.items(), strict=True):
        values = frame[name].to_numpy(float)
        spans = np.array([_shares(values[classes == row], shares) for row in rows])
        ax.axvline(np.nanmedian(values), color="#888888", linewidth=1, linestyle=(0, (4, 2)))
        ax.hlines(rows, spans[:, 0], spans[:, 4], color="#9fb8c9", linewidth=1.2)
        ax.hlines(rows, spans[:, 1], spans[:, 3], color="#9fb8c9", linewidth=4.5)
        ax.plot(spans[:, 2], rows, "o", color="#222222", markersize=3.5)
        ends = {int(np.nanargmin(spans[:, 2])), int(np.nanargmax(spans[:, 2]))}
        # Where all medians are alike there is no lowest.
        for row in ends if np.nanmax(spans[:, 2]) > np.nanmin(spans[:, 2]) else ():
            ax.plot(spans[row, 2], row, "D", color=COLOURS["wrong"], markersize=6)
        ax.margins(x=0.08)
        ax.set_title(title)
        ax.set_xlabel(unit)
        ax.grid(axis="x")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
        ax.spines["left"].set_visible(False)
        if name == "ink":
            percents(ax.xaxis)
        # Lines of equal colour lead the eye from the name to the last column.
        for row in rows[1::2]:
            ax.axhspan(row - 0.5, row + 0.5, color="#f4f4f0", linewidth=0, zorder=0)
        ax.tick_params(axis="y", length=0)
    name_ticks(panels[0].yaxis, rows, characters)
    panels[0].set_ylim(len(characters) - 0.4, -0.6)
    panels[0].set_ylabel("Character")
    return figure


@styled
def ink_boxes(frame: "pd.DataFrame", shape: tuple[int, int] = (28, 28)) -> Figure:
    """Where the ink lies: how often a pixel is in its bounding box, and the centres of mass.

    A cross marks the picture's middle, which lies between two pixels where their number is even.

    Args:
        frame: As `measures.of` gives it. Blank pictures are left out, and counted in the title.
        shape: The pictures' height and width in pixels.
    """
    kept = frame.dropna()
    if kept.empty:
        raise DataError("Pictures must hold ink to show where it lies. Received: blank ones only.")
    height, width = shape
    cover = _cover(kept, shape) / len(kept)
    x, y = kept["x"].to_numpy(float), kept["y"].to_numpy(float)
    figure = canvas(3.9)
    left, right = figure.subplots(1, 2)
    shown = left.imshow(cover, cmap=SHARE, vmin=0, vmax=1)
    bar = figure.colorbar(shown, ax=left, location="bottom", label="Share of the pictures")
    percents(bar.ax.xaxis)
    left.set_title("In the bounding box")
    # A window around the middle that holds 99 of 100 centres, of whole pixels. MNIST's centres fill
    # one pixel: in a window that shows nothing else they would look like a fault.
    middle = ((width - 1) / 2, (height - 1) / 2)
    far = np.abs(np.stack([x - middle[0], y - middle[1]])).max(axis=0)
    half = min(max(NARROWEST, ceil(np.quantile(far, 0.99))), max(height, width) / 2)
    span = [[at - half, at + half] for at in middle]
    bins = round(2 * half) * (4 if half <= 2 * NARROWEST else 2)
    counts, _, _ = np.histogram2d(y, x, bins=bins, range=span[::-1])
    shown = right.imshow(counts, cmap=SHARE, extent=(*span[0], *span[1][::-1]), vmin=0)
    bar = figure.colorbar(shown, ax=right, location="bottom", label="Pictures")
    thousands(bar.ax.xaxis)
    right.set_title("Centre of mass")
    # The pixels' borders: what was centred by whole pixels fills one of them.
    for lines, at in ((right.vlines, middle[0]), (right.hlines, middle[1])):
        other = span[1] if lines == right.vlines else span[0]
        lines(at + np.arange(1 - half, half), *other, color="#8c8c8c", linewidth=0.4, alpha=0.5)
    for ax in (left, right):
        style = {"color": COLOURS["wrong"], "markersize": 12, "markeredgewidth": 1.5}
        ax.plot(*middle, "+", label="the picture's middle", **style)
        ax.set(xlabel="x (pixels)", ylabel="y (pixels)")
        ax.spines[["top", "right"]].set_visible(True)
    right.legend(loc="lower right", fontsize=SMALL, handletextpad=0.2, borderaxespad=0.2)
    if (height, width) == (28, 28):
        box = Rectangle((3.5, 3.5), 20, 20, fill=False, linestyle="--", edgecolor=COLOURS["wrong"])
        left.add_patch(box)
    blank = len(frame) - len(kept)
    if blank:
        figure.suptitle(f"{blank:,} blank pictures left out", fontsize=10)
    return figure


def _cover(frame: "pd.DataFrame", shape: tuple[int, int]) -> np.ndarray:
    """How many boxes hold each pixel, shape `shape`."""
    left, top, wide, high = (
        frame[name].to_numpy().astype(int) for name in ("left", "top", "width", "height")
    )
    # One in at each box's upper left corner and out again behind its edges; then add up.
    steps = np.zeros((shape[0] + 1, shape[1] + 1))
    for y, x, sign in ((top, left, 1), (top, left + wide, -1), (top + high, left, -1)):
        np.add.at(steps, (y, x), sign)
    np.add.at(steps, (top + high, left + wide), 1)
    return steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1]


def _shares(values: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    values = values[~np.isnan(values)]
    return np.quantile(values, shares) if len(values) else np.full(len(shares), np.nan)


def _bytes(images: np.ndarray) -> np.ndarray:
    """Pictures as uint8; those that are so already are not copied."""
    return images if images.dtype == np.uint8 else np.rint(images).astype(np.uint8)

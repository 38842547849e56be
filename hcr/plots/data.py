"""What is in a dataset: classes, ink, the map of images, and balancing plans."""

from collections.abc import Mapping, Sequence
from math import ceil

import matplotlib.patheffects as effects
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from scipy.spatial.distance import cdist

from hcr.plots import look
from hcr.plots.look import COLORS, INTERVAL, SHARE, SMALL, TEXT

MEASURES, INKS = look.TABLE["measures"], look.TABLE["inks"]


@look.style()
def class_counts(counts: Mapping[str, np.ndarray], characters: Sequence[str]) -> Axes:
    """Bars: the number of images of each class, (classes,), for each key of `counts`.

    The keys are names of splits, or before and after; after balancing they may be sums of weights.
    The scale is logarithmic where one split's classes differ a hundredfold.
    """
    ax = look.axes(3.4, look.class_width(characters))
    places, wide = np.arange(len(characters)), 0.84 / len(counts)
    for i, (name, values) in enumerate(counts.items()):
        left = places + (i - (len(counts) - 1) / 2) * wide
        ax.bar(left, values, wide, color=COLORS[name], label=f"{name}: {values.sum():,.0f}")
    if any(values.max() > 100 * max(values.min(), 1) for values in counts.values()):
        ax.set(yscale="log", ylim=(0.8, None))
    look.name_ticks(ax.xaxis, places, characters)
    look.thousands(ax.yaxis)
    ax.set(xlim=(-0.6, len(characters) - 0.4), xlabel="Character", ylabel="Images")
    ax.grid(axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return ax


@look.style()
def ink_by_class(table: pd.DataFrame) -> Figure:
    """Ink, line width, slant, width and height by class: a row a class, a panel a measure.

    The dot is the class's median, its thick line holds half of the class's images, its thin line
    90 %; a dashed line shows the median class. `table` has a row a class: character, and of each
    measure the columns `ink`, its median, and `ink 5 %`, 25, 75 and 95.
    """
    rows, characters = np.arange(len(table)), list(table["character"])
    figure = look.canvas(1.1 + 0.165 * max(len(rows), 8), look.class_width(characters))
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for ax, (name, (title, unit)) in zip(panels, MEASURES.items(), strict=True):
        median = table[name].to_numpy()
        ax.axvline(np.nanmedian(median), color="#888888", linewidth=1, linestyle=(0, (4, 2)))
        ax.hlines(rows, table[f"{name} 5 %"], table[f"{name} 95 %"], color=INTERVAL, linewidth=1.2)
        ax.hlines(rows, table[f"{name} 25 %"], table[f"{name} 75 %"], color=INTERVAL, linewidth=4.5)
        ax.plot(median, rows, "o", color="#222222", markersize=3.5)
        ax.margins(x=0.08)
        ax.set(title=title, xlabel=unit)
        ax.grid(axis="x")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", alpha=0.5)
    look.percents(panels[0].xaxis)
    look.name_ticks(panels[0].yaxis, rows, characters)
    panels[0].set(ylim=(len(rows) - 0.4, -0.6), ylabel="Character")
    return figure


@look.style()
def ink_boxes(coverage: np.ndarray, frame: pd.DataFrame) -> Figure:
    """Where the ink lies: how often a pixel is in its bounding box, and the centers of mass.

    A cross marks the image's middle, the dashed square MNIST's box of 20 pixels. `coverage`,
    (28, 28) shares, and `frame`, as `hcr.preprocessing.ink.measure` gives it.
    """
    middle = (coverage.shape[0] - 1) / 2
    centers = frame[["x", "y"]].dropna().to_numpy(float)
    figure = look.canvas(3.9)
    left, right = figure.subplots(1, 2)
    shown = left.imshow(coverage, cmap=SHARE, vmin=0, vmax=1)
    left.add_patch(Rectangle((3.5, 3.5), 20, 20, fill=False, ls="--", edgecolor=COLORS["wrong"]))
    bar = figure.colorbar(shown, ax=left, location="bottom", label="Share of the images")
    look.percents(bar.ax.xaxis)
    # A window of whole pixels that holds 99 of 100 centers. MNIST's fill one pixel: in a window
    # that shows nothing else they would look like a fault.
    half = max(5, ceil(np.quantile(np.abs(centers - middle).max(axis=1), 0.99)))
    edges = np.linspace(middle - half, middle + half, 8 * half + 1)
    shown = right.hist2d(*centers.T, bins=[edges, edges], cmap=SHARE)[3]
    right.set(aspect="equal", ylim=(middle + half, middle - half))
    look.thousands(figure.colorbar(shown, ax=right, location="bottom", label="Images").ax.xaxis)
    for ax, title in ((left, "In the bounding box"), (right, "Center of mass")):
        style = {"color": COLORS["wrong"], "markersize": 12, "markeredgewidth": 1.5}
        ax.plot(middle, middle, "+", label="the image's middle", **style)
        ax.set(title=title, xlabel="x (pixels)", ylabel="y (pixels)")
        ax.spines[:].set_visible(True)
    right.legend(loc="lower right", fontsize=SMALL, handletextpad=0.2, borderaxespad=0.2)
    return figure


@look.style()
def image_map(
    images: np.ndarray, places: np.ndarray, labels: np.ndarray, characters: Sequence[str]
) -> Axes:
    """Images at their places on a plane, with each class's name where most of its images are.

    The plane is divided into cells, and a cell shows the image that lies nearest its middle, so
    that none covers another. Up to 10 classes have an ink each; more could not be told apart.
    `places` are (n, 2), x right and y down, in 0..1; `labels` class indices.
    """
    points, peaks = image_map_places(places, labels, characters), {}
    side, cells = images.shape[1], round(1 / points["width"][0])
    for label in np.unique(labels):
        own = places[labels == label]
        density = np.exp(-((own[:, None] - own) ** 2).sum(axis=2) / 0.005).sum(axis=1)
        peaks[label] = own[density.argmax()]
    many = len(peaks) > len(INKS)
    inks = dict(zip(peaks, [TEXT["plain"]] * len(peaks) if many else INKS, strict=False))
    board = np.ones((cells, side, cells, side, 3), np.float32)
    for x, y, (i, *_) in zip(points["x"], points["y"], points["images"], strict=True):
        ink, share = np.array(to_rgb(inks[labels[i]])), images[i][:, :, None] / 255
        board[int(y * cells), :, int(x * cells)] = share * ink + (1 - share) * (0.87 + 0.13 * ink)
    ax, board = look.axes(8.0, 8.0), board.reshape(cells * side, cells * side, 3)
    ax.imshow(board, extent=(0, 1, 1, 0), interpolation="auto")
    halo = [effects.withStroke(linewidth=5, foreground="white", alpha=0.85)]
    names, family = look.lettering(characters)
    for label, (x, y) in peaks.items():
        style = {"size": 24, "family": family, "path_effects": halo}
        style["weight"] = "bold" if len(family) == 1 else "normal"  # others may have none
        color = TEXT["wrong"] if many else inks[label]
        ax.text(x, y, names[label], color=color, ha="center", va="center", **style)
    ax.set_axis_off()
    return ax


def image_map_places(
    places: np.ndarray, labels: np.ndarray, characters: Sequence[str]
) -> pd.DataFrame:
    """Where `image_map` says and shows what (see `hcr.reports.show`): an image and its nearest."""
    cells = int(np.clip(np.sqrt(len(places)), 12, 44))
    cell = np.minimum((places * cells).astype(int), cells - 1)
    far = np.abs(places * cells - cell - 0.5).max(axis=1)
    order = np.argsort(far, kind="stable")  # the first of each cell is the one nearest its middle
    _, first = np.unique(cell[order] @ (1, cells), return_index=True)
    shown, cell = order[first], cell[order[first]]
    near = shown[cdist(cell, cell).argsort(axis=1, kind="stable")[:, :8]]
    points = pd.DataFrame((cell + 0.5) / cells, columns=["x", "y"])
    points["group"] = np.array([*characters], object)[labels[shown]]
    text = "Character " + points["group"] + ", and the images nearest to it."
    return points.assign(width=1 / cells, height=1 / cells, text=text, images=list(near))

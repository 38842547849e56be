"""How much ink pictures hold, and where."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from hcr import metrics
from hcr.errors import DataError
from hcr.plots.look import (
    COLOURS,
    SHARE,
    axes,
    canvas,
    class_axis,
    class_width,
    labelled,
    percents,
    pictures,
    styled,
    thousands,
)


@styled
def pixel_values(images: ArrayLike, bins: int = 32, ax: Axes | None = None) -> Axes:
    """Histogram of the pixels' values, 0 paper to 255 ink, on a logarithmic scale."""
    found = pictures(images)
    values = np.zeros(256, dtype=np.int64)
    for start in range(0, len(found), 4096):
        part = np.clip(np.rint(found[start : start + 4096]), 0, 255).astype(np.uint8)
        values += np.bincount(part.ravel(), minlength=256)
    edges = np.linspace(0, 256, bins + 1)
    heights = np.add.reduceat(values, edges[:-1].astype(int))
    ax = axes(ax, 3.0)
    ax.bar(edges[:-1], heights, np.diff(edges), align="edge", color="#56606b", linewidth=0)
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
def ink_by_class(
    images: ArrayLike, labels: ArrayLike, characters: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Boxes of the share of ink in a picture, one a class, in the order of their medians.

    The box holds half of a class's pictures, its whiskers 90 %.
    """
    found, classes = labelled(images, labels, characters)
    share = found.mean(axis=(1, 2)) / 255
    groups = [share[classes == index] for index in range(len(characters))]
    order = sorted(
        range(len(groups)), key=lambda i: np.median(groups[i]) if len(groups[i]) else np.inf
    )
    present = [(place, groups[i]) for place, i in enumerate(order) if len(groups[i])]
    ax = axes(ax, 3.4, class_width(characters))
    line = {"color": "#222222", "linewidth": 1}
    ax.boxplot(
        [group for _, group in present],
        positions=[place for place, _ in present],
        whis=(5, 95),
        showfliers=False,
        widths=0.7,
        patch_artist=True,
        boxprops={"facecolor": "#9fb8c9", "edgecolor": "#222222", "linewidth": 1},
        medianprops={"color": "#222222", "linewidth": 2},
        whiskerprops=line,
        capprops=line,
    )
    percents(ax.yaxis)
    ax.set_ylabel("Ink in a picture")
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    class_axis(ax, [characters[index] for index in order])
    ax.set_xlabel("Character, from thin to bold")
    return ax


@styled
def ink_boxes(images: ArrayLike, threshold: int = 25) -> Figure:
    """Where the ink lies: how often a pixel is in its bounding box, and the centres of mass.

    Args:
        images: Shape (n, h, w), uint8. Blank pictures are left out, and counted in the title.
        threshold: Pixels above this value are ink, for the bounding box.
    """
    found = pictures(images)
    inked = found > threshold
    rows, columns = inked.any(axis=2), inked.any(axis=1)
    kept = rows.any(axis=1)
    if not kept.any():
        raise DataError(f"images must hold ink above {threshold}. Received: blank pictures only.")
    height, width = found.shape[1:]
    down, across = _between(rows[kept]), _between(columns[kept])
    cover = np.einsum("ni,nj->ij", down.astype(np.float32), across.astype(np.float32))
    cover /= kept.sum()
    mass = found[kept].sum(axis=(1, 2), dtype=np.float64)
    y = found[kept].sum(axis=2, dtype=np.float64) @ np.arange(height) / mass
    x = found[kept].sum(axis=1, dtype=np.float64) @ np.arange(width) / mass
    figure = canvas(3.9)
    left, right = figure.subplots(1, 2)
    shown = left.imshow(cover, cmap=SHARE, vmin=0, vmax=1)
    bar = figure.colorbar(shown, ax=left, location="bottom", label="Share of the pictures")
    percents(bar.ax.xaxis)
    left.set_title("In the bounding box")
    # A window around the middle that holds 99 of 100 centres.
    middle = ((width - 1) / 2, (height - 1) / 2)
    far = np.abs(np.stack([x - middle[0], y - middle[1]])).max(axis=0)
    half = min(max(1.5, float(np.quantile(far, 0.99))), max(height, width) / 2)
    span = [[at - half, at + half] for at in middle]
    counts, _, _ = np.histogram2d(y, x, bins=30, range=span[::-1])
    shown = right.imshow(counts, cmap=SHARE, extent=(*span[0], *span[1][::-1]), vmin=0)
    bar = figure.colorbar(shown, ax=right, location="bottom", label="Pictures")
    thousands(bar.ax.xaxis)
    right.set_title("Centre of mass")
    for ax in (left, right):
        ax.plot(*middle, "+", color=COLOURS["wrong"], markersize=12, markeredgewidth=1.5)
        ax.set(xlabel="x (pixels)", ylabel="y (pixels)")
        ax.spines[["top", "right"]].set_visible(True)
    if (height, width) == (28, 28):
        box = Rectangle((3.5, 3.5), 20, 20, fill=False, linestyle="--", edgecolor=COLOURS["wrong"])
        left.add_patch(box)
    blank = int((~kept).sum())
    if blank:
        figure.suptitle(f"{blank:,} blank pictures left out", fontsize=10)
    return figure


def _between(lines: np.ndarray) -> np.ndarray:
    """True from the first to the last True of each row."""
    return (
        np.logical_or.accumulate(lines, axis=1)
        & np.logical_or.accumulate(lines[:, ::-1], axis=1)[:, ::-1]
    )

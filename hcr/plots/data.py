"""What is in a data set: its pictures and its classes."""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.plots.look import (
    INK,
    MONO,
    WIDTH,
    axes,
    canvas,
    class_axis,
    class_width,
    colour_of,
    count_axis,
    counts_of,
    labelled,
    styled,
)
from hcr.plots.sheet import sheet, sheet_height
from hcr.preprocessing import ink as ink_statistics

# Lines of pictures in one block of a sheet.
ROWS = 16
# Most of a spread lies between 80 and 120 of 128: many hues tell these apart. 0 is paper.
SPREAD = LinearSegmentedColormap.from_list(
    "spread", ["#f1f1ec", "#fbd3a4", "#ee7f63", "#a5326f", "#4a1168", "#08051c"]
)


@styled
def samples(
    images: ArrayLike,
    labels: ArrayLike,
    characters: Sequence[str],
    per_class: int | None = None,
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Pictures drawn at random, one line a class, its character in front.

    Args:
        images: Shape (n, 28, 28), uint8.
        labels: Class indices, shape (n,).
        characters: The classes' names.
        per_class: Pictures a class; by default as many as fill the width.
        seed: Of the draw.
        ax: Axes to draw on.
    """
    found, classes = labelled(images, labels, characters)
    blocks = ceil(len(characters) / ROWS)
    rows = ceil(len(characters) / blocks)
    if per_class is None:
        per_class = {1: 12, 2: 7, 3: 5}.get(blocks, 4)
    generator = np.random.default_rng(seed)
    height, width = found.shape[1:]
    # A block is one place for the character and `per_class` pictures.
    board = np.full((rows * (height + 3), blocks * (per_class + 1) * (width + 3)), np.nan)
    ax = axes(ax, WIDTH * board.shape[0] / board.shape[1])
    inches = ax.figure.get_size_inches()[0] * (width + 3) / board.shape[1]
    for index, character in enumerate(characters):
        block, row = divmod(index, rows)
        y, x = row * (height + 3), block * (per_class + 1) * (width + 3)
        members = np.flatnonzero(classes == index)
        chosen = generator.choice(members, min(per_class, len(members)), replace=False)
        ax.text(
            x + 0.7 * width,
            y + height / 2,
            character,
            ha="center",
            va="center",
            size=min(20, 72 * inches * 0.5),
            family=MONO,
            parse_math=False,
        )
        for place, picture in enumerate(chosen):
            left = x + (place + 1) * (width + 3)
            board[y : y + height, left : left + width] = found[picture]
    ax.imshow(board, cmap=INK, vmin=0, vmax=255)
    ax.set_axis_off()
    return ax


@styled
def class_counts(
    counts: Mapping[str, ArrayLike],
    characters: Sequence[str],
    log: bool | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Bars: how many pictures each class has in each split.

    Args:
        counts: A split's name to its pictures a class, shape (classes,).
        characters: The classes' names.
        log: Whether the scale is logarithmic; by default where one split's classes differ a
            hundredfold.
        ax: Axes to draw on.
    """
    values = {split: counts_of(each, characters, split) for split, each in counts.items()}
    if not values:
        raise DataError("counts must hold at least one split. Received: none.")
    if log is None:
        log = any(each.max() > 100 * max(each.min(), 1) for each in values.values())
    ax = axes(ax, 3.4, class_width(characters))
    places, wide = np.arange(len(characters)), 0.84 / len(values)
    for place, (split, each) in enumerate(values.items()):
        left = places + (place - (len(values) - 1) / 2) * wide
        label = f"{split}: {each.sum():,}"
        ax.bar(left, each, wide, color=colour_of(split, place), label=label, linewidth=0)
    class_axis(ax, characters)
    count_axis(ax, log)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return ax


@styled
def mean_pictures(images: ArrayLike, labels: ArrayLike, characters: Sequence[str]) -> Figure:
    """Each class's mean picture and, beneath, the standard deviation of each pixel."""
    found, classes = labelled(images, labels, characters)
    mean, spread = ink_statistics.mean_and_spread(found, classes, len(characters))
    columns = len(characters) if 6 <= len(characters) <= 12 else 12
    figure = canvas(2 * (sheet_height(mean.shape, columns, characters) + 0.4))
    upper, lower = figure.subplots(2)
    sheet(mean, columns, characters, ax=upper)
    sheet(spread, columns, characters, cmap=SPREAD, limits=(0, 128), ax=lower)
    upper.set_title("Mean")
    lower.set_title("Spread: standard deviation, pale 0 to dark 128")
    return figure

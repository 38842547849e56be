"""Many small pictures on one sheet, each with its caption."""

import re
from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle

from hcr.plots.look import COLOURS, INK, MONO, TEXT, WIDTH, axes, styled

# Of a tile's width: the space between two tiles.
GAP = 0.09
SIZE = 9.5
# Captions that the alternative text of a sheet holds.
MOST_TOLD = 5


@styled
def sheet(
    images: np.ndarray,
    columns: int,
    captions: Sequence[str] = (),
    colours: Sequence[str] = (),
    frames: Sequence[bool] | np.ndarray = (),
    *,
    cmap: Colormap | str = INK,
    limits: tuple[float, float] = (0, 255),
    size: float = SIZE,
    ax: Axes | None = None,
    width: float = WIDTH,
) -> Axes:
    """Lay out pictures in rows, all in one image, so that hundreds of them draw at once.

    Args:
        images: Shape (n, h, w), NaN where there is nothing; or (n, h, w, 3), colours from 0 to 1.
        columns: How many pictures a row; the figure's width is shared among them.
        captions: Beneath each picture, one string each, of equally many lines.
        colours: Of the captions.
        frames: Whether a picture gets the dashed frame of a wrong one.
        cmap: Of the pixels.
        limits: The pixel values of the colour map's ends.
        size: Of the captions, in points.
        ax: Axes to draw on; by default new ones of fitting height.
        width: Of the sheet, in inches.
    """
    count, height, tile = images.shape[:3]
    if not count:
        return message("No picture.", ax)
    gap, below = _spaces(tile, columns, _lines(captions), size, width)
    rows = ceil(count / columns)
    size_of = rows * (height + gap + below), columns * (tile + gap)
    # Colours have no number for "nothing": paper.
    board = np.full(size_of, np.nan) if images.ndim == 3 else np.ones((*size_of, 3))
    ax = axes(ax, width * board.shape[0] / board.shape[1], width)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        y, x = row * (height + gap + below) + gap // 2, column * (tile + gap) + gap // 2
        board[y : y + height, x : x + tile] = image
        if place < len(frames) and frames[place]:
            mark(ax, x - 0.5, y - 0.5, tile, height)
        for line, text in enumerate(captions[place].split("\n") if place < len(captions) else ()):
            # Lines are set by their baselines: tall letters don't push their neighbours down.
            at = y + height + (line + 1) * size * 1.3 / 72 * columns * (tile + gap) / width
            colour = colours[place] if place < len(colours) else TEXT["plain"]
            style = {"family": MONO, "parse_math": False, "size": size, "color": colour}
            ax.text(x + tile / 2, at, text, ha="center", va="baseline", **style)
    ax.imshow(board, cmap=cmap, vmin=limits[0], vmax=limits[1])
    ax.set_axis_off()
    ax.set_label(seen(captions))
    return ax


def seen(captions: Sequence[str]) -> str:
    """What a sheet shows, for whoever cannot see it: its first captions, and how many more.

    As the label of a sheet's axes it becomes part of the figure's alternative text.
    """
    told = []
    for each in captions:
        words = each.replace("\u2713", "right").replace("\u2717", "").replace("\u2192", "to")
        lines = [" ".join(line.split()) for line in re.split("\n|  ", words)]
        told.append(", ".join(filter(None, lines)))
    told = [each for each in dict.fromkeys(told) if each]
    more = len(told) - MOST_TOLD
    return "; ".join([*told[:MOST_TOLD], *([f"and {more} more"] if more > 0 else [])])


def sheet_height(
    shape: tuple[int, ...], columns: int, captions: Sequence[str] = (), width: float = WIDTH
) -> float:
    """The height in inches of a sheet of pictures of the shape (n, h, w)."""
    count, height, tile = shape
    gap, below = _spaces(tile, columns, _lines(captions), SIZE, width)
    return ceil(count / columns) * (height + gap + below) / (columns * (tile + gap)) * width


def mark(ax: Axes, x: float, y: float, width: float, height: float) -> None:
    """The dashed frame of a wrong answer."""
    frame = {"fill": False, "linestyle": (0, (4, 2)), "edgecolor": COLOURS["wrong"]}
    ax.add_patch(Rectangle((x, y), width, height, linewidth=2, clip_on=False, **frame))


@styled
def message(text: str, ax: Axes | None = None) -> Axes:
    """Axes that hold one line of text, where there is nothing to draw."""
    ax = axes(ax, 1.0)
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, parse_math=False)
    ax.set_axis_off()
    return ax


def _lines(captions: Sequence[str]) -> int:
    return max((text.count("\n") + 1 for text in captions), default=0)


def _spaces(tile: int, columns: int, lines: int, size: float, width: float) -> tuple[int, int]:
    """The pixels between two tiles, and those beneath a tile for its caption."""
    gap = max(1, round(tile * GAP))
    pixels = columns * (tile + gap) / width
    return gap, ceil((lines * 1.3 + 0.6) * size / 72 * pixels) if lines else 0

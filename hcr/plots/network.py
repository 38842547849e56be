"""What a network is made of, and one step of it in numbers."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from hcr.errors import DataError
from hcr.plots.look import ACTIVATION, AMOUNT, COLOURS, INK, SMALL, TEXT, WIDTH, canvas, styled
from hcr.plots.training import SIGNED

if TYPE_CHECKING:
    import pandas as pd

# Inches: a block's height, its row's, and the widths of the widest and the narrowest block.
HEIGHT, ROW, WIDEST, NARROWEST = 0.42, 0.56, 2.75, 2.1
MIDDLE, SHAPES, COLUMNS, BAR = 1.95, 3.5, (4.65, 5.85), 1.05
# What a block is like, by how its name begins; the others change no number, or only choose some.
FACES = {"convolution": "#d7e6f2", "dense": "#fbe6c4", "add": "#dff0e9", "multiply": "#dff0e9"}


@styled
def diagram(blocks: "pd.DataFrame") -> Figure:
    """The network from top to bottom: its blocks, their shapes, and where weights and work are.

    A block is the narrower the fewer places its maps have. A line at the left is a way round.

    Args:
        blocks: As `anatomy.blocks` gives them: columns block, then, output, parameters,
            multiply-adds, sources.
    """
    wanted = ["block", "then", "output", "parameters", "multiply-adds", "sources"]
    missing = [each for each in wanted if each not in blocks]
    if missing or blocks.empty:
        raise DataError(f"blocks must have rows with {', '.join(wanted)}. Missing: {missing}.")
    rows = list(blocks.itertuples(index=False, name=None))
    height = ROW * len(blocks) + 0.35
    figure = canvas(height)
    # Places are in inches, and none is to be moved.
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    ax.set_axis_off()
    largest = max(prod_of(shape) for shape in blocks["output"])
    widths = [_width(prod_of(shape), largest) for shape in blocks["output"]]
    tops = [0.35 + ROW * place for place in range(len(rows))]
    titles = {SHAPES: "Output", COLUMNS[0]: "Parameters", COLUMNS[1]: "Multiply-adds"}
    for x, title in titles.items():
        ax.text(x, 0.2, title, size=SMALL, color=TEXT["quiet"])
    for place, (name, then, shape, parameters, work, sources) in enumerate(rows):
        box = (MIDDLE - widths[place] / 2, tops[place]), widths[place], HEIGHT
        face = next((FACES[each] for each in FACES if name.startswith(each)), "#f0f0ec")
        style = "round,pad=0,rounding_size=0.05"
        ax.add_patch(FancyBboxPatch(*box, boxstyle=style, facecolor=face, edgecolor="#777777"))
        middle = tops[place] + HEIGHT / 2
        lift = 0.09 if then else 0
        ax.text(MIDDLE, middle - lift, name, ha="center", va="center", size=10)
        ax.text(
            MIDDLE, middle + 0.1, then, ha="center", va="center", size=SMALL, color=TEXT["quiet"]
        )
        ax.text(SHAPES, middle, " × ".join(f"{n:,}" for n in shape), va="center", size=SMALL)
        for x, value, column in zip(COLUMNS, (parameters, work), (3, 4), strict=True):
            _bar(ax, x, middle, value, max(row[column] for row in rows))
        for source in sources:
            _way(ax, source, place, tops, widths)
    return figure


@styled
def step(example: Any) -> Figure:
    """One convolution and one max-pooling in numbers, on one picture.

    Args:
        example: An `anatomy.Step`.
    """
    pooled = example.before is not None
    figure = canvas(4.9)
    panels = figure.subplots(2, 3)
    for ax in panels.flat:
        ax.set_axis_off()
    size = len(example.patch)
    upper, lower = panels
    # Some networks count paper as -1.
    paper = min(0.0, float(np.round(example.given.min())))
    ink = paper, 1.0
    _numbers(upper[0], example.given, INK, ink, "The picture, and a patch of it", write=False)
    corner = example.corner[1] - 0.5, example.corner[0] - 0.5
    mark = {"fill": False, "edgecolor": COLOURS["wrong"], "linewidth": 2}
    upper[0].add_patch(Rectangle(corner, size, size, **mark))
    text = f"The patch: paper {_number(paper, 0)}, ink 1"
    _numbers(upper[1], example.patch, INK, ink, text)
    limit = float(np.abs(example.kernel).max()) or 1.0
    _numbers(upper[2], example.kernel, SIGNED, (-limit, limit), "A learned kernel")
    products = example.patch * example.kernel
    limit = float(np.abs(products).max()) or 1.0
    _numbers(lower[0], products, SIGNED, (-limit, limit), "Number times number")
    bias = f" {_signed(example.bias)} (bias)" if example.bias else ""
    text = f"Sum: {_number(products.sum())}{bias}"
    text += f" = {_number(example.value)}" if bias else ""
    lower[0].text(0.5, -0.03, text, transform=lower[0].transAxes, ha="center", va="top")
    if not pooled:
        text = "This network has\nno max-pooling."
        lower[1].text(0.5, 0.5, text, transform=lower[1].transAxes, ha="center", va="center")
        return figure
    top = float(example.before.max()) or 1.0
    limits = min(0.0, float(example.before.min())), top
    _numbers(lower[1], example.before, ACTIVATION, limits, "Max-pooling: a part of a map")
    half = len(example.before) / 2
    for at in (half, 0):
        for other in (half, 0):
            lower[1].add_patch(Rectangle((at - 0.5, other - 0.5), half, half, **mark))
    _numbers(lower[2], example.after, ACTIVATION, limits, "The largest of each window")
    return figure


def prod_of(shape: tuple[int, ...]) -> int:
    """The places of a map of this shape; 1 for a row of numbers."""
    return int(np.prod(shape[:2])) if len(shape) > 1 else 1


def _width(places: int, largest: int) -> float:
    share = np.sqrt(places / largest) if largest > 1 else 1.0
    return NARROWEST + (WIDEST - NARROWEST) * float(share)


def _bar(ax: Axes, x: float, middle: float, value: int, largest: int) -> None:
    if not value:
        return
    ax.text(x, middle - 0.09, f"{value:,}", va="center", size=SMALL)
    length = BAR * value / largest
    ax.add_patch(Rectangle((x, middle + 0.04), length, 0.1, color=AMOUNT))


def _way(ax: Axes, source: int, place: int, tops: list[float], widths: list[float]) -> None:
    """An arrow to the block `place`, from the one above it or, round those between, at the left."""
    style = {"arrowstyle": "-|>", "mutation_scale": 9, "color": "#555555", "shrinkA": 0}
    style |= {"shrinkB": 0, "linewidth": 1.2}
    if source == place - 1:
        ends = (MIDDLE, tops[source] + HEIGHT), (MIDDLE, tops[place])
        ax.add_patch(FancyArrowPatch(*ends, **style))
        return
    lane = MIDDLE - WIDEST / 2 - 0.18
    start = MIDDLE - widths[source] / 2, tops[source] + HEIGHT / 2
    end = MIDDLE - widths[place] / 2, tops[place] + HEIGHT / 2
    line = [start[0], lane, lane], [start[1], start[1], end[1]]
    ax.plot(*line, color="#555555", linewidth=1.2)
    ax.add_patch(FancyArrowPatch((lane, end[1]), end, **style))


def _numbers(
    ax: Axes,
    values: np.ndarray,
    cmap: Colormap,
    limits: tuple[float, float],
    title: str,
    write: bool = True,
) -> None:
    """A small matrix, each number in its coloured place."""
    ax.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1])
    ax.set_title(title, size=10, fontweight="normal", loc="center")
    if not write:
        return
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = cmap((value - limits[0]) / ((limits[1] - limits[0]) or 1))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        colour = "#ffffff" if dark else TEXT["plain"]
        text = _number(value, 2 if len(values) <= 4 else 1)
        ax.text(column, row, text, ha="center", va="center", size=SMALL, color=colour)


def _number(value: float, digits: int = 2) -> str:
    text = f"{value:.{digits}f}"
    # Not "-0.0".
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\u2212")


def _signed(value: float) -> str:
    sign = "+" if value >= 0 else "\u2212"
    return f"{sign} {abs(value):.2f}"

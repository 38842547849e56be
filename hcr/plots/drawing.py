"""Drawings: as drawn, as the network sees them, as it reads them."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.metrics import percent
from hcr.plots.look import INK, MONO, TEXT, WIDTH, axes, pictures, same_length, styled
from hcr.plots.sheet import mark, message, seen

# Of a cell's side: the drawing's margin, and the cell's caption.
MARGIN = 0.1
CAPTION = 0.44


@styled
def drawings(
    strokes: Sequence[Sequence[ArrayLike]],
    images: ArrayLike,
    read: Sequence[tuple[str, float]],
    wanted: Sequence[str | None] | None = None,
    columns: int = 3,
    ax: Axes | None = None,
    pad: float | None = None,
) -> Axes:
    """Drawings in pairs: the pen's strokes, and the picture that the network is given.

    Beneath each pair stands the answer with its probability; a wrong one has a dashed frame, a
    cross, and the character that was wanted.

    Args:
        strokes: A drawing each: a list of strokes, each of shape (points, 2 or more), x right and
            y down, in any unit.
        images: Shape (n, 28, 28), uint8.
        read: The answer's character and probability, one a drawing.
        wanted: The character meant, one a drawing; None where it isn't known.
        columns: Pairs in a row.
        ax: Axes to draw on.
        pad: The side of the pad that was drawn on; each drawing is then shown where and as large
            as it was drawn. By default each fills its square.
    """
    if not len(strokes):
        return message("No drawing yet.", ax)
    found = pictures(images)
    wanted = [None] * len(found) if wanted is None else list(wanted)
    for name, other in (("strokes", strokes), ("read", read), ("wanted", wanted)):
        same_length(name, other, len(found))
    columns = min(columns, len(found))
    rows = ceil(len(found) / columns)
    wide, high = 2.25, 1 + CAPTION
    width = min(WIDTH, 2.4 * columns)
    ax = axes(ax, width * (rows * high + 0.25) / (columns * wide), width)
    answers: list[str] = []
    for place, image in enumerate(found):
        row, column = divmod(place, columns)
        x, y = column * wide, row * high
        if row == 0:
            for left, text in ((x, "drawn"), (x + 1.05, "seen")):
                ax.text(
                    left + 0.5, -0.04, text, ha="center", va="bottom", size=9, color=TEXT["quiet"]
                )
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor="#f1f1ec", edgecolor="none"))
        _pen(ax, strokes[place], x, y, pad)
        ax.imshow(
            image, cmap=INK, vmin=0, vmax=255, extent=(x + 1.05, x + 2.05, y + 1, y), aspect="auto"
        )
        character, probability = read[place]
        text, colour = f"{character}  {percent(probability)}", TEXT["plain"]
        wrong = False
        if wanted[place] is not None:
            wrong = character != wanted[place]
            first = (
                f"{wanted[place]} read as {character} \u2717" if wrong else f"{character} \u2713"
            )
            text, colour = f"{first}  {percent(probability)}", TEXT["wrong" if wrong else "right"]
        if wrong:
            mark(ax, x, y, 2.05, 1)
        ax.text(
            x + 1.025,
            y + 1.25,
            text,
            ha="center",
            va="baseline",
            size=10.5,
            family=MONO,
            parse_math=False,
            color=colour,
        )
        answers.append(text)
    ax.set_label(seen(answers))
    ax.set(xlim=(-0.02, columns * wide - 0.15), ylim=(rows * high, -0.25), aspect="equal")
    ax.set_axis_off()
    return ax


def _pen(ax: Axes, strokes: Sequence[ArrayLike], x: float, y: float, pad: float | None) -> None:
    """Draw one drawing's strokes into the unit cell at (x, y), its aspect kept."""
    lines = []
    for stroke in strokes:
        line = np.asarray(stroke, dtype=float)
        if line.ndim != 2 or line.shape[1] < 2:
            raise DataError(
                f"A stroke must have the shape (points, 2 or more). Received: {line.shape}."
            )
        if len(line):
            lines.append(line[:, :2])
    if not lines:
        return
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (1 - 2 * MARGIN) / (float((high - low).max()) or 1.0)
    middle = (low + high) / 2
    if pad is not None:
        scale, middle = 1 / pad, np.full(2, pad / 2)
    for line in lines:
        at = (line - middle) * scale + (x + 0.5, y + 0.5)
        # A dot is a stroke of one point: the round cap shows it.
        if len(at) == 1:
            at = np.repeat(at, 2, axis=0)
        ax.plot(
            *at.T, color="#16161a", linewidth=3, solid_capstyle="round", solid_joinstyle="round"
        )

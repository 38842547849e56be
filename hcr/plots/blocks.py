"""The confusion matrix with the confused classes side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from hcr.evaluation import metrics
from hcr.plots.evaluation import confusion
from hcr.plots.look import COLOURS, SHARE, SMALL, TEXT, WIDTH, canvas, name_ticks, styled
from hcr.plots.sheet import message

# Inches: the side of a block's cell, and the room for its title, for its names, and beside it.
CELL, ABOVE, BELOW, BESIDE = 0.36, 0.34, 0.38, 0.42


@styled
def confusion_blocks(
    matrix: ArrayLike,
    characters: Sequence[str],
    blocks: Sequence[Sequence[int]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """`confusion` with the classes in blocks that are confused, each block in a frame.

    Args:
        matrix: Counts, shape (classes, classes), as `metrics.confusion` gives them.
        characters: The classes' names.
        blocks: Every class once; those of `metrics.order.blocks` by default. Give those of one
            matrix to compare it with another.
        ax: Axes to draw on.
    """
    counts = metrics.matrix_of(matrix, characters)
    blocks = metrics.order.blocks(counts) if blocks is None else blocks
    order = [each for block in blocks for each in block]
    ax = confusion(counts[np.ix_(order, order)], [characters[i] for i in order], ax)
    start = 0
    for block in blocks:
        size = len(block)
        if size > 1:
            frame = {"fill": False, "edgecolor": COLOURS["wrong"], "linewidth": 1.2}
            ax.add_patch(Rectangle((start, start), size, size, clip_on=False, **frame))
        start += size
    return ax


@styled
def within_blocks(
    matrix: ArrayLike,
    characters: Sequence[str],
    blocks: Sequence[Sequence[int]] | None = None,
    most: int = 12,
) -> Figure | Axes:
    """The blocks of `confusion_blocks` alone, large enough to read: per cent of a true class (row).

    Above each stands its share of all mistakes.

    Args:
        matrix: Counts, shape (classes, classes), as `metrics.confusion` gives them.
        characters: The classes' names.
        blocks: Every class once; those of `metrics.order.blocks` by default.
        most: How many blocks at most: those with most mistakes.
    """
    import seaborn as sns

    counts = metrics.matrix_of(matrix, characters)
    blocks = metrics.order.blocks(counts) if blocks is None else blocks
    share = metrics.counts.divide(counts, counts.sum(axis=1, keepdims=True))
    total = int(counts.sum() - counts.trace())
    found = [(_mistakes(counts, block), list(block)) for block in blocks if len(block) > 1]
    kept = sorted((each for each in found if each[0]), key=lambda each: -each[0])[:most]
    if not kept:
        return message("No two characters of a block are confused.")
    # Large ones first, so that those in a row are nearly of one height.
    kept.sort(key=lambda each: -len(each[1]))
    cell = min(CELL, (WIDTH - 2 * BESIDE) / len(kept[0][1]))
    rows = _rows([len(block) * cell for _, block in kept])
    heights = [max(len(kept[i][1]) for i in row) * cell + ABOVE + BELOW for row in rows]
    height = sum(heights) + ABOVE
    figure = canvas(height, WIDTH)
    # Every cell is of one size: the places are computed.
    figure.set_layout_engine("none")
    note = "Rows: true character. Columns: read as. In per cent of the row. "
    note += "Above each block: its share of all mistakes."
    figure.text(0.15 / WIDTH, 1 - 0.16 / height, note, size=SMALL, color=TEXT["quiet"], va="top")
    top = height - ABOVE
    for row, tall in zip(rows, heights, strict=True):
        left = BESIDE
        for wrong, block in (kept[i] for i in row):
            side = len(block) * cell
            bottom = top - ABOVE - side
            ax = figure.add_axes((left / WIDTH, bottom / height, side / WIDTH, side / height))
            part = share[np.ix_(block, block)]
            style = {"cmap": SHARE, "norm": PowerNorm(0.4, vmin=0, vmax=1), "cbar": False}
            # In smaller cells figures would run into one another.
            notes = cell > 0.3 and np.vectorize(_percent, otypes=[object])(part)
            lined = {"linewidths": 0.5, "linecolor": "#ebebeb"}
            sns.heatmap(
                part, annot=notes, fmt="", annot_kws={"size": SMALL}, ax=ax, **style, **lined
            )
            for axis in (ax.xaxis, ax.yaxis):
                name_ticks(axis, np.arange(len(block)) + 0.5, [characters[i] for i in block])
            ax.set_title(_percent(wrong / total) + " %", size=SMALL, color=TEXT["quiet"], pad=3)
            left += side + BESIDE
        top -= tall
    return figure


def _mistakes(counts: np.ndarray, block: Sequence[int]) -> int:
    part = counts[np.ix_(block, block)]
    return int(part.sum() - part.trace())


def _percent(share: float) -> str:
    """A share in per cent; nothing where there is none."""
    if not share > 0:
        return ""
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"


def _rows(sides: Sequence[float]) -> list[list[int]]:
    """Which blocks stand in which row, so that each row is at most as wide as a figure."""
    rows: list[list[int]] = []
    left = WIDTH
    for i, side in enumerate(sides):
        if left + side + BESIDE > WIDTH or not rows:
            rows.append([])
            left = BESIDE
        rows[-1].append(i)
        left += side + BESIDE
    return rows

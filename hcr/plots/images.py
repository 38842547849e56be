"""Many small images on one sheet, each with its caption."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle

from hcr.plots import look
from hcr.plots.look import COLORS, INK, MONO, SMALL, TEXT, WIDTH

if TYPE_CHECKING:
    import pandas as pd

SEAM = 2  # pixels between the two images of a pair
ALT_CAPTIONS = 5  # captions that a sheet's alternative text holds
FAINT = 0.05  # log-odds: a saliency map without more shows nothing
FOR, AGAINST = (1.0, 0.52, 0.0), (0.0, 0.52, 1.0)  # orange, blue: as the pad has it


@look.styled
def sheet(
    images: np.ndarray,
    columns: int = 10,
    captions: Sequence[str] = (),
    *,
    rows: Sequence[str] = (),
    titles: Sequence[str] = (),
    colors: Sequence[str] = (),
    marked: Sequence[bool] | np.ndarray = (),
    cmap: Colormap | str = INK,
    limits: tuple[float, float] = (0, 255),
    size: float = 9.5,
    ax: Axes | None = None,
) -> Axes:
    """Lay out images in rows, all in one raster, so that hundreds of them draw at once.

    `images` are (n, h, w), NaN where there is nothing, or (n, h, w, 3), colors from 0 to 1.
    `captions`, of `colors` and `size` points, stand beneath each, and may have several lines;
    `rows` are names at the left of each row, and `titles` stand above equal parts of the columns.
    A `marked` image gets the dashed frame of a wrong one. `limits` are the pixel values at the ends
    of the color map.
    """
    images = np.asarray(images)
    if not len(images):
        return message("No image.", ax)
    count, height, tile = images.shape[:3]
    gap = max(1, round(0.09 * tile))
    n_rows, step = ceil(count / columns), tile + gap
    room = 0.1 + max(map(len, rows)) * size / 110 if len(rows) else 0.0
    inch = columns * step / (WIDTH - room)  # pixels
    lines = max((text.count("\n") + 1 for text in captions), default=0)
    below = ceil((1.3 * lines + 0.6) * size / 72 * inch) if lines else 0
    left, above = ceil(room * inch), ceil(1.8 * SMALL / 72 * inch) if len(titles) else 0
    shape = above + n_rows * (height + gap + below), left + columns * step, *images.shape[3:]
    # Colors have no number for "nothing": paper.
    board = np.full(shape, np.nan if images.ndim == 3 else 1.0)
    ax = ax or look.axes(WIDTH * shape[0] / shape[1])
    for i, image in enumerate(images):
        y = above + i // columns * (height + gap + below) + gap // 2
        x = left + i % columns * step + gap // 2
        board[y : y + height, x : x + tile] = image
        if i < len(marked) and marked[i]:
            mark(ax, x - 0.5, y - 0.5, tile, height)
        for line, text in enumerate(captions[i].split("\n") if i < len(captions) else (), 1):
            # Lines are set by their baselines: tall letters don't push their neighbors down.
            style = {"color": colors[i] if i < len(colors) else TEXT["plain"], "size": size}
            style |= {"family": MONO, "ha": "center", "va": "baseline"}
            ax.text(x + tile / 2, y + height + 1.3 * line * size / 72 * inch, text, **style)
    for i, text in enumerate(rows):
        y = above + i * (height + gap + below) + height / 2
        ax.text(left - gap, y, text, size=size, ha="right", va="center")
    for i, text in enumerate(titles):
        x = left + (i + 0.5) * columns * step / len(titles)
        ax.text(x, above - gap, text, size=SMALL, color=TEXT["quiet"], ha="center", va="bottom")
    ax.imshow(board, cmap=cmap, vmin=limits[0], vmax=limits[1])
    ax.set_axis_off()
    ax.set_label(_alt_text(captions))
    return ax


@look.styled
def message(text: str, ax: Axes | None = None) -> Axes:
    """Axes that hold one line of text, where there is nothing to draw."""
    ax = ax or look.axes(1.0)
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return ax


@look.styled
def pairs(
    images: np.ndarray,
    pairs: np.ndarray,
    captions: Sequence[str] = (),
    columns: int = 5,
    *,
    marked: Sequence[bool] | np.ndarray = (),
) -> Axes:
    """Two images side by side in each tile.

    `pairs` are indices of `images`, int (k, 2); -1 leaves a place empty. The rest is as in `sheet`.
    """
    height, width = images.shape[1:]
    tiles = np.full((len(pairs), height, 2 * width + SEAM), np.nan)
    for tile, both in zip(tiles, pairs, strict=True):
        for index, left in zip(both, (0, width + SEAM), strict=True):
            if index >= 0:
                tile[:, left : left + width] = images[index]
    return sheet(tiles, columns, captions, marked=marked)


@look.styled
def groups(
    images: np.ndarray,
    groups: Sequence[Sequence[int] | np.ndarray],
    captions: Sequence[str],
    each: int = 5,
    columns: int = 2,
) -> Axes:
    """The first images of each group side by side, the group's caption beneath the first.

    `groups` are lists of indices of `images`; `each` says how many of a group are shown, and
    `columns` how many groups stand in a row.
    """
    tiles = np.full((len(groups), each, *images.shape[1:]), np.nan)
    for tile, members in zip(tiles, groups, strict=True):
        tile[: len(members[:each])] = images[members[:each]]
    texts = [text for caption in captions for text in (caption, *[""] * (each - 1))]
    return sheet(tiles.reshape(-1, *images.shape[1:]), each * columns, texts)


@look.styled
def predictions(images: np.ndarray, answers: "pd.DataFrame", columns: int = 5) -> Axes:
    """Each image with its predicted character and the probability of it.

    A wrong one has a dashed frame, a cross, and the true character before the arrow. `answers` has
    a row an image and the columns true, predicted and probability.
    """
    right = (answers["true"] == answers["predicted"]).to_numpy()
    captions = [
        f"{a} \u2713\n{look.percent(p)}" if a == b else f"{a} \u2192 {b} \u2717\n{look.percent(p)}"
        for a, b, p in answers[["true", "predicted", "probability"]].itertuples(index=False)
    ]
    colors = [TEXT["right" if good else "wrong"] for good in right]
    # Where all are wrong, frames would say nothing.
    marked = ~right if right.any() else ()
    return sheet(images, columns, captions, colors=colors, marked=marked, size=10.5)


@look.styled
def augmented(before: np.ndarray, after: np.ndarray) -> Axes:
    """Training images, (n, h, w), each before its k augmented variants, (n, k, h, w)."""
    together = np.concatenate([before[:, None], np.asarray(after)], axis=1)
    columns = together.shape[1]
    captions = ["original", *[""] * (columns - 1)] * len(together)
    side = max(1, min(len(together), 10 // columns))
    return sheet(together.reshape(-1, *before.shape[1:]), side * columns, captions)


@look.styled
def saliency(
    images: np.ndarray, maps: np.ndarray, captions: Sequence[str], columns: int = 5
) -> Axes:
    """Images, each beside what speaks for a prediction (orange) and against it (blue).

    `maps` are (n, 28, 28), in log-odds, as `Recognizer.saliency` gives them.
    """
    if not len(images):
        return message("No image.")
    gray = np.repeat(1 - 0.85 * images[..., None] / 255, 3, axis=3)
    top = np.maximum(np.abs(maps).max(axis=(1, 2), keepdims=True), FAINT)
    strength = (np.abs(maps) / top)[..., None]
    hues = np.array([FOR, AGAINST])[(maps < 0).astype(int)]
    seam = np.ones((len(images), images.shape[1], SEAM, 3))
    tiles = np.concatenate([gray, seam, gray + 0.8 * strength * (hues - gray)], axis=2)
    return sheet(tiles, columns, captions)


@look.styled
def drawings(
    strokes: Sequence[Sequence[np.ndarray]],
    images: np.ndarray,
    answers: Sequence[tuple[str, float]],
    true: Sequence[str | None] | None = None,
    columns: int = 3,
    pad: float | None = None,
) -> Axes:
    """Drawings in pairs: the pen's strokes, and the image that the network sees.

    `strokes` are lists of (k, 2) arrays, x right and y down; `answers` the predicted character and
    its probability, and `true` the character meant or None, one a drawing. With `pad`, the side of
    the pad, each drawing is shown where and as large as it was drawn; else it fills its square.
    """
    if not len(strokes):
        return message("No drawing yet.")
    columns = min(columns, len(images))
    wide, high = 2.25, 1.44  # of a pair, with its caption, in sides of an image
    rows, width = ceil(len(images) / columns), min(WIDTH, 2.4 * columns)
    ax = look.axes(width * (rows * high + 0.25) / (columns * wide), width)
    captions = []
    for i, (image, (character, probability)) in enumerate(zip(images, answers, strict=True)):
        x, y = i % columns * wide, i // columns * high
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor="#f1f1ec", edgecolor="none"))
        _pen(ax, strokes[i], x, y, pad)
        extent = (x + 1.05, x + 2.05, y + 1, y)
        ax.imshow(image, cmap=INK, vmin=0, vmax=255, extent=extent, aspect="auto")
        text, color, meant = character, "plain", true[i] if true is not None else None
        if meant is not None:
            right = character == meant
            text = f"{meant} \u2713" if right else f"{meant} \u2192 {character} \u2717"
            color = "right" if right else "wrong"
        if color == "wrong":
            mark(ax, x, y, 2.05, 1)
        captions.append(f"{text}  {look.percent(probability)}")
        style = {"ha": "center", "size": 10.5, "family": MONO}
        ax.text(x + 1.025, y + 1.25, captions[-1], color=TEXT[color], **style)
    for x in np.arange(columns) * wide:
        style = {"ha": "center", "va": "bottom", "size": SMALL, "color": TEXT["quiet"]}
        ax.text(x + 0.5, -0.04, "drawn", **style)
        ax.text(x + 1.55, -0.04, "seen", **style)
    ax.set_label(_alt_text(captions))
    ax.set(xlim=(-0.02, columns * wide - 0.15), ylim=(rows * high, -0.25), aspect="equal")
    ax.set_axis_off()
    return ax


def mark(ax: Axes, x: float, y: float, width: float, height: float) -> None:
    """The dashed frame of a wrong prediction."""
    style = {"fill": False, "edgecolor": COLORS["wrong"], "clip_on": False}
    ax.add_patch(Rectangle((x, y), width, height, ls=(0, (4, 2)), linewidth=2, **style))


def _pen(ax: Axes, strokes: Sequence, x: float, y: float, pad: float | None) -> None:
    """Draw one drawing's strokes into the unit cell at (x, y), its aspect kept."""
    lines = [np.asarray(stroke, float)[:, :2] for stroke in strokes if len(stroke)]
    if not lines:
        return
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    scale, middle = 0.8 / (float((high - low).max()) or 1.0), (low + high) / 2
    if pad is not None:
        scale, middle = 1 / pad, np.full(2, pad / 2)
    for line in lines:
        # A dot is a stroke of one point: twice, so that the round cap shows it.
        at = (np.repeat(line, 2, axis=0) if len(line) == 1 else line) - middle
        style = {"color": "#16161a", "linewidth": 3, "solid_joinstyle": "round"}
        ax.plot(*(at * scale + (x + 0.5, y + 0.5)).T, solid_capstyle="round", **style)


def _alt_text(captions: Sequence[str]) -> str:
    """What a sheet shows, for whoever cannot see it, as part of the figure's alternative text."""
    words = str.maketrans({"\u2713": "right", "\u2717": "", "\u2192": "to", "\n": ", "})
    texts = [" ".join(text.translate(words).split()) for text in captions if text.strip()]
    more = [f"and {len(texts) - ALT_CAPTIONS} more"] if len(texts) > ALT_CAPTIONS else []
    return "; ".join([*texts[:ALT_CAPTIONS], *more])

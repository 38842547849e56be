"""Many small images on one sheet, each with its caption."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle
from PIL import Image, ImageDraw

from hcr.evaluation.scores import percent
from hcr.plots import look
from hcr.plots.look import COLORS, INK, SMALL, TEXT, WIDTH

SEAM = 2  # pixels between the images of a group
ENLARGED = 4  # times: what a drawing is shown at
FAINT = 0.05  # log-odds: a saliency map without more shows nothing
FOR, AGAINST = (1.0, 0.52, 0.0), (0.0, 0.52, 1.0)  # orange, blue: as the pad has it


@look.style()
def sheet(
    images: np.ndarray,
    columns: int = 10,
    captions: Sequence[str] = (),
    *,
    titles: Sequence[str] = (),
    colors: Sequence[str] = (),
    marked: Sequence[bool] | np.ndarray = (),
    cmap: Colormap | str = INK,
    limits: tuple[float, float] = (0, 255),
    size: float = 9.5,
) -> Axes:
    """Lay out images in rows, all in one raster, so that hundreds of them draw at once.

    `images` are (n, h, w), NaN where there is nothing, or (n, h, w, 3), colors from 0 to 1.
    `captions`, of `colors` and `size` points, stand beneath each, and may have several lines;
    `titles` stand above equal parts of the columns. A `marked` image gets the dashed frame of a
    wrong one. `limits` are the pixel values at the ends of the color map.
    """
    images = np.asarray(images)
    if not len(images):
        return message("No image.")
    count, height, tile = images.shape[:3]
    gap = max(1, round(0.09 * tile))
    n_rows, step = ceil(count / columns), tile + gap
    inch = columns * step / WIDTH  # pixels
    captions, family = look.lettering(captions)
    lines = max((text.count("\n") + 1 for text in captions), default=0)
    below = ceil((1.3 * lines + 0.6) * size / 72 * inch) if lines else 0
    above = ceil(1.8 * SMALL / 72 * inch) if len(titles) else 0
    shape = above + n_rows * (height + gap + below), columns * step, *images.shape[3:]
    # Colors have no number for "nothing": paper.
    board = np.full(shape, np.nan if images.ndim == 3 else 1.0)
    ax = look.axes(WIDTH * shape[0] / shape[1])
    for i, image in enumerate(images):
        y = above + i // columns * (height + gap + below) + gap // 2
        x = i % columns * step + gap // 2
        board[y : y + height, x : x + tile] = image
        if i < len(marked) and marked[i]:
            style = {"fill": False, "edgecolor": COLORS["wrong"], "clip_on": False}
            style |= {"ls": (0, (4, 2)), "linewidth": 2}
            ax.add_patch(Rectangle((x - 0.5, y - 0.5), tile, height, **style))
        if i < len(captions):
            down = 1.3 * (captions[i].count("\n") + 1) * size / 72 * inch
            style = {"color": colors[i] if i < len(colors) else TEXT["plain"], "size": size}
            style |= {"family": family, "ha": "center", "va": "baseline"}
            ax.text(x + tile / 2, y + height + down, captions[i], **style)
    for i, text in enumerate(titles):
        x = (i + 0.5) * columns * step / len(titles)
        ax.text(x, above - gap, text, size=SMALL, color=TEXT["quiet"], ha="center", va="bottom")
    ax.imshow(board, cmap=cmap, vmin=limits[0], vmax=limits[1])
    ax.set_axis_off()
    return ax


@look.style()
def message(text: str) -> Axes:
    """Axes that hold one line of text, where there is nothing to draw."""
    ax = look.axes(1.0)
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return ax


@look.style()
def groups(
    images: np.ndarray,
    groups: Sequence[Sequence[int] | np.ndarray],
    captions: Sequence[str],
    each: int = 5,
    columns: int = 2,
    *,
    marked: Sequence[bool] | np.ndarray = (),
) -> Axes:
    """The first images of each group side by side in one tile.

    `groups` are lists of indices of `images`; `each` is how many of a group are shown, and
    `columns` how many groups a row has. The rest is as in `sheet`.
    """
    height, width = images.shape[1:]
    each = min(each, max(3, *map(len, groups), 0))
    tiles = np.full((len(groups), height, each * (width + SEAM) - SEAM), np.nan)
    for tile, members in zip(tiles, groups, strict=True):
        left = (each - len(members[:each])) * (width + SEAM) // 2  # the caption is in the middle
        for i, index in enumerate(members[:each]):
            tile[:, left + i * (width + SEAM) :][:, :width] = images[index]
    return sheet(tiles, columns, captions, marked=marked)


@look.style()
def predictions(
    images: np.ndarray, answers: pd.DataFrame, columns: int = 5, titles: Sequence[str] = ()
) -> Axes:
    """Each image with its predicted character and the probability of it.

    A wrong one has a dashed frame, a cross, and the true character before the arrow. `answers` has
    a row an image and the columns true, predicted and probability; `titles` as in `sheet`.
    """
    right = (answers["true"] == answers["predicted"]).to_numpy()
    captions = [
        f"{a} \u2713\n{percent(p)}" if a == b else f"{a} \u2192 {b} \u2717\n{percent(p)}"
        for a, b, p in answers[["true", "predicted", "probability"]].itertuples(index=False)
    ]
    colors = [TEXT["right" if good else "wrong"] for good in right]
    # Where all are wrong, frames would say nothing.
    marked = ~right if right.any() else ()
    return sheet(images, columns, captions, titles=titles, colors=colors, marked=marked, size=10.5)


@look.style()
def saliency(images: np.ndarray, maps: np.ndarray, captions: Sequence[str]) -> Axes:
    """Images, each beside what speaks for a prediction (orange) and against it (blue).

    `maps` are (n, 28, 28), in log-odds, as `Recognizer.saliency` gives them.
    """
    gray = np.repeat(1 - 0.85 * images[..., None] / 255, 3, axis=3)
    top = np.maximum(np.abs(maps).max(axis=(1, 2), keepdims=True), FAINT)
    strength = (np.abs(maps) / top)[..., None]
    hues = np.array([FOR, AGAINST])[(maps < 0).astype(int)]
    seam = np.ones((len(images), images.shape[1], SEAM, 3))
    tiles = np.concatenate([gray, seam, gray + 0.8 * strength * (hues - gray)], axis=2)
    return sheet(tiles, 5, captions)


@look.style()
def drawings(
    strokes: Sequence[Sequence[np.ndarray]],
    images: np.ndarray,
    answers: Sequence[tuple[str, float]],
    true: Sequence[str],
    columns: int = 3,
    pad: float | None = None,
) -> Axes:
    """Drawings in pairs: the pen's strokes, and the image that the network sees.

    `strokes` are lists of (k, 2) arrays, x right and y down; `answers` the predicted character and
    its probability, and `true` the character meant, one a drawing. With `pad`, the side of the pad,
    each drawing is shown where and as large as it was drawn; else it fills its square.
    """
    drawn = np.array([_pen(each, pad) for each in strokes])
    seen = images.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
    seam = np.full((*drawn.shape[:2], ENLARGED * SEAM), np.nan)
    tiles = np.concatenate([drawn, seam, seen], axis=2)
    titles = ["drawn, seen" if i < len(strokes) else "" for i in range(columns)]
    frame = pd.DataFrame(answers, columns=["predicted", "probability"]).assign(true=true)
    return predictions(tiles, frame, columns, titles)


def _pen(strokes: Sequence[np.ndarray], pad: float | None) -> np.ndarray:
    """One drawing's strokes on a square as large as an enlarged image, their aspect kept."""
    side, finer = 28 * ENLARGED, 4
    points = np.concatenate(strokes)[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    scale, middle = 0.8 / (float((high - low).max()) or 1.0), (low + high) / 2
    if pad is not None:
        scale, middle = 1 / pad, np.full(2, pad / 2)
    board = Image.new("L", (side * finer, side * finer))
    pen, width = ImageDraw.Draw(board), side * finer // 25
    for stroke in strokes:
        line = ((stroke[:, :2] - middle) * scale + 0.5) * side * finer
        pen.line([tuple(point) for point in line], fill=255, width=width)
        for x, y in line:  # round joints and ends; a dot is a stroke of one point
            pen.circle((x, y), width / 2, fill=255)
    return np.asarray(board.reduce(finer), float)

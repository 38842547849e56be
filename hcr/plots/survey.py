"""A data set from afar: its pictures on a plane, and its classes' measures beside each other."""

from collections.abc import Sequence

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.plots.look import MONO, axes, labelled, styled

# Dark enough to be ink, and told apart by the colour-blind (Paul Tol's bright and muted schemes).
INKS = (
    "#4477AA",
    "#AA3377",
    "#117733",
    "#BB5522",
    "#332288",
    "#0E7C86",
    "#882255",
    "#7A6A00",
    "#CC3311",
    "#444444",
)
TINT = 0.13
# Inches: the map's side.
SIDE = 8.0
# A cell of the map holds one picture; a picture is this many pixels of the map, its margin too.
PIXELS = 28
# The least distance of two names, of the map's side.
APART = 0.035


@styled
def picture_map(
    images: ArrayLike,
    places: ArrayLike,
    labels: ArrayLike,
    characters: Sequence[str],
    cells: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Pictures at their places on a plane, in their class's ink, with each class's name.

    The plane is divided into cells, and a cell shows the picture that lies nearest its middle, so
    that none covers another. Classes whose pictures lie side by side have different inks; there
    are more classes than inks, so the name tells the class. It stands where most of the class's
    pictures are.

    Args:
        images: Shape (n, 28, 28), uint8.
        places: Shape (n, 2), x right and y down, in 0..1, as `measures.lay_out` gives them.
        labels: Class indices, shape (n,).
        characters: The classes' names.
        cells: Cells along a side; by default as many as suit the number of pictures.
        ax: Axes to draw on.
    """
    found, classes = labelled(images, labels, characters)
    where = np.asarray(places, float)
    if where.shape != (len(found), 2) or not (where.min() >= 0 and where.max() <= 1):
        raise DataError(
            "places must be two numbers from 0 to 1 a picture. "
            f"Received: shape {where.shape} for {len(found):,} pictures."
        )
    if cells is None:
        cells = int(np.clip(np.sqrt(len(found)), 12, 44))
    peaks = _peaks(where, classes, len(characters))
    colours = _inks(where, classes, peaks, len(characters))
    board = np.ones((cells, PIXELS, cells, PIXELS, 3), np.float32)
    cell = np.minimum((where * cells).astype(int), cells - 1)
    far = np.abs(where * cells - cell - 0.5).max(axis=1)
    # The first of each cell is the one nearest its middle.
    order = np.argsort(far, kind="stable")
    _, first = np.unique(cell[order] @ (1, cells), return_index=True)
    for each in order[first]:
        ink = np.array(to_rgb(colours[classes[each]]))
        share = _fitted(found[each])[:, :, None] / 255
        x, y = cell[each]
        board[y, :, x] = share * ink + (1 - share) * (1 - TINT * (1 - ink))
    board = board.reshape(cells * PIXELS, cells * PIXELS, 3)
    ax = axes(ax, SIDE, SIDE)
    ax.imshow(board, extent=(0, 1, 1, 0), interpolation="antialiased")
    halo = [effects.withStroke(linewidth=5, foreground="white", alpha=0.85)]
    for index, (x, y) in peaks.items():
        style = {"size": 24, "weight": "bold", "family": MONO, "path_effects": halo}
        style |= {"ha": "center", "va": "center", "parse_math": False}
        ax.text(x, y, characters[index], color=colours[index], **style)
    ax.set_axis_off()
    return ax


def _fitted(picture: np.ndarray) -> np.ndarray:
    """The picture in the middle of a square of `PIXELS`."""
    square = np.zeros((PIXELS, PIXELS), picture.dtype)
    height, width = (min(side, PIXELS) for side in picture.shape)
    top, left = (PIXELS - height) // 2, (PIXELS - width) // 2
    square[top : top + height, left : left + width] = picture[:height, :width]
    return square


def _peaks(places: np.ndarray, classes: np.ndarray, n_classes: int) -> dict[int, np.ndarray]:
    """Where each class that has a picture lies densest."""
    found = {}
    for index in range(n_classes):
        own = places[classes == index]
        if len(own):
            square = ((own[:, None] - own) ** 2).sum(axis=2)
            found[index] = own[np.exp(-square / (2 * 0.05**2)).sum(axis=1).argmax()]
    return _apart(found)


def _apart(names: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The names' places, pushed from each other until they can be read."""
    at = np.array(list(names.values()))
    # Two names at one place have no direction to part in.
    at += np.random.default_rng(0).uniform(-1e-4, 1e-4, at.shape)
    for _ in range(60):
        step = at[:, None] - at
        far = np.hypot(*step.T)[..., None]
        push = np.where((far > 0) & (far < APART), step * (APART / np.maximum(far, 1e-9) - 1), 0)
        at = np.clip(at + push.sum(axis=1) / 2, 0.02, 0.98)
    return dict(zip(names, at, strict=True))


def _inks(
    places: np.ndarray, classes: np.ndarray, peaks: dict[int, np.ndarray], n_classes: int
) -> list[str]:
    """An ink for each class, such that classes that lie side by side differ."""
    from scipy.spatial import cKDTree

    _, near = cKDTree(places).query(places, k=min(9, len(places)))
    near = near.reshape(len(places), -1)
    touch = np.zeros((n_classes, n_classes))
    np.add.at(touch, (np.repeat(classes, near.shape[1]), classes[near].ravel()), 1)
    # Those that touch nowhere, but are named near each other, had better differ too.
    names, at = list(peaks), np.array(list(peaks.values()))
    square = ((at[:, None] - at) ** 2).sum(axis=2)
    touch[np.ix_(names, names)] += np.exp(-square / (2 * 0.15**2))
    touch += touch.T
    np.fill_diagonal(touch, 0)
    chosen = np.full(n_classes, -1)
    for index in np.argsort(-touch.sum(axis=1), kind="stable"):
        there = chosen >= 0
        cost = np.bincount(chosen[there], weights=touch[index, there], minlength=len(INKS))
        chosen[index] = cost.argmin()
    return [INKS[each] for each in chosen]

"""Pictures behind an evaluation: what is confused with what, and where a network looked."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import labelled, pictures, same_length, styled
from hcr.plots.sheet import message, sheet

FAINT = 0.05  # log-odds: a map without more shows nothing
FOR, AGAINST = (1.0, 0.52, 0.0), (0.0, 0.52, 1.0)  # orange, blue: as the pad has it


@styled
def confused(
    images: ArrayLike,
    true: ArrayLike,
    predicted: ArrayLike,
    characters: Sequence[str],
    n: int = 20,
    each: int = 5,
    ax: Axes | None = None,
) -> Axes:
    """The most frequent confusions, each with some of its pictures and how many there are.

    Args:
        images: Shape (m, 28, 28), uint8.
        true: Class indices, shape (m,).
        predicted: Class indices, shape (m,).
        characters: The classes' names.
        n: How many confusions, two beside each other.
        each: How many pictures of each, evenly spaced over the split.
        ax: Axes to draw on.
    """
    found, true = labelled(images, true, characters)
    predicted = metrics.labels(predicted, len(characters), "predicted")
    same_length("predicted", predicted, len(found))
    matrix = metrics.confusion(true, predicted, len(characters))
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:n]
    cells = [(int(a), int(b)) for a, b in zip(*np.unravel_index(order, matrix.shape), strict=True)]
    tiles, captions = [], []
    for a, b in ((a, b) for a, b in cells if matrix[a, b]):
        own = np.flatnonzero((true == a) & (predicted == b))
        some = own[np.unique(np.linspace(0, len(own) - 1, each).astype(int))]
        shown = found[some].astype(float)
        blank = np.full((each - len(shown), *found.shape[1:]), np.nan)
        tiles += [shown, blank]
        captions += [f"{characters[a]} \u2192 {characters[b]}\n{matrix[a, b]:,}"] + ["\n"] * (
            each - 1
        )
    if not tiles:
        return message("No mistake.", ax)
    return sheet(np.concatenate(tiles), 2 * each, captions, ax=ax)


@styled
def looked(images: ArrayLike, maps: ArrayLike, captions: Sequence[str], columns: int = 5) -> Axes:
    """Pictures, each beside what speaks for an answer (orange) and against it (blue).

    Args:
        images: Shape (n, 28, 28), uint8.
        maps: Shape (n, 28, 28), in log-odds, as `hcr.recognizer.occlusion` gives them.
        captions: Beneath each pair, a line each.
        columns: Pairs in a row.
    """
    if not len(np.asarray(images)):
        return message("No picture.")
    found, given = pictures(images), np.asarray(maps, dtype=float)
    if given.shape != found.shape:
        raise DataError(
            f"There must be one map a picture, of its size. Received: {given.shape} for "
            f"{found.shape}."
        )
    same_length("captions", captions, len(found))
    ink = 1 - 0.85 * found[..., None] / 255
    top = np.maximum(np.abs(given).max(axis=(1, 2), keepdims=True), FAINT)
    strength = (np.abs(given) / top)[..., None]
    hues = np.array([FOR, AGAINST])
    plain = np.repeat(ink, 3, axis=3)
    heated = plain + 0.8 * strength * (hues[(given < 0).astype(int)] - plain)
    seam = np.ones((len(found), found.shape[1], 2, 3))
    pairs = np.concatenate([plain, seam, heated], axis=2)
    return sheet(pairs, columns, captions)

"""What an audit of a data set found: odd ones, suspects, copies and look-alikes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import labelled, pictures, same_length, styled
from hcr.plots.sheet import message, sheet

# Pixels between the two pictures of a pair.
SEAM = 2


@styled
def typical(
    images: ArrayLike,
    most: ArrayLike,
    least: ArrayLike,
    characters: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """Each class's most typical picture and, beside it, its least typical one.

    Args:
        images: Shape (n, 28, 28), uint8.
        most: Index of a picture for each class; -1 where a class has none.
        least: Likewise.
        characters: The classes' names.
        ax: Axes to draw on.
    """
    pairs = np.stack([_indices(most, "most"), _indices(least, "least")], axis=1)
    same_length("most", pairs, len(characters))
    there = np.flatnonzero((pairs >= 0).all(axis=1))
    captions = [characters[each] for each in there]
    columns = min(len(there), 5 if len(characters) <= 20 else 8) or 1
    ax = _side_by_side(images, pairs[there], columns, captions, ax)
    ax.set_title("Left the most typical, right the least", fontweight="normal")
    return ax


@styled
def suspects(
    images: ArrayLike,
    given: ArrayLike,
    suggested: ArrayLike,
    characters: Sequence[str],
    indices: ArrayLike | None = None,
    n: int = 30,
    columns: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """The first `n` suspects: the label as given, an arrow, the label that is suggested.

    Args:
        images: The suspects' pictures, shape (m, 28, 28), uint8, the most suspect first.
        given: Class indices, shape (m,).
        suggested: Class indices, shape (m,).
        characters: The classes' names.
        indices: Where each lies in the data set, shape (m,), for a second line of the captions.
        n: How many are shown.
        columns: Pictures in a row.
        ax: Axes to draw on.
    """
    if not len(np.asarray(images)):
        return message("No suspect.", ax)
    found, given = labelled(images, given, characters)
    suggested = metrics.labels(suggested, len(characters), "suggested")
    same_length("suggested", suggested, len(found))
    captions = [
        f"{characters[a]} \u2192 {characters[b]}" for a, b in zip(given, suggested, strict=True)
    ]
    if indices is not None:
        places = _indices(indices, "indices")
        same_length("indices", places, len(found))
        captions = [f"{text}\n{at:,}" for text, at in zip(captions, places, strict=True)]
    return sheet(found[:n], columns, captions, ax=ax)


@styled
def conflicts(
    images: ArrayLike,
    groups: Sequence[ArrayLike],
    labels: ArrayLike,
    characters: Sequence[str],
    n: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Pictures that stand in the data set under several labels, each with all of these.

    Args:
        images: Shape (m, 28, 28), uint8.
        groups: Indices of equal pictures, a group each.
        labels: Class indices, shape (m,).
        characters: The classes' names.
        n: How many groups are shown.
        ax: Axes to draw on.
    """
    if not len(groups):
        return message("No picture has two labels.", ax)
    shown = [_indices(each, "groups") for each in groups[:n]]
    captions = []
    for each in shown:
        values = _labels_of(each, labels, images, characters)
        names = [characters[label] for label in np.unique(values)]
        captions.append(f"{', '.join(names[:4])}\n{len(each):,} copies")
    return sheet(pictures(np.asarray(images)[[each[0] for each in shown]]), 8, captions, ax=ax)


@styled
def near_duplicates(
    images: ArrayLike,
    pairs: ArrayLike,
    labels: ArrayLike,
    characters: Sequence[str],
    n: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Pairs of pictures that are nearly the same, side by side with their labels.

    A pair under two labels has a dashed frame.

    Args:
        images: Shape (m, 28, 28), uint8.
        pairs: Indices, shape (k, 2).
        labels: Class indices, shape (m,).
        characters: The classes' names.
        n: How many pairs are shown.
        ax: Axes to draw on.
    """
    chosen = _pairs(pairs)[:n]
    if not len(chosen):
        return message("No pair of pictures is nearly the same.", ax)
    values = _labels_of(chosen, labels, images, characters)
    captions = [f"{characters[a]} | {characters[b]}" for a, b in values]
    differ = values[:, 0] != values[:, 1]
    return _side_by_side(images, chosen, 5, captions, ax, differ if not differ.all() else ())


@styled
def neighbour_pairs(
    images: ArrayLike,
    examples: Sequence[ArrayLike],
    labels: ArrayLike,
    characters: Sequence[str],
    n: int = 6,
    each: int = 4,
    ax: Axes | None = None,
) -> Axes:
    """Pictures whose nearest neighbour is of another class, each beside that neighbour.

    Args:
        images: Shape (m, 28, 28), uint8.
        examples: For each pair of classes, the most confused first, indices of pictures and
            their neighbours, shape (k, 2).
        labels: Class indices, shape (m,).
        characters: The classes' names.
        n: How many pairs of classes are shown, one a row.
        each: Examples of a pair of classes; where there are fewer, places stay empty.
        ax: Axes to draw on.
    """
    rows = [_pairs(found)[:each] for found in examples[:n] if len(found)]
    if not rows:
        return message("No picture has its nearest neighbour in another class.", ax)
    chosen = np.full((len(rows), each, 2), -1)
    for row, found in enumerate(rows):
        chosen[row, : len(found)] = found
    flat = chosen.reshape(-1, 2)
    values = _labels_of(flat, labels, images, characters)
    captions = [
        f"{characters[a]} | {characters[b]}" if there else ""
        for (a, b), there in zip(values, flat[:, 0] >= 0, strict=True)
    ]
    return _side_by_side(images, flat, each, captions, ax)


def _side_by_side(
    images: ArrayLike,
    pairs: np.ndarray,
    columns: int,
    captions: Sequence[str],
    ax: Axes | None,
    frames: Sequence[bool] | np.ndarray = (),
) -> Axes:
    """Two pictures in each tile; an index of -1 leaves its place empty."""
    source = np.asarray(images)
    _check(pairs, source)
    if not len(pairs):
        return message("No picture.", ax)
    height, width = source.shape[1:]
    tiles = np.full((len(pairs), height, 2 * width + SEAM), np.nan)
    for place, (first, second) in enumerate(pairs):
        for index, left in ((first, 0), (second, width + SEAM)):
            if index >= 0:
                tiles[place, :, left : left + width] = source[index]
    return sheet(tiles, columns, captions, frames=frames, ax=ax)


def _labels_of(
    places: np.ndarray, labels: ArrayLike, images: ArrayLike, characters: Sequence[str]
) -> np.ndarray:
    """The class indices at `places`, checked; any where a place is -1."""
    classes = metrics.labels(labels, len(characters))
    same_length("labels", classes, len(np.asarray(images)))
    _check(places, classes)
    return classes[places]


def _check(places: np.ndarray, source: np.ndarray) -> None:
    if places.max(initial=-1) >= len(source):
        raise DataError(
            f"Indices must be below the number of pictures, {len(source):,}. "
            f"Received: {places.max():,}."
        )


def _indices(values: ArrayLike, name: str) -> np.ndarray:
    found = np.asarray(values)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise DataError(
            f"{name} must be indices of the shape (n,). Received: {found.dtype}, {found.shape}."
        )
    return found


def _pairs(values: ArrayLike) -> np.ndarray:
    found = np.asarray(values)
    if found.size == 0:
        return np.zeros((0, 2), np.int64)
    if found.ndim != 2 or found.shape[1] != 2 or not np.issubdtype(found.dtype, np.integer):
        raise DataError(
            f"Pairs must be indices of the shape (n, 2). Received: {found.dtype}, {found.shape}."
        )
    return found

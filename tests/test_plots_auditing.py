"""The audit's plots show the pictures they were given, in their places, with their names."""

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from hcr import plots
from hcr.errors import DataError

DIGITS = "0123456789"


def some(n=40):
    """Picture i is all of brightness i + 1, so that one sees which it is; label i % 10."""
    images = np.zeros((n, 28, 28), np.uint8)
    images += np.arange(1, n + 1, dtype=np.uint8)[:, None, None]
    return images, np.arange(n) % 10


def texts(ax):
    ax.figure.canvas.draw()
    return [text.get_text() for text in ax.texts if text.get_text()]


def shown(ax):
    """The indices of the pictures on the sheet, in the order of reading."""
    board = ax.images[0].get_array().filled(0)
    found = []
    for row in board[::7]:
        values = row[(row > 0) & np.isfinite(row)].astype(int)
        line = [int(each) - 1 for each in dict.fromkeys(values)]
        if line and line != found[-len(line) :]:
            found += line
    return found


def frames(ax):
    return [each for each in ax.patches if isinstance(each, Rectangle)]


def test_typical_shows_two_pictures_a_class():
    images, _ = some()
    most, least = np.arange(10), np.arange(10, 20)
    most[3] = least[3] = -1
    ax = plots.typical(images, most, least, DIGITS)
    assert shown(ax) == [each for i in range(10) if i != 3 for each in (i, 10 + i)]
    assert texts(ax) == list("012456789")
    assert ax.get_title(loc="left") == "Left the most typical, right the least"


def test_suspects_name_both_labels():
    images, labels = some(12)
    suggested = (labels + 3) % 10
    places = np.arange(12) * 1000
    ax = plots.suspects(images, labels, suggested, DIGITS, places, n=7, columns=5)
    assert shown(ax) == list(range(7))
    assert texts(ax)[:4] == ["0 → 3", "0", "1 → 4", "1,000"]
    assert len(texts(ax)) == 14
    assert texts(plots.suspects(images, labels, suggested, DIGITS))[11] == "1 → 4"
    assert texts(plots.suspects(images[:0], [], [], DIGITS)) == ["No suspect."]


def test_conflicts_name_every_label():
    images, labels = some(30)
    groups = [np.array([3, 11, 21]), np.array([5, 6])]
    ax = plots.conflicts(images, groups, labels, DIGITS)
    assert shown(ax) == [3, 5]
    assert texts(ax) == ["1, 3", "3 copies", "5, 6", "2 copies"]
    assert texts(plots.conflicts(images, [], labels, DIGITS)) == ["No picture has two labels."]


def test_near_duplicates_mark_two_labels():
    images, labels = some(30)
    pairs = np.array([[1, 11], [2, 13], [4, 24]])
    ax = plots.near_duplicates(images, pairs, labels, DIGITS, n=2)
    assert shown(ax) == [1, 11, 2, 13]
    assert texts(ax) == ["1 | 1", "2 | 3"]
    assert len(frames(ax)) == 1
    # Where all pairs differ, frames would tell nothing.
    assert not frames(plots.near_duplicates(images, pairs[1:2], labels, DIGITS))
    none = plots.near_duplicates(images, np.zeros((0, 2), int), labels, DIGITS)
    assert texts(none) == ["No pair of pictures is nearly the same."]


def test_neighbour_pairs_give_each_pair_of_classes_a_row():
    images, labels = some(30)
    examples = [np.array([[0, 16], [10, 6]]), np.array([[2, 7]]), np.array([[1, 9]])]
    ax = plots.neighbour_pairs(images, examples, labels, DIGITS, n=2, each=3)
    assert shown(ax) == [0, 16, 10, 6, 2, 7]
    assert texts(ax) == ["0 | 6", "0 | 6", "2 | 7"]
    ax = plots.neighbour_pairs(images, [], labels, DIGITS)
    assert texts(ax) == ["No picture has its nearest neighbour in another class."]


def test_what_does_not_fit_is_refused():
    images, labels = some(10)
    with pytest.raises(DataError, match="below the number of pictures, 10. Received: 10"):
        plots.near_duplicates(images, [[0, 10]], labels, DIGITS)
    with pytest.raises(DataError, match=r"shape \(n, 2\)"):
        plots.near_duplicates(images, [[0, 1, 2]], labels, DIGITS)
    with pytest.raises(DataError, match="one entry a picture"):
        plots.typical(images, [1, 2], [1, 2], DIGITS)
    with pytest.raises(DataError, match="one entry a picture"):
        plots.suspects(images, labels, labels[1:], DIGITS)
    with pytest.raises(DataError, match="most must be indices"):
        plots.typical(images, np.zeros(10), np.zeros(10, int), DIGITS)

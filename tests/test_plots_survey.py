"""The map of the pictures: each where it was put, in its class's ink, and every class named."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hcr import plots
from hcr.errors import DataError
from hcr.plots import survey
from hcr.plots.look import SMALL

SIDE = survey.PIXELS


def corners(each: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four classes in the four corners of the plane; class i's pictures hold i + 1 dark lines."""
    labels = np.repeat(np.arange(4), each)
    middles = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]])
    places = middles[labels] + np.random.default_rng(0).uniform(-0.05, 0.05, (len(labels), 2))
    images = np.zeros((len(labels), 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[: label + 1] = 255
    return images, places, labels


def board(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def inks(ax) -> dict[str, str]:
    return {text.get_text(): text.get_color() for text in ax.texts}


def test_each_cell_shows_the_picture_nearest_its_middle():
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, :7], images[1, :14], images[2, :] = 255, 255, 255
    # The first two share the upper left of 2 x 2 cells.
    places = np.array([[0.1, 0.1], [0.26, 0.24], [0.75, 0.75]])
    ax = plots.picture_map(images, places, [0, 0, 1], "ab", cells=2)
    shown, colours = board(ax), inks(ax)
    assert shown.shape == (2 * SIDE, 2 * SIDE, 3)
    dark = (np.abs(shown - to_rgb(colours["a"])) < 1e-6).all(axis=2)
    assert dark[:SIDE, :SIDE].sum() == 14 * SIDE
    assert (np.abs(shown[SIDE:, SIDE:] - to_rgb(colours["b"])) < 1e-6).all()
    # An empty cell is paper.
    assert (shown[:SIDE, SIDE:] == 1).all()


def test_classes_are_named_where_they_lie():
    images, places, labels = corners()
    ax = plots.picture_map(images, places, labels, "wxyz")
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert set(at) == set("wxyz")
    assert np.allclose(at["w"], (0.1, 0.1), atol=0.06)
    assert np.allclose(at["x"], (0.9, 0.1), atol=0.06)
    assert np.allclose(at["y"], (0.1, 0.9), atol=0.06)
    # The picture's first line is its first line on the map too.
    assert ax.yaxis_inverted()


def test_a_class_is_named_where_most_of_it_is():
    places = np.array([[0.1, 0.1]] * 6 + [[0.9, 0.9]] * 3)
    images = np.zeros((9, 28, 28), np.uint8)
    ax = plots.picture_map(images, places, np.zeros(9, int), "ab")
    assert [text.get_text() for text in ax.texts] == ["a"]
    assert np.allclose(ax.texts[0].get_position(), (0.1, 0.1), atol=0.02)


def test_names_at_one_place_part():
    places = np.full((20, 2), 0.5)
    ax = plots.picture_map(np.zeros((20, 28, 28), np.uint8), places, np.arange(20) % 5, "abcde")
    at = np.array([text.get_position() for text in ax.texts])
    far = np.linalg.norm(at[:, None] - at, axis=2)
    assert far[~np.eye(5, dtype=bool)].min() > 0.9 * survey.APART


def test_neighbours_have_different_inks_however_many_classes():
    rng = np.random.default_rng(0)
    classes = 62
    labels = np.repeat(np.arange(classes), 8)
    middles = np.stack(np.divmod(np.arange(classes), 10), axis=1) / 10 + 0.05
    places = middles[labels] + rng.uniform(-0.04, 0.04, (len(labels), 2))
    characters = [chr(200 + index) for index in range(classes)]
    ax = plots.picture_map(np.zeros((len(labels), 28, 28), np.uint8), places, labels, characters)
    colours = inks(ax)
    for index in range(classes):
        for other in (index + 1, index + 10):
            if other < classes and (other % 10 or other != index + 1):
                assert colours[characters[index]] != colours[characters[other]]


def test_up_to_ten_classes_have_an_ink_each():
    images, places, labels = corners()
    assert len(set(inks(plots.picture_map(images, places, labels, "wxyz")).values())) == 4


def test_the_map_is_readable_and_its_names_are_text():
    images, places, labels = corners()
    with mpl.rc_context({"text.parse_math": True}):
        ax = plots.picture_map(images, places, labels, ["$a$", "_^", "<b>", "z"])
    assert not any(text.get_parse_math() for text in ax.texts)
    assert all(text.get_fontsize() >= SMALL for text in ax.texts)
    assert ax.figure.get_size_inches()[0] <= 8


@pytest.mark.parametrize(
    "places",
    [np.zeros((19, 2)), np.full((20, 2), 1.2), np.full((20, 2), np.nan), np.zeros((20, 3))],
    ids=["too few", "outside", "nan", "three axes"],
)
def test_places_are_checked(places):
    images, _, labels = corners()
    with pytest.raises(DataError, match="two numbers from 0 to 1"):
        plots.picture_map(images, places, labels, "wxyz")

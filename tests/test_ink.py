"""Ink statistics of drawn shapes whose width, slant, size and place are known."""

import tracemalloc
from unittest.mock import MagicMock

import numpy as np
import pytest
from conftest import run_cells
from scipy.ndimage import gaussian_filter

from hcr.preprocessing import PEN, from_strokes, ink

FINE = 8  # points a pixel, along each side, where a shape is drawn


def drawn(inside) -> np.ndarray:
    """uint8 (28, 28): the share of each pixel in which `inside(x, y)` holds, from the middle."""
    steps = (np.arange(28 * FINE) + 0.5) / FINE - 14
    share = inside(steps[None, :], steps[:, None]).reshape(28, FINE, 28, FINE).mean(axis=(1, 3))
    return np.rint(255 * share).astype(np.uint8)


def bar(width: float, slant: float = 0.0) -> np.ndarray:
    """An upright bar of 20 px, sheared by `slant` degrees to the right."""
    shear = np.tan(np.radians(slant))
    return drawn(lambda x, y: (np.abs(x + shear * y) <= width / 2) & (np.abs(y) <= 10))


def ring(width: float) -> np.ndarray:
    return drawn(lambda x, y: np.abs(np.hypot(x, y) - 8) <= width / 2)


def one(image: np.ndarray) -> dict[str, float]:
    return ink.measure(image[None]).iloc[0].to_dict()


@pytest.mark.parametrize("width", [2.0, 3.0, 4.3])
def test_a_rings_line_is_as_wide_as_it_was_drawn(width):
    # A ring has no ends: nothing but its width decides.
    assert one(ring(width))["stroke"] == pytest.approx(width, rel=0.05)


def test_blur_and_a_paler_pen_hardly_change_the_width():
    sharp = ring(3)
    soft = np.rint(gaussian_filter(sharp.astype(float), 0.7)).astype(np.uint8)
    assert one(soft)["stroke"] == pytest.approx(one(sharp)["stroke"], rel=0.12)
    assert one(sharp // 2)["stroke"] == pytest.approx(one(sharp)["stroke"], rel=0.03)
    drawing = from_strokes([np.array([[0.0, 0], [40, 100], [80, 0]])])
    assert one(drawing)["stroke"] == pytest.approx(PEN, rel=0.12)


@pytest.mark.parametrize("slant", [-30, -10, 0, 10, 30])
def test_slant_is_the_shear_of_a_bar(slant):
    assert one(bar(3, slant))["slant"] == pytest.approx(slant, abs=0.5)
    # Its ends add to its edge: 20 px of line have 2 x 3 px of ends.
    width = 2 * 20 * 3 / (2 * 20 / np.cos(np.radians(slant)) + 2 * 3)
    assert one(bar(3, slant))["stroke"] == pytest.approx(width, rel=0.06)


def test_box_center_and_ink_of_a_rectangle():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 10:15] = 200
    image[2, 2] = 90  # less than half of the darkest: outside the box, but it is ink
    values, mass = one(image), 100 * 200 + 90
    assert [values[name] for name in ("left", "top", "width", "height")] == [10, 4, 5, 20]
    assert values["aspect"] == 0.25
    assert values["ink"] == pytest.approx(mass / (255 * 784))
    assert values["x"] == pytest.approx((20000 * 12 + 90 * 2) / mass, abs=1e-4)
    assert values["y"] == pytest.approx((20000 * 13.5 + 90 * 2) / mass, abs=1e-4)


def test_a_blank_image_has_no_ink_and_nothing_else():
    frame = ink.measure(np.stack([np.zeros((28, 28), np.uint8), bar(3)]))
    assert frame["ink"][0] == 0
    assert frame.drop(columns="ink").iloc[0].isna().all()
    assert frame.iloc[1].notna().all()
    assert list(frame) == list(ink.COLUMNS)
    faint = np.zeros((28, 28), np.uint8)
    faint[3, 7] = 1
    assert [one(faint)[name] for name in ("left", "top", "width", "height")] == [7, 3, 1, 1]


def test_a_memory_map_is_measured_as_its_images_are_without_a_copy_of_all(tmp_path):
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (40_000, 28, 28))
    images[:] = bar(3)
    rng = np.random.default_rng(0)
    images[: 3 * ink.CHUNK] = rng.integers(0, 256, (3 * ink.CHUNK, 28, 28))
    tracemalloc.start()
    frame = ink.measure(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes / 2
    for row in (0, ink.CHUNK - 1, ink.CHUNK, len(images) - 1):
        assert one(images[row]) == pytest.approx(frame.iloc[row].to_dict(), rel=1e-4)


def test_quantiles_by_class_and_the_boxes_coverage():
    images = np.stack([bar(2), bar(3), bar(4), bar(3, 20), np.zeros((28, 28), np.uint8)])
    space = {"ink": ink.measure(images), "ink_statistics": ink, "characters": tuple("abc")}
    space |= {"train": MagicMock(labels=np.array([0, 0, 0, 1, 1])), "counts": [3, 2, 0]}
    table, stroke = run_cells("01_eda", "by_label = ", **space)["table"], space["ink"]["stroke"]
    assert table[["character", "n"]].to_numpy().tolist() == [["a", 3], ["b", 2], ["c", 0]]
    assert table["stroke"][0] == pytest.approx(stroke[1])
    assert table["stroke 25 %"][0] == pytest.approx(stroke[:2].mean())
    assert table["slant"][1] == pytest.approx(20, abs=0.5)  # a blank image has none
    assert table.loc[2].drop(["character", "n"]).isna().all()
    images = np.zeros((4, 28, 28), np.uint8)
    images[0, 4:24, 10:15] = images[1, 4:6, 14:20] = images[2, 27, 27] = 255
    space = {"ink": ink.measure(images), "inked": np.arange(3)}
    coverage = run_cells("01_eda", "coverage = ", **space)["coverage"]
    np.testing.assert_allclose(coverage, (images[:3] > 0).mean(axis=0))

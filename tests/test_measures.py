"""Measures of drawn shapes whose width, slant, size and place are known."""

import numpy as np
import pytest

from hcr.preprocessing import PEN, from_strokes
from hcr.preprocessing import ink as ink_statistics

FINE = 8  # points a pixel, along each side, where a shape is drawn


def drawn(inside, side: int = 28) -> np.ndarray:
    """uint8 (side, side): the share of each pixel in which `inside(x, y)` holds."""
    steps = (np.arange(side * FINE) + 0.5) / FINE - 0.5
    fine = inside(steps[None, :], steps[:, None])
    share = fine.reshape(side, FINE, side, FINE).mean(axis=(1, 3))
    return np.rint(255 * share).astype(np.uint8)


def bar(width: float, slant: float = 0.0, height: float = 20.0) -> np.ndarray:
    """An upright bar, sheared by `slant` degrees to the right, in the middle."""
    shear = np.tan(np.radians(slant))

    def inside(x, y):
        x, y = x - 13.5, y - 13.5
        return (np.abs(x + shear * y) <= width / 2) & (np.abs(y) <= height / 2)

    return drawn(inside)


def ring(radius: float, width: float) -> np.ndarray:
    def inside(x, y):
        return np.abs(np.hypot(x - 13.5, y - 13.5) - radius) <= width / 2

    return drawn(inside)


def one(picture: np.ndarray) -> dict[str, float]:
    return ink_statistics.measure(picture[None]).iloc[0].to_dict()


@pytest.mark.parametrize("width", [2.0, 3.0, 4.3])
def test_a_rings_line_is_as_wide_as_it_was_drawn(width):
    # A ring has no ends: nothing but its width decides.
    assert one(ring(8, width))["stroke"] == pytest.approx(width, rel=0.05)


@pytest.mark.parametrize("slant", [-30, -15, 0, 20])
def test_a_bars_width_is_measured_whichever_way_it_leans(slant):
    across = 3 * np.cos(np.radians(slant))
    # Its ends add to its edge: 20 px of line have 2 x 3 px of ends.
    expected = 2 * 20 * 3 / (2 * 20 / np.cos(np.radians(slant)) + 2 * 3)
    assert expected == pytest.approx(across, rel=0.16)
    assert one(bar(3, slant))["stroke"] == pytest.approx(expected, rel=0.06)


def test_blur_and_a_paler_pen_hardly_change_the_width():
    from scipy.ndimage import gaussian_filter

    sharp = ring(8, 3)
    soft = np.rint(gaussian_filter(sharp.astype(float), 0.7)).astype(np.uint8)
    assert one(soft)["stroke"] == pytest.approx(one(sharp)["stroke"], rel=0.12)
    assert one(sharp // 2)["stroke"] == pytest.approx(one(sharp)["stroke"], rel=0.03)


def test_the_pen_of_drawings_is_found_again():
    stroke = np.array([[0.0, 0], [40, 100], [80, 0]])
    assert one(from_strokes([stroke]))["stroke"] == pytest.approx(PEN, rel=0.12)


@pytest.mark.parametrize("slant", [-30, -10, 0, 10, 30])
def test_slant_is_the_shear_of_a_bar(slant):
    assert one(bar(3, slant))["slant"] == pytest.approx(slant, abs=0.5)


def test_slant_is_positive_where_the_top_is_to_the_right():
    picture = np.zeros((28, 28), np.uint8)
    picture[5:15, 16] = picture[15:25, 12] = 255
    assert one(picture)["slant"] > 5
    assert one(picture[:, ::-1])["slant"] == pytest.approx(-one(picture)["slant"])


def test_box_centre_and_ink_of_a_rectangle():
    picture = np.zeros((28, 28), np.uint8)
    picture[4:24, 10:15] = 200
    picture[2, 2] = 90  # less than half of the darkest: outside the box, but it is ink
    found = one(picture)
    assert [found[name] for name in ("left", "top", "width", "height")] == [10, 4, 5, 20]
    assert found["aspect"] == 0.25
    mass = 100 * 200 + 90
    assert found["ink"] == pytest.approx(mass / (255 * 784))
    assert found["x"] == pytest.approx((20000 * 12 + 90 * 2) / mass, abs=1e-4)
    assert found["y"] == pytest.approx((20000 * 13.5 + 90 * 2) / mass, abs=1e-4)


def test_a_blank_picture_has_no_ink_and_nothing_else():
    frame = ink_statistics.measure(np.stack([np.zeros((28, 28), np.uint8), bar(3)]))
    assert frame["ink"][0] == 0
    assert frame.drop(columns="ink").iloc[0].isna().all()
    assert frame.iloc[1].notna().all()
    assert list(frame) == list(ink_statistics.COLUMNS)


def test_a_faint_pixel_is_a_box():
    picture = np.zeros((28, 28), np.uint8)
    picture[3, 7] = 1
    found = one(picture)
    assert [found[name] for name in ("left", "top", "width", "height")] == [7, 3, 1, 1]


def test_a_memory_map_is_measured_as_its_pictures_are(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3 * ink_statistics.CHUNK + 5, 28, 28)).astype(np.uint8)
    np.save(tmp_path / "images.npy", pictures)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    frame = ink_statistics.measure(mapped)
    assert len(frame) == len(pictures)
    # Every picture is in its row: alone it gives the same.
    for row in (0, ink_statistics.CHUNK - 1, ink_statistics.CHUNK, len(pictures) - 1):
        assert one(pictures[row]) == pytest.approx(frame.iloc[row].to_dict(), rel=1e-4)
    assert ink_statistics.pixel_counts(mapped).tolist() == np.bincount(pictures.ravel()).tolist()


def test_no_copy_of_all_pictures_is_made(tmp_path):
    import tracemalloc

    pictures = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (40_000, 28, 28))
    pictures[:] = bar(3)
    labels = np.arange(len(pictures)) % 3
    tracemalloc.start()
    ink_statistics.measure(pictures)
    ink_statistics.mean_and_spread(pictures, labels, 3)
    ink_statistics.pixel_counts(pictures)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pictures.nbytes / 3


def test_mean_and_spread_are_exact():
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (700, 28, 28)).astype(np.uint8)
    labels = rng.integers(0, 3, 700)
    mean, spread = ink_statistics.mean_and_spread(pictures, labels, 4)
    for index in range(3):
        own = pictures[labels == index].astype(float)
        np.testing.assert_allclose(mean[index], own.mean(axis=0))
        np.testing.assert_allclose(spread[index], own.std(axis=0))
    assert np.isnan(mean[3]).all()
    assert np.isnan(spread[3]).all()


def test_pictures_without_ink_do_not_make_a_mean_paler():
    pictures = np.zeros((300, 28, 28), np.uint8)
    pictures[::2] = 200
    mean, spread = ink_statistics.mean_and_spread(pictures, np.zeros(300, int), 2)
    assert (mean[0] == 200).all()
    assert (spread[0] == 0).all()
    mean, _ = ink_statistics.mean_and_spread(pictures[1::2], np.zeros(150, int), 1)
    assert np.isnan(mean).all()


def test_white_pictures_do_not_overflow():
    pictures = np.full((300, 28, 28), 255, np.uint8)
    mean, spread = ink_statistics.mean_and_spread(pictures, np.zeros(300, int), 1)
    assert (mean == 255).all()
    assert (spread == 0).all()


def test_by_class_gives_medians_and_quartiles():
    pictures = np.stack([bar(2), bar(3), bar(4), bar(3, 20), np.zeros((28, 28), np.uint8)])
    table = ink_statistics.by_class(ink_statistics.measure(pictures), [0, 0, 0, 1, 1], "abc")
    assert table["character"].tolist() == ["a", "b", "c"]
    assert table["n"].tolist() == [3, 2, 0]
    strokes = ink_statistics.measure(pictures)["stroke"]
    assert table["stroke"][0] == pytest.approx(strokes[1])
    assert table["stroke 25 %"][0] == pytest.approx((strokes[0] + strokes[1]) / 2)
    # The blank picture has no slant to count.
    assert table["slant"][1] == pytest.approx(20, abs=0.5)
    assert table.loc[2].drop(["character", "n"]).isna().all()

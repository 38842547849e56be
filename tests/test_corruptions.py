"""Corrupted images: the contract, the random seed, and what each corruption does, measured."""

import numpy as np
import pytest
from scipy import ndimage

from hcr.preprocessing import check_images, from_strokes, synthesis
from hcr.preprocessing.corruptions import CORRUPTIONS, corrupt, sample

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
IMAGES = np.stack([from_strokes(synthesis.character(CHARACTERS[i % 36], i)) for i in range(60)])


def centers(images):
    """The center of mass of each, (n, 2), in pixels from the middle."""
    return np.array([ndimage.center_of_mass(image) for image in images.astype(float)]) - 13.5


def spreads(images):
    """The root mean square distance of the ink from its center of mass."""
    rows, columns = np.mgrid[:28, :28]
    values = []
    for image, (y, x) in zip(images.astype(float), centers(images) + 13.5, strict=True):
        far = (rows - y) ** 2 + (columns - x) ** 2
        values.append(np.sqrt((far * image).sum() / image.sum()))
    return np.array(values)


def widths(images):
    """The median width of the lines at half brightness: twice the distance at their ridge."""
    values = []
    for image in images:
        fine = ndimage.zoom(image.astype(float), 5, order=3, grid_mode=True, mode="grid-constant")
        away = ndimage.distance_transform_edt(np.pad(fine >= 127.5, 1))
        ridge = (away > 0) & (away == ndimage.maximum_filter(away, 3))
        values.append(2 * np.median(away[ridge]) / 5)
    return np.array(values)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_every_corruption_keeps_the_contract_and_grows(corruption):
    before, plain = IMAGES.copy(), IMAGES.astype(float)
    images = [corrupt(IMAGES, corruption, strength) for strength in range(1, 6)]
    np.testing.assert_array_equal(IMAGES, before)
    for each in images:
        assert check_images(each).shape == IMAGES.shape
        assert not (each == IMAGES).all(axis=(1, 2)).any()
        assert each.any(axis=(1, 2)).all()
        # Ink is still the brighter.
        assert np.corrcoef(each.ravel(), IMAGES.ravel())[0, 1] > 0.1
    away = [np.abs(each - plain).mean() for each in images]
    assert (np.diff([0, *away]) > 0).all(), away


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_an_image_is_corrupted_the_same_way_wherever_it_stands_and_a_blank_one_not(corruption):
    images = corrupt(IMAGES, corruption, 3, seed=5)
    some = np.concatenate([IMAGES[[17, 3, 3, 40]], np.zeros((1, 28, 28), np.uint8)])
    again = corrupt(some, corruption, 3, seed=5)
    np.testing.assert_array_equal(again[:4], images[[17, 3, 3, 40]])
    assert not again[4].any()
    assert corrupt(some[:0], corruption, 1).shape == (0, 28, 28)
    if corruption not in ("scale", "blur", "contrast"):
        other = corrupt(IMAGES, corruption, 3, seed=6)
        assert (images != other).any(axis=(1, 2)).mean() > 0.3


@pytest.mark.parametrize("strength", range(1, 6))
def test_shift_is_so_many_pixels_in_any_direction(strength):
    small = corrupt(IMAGES, "scale", 5)  # so that nothing leaves the image
    ways = centers(corrupt(small, "shift", strength)) - centers(small)
    np.testing.assert_allclose(
        np.hypot(*ways.T), CORRUPTIONS["shift"][strength - 1], rtol=0.05, atol=0.05
    )
    assert np.histogram(np.arctan2(*ways.T), 4, (-np.pi, np.pi))[0].min() >= 5


@pytest.mark.parametrize("strength", range(1, 6))
def test_rotation_is_so_many_degrees_to_either_side(strength):
    bar = np.zeros((40, 28, 28), np.uint8)
    bar[:, 6:22, 13:15] = 255
    bar[np.arange(40), 13, 13] = np.arange(200, 240)  # forty images, nearly the same
    rows, columns = np.mgrid[:28, :28] - 13.5
    angles = []
    for ink in corrupt(bar, "rotation", strength).astype(float):
        tilt = 2 * (ink * rows * columns).sum(), (ink * (rows**2 - columns**2)).sum()
        angles.append(np.rad2deg(np.arctan2(*tilt) / 2))
    np.testing.assert_allclose(np.abs(angles), CORRUPTIONS["rotation"][strength - 1], atol=0.5)
    assert 8 < np.sum(np.array(angles) > 0) < 32


@pytest.mark.parametrize("strength", range(1, 6))
def test_scale_takes_its_share_of_the_size(strength):
    left = 1 - CORRUPTIONS["scale"][strength - 1]
    images = corrupt(IMAGES, "scale", strength)
    assert np.median(spreads(images) / spreads(IMAGES)) == pytest.approx(left, abs=0.02)
    np.testing.assert_allclose(centers(images), left * centers(IMAGES), atol=0.15)
    # Its ink is that of a smaller image, no brighter and no fainter.
    ink = images.sum(axis=(1, 2)) / IMAGES.sum(axis=(1, 2))
    np.testing.assert_allclose(ink, left**2, rtol=0.03)


@pytest.mark.parametrize("strength", range(1, 6))
def test_lines_gain_their_pixels_or_lose_half_as_many(strength):
    images = corrupt(IMAGES, "stroke width", strength)
    change, pixels = widths(images) - widths(IMAGES), CORRUPTIONS["stroke width"][strength - 1]
    wider = images.mean(axis=(1, 2)) > IMAGES.mean(axis=(1, 2))
    assert 15 < wider.sum() < 45
    assert np.median(change[wider]) == pytest.approx(pixels, abs=0.35)
    assert np.median(change[~wider]) == pytest.approx(-pixels / 2, abs=0.35)


@pytest.mark.parametrize("strength", range(1, 6))
def test_blur_has_its_sigma_and_keeps_the_ink(strength):
    point = np.zeros((1, 28, 28), np.uint8)
    point[0, 12:16, 12:16] = 255
    image, sigma = corrupt(point, "blur", strength), CORRUPTIONS["blur"][strength - 1]
    # Of each direction the variance of four pixels in a row is 1.25.
    assert spreads(image)[0] == pytest.approx(np.sqrt(2 * (sigma**2 + 1.25)), rel=0.03)
    assert image.sum() == pytest.approx(point.sum(), rel=0.04)


@pytest.mark.parametrize("strength", range(1, 6))
def test_noise_has_its_sigma_and_no_pattern(strength):
    gray = np.full((20, 28, 28), 128, np.uint8)
    gray[:, 0, 0] += np.arange(20, dtype=np.uint8)  # twenty images, nearly the same
    noise = corrupt(gray, "noise", strength).astype(float) - gray
    sigma = CORRUPTIONS["noise"][strength - 1]
    expected = np.clip(np.random.default_rng(0).normal(0, 255 * sigma, 10**5), -128, 127).std()
    assert noise.std() == pytest.approx(expected, rel=0.03)
    assert abs(noise.mean()) < 0.1 * expected
    # It differs from one image to the next.
    assert np.abs(np.corrcoef(noise.reshape(20, -1)) - np.eye(20)).max() < 0.2


@pytest.mark.parametrize("strength", range(1, 6))
def test_contrast_loses_its_share_about_the_middle(strength):
    images = corrupt(IMAGES, "contrast", strength).astype(float)
    low, high = images.min(axis=(1, 2)), images.max(axis=(1, 2))
    share = (high - low) / np.ptp(IMAGES.astype(float), axis=(1, 2))
    np.testing.assert_allclose(share, 1 - CORRUPTIONS["contrast"][strength - 1], atol=0.005)
    np.testing.assert_allclose((low + high) / 2, 127.5, atol=1)


@pytest.mark.parametrize("strength", range(1, 6))
def test_occlusion_blanks_a_square_that_holds_ink(strength):
    images, side = corrupt(IMAGES, "occlusion", strength), CORRUPTIONS["occlusion"][strength - 1]
    for before, after in zip(IMAGES, images, strict=True):
        rows, columns = np.nonzero(before != after)
        assert len(rows)
        assert max(np.ptp(rows), np.ptp(columns)) < side
        assert not after[rows, columns].any()
    # A higher strength hides that, and more.
    more = corrupt(IMAGES, "occlusion", min(strength + 1, 5))
    assert (more[images != IMAGES] == 0).all()


def test_the_sample_is_the_same_however_the_set_is_ordered():
    labels = np.arange(60) % 4
    chosen = sample(IMAGES, labels, per_class=6)
    assert np.bincount(labels[chosen]).tolist() == [6] * 4
    assert (np.diff(chosen) > 0).all()
    order = np.random.default_rng(0).permutation(60)
    assert sorted(order[sample(IMAGES[order], labels[order], 6)]) == chosen.tolist()
    # Without half of the set, those of the sample that are left are in it again.
    half = np.flatnonzero(np.isin(np.arange(60), chosen) | (np.arange(60) < 30))
    assert set(chosen) == set(half[sample(IMAGES[half], labels[half], 6)])
    assert set(sample(IMAGES, labels, 6, seed=1)) != set(chosen)
    # A small class is taken whole.
    few = np.array([0] * 57 + [2] * 3)
    assert np.bincount(few[sample(IMAGES, few, 10)]).tolist() == [10, 0, 3]

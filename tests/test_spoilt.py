"""Pictures spoilt on purpose: the contract, the seed, and what each corruption does, measured."""

import importlib.util
import time

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from scipy import ndimage

from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.preprocessing import check_images, corruptions, from_strokes, synthesis
from hcr.preprocessing.corruptions import CORRUPTIONS, STRENGTHS, UNITS, corrupt

ALL = list(CORRUPTIONS)


def drawn(n=60):
    characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return np.stack(
        [from_strokes(synthesis.character(characters[i % len(characters)], i)) for i in range(n)]
    )


PICTURES = drawn()


def middles(pictures):
    """The centre of mass of each, (n, 2), in pixels from the middle."""
    return np.array([ndimage.center_of_mass(each) for each in pictures.astype(float)]) - 13.5


def spreads(pictures):
    """The root mean square distance of the ink from its centre of mass."""
    found = []
    rows, columns = np.mgrid[:28, :28]
    for picture in pictures.astype(float):
        row, column = ndimage.center_of_mass(picture)
        far = (rows - row) ** 2 + (columns - column) ** 2
        found.append(np.sqrt((far * picture).sum() / picture.sum()))
    return np.array(found)


def widths(pictures):
    """The median width of the lines at half brightness: twice the distance at their ridge."""
    found = []
    for picture in pictures:
        fine = ndimage.zoom(picture.astype(float), 5, order=3, grid_mode=True, mode="grid-constant")
        away = ndimage.distance_transform_edt(np.pad(fine >= 127.5, 1))
        ridge = (away > 0) & (away == ndimage.maximum_filter(away, 3))
        found.append(2 * np.median(away[ridge]) / 5)
    return np.array(found)


def slopes(pictures):
    """The steepest step between two neighbouring pixels of each."""
    return np.abs(np.diff(pictures.astype(float), axis=2)).max(axis=(1, 2))


def test_the_tables_go_together():
    assert list(UNITS) == ALL == list(corruptions._FUNCTIONS)
    for amplitudes in CORRUPTIONS.values():
        assert len(amplitudes) == len(STRENGTHS)
        assert list(amplitudes) == sorted(set(amplitudes))


@pytest.mark.parametrize("corruption", ALL)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_contract_is_kept(corruption, strength):
    before = PICTURES.copy()
    found = corrupt(PICTURES, corruption, strength)
    assert check_images(found) is found
    assert found.shape == PICTURES.shape
    np.testing.assert_array_equal(PICTURES, before)
    assert not (found == PICTURES).all(axis=(1, 2)).any()
    assert found.any(axis=(1, 2)).all()
    # Ink is still the brighter.
    assert np.corrcoef(found.ravel(), PICTURES.ravel())[0, 1] > 0.1


@pytest.mark.parametrize("corruption", ALL)
def test_a_picture_is_spoilt_the_same_way_wherever_it_stands(corruption):
    found = corrupt(PICTURES, corruption, 3, seed=5)
    np.testing.assert_array_equal(found, corrupt(PICTURES, corruption, 3, seed=5))
    some = np.array([17, 3, 3, 40])
    np.testing.assert_array_equal(found[some], corrupt(PICTURES[some], corruption, 3, seed=5))


@pytest.mark.parametrize("corruption", ["shift", "rotation", "stroke width", "noise", "occlusion"])
def test_another_seed_spoils_another_way(corruption):
    one, other = (corrupt(PICTURES, corruption, 3, seed) for seed in (0, 1))
    assert (one != other).any(axis=(1, 2)).mean() > 0.3


@pytest.mark.parametrize("corruption", ALL)
def test_a_picture_without_ink_stays_blank(corruption):
    blank = np.zeros((3, 28, 28), np.uint8)
    for strength in STRENGTHS:
        assert not corrupt(blank, corruption, strength).any()
    mixed = np.concatenate([blank[:1], PICTURES[:2]])
    found = corrupt(mixed, corruption, 5)
    assert not found[0].any()
    np.testing.assert_array_equal(found[1:], corrupt(PICTURES[:2], corruption, 5))
    assert corrupt(blank[:0], corruption, 1).shape == (0, 28, 28)


@pytest.mark.parametrize("corruption", ALL)
def test_a_higher_strength_changes_more(corruption):
    plain = PICTURES.astype(float)
    away = [np.abs(corrupt(PICTURES, corruption, each) - plain).mean() for each in STRENGTHS]
    assert (np.diff([0, *away]) > 0).all(), away


# Each corruption's own effect, in the units that `UNITS` names


@pytest.mark.parametrize("strength", STRENGTHS)
def test_shift_is_so_many_pixels_in_any_direction(strength):
    small = corrupt(PICTURES, "scale", 5)  # so that nothing leaves the picture
    ways = middles(corrupt(small, "shift", strength)) - middles(small)
    np.testing.assert_allclose(
        np.hypot(*ways.T), CORRUPTIONS["shift"][strength - 1], rtol=0.05, atol=0.05
    )
    angles = np.arctan2(*ways.T)
    assert np.histogram(angles, 4, (-np.pi, np.pi))[0].min() >= 5


@pytest.mark.parametrize("strength", STRENGTHS)
def test_rotation_is_so_many_degrees_to_either_side(strength):
    bar = np.zeros((40, 28, 28), np.uint8)
    bar[:, 6:22, 13:15] = 255
    bar[np.arange(40), 13, 13] = np.arange(200, 240)  # forty pictures, nearly the same
    found = corrupt(bar, "rotation", strength)
    rows, columns = np.mgrid[:28, :28] - 13.5
    angles = []
    for ink in found.astype(float):
        tilt = 2 * (ink * rows * columns).sum(), (ink * (rows**2 - columns**2)).sum()
        angles.append(np.rad2deg(np.arctan2(*tilt) / 2))
    expected = CORRUPTIONS["rotation"][strength - 1]
    np.testing.assert_allclose(np.abs(angles), expected, atol=0.5)
    assert 8 < np.sum(np.array(angles) > 0) < 32


@pytest.mark.parametrize("strength", STRENGTHS)
def test_scale_takes_its_share_of_the_size(strength):
    left = 1 - CORRUPTIONS["scale"][strength - 1]
    found = corrupt(PICTURES, "scale", strength)
    ratio = spreads(found) / spreads(PICTURES)
    assert np.median(ratio) == pytest.approx(left, abs=0.02)
    np.testing.assert_allclose(middles(found), left * middles(PICTURES), atol=0.15)
    # Its ink is that of a smaller picture, no brighter and no fainter.
    ink = found.sum(axis=(1, 2)) / PICTURES.sum(axis=(1, 2))
    np.testing.assert_allclose(ink, left**2, rtol=0.03)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_scale_leaves_what_is_even_even(strength):
    found = corrupt(np.full((1, 28, 28), 200, np.uint8), "scale", strength)
    reach = int(12 * (1 - CORRUPTIONS["scale"][strength - 1]))
    assert (found[0, 14 - reach : 14 + reach, 14 - reach : 14 + reach] == 200).all()
    assert (found[0, 0] < 200).all()


def test_beyond_the_edge_there_is_paper():
    edge = np.zeros((1, 28, 28), np.uint8)
    edge[:, :, :3] = 200
    found = corrupt(edge, "blur", 5)[0, 14]
    assert found[0] < found[1]
    assert found[0] < 120
    assert not corrupt(edge, "scale", 5)[0, :, :6].any()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_lines_gain_their_pixels_or_lose_half_as_many(strength):
    found = corrupt(PICTURES, "stroke width", strength)
    change = widths(found) - widths(PICTURES)
    wider = found.mean(axis=(1, 2)) > PICTURES.mean(axis=(1, 2))
    assert 15 < wider.sum() < 45
    pixels = CORRUPTIONS["stroke width"][strength - 1]
    assert np.median(change[wider]) == pytest.approx(pixels, abs=0.35)
    assert np.median(change[~wider]) == pytest.approx(-pixels / 2, abs=0.35)


def test_blur_makes_edges_flat_and_keeps_the_ink():
    steps = [slopes(corrupt(PICTURES, "blur", each)).mean() for each in STRENGTHS]
    assert (np.diff([slopes(PICTURES).mean(), *steps]) < 0).all()
    point = np.zeros((1, 28, 28), np.uint8)
    point[0, 12:16, 12:16] = 255
    for strength in STRENGTHS:
        found = corrupt(point, "blur", strength)
        sigma = CORRUPTIONS["blur"][strength - 1]
        # Of each direction the variance of four pixels in a row is 1.25.
        assert spreads(found)[0] == pytest.approx(np.sqrt(2 * (sigma**2 + 1.25)), rel=0.03)
        assert found.sum() == pytest.approx(point.sum(), rel=0.04)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_noise_has_its_sigma_and_no_pattern(strength):
    grey = np.full((20, 28, 28), 128, np.uint8)
    grey[:, 0, 0] += np.arange(20, dtype=np.uint8)  # twenty pictures, nearly the same
    noise = corrupt(grey, "noise", strength).astype(float) - grey
    sigma = CORRUPTIONS["noise"][strength - 1]
    expected = np.clip(np.random.default_rng(0).normal(0, 255 * sigma, 10**5), -128, 127).std()
    assert noise.std() == pytest.approx(expected, rel=0.03)
    assert abs(noise.mean()) < 0.1 * expected
    assert abs(np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]) < 0.05
    # It differs from one picture to the next.
    assert np.abs(np.corrcoef(noise.reshape(20, -1)) - np.eye(20)).max() < 0.2


@pytest.mark.parametrize("strength", STRENGTHS)
def test_contrast_loses_its_share_about_the_middle(strength):
    found = corrupt(PICTURES, "contrast", strength).astype(float)
    share = np.ptp(found, axis=(1, 2)) / np.ptp(PICTURES.astype(float), axis=(1, 2))
    np.testing.assert_allclose(share, 1 - CORRUPTIONS["contrast"][strength - 1], atol=0.005)
    np.testing.assert_allclose((found.max(axis=(1, 2)) + found.min(axis=(1, 2))) / 2, 127.5, atol=1)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_occlusion_blanks_a_square_that_holds_ink(strength):
    found = corrupt(PICTURES, "occlusion", strength)
    side = CORRUPTIONS["occlusion"][strength - 1]
    for before, after in zip(PICTURES, found, strict=True):
        rows, columns = np.nonzero(before != after)
        assert len(rows)
        assert np.ptp(rows) < side
        assert np.ptp(columns) < side
        assert not after[rows, columns].any()
    # A higher strength hides that, and more.
    if strength < 5:
        more = corrupt(PICTURES, "occlusion", strength + 1)
        assert (more[found != PICTURES] == 0).all()


# What is chosen, what is refused


def test_the_sample_is_the_same_however_the_set_is_ordered():
    labels = np.arange(60) % 4
    chosen = corruptions.sample(PICTURES, labels, per_class=6)
    assert np.bincount(labels[chosen]).tolist() == [6] * 4
    assert (np.diff(chosen) > 0).all()
    turn = np.random.default_rng(0).permutation(60)
    again = corruptions.sample(PICTURES[turn], labels[turn], per_class=6)
    assert sorted(turn[again]) == chosen.tolist()
    # Without half of the set, those of the sample that are left are in it again.
    half = np.flatnonzero(np.isin(np.arange(60), chosen) | (np.arange(60) < 30))
    assert set(chosen) == set(half[corruptions.sample(PICTURES[half], labels[half], per_class=6)])
    assert set(corruptions.sample(PICTURES, labels, 6, seed=1)) != set(chosen)


def test_a_small_class_is_taken_whole():
    labels = np.array([0] * 57 + [2] * 3)
    chosen = corruptions.sample(PICTURES, labels, per_class=10)
    assert np.bincount(labels[chosen]).tolist() == [10, 0, 3]
    assert len(corruptions.sample(PICTURES[:0], labels[:0])) == 0


def test_it_is_fast_enough_for_a_hundred_of_each_of_47_classes():
    many = np.concatenate([PICTURES] * 8)[:470]
    # Of the processor, because other work may share it.
    started = time.process_time()
    for corruption in ALL:
        for strength in STRENGTHS:
            corrupt(many, corruption, strength)
    assert time.process_time() - started < 6


# How a network bears it


def shares(right):
    """Ten classes' probabilities for 0 where right, else for 1."""
    return np.eye(10)[np.where(right, 0, 1)]


def measured(drops, plain=0.9, n=1000):
    """As `measure` gives it, of `n` pictures: by how much each strength lowers the accuracy."""
    values = {name: [plain - drop * each for each in range(6)] for name, drop in drops.items()}
    rows = [
        {"corruption": name, "strength": strength, "accuracy": value}
        for name, each in values.items()
        for strength, value in enumerate(each)
    ]
    shares = [plain, *(value for each in values.values() for value in each[1:])]
    return pd.DataFrame(rows), np.arange(n) < np.rint(n * np.array(shares))[:, None]


def test_a_measure_asks_about_every_picture_at_every_strength():
    asked = []

    def predict(pictures):
        asked.append(pictures)
        return shares(np.arange(60) >= len(asked))

    frame, right = metrics.robustness.measure(
        predict, PICTURES, np.zeros(60, int), 3, ["blur", "noise"]
    )
    assert len(asked) == 11
    np.testing.assert_array_equal(asked[0], PICTURES)
    np.testing.assert_array_equal(asked[8], corrupt(PICTURES, "noise", 3, 3))
    assert frame["corruption"].tolist() == ["blur"] * 6 + ["noise"] * 6
    assert frame["strength"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert frame["amplitude"].dropna().tolist() == [*CORRUPTIONS["blur"], *CORRUPTIONS["noise"]]
    assert frame["right"].tolist() == [59, 58, 57, 56, 55, 54, 59, 53, 52, 51, 50, 49]
    assert right.sum(axis=1).tolist() == [59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49]
    assert right[0].tolist() == [False] + [True] * 59
    row = frame.iloc[-1]
    assert (row["low"], row["high"]) == metrics.wilson(49, 60)
    assert row["accuracy"] == row["balanced"] == 49 / 60


def test_the_summary_is_the_mean_of_the_strengths_and_of_the_corruptions():
    frame, right = measured({"noise": 0.1, "blur": 0.02})
    table = metrics.robustness.summary(frame, right)
    columns = ["corruption", "plain", "1", "2", "3", "4", "5", "mean", "lost"]
    assert list(table) == [*columns, "low", "high", "lost_low", "lost_high"]
    assert table["corruption"].tolist() == ["noise", "blur", "mean"]
    assert table["mean"].tolist() == pytest.approx([0.6, 0.84, 0.72])
    assert table["lost"].tolist() == pytest.approx([0.3, 0.06, 0.18])
    assert (table["low"] < table["mean"]).all()
    assert (table["mean"] < table["high"]).all()


def test_a_picture_is_drawn_with_all_that_became_of_it():
    frame, right = measured({"noise": 0, "blur": 0})
    table = metrics.robustness.summary(frame, right)
    # Ten answers to a picture that are the same count as one: the interval is that of 1,000.
    half = 1.96 * np.sqrt(0.9 * 0.1 / 1000)
    assert ((table["high"] - table["low"]) / 2).tolist() == pytest.approx([half] * 3, rel=0.1)
    assert table[["lost_low", "lost_high"]].to_numpy() == pytest.approx(0)


def test_the_benchmarks_table_has_a_column_a_strength():
    spec = importlib.util.spec_from_file_location("benchmark", PROJECT / "benchmarks/robustness.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)

    def predict(given):
        return shares(given.mean(axis=(1, 2)) < PICTURES.mean() + 9)

    frame, right = metrics.robustness.measure(
        predict, PICTURES, np.zeros(60, int), 0, ["blur", "noise"]
    )
    table = metrics.robustness.summary(frame, right).assign(lost_low=0.25, lost_high=0.75)
    head, _, *rows = benchmark.rows(frame, table)
    columns = [each.strip() for each in head.strip("|").split("|")]
    for row in rows:
        cells = dict(zip(columns, (e.strip() for e in row.strip("|").split("|")), strict=True))
        own = table.set_index("corruption").loc[cells["corruption"]]
        for name in ("1", "5", "mean", "lost"):
            ends = {"mean": ("low", "high"), "lost": ("lost_low", "lost_high")}.get(name)
            told = f"{100 * own[name]:.1f}"
            if ends:
                told += " ({:.1f} to {:.1f})".format(*(100 * own[end] for end in ends))
            assert cells[name] == told, name


def test_a_measure_tells_what_does_not_fit():
    with pytest.raises(DataError, match="one entry a picture"):
        metrics.robustness.measure(shares, PICTURES, np.zeros(59, int))
    with pytest.raises(DataError, match=r"Received: \(60,\) for 60 pictures"):
        metrics.robustness.measure(lambda _: np.zeros(60), PICTURES, np.zeros(60, int))

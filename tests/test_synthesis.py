import numpy as np
import pytest

from hcr.errors import ParameterError
from hcr.preprocessing import curves, forms, images, labels, synthesis


def same(one, other):
    return len(one) == len(other) and all(
        a.shape == b.shape and (a == b).all() for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("char", labels.BYCLASS)
def test_every_form_of_all_62_in_the_unit_square(char):
    assert synthesis.n_forms(char) >= 3
    for form in range(synthesis.n_forms(char)):
        for rng, variation in ((None, 1.0), (3, 1.0), (4, 3.0)):
            strokes = synthesis.character(char, rng, variation, form)
            assert all(stroke.ndim == 2 and stroke.shape[1] == 2 for stroke in strokes)
            points = np.concatenate(strokes)
            assert points.min() == pytest.approx(0, abs=1e-9)
            assert points.max() == pytest.approx(1)
            assert np.allclose(points.min(axis=0) + points.max(axis=0), 1)
            assert images.from_strokes(strokes).any()


@pytest.mark.parametrize("char", labels.BYCLASS)
def test_forms_differ(char):
    drawings = [synthesis.character(char, form=form) for form in range(synthesis.n_forms(char))]
    for i, one in enumerate(drawings):
        assert not any(same(one, other) for other in drawings[:i])
    weights = curves.weights(char)
    assert len(weights) == len(drawings)
    assert weights.sum() == pytest.approx(1)
    assert weights.max() / weights.min() in (1, 1 / forms.RARE)


def test_a_form_is_chosen_by_number_or_by_chance():
    assert same(synthesis.character("7", form=0), synthesis.character("7"))
    assert same(synthesis.character("7", form=None), synthesis.character("7"))
    assert same(synthesis.character("7", 3, form=None), synthesis.character("7", 3, form=None))
    # With a bar, or without.
    assert {len(synthesis.character("7", seed, 0.1, None)) for seed in range(30)} >= {1, 2}
    for wrong in (-1, synthesis.n_forms("7"), 0.5, "0"):
        with pytest.raises(ParameterError, match="form must be a number from 0"):
            synthesis.character("7", 1, form=wrong)


def test_points_are_evenly_spaced_and_curves_pass_through_the_table():
    (stroke,) = curves.forms("1")[1 + ("1" in forms.JOINED_LETTERS)]
    assert np.ptp(stroke[:, 0]) == 0
    assert np.diff(stroke[:, 1]) == pytest.approx(curves.SPACING)
    curve = curves._curve("0,0 10,0 20,10 20,20! 0,20")
    for x, y in ((0, 0), (10, 0), (20, 10), (20, 20), (0, 20)):
        assert np.hypot(*(curve - (x, y)).T).min() < 1
    assert len(curves._curve("0,0 10,10")) == 2


def test_a_hasty_hand_leaves_loops_open_and_does_not_always_lift_the_pen():
    loops = [synthesis.character("O", seed, form=0)[0] for seed in range(60)]
    gaps = np.array([np.hypot(*(loop[0] - loop[-1])) for loop in loops])
    assert 0.2 < (gaps < 0.05).mean() < 0.8
    assert 0.08 < (gaps > 0.15).mean() < 0.4
    bar_first = synthesis.n_forms("T") - 1
    assert {len(synthesis.character("T", seed, form=bar_first)) for seed in range(60)} == {1, 2}
    # The dot of an i stays a dot.
    assert {len(synthesis.character("i", seed, 2.0, form=0)) for seed in range(60)} == {2}


def test_slant_leans_to_the_right_for_most():
    tops = []
    for seed in range(40):
        ((top, *_, foot),) = synthesis.character("1", seed, form=1)
        tops.append(top[0] - foot[0])
    assert 0.04 < np.median(tops) < 0.3
    assert min(tops) < -0.05


def test_the_seed_decides():
    assert same(synthesis.character("R", 7), synthesis.character("R", 7))
    assert same(synthesis.character("R", 7), synthesis.character("R", np.random.default_rng(7)))
    assert not same(synthesis.character("R", 7), synthesis.character("R", 8))
    rng = np.random.default_rng(7)
    assert not same(synthesis.character("R", rng), synthesis.character("R", rng))


def test_without_variation_it_is_the_plain_form():
    plain = synthesis.character("4")
    assert same(plain, synthesis.character("4", 1, variation=0))
    plain[0][:] = 99  # and a caller cannot spoil it for the next
    assert not same(plain, synthesis.character("4"))


def test_variation_grows():
    def spread(variation):
        pictures = [
            images.from_strokes(synthesis.character("B", seed, variation)) for seed in range(20)
        ]
        return np.std(pictures, axis=0).mean()

    assert 0 < spread(0.3) < spread(1.0) < spread(2.0)


@pytest.mark.parametrize("char", ["É", "", "AB", "-", None, 5])
def test_other_characters_are_refused(char):
    with pytest.raises(ParameterError, match="must be one of 0-9, A-Z and a-z"):
        synthesis.character(char)


@pytest.mark.parametrize("variation", [-1, float("nan"), float("inf")])
def test_variation_is_at_least_zero(variation):
    with pytest.raises(ParameterError, match="at least 0"):
        synthesis.character("A", 1, variation)

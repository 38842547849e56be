import numpy as np
import pytest

from hcr import images, labels, synthesis
from hcr.errors import ParameterError


def same(one, other):
    return len(one) == len(other) and all(
        a.shape == b.shape and (a == b).all() for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("char", labels.BYCLASS)
def test_all_62_in_the_unit_square(char):
    for rng, variation in ((None, 1.0), (3, 1.0), (4, 3.0)):
        strokes = synthesis.character(char, rng, variation)
        assert all(stroke.ndim == 2 and stroke.shape[1] == 2 for stroke in strokes)
        points = np.concatenate(strokes)
        assert points.min() == pytest.approx(0, abs=1e-9)
        assert points.max() == pytest.approx(1)
        assert np.allclose(points.min(axis=0) + points.max(axis=0), 1)
        assert images.from_strokes(strokes).any()


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

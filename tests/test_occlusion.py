"""Where a network looked, by a network of which that is known."""

import numpy as np
import pytest

from hcr.errors import DataError, ParameterError
from hcr.recognizer.occlusion import COVER, STEP, occlusion


def picture(*places: tuple[int, int]) -> np.ndarray:
    """Paper with ink at these pixels."""
    found = np.zeros((28, 28), np.uint8)
    for place in places:
        found[place] = 255
    return found


class Looks:
    """Ink at (10, 10) speaks for the first of two labels, ink at (20, 20) against it."""

    def __init__(self):
        self.asked = []

    def __call__(self, pictures):
        self.asked.append(len(pictures))
        share = 0.5 + 0.4 * (pictures[:, 10, 10] > 0) - 0.3 * (pictures[:, 20, 20] > 0)
        return np.stack([share, 1 - share], axis=1)


def test_what_speaks_for_a_label_and_what_against_it():
    both = picture((10, 10), (20, 20))
    found = occlusion(Looks(), both, 0)
    assert found.shape == (28, 28)
    assert found[10, 10] == found.max() > 0
    assert found[20, 20] == found.min() < 0
    # 0.6 with both, 0.2 without the one, 0.9 without the other.
    assert found.max() == pytest.approx(np.log(0.6 / 0.4) - np.log(0.2 / 0.8))
    assert found.min() == pytest.approx(np.log(0.6 / 0.4) - np.log(0.9 / 0.1))
    assert occlusion(Looks(), both, 1) == pytest.approx(-found)


def test_nothing_speaks_where_no_ink_is_near():
    found = occlusion(Looks(), picture((10, 10)), 0)
    rows, columns = np.nonzero(found)
    assert len(rows)
    assert np.abs(rows - 10).max() < COVER
    assert np.abs(columns - 10).max() < COVER


def test_it_asks_once_and_only_where_there_is_ink():
    looks = Looks()
    occlusion(looks, picture((10, 10)), 0)
    assert looks.asked == [1 + (COVER // STEP) ** 2]
    occlusion(looks, np.full((28, 28), 255, np.uint8), 0)
    assert looks.asked[1] == 1 + ((28 - COVER) // STEP + 1) ** 2


def test_the_picture_is_not_changed():
    before = picture((10, 10))
    occlusion(Looks(), before, 0)
    assert (before == picture((10, 10))).all()


def test_a_certain_answer_gives_numbers():
    def certain(pictures):
        share = (pictures[:, 10, 10] > 0).astype(float)
        return np.stack([share, 1 - share], axis=1)

    found = occlusion(certain, picture((10, 10)), 0)
    assert np.isfinite(found).all()
    assert found[10, 10] > 20


def test_an_empty_picture_says_nothing():
    assert not occlusion(Looks(), picture(), 0).any()


def test_what_is_no_picture_or_no_label_is_told():
    with pytest.raises(DataError, match="Pictures must be"):
        occlusion(Looks(), np.zeros((28, 28)), 0)
    with pytest.raises(ParameterError, match="label must be an index from 0 to 1. Received: 2"):
        occlusion(Looks(), picture(), 2)

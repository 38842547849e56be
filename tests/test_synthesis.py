"""Characters drawn by program: the forms, the variation, the random seed, and the pad's places."""

import numpy as np
import pytest

from hcr.errors import ParameterError
from hcr.preprocessing import from_strokes, labels
from hcr.preprocessing.synthesis import FORMS, PAD, PLACEMENTS, character, place_on_pad


def n_forms(char):
    return sum(line[:2] == f"{char} " for line in FORMS.read_text("utf-8").splitlines())


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize("char", labels.BYCLASS)
def test_every_form_of_all_62_differs_and_lies_in_the_unit_square(char):
    assert n_forms(char) >= 3
    plain = [character(char, form=form) for form in range(n_forms(char))]
    for form, drawing in enumerate(plain):
        assert not any(same(drawing, other) for other in plain[:form])
        for strokes in (drawing, character(char, 3, 1.0, form), character(char, 4, 3.0, form)):
            points = np.concatenate(strokes)
            assert points.min() == pytest.approx(0, abs=1e-9)
            assert points.max() == pytest.approx(1)
            assert np.allclose(points.min(axis=0) + points.max(axis=0), 1)
            assert from_strokes(strokes).any()


def test_drawings_are_what_they_were():
    # Bit-equal: datasets and published figures rest on these.
    points = np.concatenate([np.concatenate(character(char, 5, form=None)) for char in "g7RO"])
    assert points.shape == (568, 2)
    assert points.sum() == pytest.approx(537.0841079521266)
    expected = [0.793895, 0.079634, 0.106545, 0.036615]
    assert points[[0, 300]].ravel() == pytest.approx(expected, abs=1e-5)


def test_a_form_is_chosen_by_number_or_by_chance():
    assert same(character("7", form=0), character("7", form=None))
    assert same(character("7", 3, form=None), character("7", 3, form=None))
    # With a bar, or without.
    assert {len(character("7", seed, 0.1, None)) for seed in range(30)} >= {1, 2}


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_drawing_is_placed_on_the_pad(placement):
    size, edge = PLACEMENTS[placement]
    points = np.concatenate(place_on_pad(character("8", 1), placement))
    assert (points == np.rint(points)).all()
    low, high = points.min(axis=0), points.max(axis=0)
    assert (high - low).max() == size
    if edge is None:
        assert low + high == pytest.approx(PAD, abs=1)
    else:
        assert low.tolist() == [edge, edge]


def test_a_dot_stays_a_dot_and_other_characters_have_no_form():
    assert place_on_pad([[(3, 3)]], "large")[0].tolist() == [[140, 140]]
    for char in ("É", "", "#"):
        with pytest.raises(ParameterError, match="A-Z"):
            character(char)

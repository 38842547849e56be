"""Drawings: where they are put on a pad, and how well whose are read."""

import numpy as np
import pytest
from scipy import stats

from hcr.errors import DataError, ParameterError
from hcr.evaluation.old_drawings import MEAN, by_contributor, interval
from hcr.preprocessing import from_strokes, labels, synthesis
from hcr.preprocessing.synthesis import PAD, PLACEMENTS, place_on_pad

CHARACTERS = "0AaO"


def answers(*best: str) -> np.ndarray:
    """Probabilities in which these characters come first, second, third: one string a drawing."""
    found = np.full((len(best), len(CHARACTERS)), 0.01)
    for row, order in zip(found, best, strict=True):
        for rank, character in enumerate(order):
            row[CHARACTERS.index(character)] = 1 - 0.2 * rank
    return found / found.sum(axis=1, keepdims=True)


def test_contributors_count_the_same_however_much_they_drew():
    drawn, whose = [*"AaaO0o"], [*"xxxxyy"]
    table = by_contributor(answers("A", "A", "0aA", "0O", "0", "O"), CHARACTERS, drawn, whose)
    assert table["contributor"].tolist() == ["x", "y", MEAN]
    assert table["n"].tolist() == [4, 2, 6]
    # O and o are one class; a read as A is right but for case; a zero is no O.
    assert table["exact"].tolist() == [1 / 4, 1, 5 / 8]
    assert table["folded"].tolist() == [1 / 2, 1, 3 / 4]
    assert table["top 3"].tolist() == [1, 1, 1]
    assert table["digits"].tolist() == pytest.approx([np.nan, 1, 1], nan_ok=True)
    assert table["capitals"].tolist() == pytest.approx([1 / 2, np.nan, 1 / 2], nan_ok=True)
    assert table["small letters"].tolist() == pytest.approx([1 / 2, 1, 3 / 4], nan_ok=True)


def test_the_third_answer_counts_and_the_fourth_does_not():
    drawn, whose = ["0", "0"], ["x", "x"]
    table = by_contributor(answers("AaO", "AO0"), CHARACTERS, drawn, whose)
    assert table["top 3"].iloc[0] == 1 / 2
    assert table["folded"].iloc[0] == 0


def read(right):
    """The table of contributors of whom so many of ten drawings of a zero were read right."""
    answer = [each for count in right for each in ["0"] * count + ["A"] * (10 - count)]
    whose = np.repeat([f"c{i}" for i in range(len(right))], 10)
    return by_contributor(answers(*answer), CHARACTERS, ["0"] * len(answer), whose)


def test_the_interval_of_the_mean_resamples_contributors():
    right = [3, 9, 5, 8, 6, 7]
    low, high = interval(read(right), "folded", seed=0)
    drawn = np.random.default_rng(1).choice(np.array(right) / 10, (20_000, 6)).mean(axis=1)
    tail = stats.norm.cdf(stats.t.ppf(0.025, 5) * np.sqrt(6 / 5))
    assert (low, high) == pytest.approx(np.quantile(drawn, [tail, 1 - tail]), abs=0.01)
    # The mean itself, as the last row of the table, is not drawn.
    assert interval(read([4, 4, 4]), "folded", seed=0) == pytest.approx((0.4, 0.4))
    assert interval(read(right), "folded", seed=0) == (low, high)


def test_one_contributor_has_no_interval():
    for table, column in ((read([3]), "folded"), (read([3, 4]), "capitals")):
        with pytest.raises(DataError, match="at least two of them. Received: [01]"):
            interval(table, column, seed=0)


def test_answers_must_fit_the_drawings():
    with pytest.raises(DataError, match="one answer, one character and one contributor"):
        by_contributor(answers("A"), CHARACTERS, ["A"], ["x", "y"])
    with pytest.raises(DataError, match="one answer, one character and one contributor"):
        by_contributor(answers("A"), CHARACTERS[:3], ["A"], ["x"])


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_placed_drawing_is_in_whole_pixels_of_the_pad(placement):
    size, edge = PLACEMENTS[placement]
    for char in "Ilg7":
        strokes = [2 + 5 * stroke for stroke in synthesis.character(char, 3)]
        found = place_on_pad(strokes, placement)
        points = np.concatenate(found)
        assert (points == np.rint(points)).all()
        low, high = points.min(axis=0), points.max(axis=0)
        assert (high - low).max() == pytest.approx(size, abs=1)
        if edge is None:
            assert (low + high) / 2 == pytest.approx([PAD / 2] * 2, abs=1)
        else:
            assert low.tolist() == [edge, edge]
        assert [len(each) for each in found] == [len(each) for each in strokes]


def test_placed_and_drawn_it_is_the_same_picture():
    for char in labels.BYCLASS:
        strokes = synthesis.character(char, 1)
        large, *others = (from_strokes(place_on_pad(strokes, each)) for each in PLACEMENTS)
        for other in others:
            # What is left is the rounding to whole pixels: half of one is 0.2 of a picture's.
            assert np.abs(large.astype(int) - other).mean() < 8, char


def test_what_has_no_extent_and_no_placement():
    assert place_on_pad([], "small") == []
    (point,) = place_on_pad([[[3, 4], [3, 4]]], "small in a corner")
    assert point.tolist() == [[6, 6], [6, 6]]
    with pytest.raises(ParameterError, match="no placement 'smal'.*Did you mean 'small'"):
        place_on_pad([[[0, 0]]], "smal")

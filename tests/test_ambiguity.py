"""Groups of confused characters: by hand-made confusion matrices."""

import numpy as np
import pytest

from hcr.errors import DataError
from hcr.evaluation import ambiguity

CLASSES = "0OD1IL"


def matrix(*cells, n=200, size=6):
    """Everything read right, but for (true, predicted, count)."""
    found = np.eye(size, dtype=int) * n
    for true, predicted, count in cells:
        found[true, predicted] += count
        found[true, true] -= count
    return found


def test_no_confusion_is_no_group():
    assert ambiguity.groups(matrix()) == []
    assert ambiguity.groups(np.zeros((3, 3), int)) == []


def test_two_and_three_that_look_alike():
    found = matrix((0, 1, 60), (1, 0, 70), (3, 4, 50), (4, 3, 50), (4, 5, 60), (5, 3, 90))
    assert ambiguity.groups(found) == [(0, 1), (3, 4, 5)]


@pytest.mark.parametrize("swapped", [False, True])
def test_one_way_is_enough(swapped):
    """A network that reads both as the same confuses them, whichever of the two it prefers."""
    cell = (1, 0, 190) if swapped else (0, 1, 190)
    assert ambiguity.groups(matrix(cell)) == [(0, 1)]
    assert ambiguity.rates(matrix(cell))[0, 1] == pytest.approx(0.475)


def test_how_many_pictures_a_class_has_does_not_matter():
    """1,000 of the one and 50 of the other: half of the few is a quarter, not a fortieth."""
    found = matrix(n=1000)
    found[1] = [25, 25, 0, 0, 0, 0]
    assert ambiguity.rates(found)[0, 1] == pytest.approx(0.25)
    assert ambiguity.rates(found)[1, 0] == pytest.approx(0.25)
    assert ambiguity.groups(found) == [(0, 1)]


def test_pictures_read_as_a_third_character_do_not_count():
    found = matrix((0, 3, 100), (0, 1, 50))
    assert ambiguity.rates(found)[0, 1] == pytest.approx((50 / 100 + 0) / 2)


def test_too_little_support_is_no_group():
    few = matrix((0, 1, 4), (1, 0, 5), n=12)
    assert ambiguity.rates(few)[0, 1] > 0.3
    assert ambiguity.groups(few) == []
    assert ambiguity.groups(few, support=9) == [(0, 1)]
    # The same shares of more pictures.
    assert ambiguity.groups(10 * few) == [(0, 1)]


def test_a_share_that_may_be_chance_is_no_group():
    """12 % of 100 may well be 8 %; 12 % of 10,000 is more than 10."""
    assert ambiguity.groups(matrix((0, 1, 12), (1, 0, 12), n=100)) == []
    assert ambiguity.groups(matrix((0, 1, 1200), (1, 0, 1200), n=10_000)) == [(0, 1)]


def test_a_chain_of_likenesses_is_no_group():
    """0 like 1, 1 like 2, 2 like 3, 3 like 4: the ends have nothing in common."""
    links = [(i, i + 1, 70) for i in range(4)] + [(i + 1, i, 70) for i in range(4)]
    found = ambiguity.groups(matrix(*links, n=300))
    assert max(map(len, found)) <= 3
    # A character that is like one of two, and not like the other, would be let in by a chain only.
    weak = matrix((0, 1, 500), (1, 0, 500), (1, 2, 100), (2, 1, 100), n=1000)
    assert ambiguity.groups(weak) == [(0, 1)]


def test_two_groups_need_two_characters_that_are_surely_confused():
    """Of 40 pictures each, 3 lie in each class of the other group: on the average, not surely."""
    found = np.full((4, 4), 3)
    found[[0, 1, 2, 3], [1, 0, 3, 2]] = 14
    np.fill_diagonal(found, 20)
    assert ambiguity.rates(found)[:2, 2:].min() > ambiguity.THRESHOLD
    assert ambiguity.groups(found) == [(0, 1), (2, 3)]


def test_the_threshold_counts():
    found = matrix((0, 1, 16), (1, 0, 16), (3, 4, 80), (4, 3, 80))
    assert ambiguity.groups(found) == [(3, 4)]
    assert ambiguity.groups(found, threshold=0.04) == [(0, 1), (3, 4)]
    for wrong in (0, 0.6, float("nan")):
        with pytest.raises(DataError, match=r"above 0 and at most 0\.5"):
            ambiguity.groups(found, threshold=wrong)


def test_another_order_of_the_classes_gives_the_same_groups():
    found = matrix((0, 1, 60), (1, 0, 70), (3, 4, 50), (4, 3, 50), (4, 5, 60), (5, 3, 90))
    order = np.random.default_rng(0).permutation(6)
    other = ambiguity.groups(found[np.ix_(order, order)])
    back = sorted(tuple(sorted(int(order[each]) for each in group)) for group in other)
    assert back == ambiguity.groups(found)


def test_groups_are_plain_numbers_for_json():
    found = ambiguity.groups(matrix((0, 1, 100)))
    assert all(type(each) is int for group in found for each in group)


def test_a_class_without_pictures_has_no_rate():
    found = matrix((0, 1, 60))
    found[2] = 0
    assert np.isfinite(ambiguity.rates(found)).all()
    assert ambiguity.rates(found)[2].max() == 0
    assert ambiguity.groups(found) == [(0, 1)]


def test_pairs_tell_counts_rates_and_group():
    found = matrix((0, 1, 60), (1, 0, 80), (0, 2, 2))
    table = ambiguity.pairs(found, ambiguity.groups(found), CLASSES)
    first = table.iloc[0]
    assert (first["one"], first["other"], first["group"]) == ("0", "O", "0 O")
    assert (first["mixed"], first["read"]) == (140, 398)
    assert first["rate"] == pytest.approx((60 / 198 + 80 / 200) / 2)
    assert first["low"] < first["rate"]
    assert table.iloc[1]["group"] == ""
    assert len(table) == 2
    assert len(ambiguity.pairs(found, [], CLASSES, n=1)) == 1
    assert list(ambiguity.pairs(matrix(), [], CLASSES).columns) == list(table.columns)


def test_examples_are_of_every_kind_and_within_the_groups():
    true = np.array([0, 0, 0, 1, 3, 2, 0])
    read = np.array([1, 1, 1, 0, 4, 2, 5])
    assert ambiguity.examples(true, read, [(0, 1)]).tolist() == [0, 3, 1, 2]
    assert ambiguity.examples(true, read, [(0, 1)], n=2).tolist() == [0, 3]
    # Without a group all mistakes count.
    assert ambiguity.examples(true, read, []).tolist() == [0, 3, 4, 6, 1, 2]
    none = ambiguity.examples([0, 1], [0, 1], [])
    assert none.dtype == np.int64
    assert len(none) == 0


def test_what_is_no_confusion_matrix_is_told():
    for wrong in (np.ones((2, 3)), -np.eye(2), np.zeros((0, 0))):
        with pytest.raises(DataError, match="confusion matrix"):
            ambiguity.groups(wrong)

"""The order of the classes: confused ones side by side, the others where they were."""

from itertools import pairwise

import numpy as np
import pytest

from hcr.errors import DataError
from hcr.evaluation import order


def matrix(*cells, size=8, n=200):
    """Everything read right, but for (one, other, count), both ways."""
    found = np.eye(size, dtype=int) * n
    for one, other, count in cells:
        for row, column in ((one, other), (other, one)):
            found[row, column] += count
            found[row, row] -= count
    return found


def test_what_is_never_confused_stays_in_its_place():
    for found in (np.eye(5, dtype=int), np.zeros((5, 5), int)):
        assert order.blocks(found) == [(0,), (1,), (2,), (3,), (4,)]
        assert order.classes(found).tolist() == [0, 1, 2, 3, 4]


def test_confused_classes_lie_side_by_side_where_the_first_of_them_was():
    found = order.blocks(matrix((1, 6, 30), (3, 7, 20)))
    assert found == [(0,), (1, 6), (2,), (3, 7), (4,), (5,)]


def test_a_chain_lies_in_its_order():
    """2 like 5, 5 like 0, 0 like 7: neighbours are the most alike, the lower end comes first."""
    found = order.blocks(matrix((2, 5, 40), (5, 0, 50), (0, 7, 40)))
    assert found[0] == (2, 5, 0, 7)
    assert [len(each) for each in found[1:]] == [1] * 4


def test_how_many_pictures_a_class_has_does_not_matter():
    found = matrix((1, 6, 30), n=200)
    found[6] *= 50
    assert (1, 6) in order.blocks(found)


def test_the_share_says_where_a_block_ends():
    found = matrix((1, 6, 2), n=1000)
    assert (1, 6) in order.blocks(found)
    assert (1, 6) not in order.blocks(found, share=0.003)
    for wrong in (0, -1, 1.5, float("nan")):
        with pytest.raises(DataError, match="share must be above 0 and at most 1"):
            order.blocks(found, share=wrong)


def confused(seed=0, size=20):
    """Counts without ties, mostly right."""
    generator = np.random.default_rng(seed)
    found = generator.integers(0, 12, (size, size)) ** 2
    np.fill_diagonal(found, generator.integers(2000, 4000, size))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_another_order_of_the_classes_gives_the_same_neighbours(seed):
    found = confused(seed)
    turn = np.random.default_rng(seed + 9).permutation(20)
    other = order.blocks(found[np.ix_(turn, turn)], 0.01)

    def neighbours(blocks):
        return {frozenset(pair) for block in blocks for pair in pairwise(block)}

    back = [tuple(int(turn[each]) for each in block) for block in other]
    assert {frozenset(block) for block in back} == set(map(frozenset, order.blocks(found, 0.01)))
    assert neighbours(back) == neighbours(order.blocks(found, 0.01))


@pytest.mark.parametrize("seed", range(5))
def test_every_class_is_there_once_and_blocks_begin_with_their_lower_end(seed):
    found = order.blocks(confused(seed), 0.01)
    assert sorted(each for block in found for each in block) == list(range(20))
    assert all(block[0] <= block[-1] for block in found)
    assert [min(block) for block in found] == sorted(min(block) for block in found)
    assert max(map(len, found)) > 1
    assert all(type(each) is int for block in found for each in block)


def test_it_brings_confusions_nearer_to_the_diagonal():
    generator = np.random.default_rng(4)
    turn = generator.permutation(24)
    found = np.eye(24, dtype=int) * 500
    for start in range(0, 24, 3):
        block = turn[start : start + 3]
        found[np.ix_(block, block)] += generator.integers(20, 60, (3, 3))
    ordered = order.classes(found)
    again = found[np.ix_(ordered, ordered)]
    away = np.abs(np.subtract.outer(np.arange(24), np.arange(24)))
    assert away[again > 0].max() == 2
    assert away[found > 0].max() > 10


def test_one_class_two_classes_and_no_matrix():
    assert order.blocks([[3]]) == [(0,)]
    assert order.blocks([[0, 1], [1, 0]]) == [(0, 1)]
    assert order.classes([[3]]).dtype == np.int64
    for wrong in (np.ones((2, 3)), np.zeros((0, 0)), -np.eye(3)):
        with pytest.raises(DataError, match="confusion matrix"):
            order.blocks(wrong)

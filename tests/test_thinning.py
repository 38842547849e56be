"""Thinning to the A–Z file's class shape, and long tails: by index, exact, the same for a seed."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr.datasets import thinning
from hcr.datasets.thinning import AZ_COUNTS, MNIST_COUNTS, long_tailed, scaled, thin
from hcr.errors import ParameterError
from hcr.preprocessing.labels import ALPHANUMERIC, BALANCED, DIGITS, LETTERS

# The capitals of the local stand-in, training part, roughly.
HAVE = dict.fromkeys(LETTERS, 400) | {"I": 1237, "F": 869, "O": 2471, "S": 2099}


def labels_of(counts: dict[str, int], characters: str = ALPHANUMERIC) -> np.ndarray:
    """Labels in a mixed order, `counts[character]` of each."""
    labels = np.repeat(np.arange(len(characters)), [counts.get(each, 0) for each in characters])
    return np.random.default_rng(1).permutation(labels)


def counted(labels: np.ndarray, characters: str = ALPHANUMERIC) -> dict[str, int]:
    found = np.bincount(labels, minlength=len(characters)).tolist()
    return dict(zip(characters, found, strict=True))


def test_the_published_counts_add_up():
    assert "".join(AZ_COUNTS) == LETTERS
    assert sum(AZ_COUNTS.values()) == 372_450
    assert "".join(MNIST_COUNTS) == DIGITS
    assert sum(MNIST_COUNTS.values()) == 60_000


def test_the_table_can_be_read_without_importing_it():
    tree = ast.parse(Path(thinning.__file__).read_text(encoding="utf-8"))
    (table,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "THINNING"
    )
    assert ast.literal_eval(table) == thinning.THINNING


@pytest.mark.parametrize("shape", ["az", "az-letters"])
def test_the_letters_stand_to_each_other_as_in_the_az_file(shape):
    labels = labels_of(HAVE | dict.fromkeys(DIGITS, 5400))
    chosen, factor = thin(labels, tuple(ALPHANUMERIC), shape, seed=0)
    assert (np.diff(chosen) > 0).all()
    kept = counted(labels[chosen])
    # U has least for what the A–Z file has of it, and keeps all.
    assert factor == pytest.approx(400 / AZ_COUNTS["U"])
    assert kept["U"] == 400
    for letter in LETTERS:
        assert kept[letter] == pytest.approx(factor * AZ_COUNTS[letter], abs=0.5 + 1e-9)
    letters = {letter: kept[letter] for letter in LETTERS}
    assert sorted(letters, key=letters.get)[:2] == ["I", "F"]
    assert max(letters, key=letters.get) == "O"
    for digit in DIGITS:
        expected = round(factor * MNIST_COUNTS[digit]) if shape == "az" else 5400
        assert kept[digit] == expected


def test_no_larger_factor_would_do():
    rng = np.random.default_rng(5)
    for _ in range(20):
        have = {letter: int(rng.integers(1, 3000)) for letter in LETTERS}
        labels = labels_of(have)
        chosen, factor = thin(labels, ALPHANUMERIC, "az-letters", seed=0)
        kept = counted(labels[chosen])
        assert factor == pytest.approx(min(have[each] / AZ_COUNTS[each] for each in LETTERS))
        assert all(1 <= kept[letter] <= have[letter] for letter in LETTERS)
        assert any(kept[letter] == have[letter] for letter in LETTERS)


def test_more_than_the_az_file_has_is_thinned_to_it():
    have = {letter: 2 * count for letter, count in AZ_COUNTS.items()}
    labels = labels_of(have | dict.fromkeys(DIGITS, 5000))
    chosen, factor = thin(labels, ALPHANUMERIC, "az", seed=0)
    assert factor == 1
    # Digits cannot be more than there are.
    digits = {digit: min(5000, MNIST_COUNTS[digit]) for digit in DIGITS}
    assert counted(labels[chosen]) == AZ_COUNTS | digits


def test_other_characters_stay():
    labels = labels_of(dict.fromkeys(BALANCED, 300), BALANCED)
    chosen, _ = thin(labels, BALANCED, "az", seed=0)
    kept = counted(labels[chosen], BALANCED)
    assert all(kept[each] == 300 for each in BALANCED if each.islower())
    assert kept["I"] == kept["F"] == 6
    assert kept["O"] == 300


def test_nothing_is_thinned_where_none_is_asked():
    labels = labels_of(dict.fromkeys(DIGITS, 3), DIGITS)
    chosen, factor = thin(labels, DIGITS, "none", seed=0)
    assert chosen.tolist() == list(range(30))
    assert factor == 1


def test_a_draw_hangs_on_the_seed_alone():
    labels = labels_of(HAVE)
    first, again, other = (thin(labels, ALPHANUMERIC, "az-letters", s)[0] for s in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert counted(labels[first]) == counted(labels[other])


@pytest.mark.parametrize(
    ("characters", "counts", "shape", "lacking"),
    [
        (DIGITS, dict.fromkeys(DIGITS, 9), "az", LETTERS),
        (LETTERS, HAVE, "az", DIGITS),
        (LETTERS.lower(), dict.fromkeys(LETTERS.lower(), 9), "az-letters", LETTERS),
        (LETTERS, HAVE | {"Q": 0, "Z": 0}, "az-letters", "QZ"),
        (ALPHANUMERIC, HAVE | dict.fromkeys("012345678", 9), "az", "9"),
    ],
)
def test_a_set_without_the_characters_is_told(characters, counts, shape, lacking):
    with pytest.raises(ParameterError, match=f"Received: none of {lacking}. Use thin=none"):
        thin(labels_of(counts, characters), characters, shape, seed=0)


def test_letters_alone_may_be_thinned():
    chosen, factor = thin(labels_of(HAVE, LETTERS), LETTERS, "az-letters", seed=0)
    assert 0 < factor < 1
    assert len(chosen) < sum(HAVE.values())


def test_an_unknown_shape_is_told():
    with pytest.raises(ParameterError, match="one of none, az-letters, az. Received: 'az-leters'"):
        thin(np.zeros(3, int), ALPHANUMERIC, "az-leters", seed=0)


def test_a_number_a_class_is_scaled():
    assert scaled(1000, 0.0405) == 40
    assert scaled(1000, 0.0406) == 41
    assert scaled(1000, 1.0) == 1000
    assert scaled(10, 0.01) == 1


# Long tails


def test_a_balanced_split_gets_the_published_profile():
    # Cui et al. 2019, CIFAR-10: 5,000 a class, imbalance 100.
    labels = np.random.default_rng(2).permutation(np.repeat(np.arange(10), 5000))
    chosen = long_tailed(labels, 10, 100, seed=0)
    expected = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert np.bincount(labels[chosen]).tolist() == expected
    assert (np.diff(chosen) > 0).all()


def test_a_profile_of_round_numbers_is_exact():
    labels = np.repeat(np.arange(3), 1000)
    assert np.bincount(labels[long_tailed(labels, 3, 100, seed=0)]).tolist() == [1000, 100, 10]
    # In floating point 4900 / 49 is a little less than 100.
    labels = np.repeat(np.arange(2), 4900)
    assert np.bincount(labels[long_tailed(labels, 2, 49, seed=0)]).tolist() == [4900, 100]


def test_a_smallest_class_of_whole_pictures_makes_the_ratio_a_little_more():
    labels = np.repeat(np.arange(10), 350)
    kept = np.bincount(labels[long_tailed(labels, 10, 20, seed=0)])
    assert (kept.max(), kept.min()) == (350, 17)


def test_an_unbalanced_split_goes_by_size_and_never_grows():
    counts = {"0": 5, "1": 1000, "2": 40, "3": 900, "4": 0}
    labels = labels_of(counts, "01234")
    chosen = long_tailed(labels, 5, 10, seed=0)
    # Of four classes that occur: 1000, 464, 215, 100, as far as they have so many.
    assert counted(labels[chosen], "01234") == {"1": 1000, "3": 464, "2": 40, "0": 5, "4": 0}


def test_a_factor_of_one_keeps_everything():
    labels = labels_of(HAVE)
    assert long_tailed(labels, 36, 1.0, seed=0).tolist() == list(range(len(labels)))
    assert long_tailed(np.zeros(7, int), 10, 50, seed=0).tolist() == list(range(7))


def test_with_one_seed_a_longer_tail_is_part_of_a_shorter_one():
    labels = labels_of(dict.fromkeys(ALPHANUMERIC, 200))
    longer, shorter, other = (
        set(long_tailed(labels, 36, factor, seed).tolist())
        for factor, seed in ((100, 0), (10, 0), (100, 1))
    )
    assert longer < shorter
    assert other != longer
    assert len(other) == len(longer)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=12).filter(any),
    st.floats(1, 1e6),
    st.integers(0, 3),
)
def test_every_class_keeps_some_and_none_too_many(counts, factor, seed):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    chosen = long_tailed(labels, len(counts), factor, seed)
    assert len(set(chosen.tolist())) == len(chosen)
    kept = np.bincount(labels[chosen], minlength=len(counts))
    assert (kept <= counts).all()
    assert ((kept >= 1) == (np.array(counts) >= 1)).all()
    assert kept.max() == max(counts)


@pytest.mark.parametrize("factor", [0.99, 0, -3, float("nan"), float("inf")])
def test_a_factor_below_one_is_told(factor):
    with pytest.raises(ParameterError, match="imbalance_factor must be a number of at least 1"):
        long_tailed(np.zeros(3, int), 10, factor, seed=0)

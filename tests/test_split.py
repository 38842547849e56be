"""Splits, limits, drawings: all by index, all the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr import datasets
from hcr.datasets import Split, Strokes, split
from hcr.errors import DataError


@pytest.fixture(scope="module")
def sample() -> datasets.Data:
    return datasets.load("mnist-sample")


@st.composite
def labels_and_shares(draw):
    counts = draw(st.lists(st.integers(0, 60), min_size=1, max_size=8))
    labels = np.repeat(np.arange(len(counts)), counts)
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(labels))
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    total = sum(weights) + draw(st.integers(0, 5))
    return labels[order], [weight / total for weight in weights], sum(weights) == total


@settings(deadline=None)
@given(labels_and_shares(), st.integers(0, 2**32))
def test_stratified_splits_each_class_alike(given_labels, seed):
    labels, shares, whole = given_labels
    if not len(labels):
        return
    parts = split.stratified(labels, shares, seed)
    together = np.concatenate(parts)
    assert len(parts) == len(shares)
    assert len(set(together.tolist())) == len(together), "two parts share a picture"
    assert not whole or len(together) == len(labels)
    for part, share in zip(parts, shares, strict=True):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        for label in np.unique(labels):
            expected = share * (labels == label).sum()
            assert abs((labels[part] == label).sum() - expected) <= 1
    for one, other in zip(parts, split.stratified(labels, shares, seed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_splits_otherwise():
    labels = np.repeat(np.arange(3), 50)
    first, second = (split.stratified(labels, (0.5,), seed)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@st.composite
def splits_and_limits(draw):
    counts = draw(st.lists(st.integers(1, 80), min_size=1, max_size=10))
    labels = np.repeat(np.arange(len(counts)), counts)
    pictures = np.zeros((len(labels), 28, 28), np.uint8)
    pictures[:, 0, 0], pictures[:, 0, 1] = np.arange(len(labels)) % 256, np.arange(len(labels)) >> 8
    limit = draw(st.integers(len(counts), len(labels) + 5))
    return Split(pictures, labels), limit, np.array(counts)


@settings(deadline=None)
@given(splits_and_limits(), st.integers(0, 5))
def test_a_limit_is_exact_and_keeps_every_class_and_its_share(given_split, seed):
    whole, limit, counts = given_split
    less = whole.take(split.stratified_sample(whole.labels, limit, seed, len(counts)))
    assert len(less) == min(limit, len(whole))
    found = np.bincount(less.labels, minlength=len(counts))
    assert (found >= 1).all()
    assert (found <= counts).all()
    pictures = {picture.tobytes() for picture in less.images}
    assert len(pictures) == len(less), "a picture was drawn twice"
    assert pictures <= {picture.tobytes() for picture in whole.images}
    # Its share, to a picture, but where small classes had to be lifted to their one.
    exact = counts * min(1.0, limit / len(whole))
    assert (found < np.maximum(1, exact) + 1).all()
    if exact.min() >= 1:
        assert (found > exact - 1).all()
    same = whole.take(split.stratified_sample(whole.labels, limit, seed, len(counts)))
    assert same.digest == less.digest


def test_a_limit_takes_the_same_classes_and_other_pictures_for_another_seed(sample):
    first, second = (datasets.load("mnist-sample", limit=505, seed=seed) for seed in (0, 1))
    for data in (first, second):
        assert len(data.train) == 505
        assert set(data.counts["train"].tolist()) == {50, 51}
        assert len(data.validation) == 500
        assert data.validation.digest == sample.validation.digest
    assert len({first.digest, second.digest, sample.digest}) == 3
    assert datasets.load("mnist-sample", limit=4000).digest == sample.digest


@pytest.mark.parametrize("limit", [9, 1, 0, -1])
def test_a_limit_below_the_number_of_classes_is_told(limit):
    with pytest.raises(DataError, match=f"each of the 10 classes. Received: {limit}. Give at leas"):
        datasets.load("mnist-sample", limit=limit)


def test_the_rarest_class_of_an_unbalanced_split_stays():
    labels = np.repeat([0, 1, 2], [1000, 100, 1])
    whole = Split(np.zeros((len(labels), 28, 28), np.uint8), labels)
    less = whole.take(split.stratified_sample(whole.labels, 20, 0, 3))
    assert np.bincount(less.labels).tolist() == [18, 1, 1]


def test_a_split_keeps_the_picture_contract():
    good, labels = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.int64)
    assert Split(good, labels).take(np.array([2])).images.shape == (1, 28, 28)
    for pictures in (good.astype(np.float32), np.zeros((3, 784), np.uint8)):
        with pytest.raises(DataError, match="must be uint8 of shape"):
            Split(pictures, labels)
    with pytest.raises(DataError, match="Received: 3 pictures and 2 labels"):
        Split(good, labels[:2])


def test_a_digest_hangs_on_every_pixel_and_label(sample):
    part = sample.train.take(np.arange(5))
    digests = {part.digest, sample.train.take(np.arange(4)).digest}
    pictures, labels = part.images.copy(), part.labels.copy()
    pictures[4, 27, 27] += 1
    labels[4] += 1
    digests |= {Split(pictures, part.labels).digest, Split(part.images, labels).digest}
    assert len(digests) == 4
    assert part.digest == Split(part.images, part.labels.astype(np.int32)).digest


# By hash


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60))
def test_a_hash_falls_into_one_part_whatever_lies_beside_it(values):
    hashes, shares = np.array(values, np.uint64), (0.7, 0.15, 0.15)
    parts = split.by_hash(hashes, shares)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(hashes)))
    for part in parts:
        assert (np.diff(part) > 0).all()
    for i, value in enumerate(hashes):
        (alone,) = [k for k, part in enumerate(split.by_hash(hashes[[i]], shares)) if len(part)]
        assert i in parts[alone], value


def test_the_shares_of_hashes_are_kept():
    hashes = np.random.default_rng(0).integers(0, 2**64, 40_000, dtype=np.uint64)
    sizes = [len(part) / len(hashes) for part in split.by_hash(hashes, (0.7, 0.1, 0.1))]
    assert sizes == pytest.approx([0.7, 0.1, 0.1], abs=0.01)


# Drawings


def drawings() -> list:
    return [
        [np.array([[0, 1], [2, 3.5]]), np.array([[4, 5]])],
        [],
        [np.array([[6, 7], [8, 9], [10, 11]])],
    ]


def test_drawings_are_gathered_and_taken_by_index():
    strokes = Strokes.of(drawings())
    assert len(strokes) == 3
    assert strokes.points.dtype == np.float32
    for taken, expected in ((strokes, [0, 1, 2]), (strokes.take(np.array([2, 0, 2])), [2, 0, 2])):
        assert len(taken) == len(expected)
        for i, number in enumerate(expected):
            assert len(taken[i]) == len(drawings()[number])
            for found, stroke in zip(taken[i], drawings()[number], strict=True):
                np.testing.assert_array_equal(found, stroke)
    np.testing.assert_array_equal(strokes[-1][0], drawings()[2][0])
    assert len(Strokes.of([])) == 0
    with pytest.raises(IndexError, match="There are 3 drawings. Received: 3"):
        strokes[3]


def test_a_split_takes_drawings_and_writers_along():
    pictures = np.zeros((3, 28, 28), np.uint8)
    whole = Split(pictures, np.arange(3), Strokes.of(drawings()), np.array(["a", "b", "c"]))
    less = whole.take(np.array([2, 0]))
    assert less.writers.tolist() == ["c", "a"]
    np.testing.assert_array_equal(less.strokes[0][0], drawings()[2][0])
    with pytest.raises(DataError, match="one drawing a picture. Received: 3 pictures and 2 draw"):
        Split(pictures, np.arange(3), Strokes.of(drawings()[:2]))


def test_a_split_can_be_iterated_in_order_of_its_drawings():
    assert [len(each) for each in Strokes.of(drawings())] == [2, 0, 1]

"""Balance plans: what each strategy promises, for every distribution of classes."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr import balance
from hcr.errors import DataError, ParameterError


@st.composite
def some_labels(draw) -> np.ndarray:
    """Shuffled labels of up to seven classes, of which some may be absent."""
    counts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=7).filter(any))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 9))).permutation(labels)


per_classes = st.none() | st.integers(1, 90)
strategies = st.sampled_from(list(balance.STRATEGIES))


@settings(deadline=None)
@given(some_labels(), strategies, per_classes, st.integers(0, 2**32))
def test_a_plan_holds_training_indices_and_weights_of_mean_1(labels, strategy, per_class, seed):
    if strategy not in balance.RESAMPLING:
        per_class = None
    plan = balance.plan(labels, strategy, per_class=per_class, seed=seed, data="abc")
    assert plan.indices.dtype == np.int64
    assert plan.indices.ndim == 1
    assert len(plan) == len(plan.indices) == len(plan.weights) > 0
    assert plan.indices.min() >= 0
    assert plan.indices.max() < len(labels)
    assert (np.diff(plan.indices) >= 0).all()
    assert plan.weights.dtype == np.float32
    assert plan.weights.min() > 0
    assert plan.weights.mean(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert (plan.strategy, plan.data) == (strategy, "abc")
    # Every class that is there stays; none comes from nowhere.
    assert set(labels[plan.indices]) == set(labels)
    again = balance.plan(labels, strategy, per_class=per_class, seed=seed)
    np.testing.assert_array_equal(again.indices, plan.indices)
    np.testing.assert_array_equal(again.weights, plan.weights)


@settings(deadline=None)
@given(some_labels(), st.sampled_from(balance.RESAMPLING), per_classes)
def test_resampling_gives_the_promised_counts(labels, strategy, per_class):
    present, counts = np.unique(labels, return_counts=True)
    plan = balance.plan(labels, strategy, per_class=per_class)
    found = np.bincount(labels[plan.indices], minlength=present.max() + 1)[present]
    default = {"undersample": counts.min(), "oversample": counts.max(), "cap": np.median(counts)}
    target = per_class or int(default[strategy])
    promised = {
        "undersample": np.minimum(counts, target),
        "oversample": np.maximum(counts, target),
        "cap": np.full_like(counts, target),
    }
    np.testing.assert_array_equal(found, promised[strategy])
    assert (plan.weights == 1).all()
    # No picture is drawn twice before every one of its class was drawn once.
    repeats = plan.repeats(len(labels))
    assert repeats.sum() == len(plan)
    for label in present:
        own = repeats[labels == label]
        assert own.max() - own.min() <= 1
    if strategy == "undersample":
        assert repeats.max() <= 1
    if strategy == "oversample":
        assert repeats.min() >= 1


@settings(deadline=None)
@given(some_labels())
def test_class_weights_make_the_present_classes_count_the_same(labels):
    plan = balance.plan(labels, "class_weight")
    np.testing.assert_array_equal(plan.indices, np.arange(len(labels)))
    present = np.unique(labels)
    sums = plan.counts(labels, 9)
    assert sums.shape == (9,)
    np.testing.assert_allclose(sums[present], len(labels) / len(present), rtol=1e-5)
    assert sums.sum() == pytest.approx(len(labels), rel=1e-5)


@given(some_labels())
def test_none_takes_each_picture_once(labels):
    plan = balance.plan(labels)
    np.testing.assert_array_equal(plan.indices, np.arange(len(labels)))
    assert (plan.weights == 1).all()
    assert plan.strategy == "none"


@pytest.mark.parametrize("strategy", balance.RESAMPLING)
def test_another_seed_draws_other_pictures(strategy):
    labels = np.repeat([0, 1, 2], [40, 80, 120])
    first, second = (balance.plan(labels, strategy, seed=seed) for seed in (0, 1))
    assert len(first) == len(second)
    assert not np.array_equal(first.indices, second.indices)


def test_the_draw_is_not_the_first_pictures():
    labels = np.zeros(1000, int)
    plan = balance.plan(labels, "undersample", per_class=100)
    assert plan.indices.max() > 900
    assert len(np.unique(np.diff(plan.indices))) > 5


@pytest.mark.parametrize("strategy", balance.STRATEGIES)
@pytest.mark.parametrize("per_class", [0, -1])
def test_per_class_below_one_is_told(strategy, per_class):
    with pytest.raises(ParameterError, match=f"at least 1. Received: {per_class}."):
        balance.plan(np.zeros(5, int), strategy, per_class=per_class)


def test_an_unknown_strategy_offers_the_nearest():
    with pytest.raises(ParameterError, match="'oversampel'. Did you mean 'oversample'"):
        balance.plan(np.zeros(5, int), "oversampel")
    with pytest.raises(ParameterError, match="Known: cap, class_weight, none, oversample, under"):
        balance.plan(np.zeros(5, int), "xyz")


@pytest.mark.parametrize("strategy", balance.STRATEGIES)
def test_a_plan_comes_back_as_it_was_saved(tmp_path, strategy):
    labels = np.repeat([0, 1, 4], [3, 8, 20])
    plan = balance.plan(labels, strategy, data="digest")
    path = tmp_path / "run" / "balance.npz"
    plan.save(path)
    assert os.listdir(path.parent) == ["balance.npz"]
    for found in (balance.load(path), balance.load(path, "digest")):
        np.testing.assert_array_equal(found.indices, plan.indices)
        np.testing.assert_array_equal(found.weights, plan.weights)
        assert (found.indices.dtype, found.weights.dtype) == (np.int64, np.float32)
        assert (found.strategy, found.data) == (strategy, "digest")


def test_a_plan_for_another_data_set_is_refused(tmp_path):
    path = tmp_path / "balance.npz"
    balance.plan(np.zeros(5, int), data="one").save(path)
    with pytest.raises(DataError, match=r"for this data set \(other\). Received: one for one"):
        balance.load(path, "other")


def test_a_damaged_plan_is_told(tmp_path):
    path = tmp_path / "balance.npz"
    balance.plan(np.arange(5000) % 7, "class_weight").save(path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = [whole[:keep] for keep in (0, 1, 10, middle, len(whole) - 1)]
    damaged += [b"no plan", whole[:90] + bytes(60) + whole[150:]]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match="must be a balance plan. .* Run 02_balance again") as e:
            balance.load(path)
        assert "\n" not in str(e.value)


def test_a_file_that_is_something_else_is_told(tmp_path):
    path = tmp_path / "balance.npz"
    with pytest.raises(DataError, match="must be a balance plan. Received: .*No such file"):
        balance.load(path)
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(DataError, match="must be a balance plan"):
        balance.load(path)
    np.savez(path, indices=np.arange(3))
    with pytest.raises(DataError, match="must be a balance plan. Received: .*weights"):
        balance.load(path)
    np.savez(path, indices=np.array([{}]), weights=np.ones(1), strategy="none", data="")
    with pytest.raises(DataError, match="must be a balance plan. Received: .*allow_pickle"):
        balance.load(path)
    np.savez(path, indices=np.arange(3), weights=np.ones(2), strategy="none", data="")
    with pytest.raises(DataError, match="a weight for each index"):
        balance.load(path)


@pytest.mark.parametrize("strategy", ["none", "class_weight"])
def test_a_per_class_without_use_is_refused(strategy):
    with pytest.raises(ParameterError, match=f"Received: per_class=5 with {strategy}"):
        balance.plan(np.zeros(9, int), strategy, per_class=5)

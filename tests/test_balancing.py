"""Balancing plans: what each strategy promises, for every distribution of classes."""

from dataclasses import replace

import numpy as np
import pytest
import trained
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr import runs
from hcr.datasets import balancing
from hcr.errors import DataError, ParameterError


@st.composite
def some_labels(draw) -> np.ndarray:
    """Shuffled labels of up to seven classes, of which some may be absent."""
    counts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=7).filter(any))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 9))).permutation(labels)


per_classes = st.none() | st.integers(1, 90)


def some_writers(labels):
    return np.resize(["a", "b", "b", ""], len(labels))


@settings(deadline=None)
@given(
    some_labels(), st.sampled_from(list(balancing.STRATEGIES)), per_classes, st.integers(0, 2**32)
)
def test_a_plan_holds_training_indices_and_weights_of_mean_1(labels, strategy, per_class, seed):
    if strategy not in balancing.RESAMPLING:
        per_class = None
    how = {"per_class": per_class, "writers": some_writers(labels), "seed": seed}
    plan = balancing.plan(labels, strategy, **how, data="abc")
    assert plan.indices.dtype == np.int64
    assert plan.weights.dtype == np.float32
    assert (np.diff(plan.indices) >= 0).all()
    assert set(labels[plan.indices]) == set(labels)
    assert plan.weights.min() > 0
    assert plan.weights.mean(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert (plan.strategy, plan.data) == (strategy, "abc")
    again = balancing.plan(labels, strategy, **how)
    np.testing.assert_array_equal(again.indices, plan.indices)
    np.testing.assert_array_equal(again.weights, plan.weights)


@settings(deadline=None)
@given(some_labels(), st.sampled_from(balancing.RESAMPLING), per_classes)
def test_resampling_gives_the_promised_counts(labels, strategy, per_class):
    present, counts = np.unique(labels, return_counts=True)
    plan = balancing.plan(labels, strategy, per_class=per_class)
    drawn = np.bincount(labels[plan.indices], minlength=present.max() + 1)[present]
    default = {"undersample": counts.min(), "oversample": counts.max(), "cap": np.median(counts)}
    target = per_class or int(default[strategy])
    promised = {
        "undersample": np.minimum(counts, target),
        "oversample": np.maximum(counts, target),
        "cap": np.full_like(counts, target),
    }
    np.testing.assert_array_equal(drawn, promised[strategy])
    assert (plan.weights == 1).all()
    # No image is drawn twice before every one of its class was drawn once.
    repeats = plan.repeats(len(labels))
    for label in present:
        assert np.ptp(repeats[labels == label]) <= 1
    if strategy == "undersample":
        assert repeats.max() <= 1


def test_the_draws_are_those_of_published_plans():
    labels = np.repeat([0, 1, 2], [5, 9, 14])
    expected = [0, 1, 2, 3, 4, 6, 7, 10, 12, 13, 15, 16, 20, 23, 24]
    assert balancing.plan(labels, "undersample", seed=3).indices.tolist() == expected
    repeats = balancing.plan(labels, "cap", seed=3).repeats(28)
    assert np.flatnonzero(repeats == 2).tolist() == [0, 1, 2, 4]


@settings(deadline=None)
@given(some_labels())
def test_class_weights_make_the_present_classes_count_the_same(labels):
    present = np.unique(labels)
    counts = balancing.plan(labels, "class_weight").counts(labels, 9)[present]
    np.testing.assert_allclose(counts, len(labels) / len(present), rtol=1e-5)


def test_effective_numbers_by_hand():
    # (1 - 0.9^n) / 0.1 for n = 1, 2, 10.
    numbers = balancing.effective_numbers([0, 1, 2, 10], beta=0.9)
    np.testing.assert_allclose(numbers, [0, 1, 1.9, 6.513215599], rtol=1e-9)
    np.testing.assert_allclose(balancing.effective_numbers([0, 1, 7], beta=0), [0, 1, 1])
    # Close to 1, where 1 - beta^n has no digits left, it tends to n itself.
    np.testing.assert_allclose(balancing.effective_numbers([5, 10**6], 1 - 1e-12), [5, 10**6], 1e-5)
    plan = balancing.plan(np.array([0, 1, 1]), "effective_number", beta=0.9)
    mean = (1 + 2 / 1.9) / 3
    np.testing.assert_allclose(plan.weights, np.array([1, 1 / 1.9, 1 / 1.9]) / mean, rtol=1e-6)


def test_logit_adjust_leaves_the_data_and_carries_its_tau():
    labels = np.repeat([0, 2], [3, 1])
    none, plan = balancing.plan(labels), balancing.plan(labels, "logit_adjust", tau=0.5)
    np.testing.assert_array_equal(plan.indices, none.indices)
    np.testing.assert_array_equal(plan.weights, none.weights)
    assert none.shift(labels, 3) is None
    # Half the logarithm of the shares; a class that isn't there is not raised.
    np.testing.assert_allclose(plan.shift(labels, 3), 0.5 * np.log([0.75, 1, 0.25]))


def test_plans_of_all_strategies():
    labels = np.repeat([0, 1, 3], [2, 4, 12])
    names = balancing.possible(None)
    assert set(balancing.STRATEGIES) - set(names) == {"even_writers"}
    assert balancing.possible(some_writers(labels)) == tuple(balancing.STRATEGIES)
    sizes = {name: len(balancing.plan(labels, name)) for name in names}
    assert sizes == dict.fromkeys(names, 18) | {"undersample": 6, "oversample": 36, "cap": 12}


def test_even_writers_takes_the_root_of_each_ones_share():
    writers = np.repeat(["few", "many", "", "one"], [9, 36, 50, 1])
    plan = balancing.plan(np.zeros(96, int), "even_writers", writers=writers)
    sums = {name: plan.weights[writers == name].sum() for name in set(writers.tolist())}
    # 9, 36 and 1 drawings become shares of 3, 6 and 1 tenths of them all.
    assert sums == pytest.approx({"few": 46 * 0.3, "many": 46 * 0.6, "one": 46 * 0.1, "": 50})


@pytest.mark.parametrize(
    ("strategy", "options", "word"),
    [
        ("oversampel", {}, "oversample"),
        ("cap", {"per_class": 0}, "per_class"),
        ("none", {"per_class": 5}, "per_class"),
        ("effective_number", {"beta": float("nan")}, "beta"),
        ("logit_adjust", {"tau": float("inf")}, "tau"),
        ("even_writers", {"writers": np.full(9, "")}, "writers"),
    ],
)
def test_a_wrong_choice_is_refused(strategy, options, word):
    with pytest.raises(ParameterError, match=word):
        balancing.plan(np.zeros(9, int), strategy, **options)


@pytest.mark.parametrize("strategy", balancing.STRATEGIES)
def test_a_plan_comes_back_as_it_was_saved(tmp_path, strategy):
    labels = np.repeat([0, 1, 4], [3, 8, 20])
    plan = balancing.plan(labels, strategy, writers=some_writers(labels), data="digest")
    plan.save(tmp_path / "run" / "balance.npz")
    loaded = balancing.load(tmp_path / "run" / "balance.npz", "digest")
    np.testing.assert_array_equal(loaded.indices, plan.indices)
    np.testing.assert_array_equal(loaded.weights, plan.weights)
    assert (loaded.strategy, loaded.data, loaded.tau) == (strategy, "digest", plan.tau)
    with pytest.raises(DataError, match="dataset"):
        balancing.load(tmp_path / "run" / "balance.npz", "other")


def test_a_damaged_plan_is_refused(tmp_path):
    path = tmp_path / "balance.npz"
    balancing.plan(np.arange(5000) % 7, "class_weight").save(path)
    whole = path.read_bytes()
    damaged = [b"", b"no plan", whole[:-1], whole[:90] + bytes(60) + whole[150:]]
    np.savez(path, indices=np.array([{}]), weights=np.ones(1), strategy="none", data="")
    damaged.append(path.read_bytes())
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match="02_balance"):
            balancing.load(path)


def test_a_refits_plan_is_made_of_both_splits_by_the_recorded_parameters(tmp_path):
    data, run = trained.data(), runs.Run("refit", "03_train", tmp_path, by_hand=False)
    given = {"02_balance": {"parameters": {"per_class": 20, "seed": 1}}}
    runs.update(tmp_path, lambda record: record.update(stages=given))
    chosen = balancing.plan(data.train.labels, "cap", per_class=20, seed=1, data=data.digest)
    both, whole = balancing.refit_plan(run, data, chosen), data.train_and_validation
    np.testing.assert_array_equal(both.counts(whole.labels, 10), [20] * 10)
    np.testing.assert_array_equal(whole.images[400:], data.validation.images)
    assert both.indices.max() >= 400
    with pytest.raises(DataError, match="02_balance"):
        balancing.refit_plan(run, data, replace(chosen, weights=chosen.weights * 2))

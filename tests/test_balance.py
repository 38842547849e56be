"""Balance plans: what each strategy promises, for every distribution of classes."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr.datasets import balance
from hcr.errors import DataError, ParameterError


@st.composite
def some_labels(draw) -> np.ndarray:
    """Shuffled labels of up to seven classes, of which some may be absent."""
    counts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=7).filter(any))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 9))).permutation(labels)


per_classes = st.none() | st.integers(1, 90)
strategies = st.sampled_from(list(balance.STRATEGIES))


def by_some(labels):
    """Who drew them: one two, one one, and of one nobody knows; over and over."""
    return np.resize(["a", "b", "b", ""], len(labels))


@settings(deadline=None)
@given(some_labels(), strategies, per_classes, st.integers(0, 2**32))
def test_a_plan_holds_training_indices_and_weights_of_mean_1(labels, strategy, per_class, seed):
    if strategy not in balance.RESAMPLING:
        per_class = None
    how = {"per_class": per_class, "writers": by_some(labels), "seed": seed}
    plan = balance.plan(labels, strategy, **how, data="abc")
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
    again = balance.plan(labels, strategy, **how)
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


def test_every_picture_has_the_same_chance_to_be_drawn():
    labels = np.repeat([0, 1], [8, 4])
    drawn = sum(balance.plan(labels, "undersample", seed=seed).repeats(12) for seed in range(500))
    assert (drawn[8:] == 500).all()
    # Of eight, four: 250 on average, with a standard deviation of 11.
    assert (np.abs(drawn[:8] - 250) < 56).all()


def test_effective_numbers_by_hand():
    # (1 - 0.9^n) / 0.1 for n = 1, 2, 10.
    found = balance.effective_numbers([0, 1, 2, 10], beta=0.9)
    np.testing.assert_allclose(found, [0, 1, 1.9, 6.513215599], rtol=1e-9)
    np.testing.assert_allclose(balance.effective_numbers([0, 1, 7], beta=0), [0, 1, 1])
    # Close to 1, where 1 - beta^n has no digits left, it tends to n itself.
    np.testing.assert_allclose(balance.effective_numbers([5, 10**6], 1 - 1e-12), [5, 10**6], 1e-5)


def test_effective_number_weights_by_hand():
    plan = balance.plan(np.array([0, 1, 1]), "effective_number", beta=0.9)
    # Inverse effective numbers 1 and 1 / 1.9, of mean (1 + 2 / 1.9) / 3.
    mean = (1 + 2 / 1.9) / 3
    np.testing.assert_allclose(plan.weights, np.array([1, 1 / 1.9, 1 / 1.9]) / mean, rtol=1e-6)
    np.testing.assert_array_equal(plan.indices, [0, 1, 2])


@settings(deadline=None)
@given(some_labels())
def test_beta_leads_from_no_weights_to_class_weights(labels):
    none = balance.plan(labels, "effective_number", beta=0.0)
    np.testing.assert_allclose(none.weights, 1, rtol=1e-6)
    whole = balance.plan(labels, "effective_number", beta=1 - 1e-9)
    expected = balance.plan(labels, "class_weight").weights
    np.testing.assert_allclose(whole.weights, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("strategy", "option", "rule"),
    [
        ("effective_number", {"beta": 1.0}, "beta must be at least 0 and below 1"),
        ("effective_number", {"beta": -0.1}, "beta must be at least 0 and below 1"),
        ("effective_number", {"beta": float("nan")}, "beta must be at least 0 and below 1"),
        ("logit_adjust", {"tau": 0.0}, "tau must be above 0"),
        ("logit_adjust", {"tau": float("nan")}, "tau must be above 0"),
        ("logit_adjust", {"tau": float("inf")}, "tau must be above 0"),
    ],
)
def test_beta_and_tau_out_of_range_are_told(strategy, option, rule):
    with pytest.raises(ParameterError, match=rule):
        balance.plan(np.zeros(9, int), strategy, **option)
    balance.plan(np.zeros(9, int), **option)


def test_logit_adjust_leaves_the_data_and_carries_its_tau():
    labels = np.repeat([0, 2], [3, 1])
    none, plan = balance.plan(labels), balance.plan(labels, "logit_adjust", tau=0.5)
    np.testing.assert_array_equal(plan.indices, none.indices)
    np.testing.assert_array_equal(plan.weights, none.weights)
    assert (none.tau, plan.tau) == (0, 0.5)
    assert none.shift(labels, 3) is None
    # Half the logarithm of the shares; a class that isn't there is not raised.
    np.testing.assert_allclose(plan.shift(labels, 3), 0.5 * np.log([0.75, 1, 0.25]))


def test_adjust_is_bayes_rule_for_classes_of_equal_share():
    """Two densities on five points, seen with the shares 0.9 and 0.1: the answers for halves."""
    densities = np.array([[0.4, 0.3, 0.2, 0.1, 0.0], [0.0, 0.1, 0.2, 0.3, 0.4]])
    shares = np.array([0.9, 0.1])
    seen = (densities * shares[:, None]).T
    seen /= seen.sum(axis=1, keepdims=True)
    expected = (densities / densities.sum(axis=0)).T
    np.testing.assert_allclose(balance.adjust(seen, shares), expected)
    assert seen.argmax(axis=1).tolist() == [0, 0, 0, 0, 1]
    assert balance.adjust(seen, shares).argmax(axis=1).tolist()[3:] == [1, 1]
    # In any class of equal size and for any tau nothing changes.
    np.testing.assert_allclose(balance.adjust(seen, [0.5, 0.5], 3), seen)
    np.testing.assert_allclose(balance.adjust(seen, shares, 0), seen)
    # tau by tau: twice a half is the whole.
    half = balance.adjust(balance.adjust(seen, shares, 0.5), shares, 0.5)
    np.testing.assert_allclose(half, expected, atol=1e-12)


def test_adjust_of_a_finite_sample_raises_the_rare_classes_recall():
    rng = np.random.default_rng(0)
    shares, labels = np.array([0.98, 0.02]), np.repeat([0, 1], [9800, 200])
    values = rng.normal(np.where(labels == 0, -1, 1), 1)
    likelihood = np.exp(-((values[:, None] - [-1, 1]) ** 2) / 2)
    answers = likelihood * shares / (likelihood * shares).sum(axis=1, keepdims=True)
    right = {}
    for name, found in (("seen", answers), ("adjusted", balance.adjust(answers, shares))):
        correct = found.argmax(axis=1) == labels
        right[name] = correct[labels == 0].mean(), correct[labels == 1].mean()
    assert right["seen"][0] > 0.99 > right["adjusted"][0] > 0.8
    assert right["seen"][1] < 0.3 < 0.8 < right["adjusted"][1]


def test_adjust_keeps_type_and_rows_and_refuses_other_shapes():
    answers = np.array([[0.7, 0.2, 0.1]], np.float32)
    found = balance.adjust(answers, [0.9, 0.1, 0.0])
    assert found.dtype == np.float32
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        found / found[0, 2], [[0.7 / 0.9, 2, 0.1]] / np.array(0.1), rtol=1e-6
    )
    with pytest.raises(DataError, match="one column for each of 2 shares"):
        balance.adjust(answers, [0.5, 0.5])
    for wrong in ([], [0, 0], [-1, 2], [[1, 2]]):
        with pytest.raises(DataError, match="A prior needs counts"):
            balance.prior(wrong)


def test_imbalance_by_hand():
    found = balance.imbalance([6, 0, 3, 3], beta=0.5)
    assert (found.ratio, found.empty) == (2, 1)
    # Differences 3, 3, 0, each twice, over 2 * 3^2 * 4.
    assert found.gini == pytest.approx(12 / 72)
    # Shares 1/2, 1/4, 1/4: an entropy of 1.5 bits.
    assert found.effective_classes == pytest.approx(2**1.5)
    np.testing.assert_allclose(found.effective_numbers, [1.96875, 0, 1.75, 1.75])


@given(st.lists(st.integers(0, 999), min_size=1, max_size=40).filter(any))
def test_imbalance_of_any_counts(counts):
    found, own = balance.imbalance(counts), np.array([n for n in counts if n])
    differences = np.abs(own[:, None] - own[None]).sum()
    assert found.gini == pytest.approx(differences / (2 * len(own) ** 2 * own.mean()), abs=1e-9)
    assert 0 <= found.gini < 1
    assert 1 <= found.ratio == own.max() / own.min()
    assert 1 - 1e-9 <= found.effective_classes <= len(own) + 1e-9
    assert (found.effective_numbers <= np.array(counts) + 1e-9).all()
    same = balance.imbalance([7] * len(own))
    assert (same.ratio, same.gini) == (1, pytest.approx(0, abs=1e-12))
    assert same.effective_classes == pytest.approx(len(own))


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 3], [[1, 2]]])
def test_imbalance_of_nothing_is_told(counts):
    with pytest.raises(DataError, match="must be pictures a class"):
        balance.imbalance(counts)


def test_the_overview_tells_what_each_plan_repeats_and_throws_away():
    labels = np.repeat([0, 1, 3], [2, 4, 12])
    plans = balance.plans(labels, per_class=3)
    assert set(balance.STRATEGIES) - set(plans) == {"even_writers"}
    assert list(balance.plans(labels, writers=by_some(labels))) == list(balance.STRATEGIES)
    frame = balance.overview(plans, labels, 5).set_index("strategy")
    rows = {name: frame.loc[name].tolist() for name in ("none", "undersample", "oversample", "cap")}
    assert rows["none"] == [18, 18, 0, 1, 2, 12, 6]
    assert rows["undersample"] == [8, 8, 10, 1, 2, 3, 1.5]
    assert rows["oversample"] == [36, 18, 0, 6, 12, 12, 1]
    assert rows["cap"] == [12, 10, 8, 2, 4, 4, 1]
    assert frame.loc["class_weight"].tolist() == pytest.approx([18, 18, 0, 1, 6, 6, 1])
    assert frame.loc["logit_adjust"].tolist() == rows["none"]
    assert 1 < frame.loc["effective_number", "ratio"] < 1.1


def test_even_writers_takes_the_root_of_each_ones_share():
    writers = np.repeat(["few", "many", "", "one"], [9, 36, 50, 1])
    plan = balance.plan(np.zeros(96, int), "even_writers", writers=writers)
    np.testing.assert_array_equal(plan.indices, np.arange(96))
    sums = {each: plan.weights[writers == each].sum() for each in set(writers.tolist())}
    # 9, 36 and 1 drawings become shares of 3, 6 and 1 tenths of them all.
    assert sums == pytest.approx({"few": 46 * 0.3, "many": 46 * 0.6, "one": 46 * 0.1, "": 50})
    assert plan.weights[writers == ""].tolist() == [1] * 50


@pytest.mark.parametrize("writers", [None, np.full(9, "")])
def test_even_writers_must_know_somebody(writers):
    with pytest.raises(ParameterError, match="does not tell. Choose another strategy"):
        balance.plan(np.zeros(9, int), "even_writers", writers=writers)


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
    with pytest.raises(
        ParameterError, match="Known: cap, class_weight, effective_number, even_writers, logit_"
    ):
        balance.plan(np.zeros(5, int), "xyz")


@pytest.mark.parametrize("strategy", balance.STRATEGIES)
def test_a_plan_comes_back_as_it_was_saved(tmp_path, strategy):
    labels = np.repeat([0, 1, 4], [3, 8, 20])
    plan = balance.plan(labels, strategy, writers=by_some(labels), data="digest")
    path = tmp_path / "run" / "balance.npz"
    plan.save(path)
    assert os.listdir(path.parent) == ["balance.npz"]
    for found in (balance.load(path), balance.load(path, "digest")):
        np.testing.assert_array_equal(found.indices, plan.indices)
        np.testing.assert_array_equal(found.weights, plan.weights)
        assert (found.indices.dtype, found.weights.dtype) == (np.int64, np.float32)
        assert (found.strategy, found.data, found.tau) == (strategy, "digest", plan.tau)


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
    np.savez(path, indices=np.arange(3), weights=np.ones(2), strategy="none", data="", tau=0.0)
    with pytest.raises(DataError, match="a weight for each index"):
        balance.load(path)


@pytest.mark.parametrize("strategy", sorted(set(balance.STRATEGIES) - set(balance.RESAMPLING)))
def test_a_per_class_without_use_is_refused(strategy):
    with pytest.raises(ParameterError, match=f"Received: per_class=5 with {strategy}"):
        balance.plan(np.zeros(9, int), strategy, per_class=5)

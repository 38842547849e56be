"""Intervals of the figures of one set of answers: against plain bootstraps, and other packages."""

import time

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from hcr.errors import DataError
from hcr.evaluation import metrics, resampling


def answers(n=400, classes=6, seed=0, share=0.7):
    """Labels, and probabilities that are right about so often."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), true] += 3 * share
    found = np.exp(logits)
    return true, found / found.sum(axis=1, keepdims=True)


def plain(figure, true, found, n=2000):
    """A figure of resamples that were drawn picture by picture, (n,)."""
    rng = np.random.default_rng(9)
    chosen = rng.integers(0, len(true), (n, len(true)))
    return np.array([figure(true[each], found[each]) for each in chosen])


def test_log_loss_is_resampled_as_scipy_does():
    true, found = answers()
    ends = resampling.of_answers(true, found, 0)["log_loss"]
    own = -np.log(found[np.arange(len(true)), true])
    oracle = stats.bootstrap(
        (own,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    width = oracle.high - oracle.low
    assert ends == pytest.approx(tuple(oracle), abs=0.1 * width)
    assert ends[0] < metrics.log_loss(true, found) < ends[1]


def test_the_calibration_errors_interval_has_the_width_of_a_plain_bootstrap_and_holds_it():
    # Well calibrated: plain percentiles lie above the figure, for they hold chance twice.
    rng = np.random.default_rng(4)
    sure = rng.uniform(0.5, 1, 600)
    found = np.stack([sure, 1 - sure], axis=1)
    true = (rng.random(600) > sure).astype(int)
    drawn, figure = plain(metrics.ece, true, found), metrics.ece(true, found)
    assert np.quantile(drawn, 0.1) > figure
    low, high = resampling.ece(true, found, 0)
    assert low < figure < high
    wide = np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025)
    assert high - low == pytest.approx(wide, rel=0.12)


def test_shares_have_wilsons_interval():
    true, found = answers()
    ends = resampling.of_answers(true, found, 0)
    assert list(ends) == ["accuracy", "balanced_accuracy", "top3", "top5", "log_loss", "ece"]
    for k, name in ((1, "accuracy"), (3, "top3"), (5, "top5")):
        right = round(metrics.top_k(true, found, k) * len(true))
        assert ends[name] == metrics.wilson(right, len(true))
    read = found.argmax(axis=1)
    assert ends["balanced_accuracy"] == metrics.bootstrap("balanced_accuracy", true, read, 0)
    few = resampling.of_answers(*answers(classes=3), 0)
    assert "top3" not in few


def test_where_hands_are_known_all_of_them_are_resampled():
    true, found = answers(600)
    hands = np.arange(600) // 60
    # A hand that the network hardly reads: the figures hang on whether it is drawn.
    found[hands == 3] = np.roll(found[hands == 3], 1, axis=1)
    ends = resampling.of_answers(true, found, 0, hands)
    narrow = resampling.of_answers(true, found, 0)
    assert set(ends) == set(narrow)
    for name in ends:
        assert ends[name][1] - ends[name][0] > 1.5 * (narrow[name][1] - narrow[name][0]), name
    read = found.argmax(axis=1)
    own = metrics.bootstrap("accuracy", true, read, 0, groups=hands)
    assert ends["accuracy"] == own
    # The same draws, whichever way they are counted.
    assert resampling.share(read == true, 0, hands) == pytest.approx(own, abs=1e-12)
    with pytest.raises(DataError, match="groups must be at least two"):
        resampling.mean(np.ones(3), 0, np.zeros(3))


def test_a_seed_gives_the_same_ends_and_another_one_others():
    true, found = answers()
    one = resampling.of_answers(true, found, 0)
    assert one == resampling.of_answers(true, found, 0)
    assert one != resampling.of_answers(true, found, 1)


def test_many_pictures_take_about_a_second():
    true, found = answers(116_323, 47)
    begun = time.process_time()
    resampling.mean(metrics.probabilities.losses(true, found), 0)
    resampling.ece(true, found, 0)
    assert time.process_time() - begun < 5  # on a machine that may have much to do


def test_no_error_and_nothing_but_errors_have_intervals():
    true = np.arange(40) % 4
    right, wrong = np.eye(4)[true], np.eye(4)[(true + 1) % 4]
    for found, figure in ((right, 0.0), (wrong, 1.0)):
        ends = resampling.of_answers(true, found, 0)
        assert ends["ece"] == (figure, figure)
        assert ends["accuracy"] == metrics.wilson(int(40 * (1 - figure)), 40)
        assert ends["log_loss"][0] <= metrics.log_loss(true, found) + 1e-12


@pytest.mark.parametrize(
    ("one", "n", "other", "m"), [(90, 100, 70, 80), (995, 1000, 930, 1000), (0, 9, 5, 7)]
)
def test_a_difference_of_shares_is_newcombes(one, n, other, m):
    found = resampling.difference(
        one / n, metrics.wilson(one, n), other / m, metrics.wilson(other, m)
    )
    oracle = confint_proportions_2indep(one, n, other, m, method="newcomb")
    assert found == pytest.approx(oracle, abs=1e-9)


def test_who_wrote_what_is_known_of_all_or_of_none():
    assert resampling.known(None) is None
    assert resampling.known(np.array(["a", "a"])) is None
    assert resampling.known(np.array(["a", "", "b"])) is None
    assert resampling.known(np.array(["a", "b"])).tolist() == ["a", "b"]


@pytest.mark.parametrize("values", [[], [np.nan, 1.0]])
def test_what_is_no_number_is_told(values):
    with pytest.raises(DataError, match="values must be finite"):
        resampling.mean(values, 0)

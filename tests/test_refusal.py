"""Refusing what the network is unsure of: by hand-made answers, ties and all."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from hcr.errors import DataError
from hcr.evaluation import metrics, refusal


def sure_of(confidences, right, classes=3):
    """Labels, all 0, and probabilities whose highest is as given, for class 0 where right."""
    confidences = np.asarray(confidences, float)
    found = np.repeat((1 - confidences)[:, None] / (classes - 1), classes, axis=1)
    found[np.arange(len(found)), np.where(right, 0, 1)] = confidences
    return np.zeros(len(found), int), found


def random_answers(n=3000, classes=10, seed=0):
    generator = np.random.default_rng(seed)
    true = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) * 1.5
    logits[np.arange(n), true] += 2.5
    # Two digits, so that there are ties.
    logits = np.round(logits, 0)
    return true, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_the_curve_by_hand():
    curve = refusal.risk_coverage(*sure_of([0.5, 0.9, 0.7, 0.8], [True, True, False, True]))
    assert curve["threshold"].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.5])
    assert curve["accepted"].tolist() == [1, 2, 3, 4]
    assert curve["wrong"].tolist() == [0, 0, 1, 1]
    assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1]
    assert curve["risk"].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert refusal.area(curve) == pytest.approx((1 / 3 + 1 / 4) / 4)


def test_equally_sure_answers_stand_and_fall_together():
    true, found = sure_of([0.6, 0.9, 0.6, 0.6], [True, True, False, True])
    for order in ([0, 1, 2, 3], [2, 3, 1, 0]):
        curve = refusal.risk_coverage(true[order], found[order])
        assert curve["accepted"].tolist() == [1, 4]
        assert curve["wrong"].tolist() == [0, 1]
        assert refusal.area(curve) == pytest.approx(0.75 * 0.25)
        assert refusal.threshold_for(true[order], found[order], 0.8).accepted == 1
        assert refusal.threshold_for(true[order], found[order], 0.75).accepted == 4


def test_every_row_of_the_curve_is_what_its_threshold_does():
    true, found = random_answers()
    curve = refusal.risk_coverage(true, found)
    assert len(curve) < len(true)
    sure, read = found.max(axis=1), found.argmax(axis=1)
    for row in curve.iloc[:: len(curve) // 20].itertuples():
        kept = sure >= row.threshold
        assert row.accepted == kept.sum()
        accuracy = oracle.accuracy_score(true[kept], read[kept])
        assert 1 - row.risk == pytest.approx(accuracy)
        again = refusal.at(true, found, row.threshold)
        assert (again.accepted, again.wrong) == (row.accepted, row.wrong)
        assert again.refused == pytest.approx(1 - row.coverage)
    last = curve.iloc[-1]
    assert last["coverage"] == 1
    assert last["risk"] == pytest.approx(1 - metrics.accuracy(true, read))
    assert (np.diff(curve["threshold"]) < 0).all()


def test_the_area_of_distinct_answers_is_the_mean_of_the_running_error():
    generator = np.random.default_rng(3)
    true, found = sure_of(generator.uniform(0.5, 1, 400), generator.random(400) < 0.8)
    order = np.argsort(-found.max(axis=1))
    wrong = (found.argmax(axis=1) != true)[order]
    expected = np.mean(np.cumsum(wrong) / np.arange(1, 401))
    assert refusal.area(refusal.risk_coverage(true, found)) == pytest.approx(expected)


@pytest.mark.parametrize("accuracy", [0.9, 0.95, 0.99, 0.999, 1.0])
def test_no_lower_threshold_reads_so_well(accuracy):
    true, found = random_answers()
    chosen = refusal.threshold_for(true, found, accuracy)
    sure, right = found.max(axis=1), found.argmax(axis=1) == true
    good = [
        each
        for each in np.unique(sure)
        if right[sure >= each].sum() >= accuracy * (sure >= each).sum() - 1e-9
    ]
    assert chosen.threshold == (0 if min(good) == sure.min() else min(good))
    assert chosen.accuracy >= accuracy - 1e-12
    assert chosen.interval() == metrics.wilson(chosen.accepted - chosen.wrong, chosen.accepted)


def test_a_curve_that_rises_again_is_followed_to_its_end():
    """The surest answer is wrong: the share read right is reached later all the same."""
    right = [False] + [True] * 99
    true, found = sure_of(np.linspace(0.99, 0.5, 100), right)
    chosen = refusal.threshold_for(true, found, 0.99)
    assert (chosen.accepted, chosen.wrong, chosen.threshold) == (100, 1, 0)


def test_all_right_and_all_wrong():
    true, found = sure_of([0.5, 0.6, 0.9], [True] * 3)
    chosen = refusal.threshold_for(true, found)
    assert (chosen.threshold, chosen.refused, chosen.accuracy) == (0, 0, 1)
    assert refusal.area(refusal.risk_coverage(true, found)) == 0
    true, found = sure_of([0.5, 0.6, 0.9], [False] * 3)
    chosen = refusal.threshold_for(true, found)
    assert (chosen.threshold, chosen.refused, chosen.accepted) == (np.inf, 1, 0)
    assert np.isnan(chosen.accuracy)
    assert chosen.interval() == (0, 1)
    assert refusal.area(refusal.risk_coverage(true, found)) == 1


def test_a_threshold_of_another_split():
    true, found = sure_of([0.5, 0.6, 0.9], [True, False, True])
    assert refusal.at(true, found, 0.6) == refusal.Refusal(0.6, 3, 2, 1)
    assert refusal.at(true, found, 0).accepted == 3
    assert refusal.at(true, found, np.inf).accepted == 0
    # One picture, one class.
    assert refusal.at([0], np.ones((1, 1)), 0.99).accuracy == 1


def test_what_is_no_threshold_or_accuracy_is_told():
    true, found = sure_of([0.5], [True])
    with pytest.raises(DataError, match="threshold must be a number"):
        refusal.at(true, found, float("nan"))
    for wrong in (0, 1.01, 99, float("nan")):
        with pytest.raises(DataError, match="accuracy must be above 0 and at most 1"):
            refusal.threshold_for(true, found, wrong)
    with pytest.raises(DataError, match="sum to 1"):
        refusal.risk_coverage([0, 1], np.ones((2, 2)))

"""Alternatives, rejection, confusable classes and warnings: what is decided from predictions."""

from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
from conftest import run_cells

from hcr import evaluation


def some_predictions(n, seed=0, classes=8):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) * 1.5
    logits[np.arange(n), labels] += 2
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_alternatives_cover_new_images_as_often_as_promised():
    covered = []
    for seed in range(200):
        labels, probabilities = some_predictions(300, seed)
        threshold = evaluation.alternatives_threshold(probabilities[:150], labels[:150])
        # Without the best, which is an alternative whatever its probability.
        covered.append((probabilities[150:] >= threshold)[np.arange(150), labels[150:]].mean())
    assert 0.94 < np.mean(covered) < 0.97


def test_the_threshold_is_an_order_statistic_of_the_labels_probabilities():
    labels, probabilities = some_predictions(99)
    own = np.sort(probabilities[np.arange(99), labels])
    assert evaluation.alternatives_threshold(probabilities, labels) == own[4]
    # Of too few images nothing follows: every class is an alternative.
    few = evaluation.alternatives_threshold(probabilities[:18], labels[:18])
    assert few == 0
    assert evaluation.alternatives(probabilities, few).all()


def test_the_best_class_is_always_an_alternative():
    probabilities = np.array([[0.4, 0.35, 0.25], [0.9, 0.05, 0.05], [0.45, 0.45, 0.1]])
    sets = evaluation.alternatives(probabilities, 0.42)
    assert sets.tolist() == [[True, False, False], [True, False, False], [True, True, False]]
    space = {"true": np.array([1, 0, 1]), "n": 3, "probabilities": probabilities, "threshold": 0.42}
    space |= {
        "scores": pd.DataFrame(columns=["value", "low", "high"]),
        "test": MagicMock(writers=None),
    }
    scores = run_cells("04_evaluate", "covered, sizes", **space)["scores"]
    assert scores["value"].tolist() == pytest.approx([2 / 3, 4 / 3])
    assert scores.loc["alternatives_coverage", "low"] == evaluation.wilson(2, 3)[0]
    assert (scores["low"] <= scores["value"]).all()
    assert (scores["value"] <= scores["high"]).all()


@pytest.mark.parametrize("accuracy", [0.5, 0.97, 1.0])
def test_the_rejection_threshold_is_the_lowest_that_reaches_the_accuracy(accuracy):
    labels, probabilities = some_predictions(400, 3)
    probabilities = np.round(probabilities, 1) + 1e-9
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    right, confidence = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    curve = evaluation.risk_coverage(labels, probabilities)
    assert curve["threshold"].tolist() == [np.inf, *np.unique(confidence)[::-1]]
    for row in curve[1:].itertuples():
        kept = confidence >= row.threshold
        assert (row.accepted, row.coverage) == (kept.sum(), kept.mean())
        assert row.accuracy == pytest.approx(right[kept].mean())
        ends = evaluation.wilson(right[kept].sum(), kept.sum())
        assert (row.low, row.high) == pytest.approx(ends)
    threshold = evaluation.rejection_threshold(labels, probabilities, accuracy)
    good = curve[curve["accuracy"] >= accuracy - 1e-12]
    whole = good["coverage"].max() == 1
    assert threshold == (0 if whole else good["threshold"].min() if len(good) else np.inf)


def test_where_the_most_confident_are_wrong_all_is_rejected():
    labels, probabilities = np.array([0, 1]), np.array([[0.1, 0.9], [0.2, 0.8]])
    assert evaluation.rejection_threshold(labels, probabilities) == np.inf
    none = evaluation.risk_coverage(labels, probabilities).iloc[0]
    assert none[["accepted", "wrong", "coverage"]].tolist() == [0, 0, 0]
    assert np.isnan(none["accuracy"])


def confused(pairs, n=200, classes=8):
    """A confusion matrix, n images a class: for (a, b, mixed) so many of either are the other."""
    matrix = np.diag(np.full(classes, n))
    for a, b, mixed in pairs:
        for i, j in ((a, b), (b, a)):
            matrix[i, j] += mixed
            matrix[i, i] -= mixed
    return matrix


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([(1, 5, 60), (5, 6, 60), (1, 6, 60)], [(1, 5, 6)]),
        # A chain of likenesses is no group: its ends are not alike.
        ([(1, 5, 70), (5, 6, 30)], [(1, 5)]),
        ([(1, 5, 20), (2, 3, 60)], [(2, 3)]),
    ],
)
def test_groups_are_classes_that_are_surely_confused(pairs, groups):
    assert evaluation.confusable_groups(confused(pairs)) == groups


def test_few_mistakes_may_be_chance_and_large_classes_count_no_more():
    matrix = np.array([[10, 4, 0], [4, 10, 0], [0, 0, 10]])
    assert evaluation.confusable_groups(matrix) == []
    # Half of a small class is predicted as a large one.
    matrix = np.array([[9900, 100, 0], [50, 50, 0], [0, 0, 10]])
    assert evaluation.confusable_groups(matrix) == [(0, 1)]
    # Of a class of 40 images a share is known too little.
    assert evaluation.confusable_groups(np.array([[8800, 1200], [6, 34]])) == []


def test_the_worst_confusions_come_first():
    matrix = np.array([[5, 3, 0], [3, 90, 7], [0, 0, 0]])
    frame = evaluation.worst_confusions(matrix, "abc", 2)
    assert frame.to_numpy().tolist() == [["b", "c", 7, 0.07], ["a", "b", 3, 0.375]]


def test_groups_are_scored_within_and_across():
    labels = np.array([0, 0, 1, 1, 2, 2, 2])
    predicted = np.array([0, 1, 1, 2, 2, 2, 0])
    frame = evaluation.score_groups(labels, predicted, "abc", [(0, 1)]).set_index("group")
    assert list(frame.index) == ["a b", "all groups"]
    row = frame.loc["a b"]
    assert row[["n", "n_within"]].tolist() == [4, 3]
    assert row[["across", "within"]].tolist() == pytest.approx([3 / 4, 2 / 3])
    assert row[["across_low", "across_high"]].tolist() == list(evaluation.wilson(3, 4))
    assert frame.loc["all groups"].tolist() == row.tolist()


def test_a_good_model_gives_no_warning_and_chance_is_none():
    labels = np.arange(800) % 8
    assert evaluation.warnings(labels, labels, "abcdefgh") == []
    assert evaluation.warnings(labels[:8], (labels[:8] + 1) % 8, "abcdefgh") == []


def test_swapped_and_never_predicted_classes_are_named():
    labels = np.arange(800) % 8
    predicted = labels.copy()
    predicted[labels == 1], predicted[labels == 2], predicted[labels == 7] = 2, 1, 0
    swapped, never = evaluation.warnings(labels, predicted, "abcdefgh")
    assert "“b” and “c”" in swapped
    assert "“h” (0 of 100)" in never
    assert "“b”" not in never


@pytest.mark.parametrize(("swaps", "warned"), [(40, True), (4, False)])
def test_suspects_between_two_classes_both_ways_are_a_warning(swaps, warned):
    given = np.repeat([1, 2, 5], [swaps, swaps, 6])
    suggested = np.repeat([2, 1, 0], [swaps, swaps, 6])
    texts = evaluation.swapped_labels(given, suggested, np.full(8, 300), "abcdefgh")
    assert ["“b”" in text and "“c”" in text for text in texts] == [True] * warned
    # Not where the classes are so large that it may be slips.
    assert evaluation.swapped_labels(given, suggested, np.full(8, 9000), "abcdefgh") == []
    assert evaluation.swapped_labels(given[:0], given[:0], np.full(8, 9), "abcdefgh") == []

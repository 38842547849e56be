"""Metrics against scikit-learn and SciPy, on random and on degenerate input."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from hcr.errors import DataError
from hcr.evaluation import metrics

CHARACTERS = "0123456789"


def random_answers(seed=0, n=3000, classes=10):
    """Labels, answers that are mostly right, and probabilities that lead to them."""
    generator = np.random.default_rng(seed)
    true = generator.choice(classes, n, p=generator.dirichlet(np.ones(classes)))
    logits = generator.normal(size=(n, classes)) * 1.5
    logits[np.arange(n), true] += 2.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, probabilities.argmax(axis=1), probabilities


CASES = {
    "random": random_answers()[:2],
    "absent class": ([0, 0, 2, 2, 2], [0, 2, 2, 2, 0]),
    "one class": ([3, 3, 3], [3, 3, 1]),
    "all right": ([0, 1, 2, 3], [0, 1, 2, 3]),
    "all wrong": ([0, 1, 2, 3], [1, 2, 3, 0]),
    "one picture": ([5], [5]),
}


@pytest.fixture(params=CASES, ids=str)
def answers(request):
    true, predicted = CASES[request.param]
    return np.array(true), np.array(predicted)


def test_accuracies_equal_sklearn(answers):
    true, predicted = answers
    assert metrics.accuracy(true, predicted) == oracle.accuracy_score(true, predicted)
    # scikit-learn warns of classes in the answers that no picture has, and leaves them out too.
    recalls = oracle.recall_score(true, predicted, labels=np.unique(true), average=None)
    balanced = metrics.balanced_accuracy(true, predicted, 10)
    assert balanced == pytest.approx(recalls.mean(), abs=1e-12)


def test_confusion_equals_sklearn(answers):
    true, predicted = answers
    found = metrics.confusion(true, predicted, 10)
    expected = oracle.confusion_matrix(true, predicted, labels=np.arange(10))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int64


def test_per_class_equals_sklearn(answers):
    true, predicted = answers
    frame = metrics.per_class(true, predicted, CHARACTERS)
    precision, recall, f1, n = oracle.precision_recall_fscore_support(
        true, predicted, labels=np.arange(10), zero_division=np.nan
    )
    assert list(frame["character"]) == list(CHARACTERS)
    for name, expected in {"n": n, "recall": recall, "precision": precision, "f1": f1}.items():
        np.testing.assert_allclose(frame[name], expected, err_msg=name)


def test_per_class_is_undefined_without_pictures():
    frame = metrics.per_class([0, 0], [0, 1], "abc").set_index("character")
    assert frame.loc["a", "recall"] == 0.5
    assert np.isnan(frame.loc["b", "recall"])
    assert frame.loc["b", "precision"] == 0
    assert frame.loc["c", ["recall", "precision", "f1"]].isna().all()


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(
    ("successes", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (984, 1000), (104_000, 116_323)]
)
def test_wilson_equals_scipy(successes, n, level):
    expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    low, high = metrics.wilson(successes, n, level)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low < high <= 1


def test_wilson_reaches_exactly_0_and_1():
    assert all(metrics.wilson(0, n)[0] == 0 for n in range(1, 300))
    assert all(metrics.wilson(n, n)[1] == 1 for n in range(1, 300))


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(successes, n):
    with pytest.raises(DataError, match="successes must be"):
        metrics.wilson(successes, n)


def test_bootstrap_equals_plain_resampling():
    true, predicted, _ = random_answers(n=400, classes=5)
    generator = np.random.default_rng(1)
    plain = []
    for _ in range(2000):
        drawn = generator.integers(0, 400, 400)
        recalls = [
            np.mean(predicted[drawn][true[drawn] == each] == each)
            for each in np.unique(true[drawn])
        ]
        plain.append(np.mean(recalls))
    expected = np.quantile(plain, [0.025, 0.975])
    found = metrics.bootstrap("balanced_accuracy", true, predicted, seed=0, n=2000)
    # Both are noisy: a tenth of the interval's width.
    assert found == pytest.approx(expected, abs=0.1 * np.diff(expected)[0])


def test_bootstrap_of_accuracy_is_near_wilson():
    true, predicted, _ = random_answers(n=2000)
    right = int((true == predicted).sum())
    found = metrics.bootstrap("accuracy", true, predicted, seed=0, n=4000)
    assert found == pytest.approx(metrics.wilson(right, 2000), abs=0.003)


def test_bootstrap_depends_on_the_seed_alone():
    true, predicted, _ = random_answers()
    first = metrics.bootstrap("balanced_accuracy", true, predicted, seed=3)
    assert metrics.bootstrap("balanced_accuracy", true, predicted, seed=3) == first
    assert metrics.bootstrap("balanced_accuracy", true, predicted, seed=4) != first


def test_bootstrap_takes_a_function_of_matrices():
    true, predicted, _ = random_answers()

    def error(matrices):
        return 1 - np.trace(matrices, axis1=1, axis2=2) / matrices.sum(axis=(1, 2))

    low, high = metrics.bootstrap(error, true, predicted, seed=0)
    right = metrics.bootstrap("accuracy", true, predicted, seed=0)
    assert (1 - high, 1 - low) == pytest.approx(right)


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy"])
def test_bootstrap_survives_degenerate_input(answers, statistic):
    low, high = metrics.bootstrap(statistic, *answers, seed=0)
    assert 0 <= low <= high <= 1
    if np.array_equal(*answers):
        assert (low, high) == (1, 1)


def test_bootstrap_names_its_statistics():
    with pytest.raises(DataError, match="Did you mean 'balanced_accuracy'"):
        metrics.bootstrap("balanced_acuracy", [0], [0], seed=0)


def test_bootstrap_is_fast_at_full_size():
    true, predicted, _ = random_answers(n=116_323, classes=47)
    # Of the processor, because other work may share it.
    started = time.process_time()
    metrics.bootstrap("balanced_accuracy", true, predicted, seed=0)
    assert time.process_time() - started < 1


def hands(n_groups=8, size=60, seed=0):
    """Pictures of hands that differ in how many they are, and in how well they are read."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size * (1 + np.arange(n_groups) % 3 * 2))
    good = generator.random(len(groups)) < generator.beta(4, 1, n_groups)[groups]
    true = generator.integers(0, 5, len(groups))
    return true, np.where(good, true, (true + 1) % 5), groups


@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy"])
def test_the_bootstrap_of_groups_is_that_of_drawing_them_by_hand(statistic):
    true, predicted, groups = hands()
    score = {"accuracy": oracle.accuracy_score}.get(statistic, oracle.balanced_accuracy_score)
    generator, values = np.random.default_rng(1), []
    for _ in range(2000):
        drawn = generator.integers(0, 8, 8)
        these = np.concatenate([np.flatnonzero(groups == each) for each in drawn])
        values.append(score(true[these], predicted[these]))
    tail = stats.norm.cdf(stats.t.ppf(0.025, 7) * np.sqrt(8 / 7))
    names = np.array([f"hand {each}" for each in groups])
    found = metrics.bootstrap(statistic, true, predicted, 0, n=4000, groups=names)
    assert found == pytest.approx(np.quantile(values, [tail, 1 - tail]), abs=0.012)
    # One hand is not so many draws as it has pictures.
    low, high = metrics.bootstrap(statistic, true, predicted, 0, n=2000)
    assert found[1] - found[0] > 1.5 * (high - low)


def test_a_picture_a_group_is_no_group():
    true, predicted, _ = hands(40)
    plain = metrics.bootstrap("accuracy", true, predicted, 0, n=4000)
    each = metrics.bootstrap("accuracy", true, predicted, 0, n=4000, groups=np.arange(len(true)))
    assert each == pytest.approx(plain, abs=0.003)


def test_copies_of_a_picture_make_no_interval_narrower():
    true, predicted, groups = hands(60, 1)
    once = metrics.bootstrap("accuracy", true, predicted, 3, groups=groups)
    thrice = (np.repeat(each, 3) for each in (true, predicted))
    assert metrics.bootstrap("accuracy", *thrice, 3, groups=np.repeat(groups, 3)) == once


def test_groups_that_cannot_be_drawn_are_told():
    with pytest.raises(DataError, match="groups must be at least two.*Received: only anna"):
        metrics.bootstrap("accuracy", [0, 1], [0, 1], 0, groups=["anna", "anna"])
    with pytest.raises(DataError, match="one entry a picture"):
        metrics.bootstrap("accuracy", [0, 1], [0, 1], 0, groups=["anna"])


def test_worst_confusions_are_the_largest_cells():
    matrix = np.array([[5, 3, 0], [1, 8, 1], [3, 0, 3]])
    frame = metrics.worst_confusions(matrix, "xyz", n=3)
    assert frame["true"].tolist() == ["z", "x", "y"]
    assert frame["predicted"].tolist() == ["x", "y", "x"]
    assert frame["count"].tolist() == [3, 3, 1]
    assert frame["share"].tolist() == pytest.approx([0.5, 0.375, 0.1])
    assert len(metrics.worst_confusions(matrix, "xyz")) == 4
    assert metrics.worst_confusions(np.eye(2, dtype=int), "ab").empty


@pytest.mark.parametrize("k", [1, 3, 5, 9])
def test_top_k_equals_sklearn(k):
    true, _, probabilities = random_answers()
    expected = oracle.top_k_accuracy_score(true, probabilities, k=k, labels=np.arange(10))
    assert metrics.top_k(true, probabilities, k) == pytest.approx(expected)


def test_top_k_breaks_ties_as_argmax():
    generator = np.random.default_rng(0)
    # Few values, so that most rows hold ties.
    probabilities = generator.integers(1, 3, (500, 6)).astype(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    true = generator.integers(0, 6, 500)
    assert metrics.top_k(true, probabilities, 1) == metrics.accuracy(
        true, probabilities.argmax(axis=1)
    )
    order = np.argsort(-probabilities, axis=1, kind="stable")
    for k in range(1, 7):
        expected = np.mean((order[:, :k] == true[:, None]).any(axis=1))
        assert metrics.top_k(true, probabilities, k) == expected


def test_log_loss_equals_sklearn():
    true, _, probabilities = random_answers()
    for kind in (np.float64, np.float32):
        given = probabilities.astype(kind)
        expected = oracle.log_loss(true, probabilities, labels=np.arange(10))
        assert metrics.log_loss(true, given) == pytest.approx(expected, rel=1e-5)


def test_log_loss_of_a_certain_mistake_is_finite():
    certain = np.eye(3, dtype=np.float32)
    assert metrics.log_loss([0, 1, 2], certain) == 0
    assert metrics.log_loss([1, 2, 0], certain) == pytest.approx(
        -np.log(np.finfo(np.float32).eps), rel=1e-6
    )


def test_reliability_equals_sklearn():
    true, predicted, probabilities = random_answers()
    right, confidence = true == predicted, probabilities.max(axis=1)
    accuracies, means = calibration_curve(right, confidence, n_bins=15)
    table = metrics.reliability(true, probabilities, bins=15)
    assert len(table) == 15
    assert table["n"].sum() == len(true)
    assert table["right"].sum() == right.sum()
    filled = table[table["n"] > 0]
    np.testing.assert_allclose(filled["accuracy"], accuracies)
    np.testing.assert_allclose(filled["confidence"], means)
    expected = (filled["n"] * (filled["accuracy"] - filled["confidence"]).abs()).sum() / len(true)
    assert metrics.ece(true, probabilities) == pytest.approx(expected)


def test_ece_of_known_answers():
    sure = np.tile([0.8, 0.2], (10, 1))
    assert metrics.ece([0] * 8 + [1] * 2, sure) == pytest.approx(0)
    assert metrics.ece([0] * 10, sure) == pytest.approx(0.2)
    assert metrics.ece([1, 1], np.array([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "at least one picture"),
        ([0, 1], [0], "one entry a picture"),
        ([0, 3], [0, 1], "at most 2. Received: 3"),
        ([0, -1], [0, 1], "Received: -1"),
        ([0.0, 1.0], [0, 1], "integers"),
        ([[0, 1]], [[0, 1]], "shape"),
    ],
)
def test_wrong_labels_end_in_a_clear_error(true, predicted, message):
    with pytest.raises(DataError, match=message):
        metrics.confusion(true, predicted, 3)


@pytest.mark.parametrize(
    ("true", "probabilities", "message"),
    [
        ([0, 1], np.ones((2, 2)), "sum to 1"),
        ([0, 1], np.array([[np.nan, 1], [0, 1]]), "finite"),
        ([0, 1], np.array([[-1.0, 2], [0, 1]]), "at least 0"),
        ([0, 1], np.eye(2, dtype=int), "floats"),
        ([0], np.eye(2), "one entry a picture"),
        ([0, 2], np.eye(2), "at most 1"),
    ],
)
def test_wrong_probabilities_end_in_a_clear_error(true, probabilities, message):
    for metric in (metrics.log_loss, metrics.ece, metrics.reliability):
        with pytest.raises(DataError, match=message):
            metric(true, probabilities)


def test_top_k_refuses_more_than_there_are():
    with pytest.raises(DataError, match=r"1\.\.2"):
        metrics.top_k([0, 1], np.eye(2), 3)


def test_small_label_types_do_not_overflow():
    true = np.arange(200, dtype=np.uint8)
    found = metrics.confusion(true, true.astype(np.uint64), 200)
    np.testing.assert_array_equal(found, np.eye(200, dtype=int))


def test_text():
    assert metrics.percent(0.984) == "98.4 %"
    assert metrics.percent(0.98449, digits=2) == "98.45 %"
    assert metrics.percent(float("nan")) == "n/a"
    assert metrics.interval_text(0.974, 0.99, 1000) == "95 %: 97.4 to 99.0; n = 1,000"
    assert metrics.interval_text(0.5, 0.6, 9, level=0.9, digits=0) == "90 %: 50 to 60; n = 9"


def test_tables_are_frames():
    assert isinstance(metrics.per_class([0], [0], "a"), pd.DataFrame)

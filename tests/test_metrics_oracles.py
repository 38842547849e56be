"""Every metric beside scikit-learn, SciPy, statsmodels and pandas, on degenerate answers, too."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from hcr.evaluation import calibration, metrics, refusal
from hcr.evaluation.old_drawings import by_contributor
from hcr.evaluation.seeds import spread

CLASSES = 6
BINS = 15


def answers(true, predicted, sure):
    """Probabilities that answer `predicted` with `sure`, the rest shared by the others."""
    sure = np.broadcast_to(np.asarray(sure, float), len(true))
    found = np.repeat(((1 - sure) / (CLASSES - 1))[:, None], CLASSES, axis=1)
    found[np.arange(len(true)), predicted] = sure
    return np.asarray(true), found


def random_answers(seed=0, n=900, ties=False):
    generator = np.random.default_rng(seed)
    true = generator.choice(CLASSES, n, p=generator.dirichlet(np.ones(CLASSES)))
    logits = generator.normal(size=(n, CLASSES)) * 1.5
    logits[np.arange(n), true] += 1.5
    logits = np.round(logits / 2) if ties else logits
    return true, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


SURE = np.linspace(0.3, 1, 30)
CASES = {
    "random": random_answers(),
    "ties": random_answers(1, ties=True),
    "all ties": (np.arange(30) % CLASSES, np.full((30, CLASSES), 1 / CLASSES)),
    "absent class": answers(np.arange(30) % 2 * 3, np.arange(30) % 5, SURE),
    "one class": answers(np.full(30, 4), np.arange(30) % 3 + 2, SURE),
    "one class, all right": answers(np.full(30, 4), np.full(30, 4), SURE),
    "all right": answers(np.arange(30) % CLASSES, np.arange(30) % CLASSES, SURE),
    "all right and certain": answers(np.arange(30) % CLASSES, np.arange(30) % CLASSES, 1),
    "all wrong": answers(np.arange(30) % CLASSES, (np.arange(30) + 1) % CLASSES, SURE),
    "all wrong and certain": answers(np.arange(30) % CLASSES, (np.arange(30) + 1) % CLASSES, 1),
    "one picture": answers([2], [2], 0.7),
    "one picture, wrong": answers([2], [0], 0.7),
    "on the bins' edges": answers(np.arange(30) % CLASSES, np.zeros(30, int), np.repeat(
        np.arange(6, 16) / BINS, 3)),
}  # fmt: skip


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def test_accuracies_and_tables(case):
    true, found = case
    read = found.argmax(axis=1)
    assert metrics.accuracy(true, read) == oracle.accuracy_score(true, read)
    with warnings.catch_warnings():
        # Of classes that are answered and have no picture.
        warnings.simplefilter("ignore", UserWarning)
        expected = oracle.balanced_accuracy_score(true, read)
    assert metrics.balanced_accuracy(true, read, CLASSES) == pytest.approx(expected)
    frame = metrics.per_class(true, read, "abcdef")
    precision, recall, f1, n = oracle.precision_recall_fscore_support(
        true, read, labels=np.arange(CLASSES), zero_division=np.nan
    )
    for name, values in {"n": n, "recall": recall, "precision": precision, "f1": f1}.items():
        np.testing.assert_allclose(frame[name], values, err_msg=name)


def test_confusions(case):
    true, found = case
    read = found.argmax(axis=1)
    matrix = metrics.confusion(true, read, CLASSES)
    crossed = pd.crosstab(true, read).reindex(
        index=range(CLASSES), columns=range(CLASSES), fill_value=0
    )
    np.testing.assert_array_equal(matrix, crossed.to_numpy())
    worst = metrics.worst_confusions(matrix, "abcdef", n=100)
    wrong = pd.DataFrame({"true": true, "read": read})[true != read]
    counted = wrong.value_counts()
    assert len(worst) == len(counted)
    assert worst["count"].tolist() == counted.tolist()
    for row in worst.itertuples():
        pair = "abcdef".index(row.true), "abcdef".index(row.predicted)
        assert counted[pair] == row.count
        assert row.share == pytest.approx(counted[pair] / (true == pair[0]).sum())


@pytest.mark.parametrize("k", range(1, CLASSES))
def test_top_k(case, k):
    """Of ties scikit-learn takes the last class first, and this the first: seen from behind."""
    true, found = case
    expected = oracle.top_k_accuracy_score(
        CLASSES - 1 - true, found[:, ::-1], k=k, labels=np.arange(CLASSES)
    )
    assert metrics.top_k(true, found, k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_log_loss(case, kind):
    true, found = case[0], case[1].astype(kind)
    expected = oracle.log_loss(true, found, labels=np.arange(CLASSES))
    assert metrics.log_loss(true, found) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_calibration(case):
    true, found = case
    right, sure = found.argmax(axis=1) == true, found.max(axis=1)
    shares, means = calibration_curve(right.astype(int), sure, n_bins=BINS, pos_label=1)
    table = metrics.reliability(true, found, bins=BINS)
    filled = table[table["n"] > 0]
    np.testing.assert_allclose(filled["accuracy"], shares)
    np.testing.assert_allclose(filled["confidence"], means)
    frame = pd.DataFrame({"gap": right - sure, "bin": pd.cut(sure, np.linspace(0, 1, BINS + 1))})
    expected = frame.groupby("bin", observed=True)["gap"].sum().abs().sum() / len(true)
    assert metrics.ece(true, found, bins=BINS) == pytest.approx(expected, abs=1e-12)


def test_intervals(case):
    true, found = case
    right = found.argmax(axis=1) == true
    for level in (0.8, 0.95, 0.99):
        expected = proportion_confint(right.sum(), len(right), 1 - level, method="wilson")
        assert metrics.wilson(int(right.sum()), len(right), level) == pytest.approx(expected)
    drawn = metrics.bootstrap("accuracy", true, found.argmax(axis=1), 0, n=4000)
    if right.all() or not right.any():
        assert drawn == (float(right[0]), float(right[0]))
    else:
        other = stats.bootstrap(
            (right,), np.mean, method="percentile", n_resamples=4000, random_state=1
        ).confidence_interval
        # Shares of few pictures go in steps, and both are drawn.
        assert drawn == pytest.approx((other.low, other.high), abs=1.5 / len(right) + 0.004)


def test_temperature(case):
    """SciPy's search for scikit-learn's least log loss finds none that is lower."""
    true, found = case
    fitted = calibration.temperature(found, true)

    def loss(temperature):
        return oracle.log_loss(
            true, calibration.apply(found, temperature), labels=np.arange(CLASSES)
        )

    if (found.argmax(axis=1) == true).all():
        assert fitted == 1
        return
    ends = np.log((calibration.LOWEST, calibration.HIGHEST))
    best = optimize.minimize_scalar(lambda each: loss(np.exp(each)), bounds=ends, method="bounded")
    assert loss(fitted) == pytest.approx(min(best.fun, loss(1.0)), abs=1e-5)


def test_refusing(case):
    true, found = case
    right, sure = found.argmax(axis=1) == true, found.max(axis=1)
    curve = refusal.risk_coverage(true, found)
    for row in curve.itertuples():
        kept = sure >= row.threshold
        assert row.coverage == pytest.approx(kept.mean())
        assert 1 - row.risk == pytest.approx(
            oracle.accuracy_score(true[kept], found[kept].argmax(axis=1))
        )
    # Where all accepted pictures are read right, what is accepted is the recall of the right ones.
    sharp = refusal.threshold_for(true, found, 1.0)
    if np.isfinite(sharp.threshold):
        assert right[sure >= sharp.threshold].all()


def test_contributors(case):
    true, found = case
    names = np.arange(len(true)) % 3
    drawn = [str(each) for each in true]
    table = by_contributor(found, list("012345"), drawn, [f"hand {each}" for each in names])
    own = table.iloc[:-1]
    read = found.argmax(axis=1)
    expected = [
        oracle.accuracy_score(true[names == each], read[names == each]) for each in np.unique(names)
    ]
    assert own["exact"].tolist() == pytest.approx(expected)
    assert table["exact"].iloc[-1] == pytest.approx(np.mean(expected))
    assert own["digits"].tolist() == own["folded"].tolist() == own["exact"].tolist()


def test_the_interval_of_class_means_is_that_of_a_regression():
    """statsmodels: a column a class, standard errors that let each class vary for itself (HC2)."""
    generator = np.random.default_rng(0)
    labels = generator.choice(5, 400, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    right = (generator.random(400) < 0.9 - labels / 10).astype(float)
    for weights in (np.full(5, 0.2), np.bincount(labels) / 400):
        columns = np.eye(5)[labels]
        fitted = sm.OLS(right, columns).fit(cov_type="HC2", use_t=False).t_test(weights)
        low, high = fitted.conf_int()[0]
        found = spread(right[None], labels, weights, (0, 1))
        assert found == pytest.approx((fitted.effect[0], low, high))


def test_the_interval_of_seeds_alone_is_students():
    labels = np.arange(40) % 4
    own = np.array([0.9, 0.86, 0.88, 0.93])
    # Every picture of a seed has the same value: only the seeds vary.
    values = np.repeat(own[:, None], 40, axis=1)
    found = spread(values, labels, np.full(4, 0.25), (0, 1))
    expected = stats.t.interval(0.95, 3, own.mean(), stats.sem(own))
    assert found == pytest.approx((own.mean(), *expected))

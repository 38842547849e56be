"""Scores and intervals beside scikit-learn, SciPy and statsmodels, on degenerate input, too."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import run_cells
from scipy import optimize, stats
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from hcr import evaluation
from hcr.errors import DataError, ModelError
from hcr.evaluation.confidence import HIGHEST, LOWEST

CLASSES, BINS = 6, 15


def predictions(labels, predicted, confidence):
    """Probabilities that predict `predicted` with this confidence; the others share the rest."""
    confidence = np.broadcast_to(np.asarray(confidence, float), len(labels))
    probabilities = np.repeat(((1 - confidence) / (CLASSES - 1))[:, None], CLASSES, axis=1)
    probabilities[np.arange(len(labels)), predicted] = confidence
    return np.asarray(labels), probabilities


def random_predictions(seed=0, n=900, ties=False):
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, n, p=generator.dirichlet(np.ones(CLASSES)))
    logits = generator.normal(size=(n, CLASSES)) * 1.5
    logits[np.arange(n), labels] += 1.5
    logits = np.round(logits / 2) if ties else logits
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


SOME = np.linspace(0.3, 1, 30)
THIRTY = np.arange(30)
CASES = {
    "random": random_predictions(),
    "ties": random_predictions(1, ties=True),
    "all ties": (THIRTY % CLASSES, np.full((30, CLASSES), 1 / CLASSES)),
    "absent class": predictions(THIRTY % 2 * 3, THIRTY % 5, SOME),
    "one class": predictions(np.full(30, 4), THIRTY % 3 + 2, SOME),
    "all right and certain": predictions(THIRTY % CLASSES, THIRTY % CLASSES, 1),
    "all wrong": predictions(THIRTY % CLASSES, (THIRTY + 1) % CLASSES, SOME),
    "one image, wrong": predictions([2], [0], 0.7),
    "on the bins' edges": predictions(
        THIRTY % CLASSES, np.zeros(30, int), np.repeat(np.arange(6, 16) / BINS, 3)
    ),
}


pytestmark = pytest.mark.filterwarnings("ignore:y_pred contains classes")


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def test_every_score_equals_scikit_learns(case):
    labels, probabilities = case
    predicted, classes = probabilities.argmax(axis=1), np.arange(CLASSES)
    scores = evaluation.evaluate(labels, probabilities)["value"]
    balanced = oracle.balanced_accuracy_score(labels, predicted)
    assert scores["accuracy"] == oracle.accuracy_score(labels, predicted)
    assert scores["balanced_accuracy"] == pytest.approx(balanced)
    # Of ties scikit-learn takes the last class first, and this the first.
    for k in (3, 5):
        expected = oracle.top_k_accuracy_score(
            CLASSES - 1 - labels, probabilities[:, ::-1], k=k, labels=classes
        )
        assert scores[f"top{k}"] == pytest.approx(expected)
    for kind in (np.float32, np.float64):
        expected = oracle.log_loss(labels, probabilities.astype(kind), labels=classes)
        loss = evaluation.log_loss(labels, probabilities.astype(kind))
        assert loss == pytest.approx(expected, rel=1e-5, abs=1e-6)
    frame = evaluation.per_class(labels, predicted, "abcdef")
    expected = oracle.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=np.nan
    )
    for name, values in zip(("precision", "recall", "f1", "n"), expected, strict=True):
        np.testing.assert_allclose(frame[name], values, err_msg=name)
    crossed = pd.crosstab(labels, predicted).reindex(index=classes, columns=classes, fill_value=0)
    matrix = evaluation.confusion(labels, predicted, CLASSES)
    np.testing.assert_array_equal(matrix, crossed.to_numpy())


def test_calibration_equals_scikit_learns(case):
    labels, probabilities = case
    right, confidence = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    shares, means = calibration_curve(right.astype(int), confidence, n_bins=BINS, pos_label=1)
    table = evaluation.reliability(labels, probabilities)
    bins = table[table["n"] > 0]
    np.testing.assert_allclose(bins["accuracy"], shares)
    np.testing.assert_allclose(bins["confidence"], means)
    edges = pd.cut(confidence, np.linspace(0, 1, BINS + 1))
    gaps = pd.DataFrame({"gap": right - confidence, "bin": edges}).groupby("bin", observed=True)
    expected = gaps["gap"].sum().abs().sum() / len(labels)
    assert evaluation.ece(labels, probabilities) == pytest.approx(expected, abs=1e-12)
    assert table.attrs["ece"] == evaluation.evaluate(labels, probabilities).at["ece", "value"]


def test_no_temperature_has_a_lower_log_loss(case):
    labels, probabilities = case
    fitted = evaluation.fit_temperature(probabilities, labels)
    if (probabilities.argmax(axis=1) == labels).all():
        assert fitted == 1
        return

    def loss(temperature):
        scaled = evaluation.apply_temperature(probabilities, temperature)
        return oracle.log_loss(labels, scaled, labels=np.arange(CLASSES))

    best = optimize.minimize_scalar(
        lambda x: loss(np.exp(x)), bounds=np.log((LOWEST, HIGHEST)), method="bounded"
    )
    assert loss(fitted) == pytest.approx(min(best.fun, loss(1.0)), abs=1e-5)


def test_without_a_mistake_no_temperature_is_fitted():
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    assert evaluation.fit_temperature(probabilities, [0, 1, 1]) == 1
    # Where none lowers the log loss, which counts no probability below its least.
    probabilities = np.array([[0.99, 0.01]] * 99 + [[1, 1e-300]])
    assert evaluation.fit_temperature(probabilities, np.array([0] * 99 + [1])) == 1


def test_chance_moves_no_calibration_error_out_of_its_interval():
    labels, probabilities = random_predictions(n=300)
    value, low, high = evaluation.evaluate(labels, probabilities).loc["ece"]
    assert (low + high) / 2 == pytest.approx(value, abs=0.2 * (high - low))


def test_a_temperature_is_found_again_and_undone():
    labels, probabilities = random_predictions(n=20_000)
    sharper = evaluation.apply_temperature(probabilities, 0.5)
    plain, fitted = (evaluation.fit_temperature(p, labels) for p in (probabilities, sharper))
    assert fitted / plain == pytest.approx(2, rel=1e-3)
    np.testing.assert_allclose(evaluation.apply_temperature(sharper, 2), probabilities)
    # A class of many images weighs as much as one of few.
    many = np.concatenate([labels, np.repeat(labels[labels == 0], 9)])
    rows = np.concatenate([sharper, np.repeat(sharper[labels == 0], 9, axis=0)])
    assert evaluation.fit_temperature(rows, many, balanced=True) == pytest.approx(
        evaluation.fit_temperature(sharper, labels, balanced=True), abs=2e-4
    )


def test_wilson_equals_statsmodels():
    n = np.array([1, 1, 50, 50, 1000, 116_323, 0])
    k = np.array([0, 1, 0, 50, 984, 104_000, 0])
    low, high = evaluation.wilson(k, n)
    expected = proportion_confint(k[:-1], n[:-1], method="wilson")
    np.testing.assert_allclose((low[:-1], high[:-1]), expected, atol=1e-12)
    assert np.isnan([low[-1], high[-1]]).all()
    assert evaluation.wilson(984, 1000) == (low[4], high[4])


def test_intervals_are_percentiles_of_plain_resampling(case):
    labels, probabilities = case
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    scores = evaluation.evaluate(labels, probabilities)
    assert (scores["low"] <= scores["value"] + 1e-12).all()
    assert (scores["value"] <= scores["high"] + 1e-12).all()
    assert tuple(scores.loc["accuracy", ["low", "high"]]) == pytest.approx(
        proportion_confint(right.sum(), len(right), method="wilson")
    )
    if len(labels) < 100:
        return
    generator, drawn = np.random.default_rng(1), []
    for _ in range(500):
        rows = generator.integers(0, len(labels), len(labels))
        loss = oracle.log_loss(labels[rows], probabilities[rows], labels=np.arange(CLASSES))
        drawn.append((oracle.balanced_accuracy_score(labels[rows], predicted[rows]), loss))
    for score, values in zip(("balanced_accuracy", "log_loss"), np.transpose(drawn), strict=True):
        low, high = np.quantile(values, [0.025, 0.975])
        own = scores.loc[score, ["low", "high"]].to_numpy(float)
        assert own == pytest.approx((low, high), abs=0.15 * (high - low)), score


def by_writers(n_writers=8, size=60, seed=0):
    """Images of writers that differ in how many they are, and in how well they are recognized."""
    generator = np.random.default_rng(seed)
    writers = np.repeat(np.arange(n_writers), size * (1 + np.arange(n_writers) % 3 * 2))
    good = generator.random(len(writers)) < generator.beta(4, 1, n_writers)[writers]
    labels = generator.integers(0, 5, len(writers))
    return labels, np.where(good, labels, (labels + 1) % 5), writers


def test_writers_are_drawn_with_all_their_images():
    labels, predicted, writers = by_writers()
    generator, drawn = np.random.default_rng(1), []
    for _ in range(1000):
        rows = np.concatenate([np.flatnonzero(writers == w) for w in generator.integers(0, 8, 8)])
        balanced = oracle.balanced_accuracy_score(labels[rows], predicted[rows])
        drawn.append((np.mean(labels[rows] == predicted[rows]), balanced))
    # Wider than plain percentiles, because the writers are few.
    tail = stats.norm.cdf(stats.t.ppf(0.025, 7) * np.sqrt(8 / 7))
    ends = np.quantile(drawn, [tail, 1 - tail], axis=0).T
    names = np.array([f"writer {w}" for w in writers])
    probabilities = np.eye(CLASSES)[predicted]
    scores = evaluation.evaluate(labels, probabilities, writers=names)
    for score, expected in zip(("accuracy", "balanced_accuracy"), ends, strict=True):
        own = scores.loc[score, ["low", "high"]].to_numpy(float)
        assert own == pytest.approx(expected, abs=0.02)
    plain = evaluation.evaluate(labels, probabilities)
    width = (scores["high"] - scores["low"]) / (plain["high"] - plain["low"])
    assert width["accuracy"] > 1.5
    # An image of each writer alone is as good as no writers; copies of images tell nothing new.
    alone = evaluation.evaluate(labels, probabilities, writers=np.arange(len(labels)))
    assert alone.loc["accuracy"].tolist() == pytest.approx(plain.loc["accuracy"], abs=0.006)
    thrice = [np.repeat(each, 3, axis=0) for each in (labels, probabilities, names)]
    again = evaluation.evaluate(thrice[0], thrice[1], writers=thrice[2])
    assert again.loc["accuracy"].tolist() == pytest.approx(scores.loc["accuracy"].tolist())


@pytest.mark.parametrize("writers", [None, ["anna"] * 4, ["anna", "", "bob", "bob"]])
def test_writers_count_only_where_all_are_known_and_they_are_two(writers):
    assert evaluation.known_writers(writers) is None


def test_the_interval_of_class_means_is_that_of_a_regression():
    """statsmodels: a column a class, standard errors that let each class vary for itself (HC2)."""
    generator = np.random.default_rng(0)
    labels = generator.choice(5, 400, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    right = (generator.random(400) < 0.9 - labels / 10).astype(float)
    for weights in (np.full(5, 0.2), np.bincount(labels) / 400):
        fitted = sm.OLS(right, np.eye(5)[labels]).fit(cov_type="HC2", use_t=False).t_test(weights)
        expected = (fitted.effect[0], *fitted.conf_int()[0])
        assert evaluation.seed_interval(right[None], labels, weights, (0, 1)) == pytest.approx(
            expected
        )


def test_the_gap_of_two_splits_has_newcombes_interval():
    parts = {}
    for name, seed in (("train", 0), ("test", 1)):
        labels, probabilities = random_predictions(seed, 400)
        parts[name] = labels, probabilities, None
    table = evaluation.score_table(parts)
    table = run_cells("04_evaluate", "Newcombe", table=table)["table"].set_index("name")
    assert table["n"].tolist() == [400, 400]
    right = (table["accuracy"] * 400).round().astype(int)
    expected = confint_proportions_2indep(right["train"], 400, right["test"], 400, method="newcomb")
    assert table.loc["train", ["gap_low", "gap_high"]].tolist() == pytest.approx(expected, abs=1e-9)
    expected = evaluation.evaluate(*parts["test"][:2])
    assert table.at["test", "log_loss_high"] == expected.at["log_loss", "high"]


def test_what_cannot_be_scored_is_refused():
    wrong = [([], np.zeros((0, 3))), ([0.0, 1.0, 2.0], np.eye(3)), ([0, 1, -1], np.eye(3))]
    for case in (*wrong, ([0, 1, 2], np.ones((3, 3))), ([0, 1, 2], np.full((3, 3), np.nan))):
        with pytest.raises(DataError, match="probabilities"):
            evaluation.evaluate(*case)


def test_a_model_that_knows_more_characters_predicts_those_of_the_dataset():
    class Model:
        labels = ("a", "b", "c")

        def predict(self, images):
            return np.tile([0.5, 0.3, 0.2], (len(images), 1))

    images = np.zeros((2, 28, 28), np.uint8)
    assert evaluation.predictor(Model(), "cab")(images)[0].tolist() == [0.2, 0.5, 0.3]
    assert evaluation.predictor(Model(), "cb")(images)[0].tolist() == pytest.approx([0.4, 0.6])
    with pytest.raises(ModelError, match="abd"):
        evaluation.predictor(Model(), "abd")


def test_without_a_mistake_one_is_still_possible():
    labels = np.arange(40) % 4
    scores = evaluation.evaluate(labels, np.eye(4)[labels], writers=np.arange(40) % 5)
    lows = scores["low"][["accuracy", "balanced_accuracy", "top3"]]
    assert lows.to_numpy() == pytest.approx(evaluation.wilson(40, 40)[0])


def test_a_class_without_an_error_has_an_interval():
    labels = np.zeros(40, int)
    value, low, high = evaluation.seed_interval(np.ones((2, 40)), labels, np.array([1.0]), (0, 1))
    assert (value, high) == (1, 1)
    assert 0.93 < low < 0.99

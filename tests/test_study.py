"""The study of balancing: equal steps, validation only, resumed; and how sure its figures are."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import trained

from hcr import datasets
from hcr.datasets import balancing
from hcr.errors import ModelError, ParameterError
from hcr.evaluation import recalls, seed_interval
from hcr.models import study, training

STRATEGIES = ("none", "undersample", "class_weight", "logit_adjust")


def tiny(n_classes: int) -> keras.Model:
    """A network that is built and trained in no time."""
    return small(keras.layers.Dense(n_classes), keras.layers.Softmax())


def small(*last: keras.Layer) -> keras.Model:
    inputs = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    for layer in last:
        x = layer(x)
    return keras.Model(inputs, x, name="small")


def closed() -> datasets.Split:
    raise AssertionError("the test split was opened")


RECIPE = trained.recipe(model="test_study:tiny", batch_size=32, augmentation="none")


@pytest.fixture(scope="module")
def data() -> datasets.Dataset:
    """Digits of which the last are rare, and a test split that stays closed."""
    data = datasets.load("mnist-sample", limit=1000, imbalance_factor=20)
    chosen = datasets.split.stratified_sample(data.validation.labels, 100, 0, 10)
    data.validation = data.validation.take(chosen)
    data.read_test = closed
    return data


def compare(data, folder, strategies=STRATEGIES, seeds=(0, 1), **options) -> study.Study:
    return study.compare_strategies(data, strategies, seeds, folder, RECIPE, 6, **options)


def test_each_strategy_is_trained_with_each_seed_once(data, tmp_path, monkeypatch):
    real, left = training.train_steps, [0] * 4

    def fit_or_stop(*arguments):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return real(*arguments)

    monkeypatch.setattr(training, "train_steps", fit_or_stop)
    with pytest.raises(KeyboardInterrupt):
        compare(data, tmp_path, per_class=10)
    # Of the four, one was cut short by a full disk.
    broken = sorted(tmp_path.glob("*.npz"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    monkeypatch.setattr(training, "train_steps", real)
    result = compare(data, tmp_path, per_class=10)
    # logit_adjust corrects what none answered: two seeds of three trainings, three done before.
    assert (result.trained, len(list(tmp_path.glob("*.npz")))) == (3, 6)
    assert result.right.shape == (4, 2, 100)
    assert (result.right[3] != result.right[0]).any()
    assert result.rare == ("8", "9")
    frame = result.runs()
    assert frame[["strategy", "seed"]].to_numpy().tolist() == [
        [name, seed] for name in STRATEGIES for seed in (0, 1)
    ]
    again = compare(data, tmp_path, per_class=10)
    assert again.trained == 0
    np.testing.assert_array_equal(again.right, result.right)
    other = study.compare_strategies(data, ["none"], [0], tmp_path, RECIPE, 7)
    assert other.trained == 1, "other steps are trained anew"


@pytest.mark.parametrize(
    ("options", "word"), [({"rare": ["I"]}, "rare"), ({"strategies": ["cup"]}, "cap")]
)
def test_a_wrong_argument_is_refused_before_anything_is_trained(data, tmp_path, options, word):
    with pytest.raises(ParameterError, match=word):
        compare(data, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_probabilities_that_are_no_numbers_are_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "predict", lambda net, images: np.full((len(images), 10), np.nan))
    with pytest.raises(ModelError, match="NaN"):
        compare(data, tmp_path, ["none"], [0])
    assert not list(tmp_path.iterdir())


def test_the_measures_by_hand():
    """Of three a and one b, `none` predicts two a; `cap` two a and the b."""
    right = np.array([[[1, 1, 0, 0]], [[1, 1, 0, 1]]], bool)
    labels, shares = np.array([0, 0, 0, 1]), np.array([0.1, 0.9])
    result = study.Study(("none", "cap"), (0,), right, labels, ("a", "b"), shares, ("b",))
    frame = result.runs()
    # Recalls: 2/3 and 0; 2/3 and 1. In the training split one of ten is an a.
    assert frame["plain accuracy"].tolist() == pytest.approx([0.1 * 2 / 3, 0.1 * 2 / 3 + 0.9])
    assert frame["balanced accuracy"].tolist() == pytest.approx([1 / 3, 5 / 6])
    assert frame["recall of b"].tolist() == [0, 1]
    summary = result.summary().set_index(["strategy", "measure"])
    assert summary.loc[("cap", "plain accuracy"), "difference"] == pytest.approx(0.9)
    assert np.isnan(summary.loc[("none", "plain accuracy"), "difference"])
    assert summary.loc[("cap", "recall of b"), "n"] == 1
    # A class without validation images is left out.
    result = replace(result, labels=np.array([0, 0, 0, 0]))
    assert "recall of b" not in result.measures
    assert result.runs()["balanced accuracy"].tolist() == [0.5, 0.75]


def test_the_interval_of_one_seed_is_that_of_a_stratified_mean():
    labels = np.repeat([0, 1], [50, 200])
    right = np.zeros((1, 250))
    right[0, :40], right[0, 50:230] = 1, 1
    value, low, high = seed_interval(right, labels, np.array([0.5, 0.5]), (0, 1))
    assert value == pytest.approx((40 / 50 + 180 / 200) / 2)
    error = np.sqrt(0.25 * (0.8 * 0.2 / 49 + 0.9 * 0.1 / 199))
    assert (high - value, value - low) == pytest.approx((1.96 * error, 1.96 * error), rel=1e-3)


def test_a_bootstrap_within_the_classes_gives_the_same_interval():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [80, 150, 300])
    base = rng.random(530) < 0.9
    values = ((rng.random(530) < 0.95) & base).astype(int) - base
    weights = np.array([0.5, 0.3, 0.2])
    _, low, high = seed_interval(values[None], labels, weights, (-1, 1))
    drawn = [
        sum(
            w * rng.choice(values[labels == c], (labels == c).sum()).mean()
            for c, w in enumerate(weights)
        )
        for _ in range(4000)
    ]
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([low, high], abs=0.003)


def test_the_interval_of_many_images_is_that_of_the_seeds():
    labels = np.zeros(10**5, int)
    shares = [0.80, 0.82, 0.87]
    right = np.array([np.arange(10**5) < share * 10**5 for share in shares])
    value, _, high = seed_interval(right, labels, np.array([1.0]), (0, 1))
    assert value == pytest.approx(np.mean(shares))
    # Student's t of two degrees of freedom.
    assert high - value == pytest.approx(4.303 * np.std(shares, ddof=1) / np.sqrt(3), rel=0.02)


def test_a_class_without_an_error_has_an_interval():
    labels = np.zeros(40, int)
    value, low, high = seed_interval(np.ones((2, 40)), labels, np.array([1.0]), (0, 1))
    assert (value, high) == (1, 1)
    assert 0.93 < low < 0.99
    value, low, high = seed_interval(np.zeros((2, 40)), labels, np.array([1.0]), (-1, 1))
    assert value == 0
    assert low == pytest.approx(-high)
    assert 0.02 < high < 0.08


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, held, labels = np.random.default_rng(0), 0, np.repeat(np.arange(10), 60)
    for _ in range(300):
        easy = rng.beta(9, 1, 600)
        networks = [rng.random(600) < easy + rng.normal(0, 0.005) for _ in range(3)]
        _, low, high = seed_interval(np.array(networks), labels, np.full(10, 0.1), (0, 1))
        held += low <= 0.9 <= high
    assert 0.92 <= held / 300 <= 0.995


def test_recalls_of_classes_without_images_are_undefined():
    found = recalls(np.array([1, 0, 1]), np.array([0, 0, 2]), 3)
    np.testing.assert_array_equal(found, [0.5, np.nan, 1])


@pytest.mark.parametrize(
    "last",
    [
        (keras.layers.Dense(3), keras.layers.Softmax()),
        (keras.layers.Dense(3, activation="softmax"),),
        (keras.layers.Dense(3), keras.layers.Activation("softmax")),
    ],
)
def test_every_usual_end_of_a_network_can_be_shifted_and_comes_back(last):
    net, images = small(*last), np.arange(4 * 784, dtype=np.uint8).reshape(4, 28, 28)
    shares = np.array([0.7, 0.2, 0.1])
    before = training.predict(net, images)
    with training._shifted(net, np.log(shares)):
        found = training.predict(net, images)
    np.testing.assert_allclose(found, balancing.adjust(before, shares), atol=1e-6)
    np.testing.assert_array_equal(training.predict(net, images), before)


@pytest.mark.parametrize(
    "last",
    [
        (keras.layers.Dense(3, use_bias=False), keras.layers.Softmax()),
        (keras.layers.Dense(3, activation="relu"), keras.layers.Softmax()),
        (keras.layers.Dense(3, activation="sigmoid"),),
        (keras.layers.Dense(3), keras.layers.ReLU(), keras.layers.Softmax()),
    ],
)
def test_a_network_that_ends_otherwise_is_refused(last):
    said = pytest.raises(ModelError, match="Softmax")
    with said, training._shifted(small(*last), np.zeros(3)):
        pass

"""The study of balancing: equal steps, validation only, resumed; and how sure its figures are."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import trained

from hcr import datasets, models
from hcr.datasets import balancing
from hcr.errors import ModelError, ParameterError
from hcr.evaluation import seed_interval
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
    return models.compare_strategies(data, strategies, seeds, folder, RECIPE, 6, **options)


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
    broken = sorted(tmp_path.glob("*.npy"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    monkeypatch.setattr(training, "train_steps", real)
    result = compare(data, tmp_path, per_class=10)
    # logit_adjust corrects what none answered: two seeds of three trainings, three done before.
    assert (result.trained, len(list(tmp_path.glob("*.npy")))) == (3, 6)
    assert list(result.right) == list(STRATEGIES)
    assert result.right["none"].shape == (2, 100)
    assert (result.right["logit_adjust"] != result.right["none"]).any()
    assert result.rare == ("8", "9")
    frame = result.runs()
    expected = [[name, seed] for name in STRATEGIES for seed in (0, 1)]
    assert frame[["strategy", "seed"]].to_numpy().tolist() == expected
    again = compare(data, tmp_path, per_class=10)
    assert again.trained == 0
    assert again.runs().equals(frame)
    other = study.compare_strategies(data, ["none"], [0], tmp_path, RECIPE, 7)
    assert other.trained == 1, "other steps are trained anew"


@pytest.mark.parametrize(
    ("options", "word"), [({"rare": ["I"]}, "rare"), ({"strategies": ["cup"]}, "cap")]
)
def test_a_wrong_argument_is_refused_before_anything_is_trained(data, tmp_path, options, word):
    with pytest.raises(ParameterError, match=word):
        compare(data, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_the_measures_by_hand():
    """Of three a and one b, `none` predicts two a; `cap` two a and the b."""
    right = {"none": np.array([[1, 1, 0, 0]], bool), "cap": np.array([[1, 1, 0, 1]], bool)}
    labels, shares = np.array([0, 0, 0, 1]), np.array([0.1, 0.9])
    result = study.Study(right, (0,), labels, ("a", "b"), shares, ("b",))
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


def test_a_class_without_an_error_has_an_interval():
    labels = np.zeros(40, int)
    value, low, high = seed_interval(np.ones((2, 40)), labels, np.array([1.0]), (0, 1))
    assert (value, high) == (1, 1)
    assert 0.93 < low < 0.99


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, held, labels = np.random.default_rng(0), 0, np.repeat(np.arange(10), 60)
    for _ in range(300):
        easy = rng.beta(9, 1, 600)
        networks = [rng.random(600) < easy + rng.normal(0, 0.005) for _ in range(3)]
        _, low, high = seed_interval(np.array(networks), labels, np.full(10, 0.1), (0, 1))
        held += low <= 0.9 <= high
    assert 0.92 <= held / 300 <= 0.995


@pytest.mark.parametrize(
    "last",
    [
        (keras.layers.Dense(10, activation="softmax"),),
        (keras.layers.Dense(10, use_bias=False), keras.layers.Softmax()),
        (keras.layers.Dense(10), keras.layers.ReLU(), keras.layers.Softmax()),
    ],
)
def test_a_network_whose_prior_cannot_be_taken_out_is_refused(data, last):
    plan = balancing.plan(data.train.labels, "logit_adjust")
    with pytest.raises(ModelError, match="Softmax"):
        models.train(data, RECIPE, plan, net=small(*last))

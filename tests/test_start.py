"""Trainings that begin from another network's weights, and whether that was of use."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import trained
from test_training import StoppedError, assert_same, same_weights, stop_after

from hcr import models, reports
from hcr.datasets import balancing
from hcr.errors import ModelError, ParameterError
from hcr.evaluation import metrics
from hcr.models import training, weights
from hcr.models.losses import loss_of

DIGITS = tuple("0123456789")
LOW = {"learning_rate": 1e-4, "epochs": 2, "augmentation": "none"}


@pytest.fixture(scope="module")
def start() -> str:
    """The folder of the small run, which reads ten digits."""
    return str(trained.run()[0])


def relu_small(n_classes: int) -> keras.Model:
    """A network with the arrays of `hcr_small`, which makes something else of them."""
    net = models.build("hcr_small", n_classes)
    dropped = keras.layers.Lambda(lambda x: x * 0.5)

    def clone(layer):
        return layer.__class__.from_config(layer.get_config())

    inputs = keras.Input((28, 28), dtype="uint8")
    x = inputs
    for layer in net.layers[1:]:
        x = clone(layer)(x)
        if x.shape[1:] == net.layers[2].output.shape[1:] and dropped is not None:
            x, dropped = dropped(x), None
    return keras.Model(inputs, x, name="halved")


# Training


def test_it_begins_with_those_weights(start, tmp_path, capsys):
    _, before = trained.run()
    data = trained.data()
    fitted = trained.fit(tmp_path, start=start, **LOW)
    assert fitted.begun.found == training.validate(before.model, data.validation)
    answers = training.predict(before.model, data.validation.images)
    assert fitted.begun.predicted.tolist() == answers.argmax(axis=1).tolist()
    assert capsys.readouterr().out.splitlines()[0].startswith(f"begins from {start}  val_loss ")
    # So small steps leave it near where it was; from random weights it would be far from there.
    anew = trained.fit(tmp_path / "anew", **LOW)
    assert anew.begun is None
    losses = [each.history["val_loss"].iloc[0] for each in (before, fitted, anew)]
    assert losses[1] < before.history["val_loss"].iloc[-1] + 0.02 < losses[2]
    assert fitted.history["epoch"].tolist() == [1, 2]


def test_where_no_epoch_reads_better_its_start_is_kept_and_exported(start, tmp_path):
    _, before = trained.run()
    spoilt = {"learning_rate": 0.9, "epochs": 2, "augmentation": "none", "schedule": "constant"}
    for _ in range(2):  # the second is read from the checkpoint
        fitted = trained.fit(tmp_path / "ck", start=start, **spoilt)
        assert fitted.history["val_balanced_accuracy"].max() < fitted.begun.found["val_accuracy"]
        assert fitted.best_epoch == 0
        assert fitted.best == fitted.begun.found
        assert same_weights(fitted.model, before.model)
    assert fitted.trained == 0
    files_ = tmp_path / "model.keras", tmp_path / "model.tflite"
    training.export(fitted, *files_, trained.data().validation.images)
    assert same_weights(keras.saving.load_model(files_[0]), before.model)


def test_the_last_epoch_is_kept_where_that_is_asked_for(start, tmp_path):
    spoilt = {"learning_rate": 0.9, "epochs": 2, "augmentation": "none", "schedule": "constant"}
    for _ in range(2):  # the second is read from the checkpoint
        fitted = trained.fit(tmp_path, start=start, keep="last", **spoilt)
        assert fitted.best_epoch == 2
        assert fitted.best["val_accuracy"] < fitted.begun.found["val_accuracy"]
        found = training.validate(fitted.model, trained.data().validation)
        assert found["val_accuracy"] == fitted.best["val_accuracy"]
    with pytest.raises(ParameterError, match="keep=last"):
        trained.recipe(keep="last", patience=2)


def test_a_mean_of_two_begins_from_two(tmp_path):
    pictures, answers = trained.data().validation.images[:20], []
    for i in range(2):
        keras.utils.set_random_seed(i)
        each = models.build("hcr_net", 10)
        # Batch norms of their own, too.
        each.set_weights(
            [w + 0.01 * np.random.default_rng(i).random(w.shape) for w in each.get_weights()]
        )
        each.save(tmp_path / f"{i}.keras")
        answers.append(training.predict(each, pictures))
    net = models.build("hcr_pair", 10)
    names = f"{tmp_path / '0.keras'}, {tmp_path / '1.keras'}"
    weights.take_over(net, names)
    assert np.abs(training.predict(net, pictures) - np.mean(answers, axis=0)).max() < 1e-6
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
    net.save(tmp_path / "both.keras")
    other = models.build("hcr_pair", 10)
    weights.take_over(other, str(tmp_path / "both.keras"))
    assert same_weights(net, other)
    for name in ("hcr_net", "hcr_pair"):
        with pytest.raises(ModelError, match="at most"):
            weights.take_over(models.build(name, 10), f"{names},{tmp_path / '0.keras'}")


def test_of_equals_the_start_is_kept(start, tmp_path, monkeypatch):
    _, before = trained.run()
    score = {"val_loss": 1.0, "val_accuracy": 0.5, "val_balanced_accuracy": 0.5}
    monkeypatch.setattr("hcr.models.checkpoint.validate", lambda net, split: dict(score))
    monkeypatch.setattr("hcr.models.weights.measured", lambda answers, split: dict(score))
    fitted = trained.fit(tmp_path / "same", start=start, **LOW)
    assert fitted.best_epoch == 0
    assert same_weights(fitted.model, before.model)
    # And patience counts from it.
    assert (
        len(trained.fit(tmp_path / "few", start=start, **LOW | {"epochs": 9}, patience=3).history)
        == 3
    )
    monkeypatch.setattr(
        "hcr.models.checkpoint.validate",
        lambda net, split: score | {"val_balanced_accuracy": 0.51},
    )
    fitted = trained.fit(tmp_path / "better", start=start, **LOW)
    assert fitted.best_epoch == 1
    assert fitted.best["val_balanced_accuracy"] == 0.51
    assert not same_weights(fitted.model, before.model)


def test_a_stop_changes_no_bit(start, tmp_path, monkeypatch):
    how = {"start": start, **LOW, "ema": 0.9, "augmentation": "affine"}
    whole = trained.fit(tmp_path / "whole", **how)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(StoppedError):
            trained.fit(tmp_path / "stopped", **how)
    resumed = trained.fit(tmp_path / "stopped", **how)
    assert resumed.trained == 1
    assert_same(resumed, whole)
    assert resumed.begun.found == whole.begun.found


def test_the_checkpoint_hangs_on_the_weights_and_not_on_their_name(start, tmp_path):
    first = trained.fit(tmp_path / "ck", start=start, **LOW)
    shutil.copytree(start, tmp_path / "moved")
    moved = trained.fit(tmp_path / "ck", start=str(tmp_path / "moved"), **LOW)
    assert (first.trained, moved.trained) == (2, 0)
    other = keras.saving.load_model(tmp_path / "moved" / "model.keras")
    other.set_weights([each * 0.999 for each in other.get_weights()])
    other.save(tmp_path / "moved" / "model.keras")
    assert trained.fit(tmp_path / "ck", start=str(tmp_path / "moved"), **LOW).trained == 2
    assert trained.fit(tmp_path / "ck", **LOW).trained == 2


def test_a_training_by_steps_begins_there_too(start):
    data = trained.data()
    plan = balancing.plan(data.train.labels)
    losses = [
        training.validate(
            training.fit_steps(trained.recipe(**LOW, start=each), data.train, plan, 10, 1),
            data.validation,
        )["val_loss"]
        for each in (start, None)
    ]
    assert losses[0] < 1.3 < losses[1]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("hcr_net", "A training of hcr_net must begin from a hcr_net. Received: hcr_small with"),
        ("test_start:relu_small", "hcr_small, whose weights fit, but which answers otherwise"),
    ],
)
def test_weights_of_another_network_are_refused(start, tmp_path, monkeypatch, model, told):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    with pytest.raises(ModelError, match=told) as error:
        trained.fit(tmp_path, start=start, model=model, **LOW)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("epoch-*"))


# Classes that the new pictures lack


def test_little_is_asked_of_a_class_that_is_not_there():
    """With the prior taken out by the loss: its answer is hardly pushed down."""
    labels = np.repeat([0, 1], 50)
    split = trained.data().train.take(np.arange(100))
    pushes = {}
    for loss in ("balanced_softmax", "cross_entropy"):
        recipe = trained.recipe(loss=loss)
        given = type(split)(split.images, labels)
        function = keras.losses.get(loss_of(recipe, balancing.plan(labels), given, 3))
        answers = np.full((1, 3), 1 / 3, np.float32)

        def value(p, function=function):
            p = np.array(p, np.float32) / np.sum(p)
            return float(keras.ops.mean(function(np.array([0]), p[None].astype(np.float32))))

        more = answers[0] * np.exp([0, 0, 0.01])
        pushes[loss] = (value(more) - value(answers[0])) / 0.01
    assert np.isfinite(list(pushes.values())).all()
    # The derivative by its logit is its share of the answer: a third, or half a picture in 101.
    assert pushes["cross_entropy"] == pytest.approx(1 / 3, abs=0.01)
    assert pushes["balanced_softmax"] == pytest.approx(0.5 / 100.5, abs=0.002)


# Whether it got better


@pytest.mark.parametrize(
    ("right", "sure"),
    [
        ([0] * 40 + [1] * 60, "better"),
        ([1] * 51 + [0] * 49, "not surely better or worse"),
        ([0] * 100, "worse"),
        (None, "it reads all as before"),
    ],
)
def test_the_verdict_says_no_more_than_the_figures(right, sure):
    labels = np.zeros(100, int)
    before = np.array([0] * 50 + [1] * 50)
    predicted = before if right is None else 1 - np.array(right)
    if sure == "better":
        before, predicted = np.ones(100, int), 1 - np.array(right)
    found = reports.against(labels, predicted, before, "chosen on them", "", on=", here")
    start, balanced, gain = found
    assert [each.label for each in found] == [
        "Accuracy of its start, here",
        "Class-balanced accuracy of its start, here",
        "Accuracy gained over its start, here",
    ]
    # There is one class.
    assert balanced.value == start.value
    ends = metrics.wilson(int((before == 0).sum()), 100)
    assert start.note == metrics.interval_text(*ends, 100)
    assert balanced.note.startswith("95 %: ")
    assert gain.note.startswith(f"{sure}; 95 %: ")
    assert gain.note.endswith("; n = 100, the same for both; chosen on them")
    assert (gain.value["low"] > 0) == (sure == "better")
    assert (gain.value["high"] < 0) == (sure == "worse")
    assert start.value == (before == 0).mean()
    assert gain.value["difference"] == pytest.approx((predicted == 0).mean() - start.value)
    assert "-" not in gain.text
    assert reports.against(labels, predicted, None) == []

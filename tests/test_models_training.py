"""Training: the same bits twice, and after every kind of stop; what each lever does to a step."""

import resource
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import trained
from scipy.special import log_softmax
from tensorflow.compat.v1.train import summary_iterator

from hcr import models
from hcr.datasets import Split, balancing
from hcr.errors import ModelError, ParameterError, RunError, TrainingInterrupt
from hcr.models import backend, convert, objective, training
from hcr.models.augment import Switch
from hcr.recognizer import Recognizer

OWN = """
from keras import callbacks, layers
from hcr.models import classifier, image_input

def net(n_classes):
    inputs, x = image_input()
    x = layers.AveragePooling2D(4)(x)
    x = layers.BatchNormalization()(layers.Flatten()(x))
    return classifier(inputs, layers.Dropout(0.2)(x), n_classes, "own")

heard = []

def stop():
    return [callbacks.EarlyStopping(mode="max")]  # of the loss, which falls

def watch():
    told = {"on_train_end": lambda logs: heard.append("end")}
    told["on_epoch_end"] = lambda epoch, logs: heard.append(epoch)
    return [callbacks.LambdaCallback(**told)]
"""
SMALL = {"model": "own_network_of_training:net", "augmentation": "none", "batch_size": 100}


class StoppedError(Exception):
    """Stands for whatever ends a training."""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch) -> Path:
    """The module of a small network with a batch norm and a dropout, on the path."""
    (tmp_path / "path").mkdir()
    source = tmp_path / "path" / "own_network_of_training.py"
    source.write_text(OWN)
    monkeypatch.syspath_prepend(source.parent)
    monkeypatch.delitem(sys.modules, source.stem, raising=False)
    return source


def numpy(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


def assert_same(first: training.TrainingResult, second: training.TrainingResult) -> None:
    """Bit for bit the same network and history; times aside."""
    histories = [each.history.drop(columns="epoch_seconds") for each in (first, second)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    assert first.best_epoch == second.best_epoch
    assert trained.same_weights(first.net, second.net)


def stopped(folder: Path, epoch: int, **changed) -> Path:
    """The checkpoints of a training that ended when `epoch` was reported."""

    def report(text: str, **options) -> None:
        if text.startswith(f"epoch {epoch}/"):
            raise StoppedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "print", report, raising=False)
        with pytest.raises(StoppedError):
            trained.train(folder, **changed)
    return folder


def scores(*balanced: float):
    """A stand-in for `validate`, with these class-balanced accuracies in their order."""
    rest = iter(balanced)
    known = {"val_loss": 1.0, "val_accuracy": 0.5}
    return lambda net, split: ({**known, "val_balanced_accuracy": next(rest)}, None)


# The loop


def test_it_learns_and_reports():
    _, result = trained.run()
    history = result.history
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_balanced_accuracy"]
    assert list(history) == [*columns, "learning_rate", "epoch_seconds"]
    assert history["loss"].is_monotonic_decreasing
    assert history["val_accuracy"].iloc[-1] > 0.5
    assert result.trained == trained.EPOCHS
    assert result.best_epoch == history["val_balanced_accuracy"].argmax() + 1
    again, _ = training.validate(result.net, trained.data().validation)
    assert again == pytest.approx({key: result.best[key] for key in again})


def test_the_same_seed_gives_the_same_bits_and_a_stop_changes_none(tmp_path, capsys):
    _, whole = trained.run()
    folder = stopped(tmp_path, 2)
    seen = []
    note = lambda history: seen.append(len(history))  # noqa: E731
    resumed = models.train(trained.data(), trained.recipe(), folder=folder, after_epoch=note)
    assert resumed.trained == 1
    assert seen == [2, 3]
    assert_same(resumed, whole)
    assert "found epoch 2/3" in capsys.readouterr().out
    finished = trained.train(folder)
    assert finished.trained == 0
    assert_same(finished, whole)


def test_a_training_stopped_by_hand_goes_on_when_its_cell_is_run_again(tmp_path, capsys):
    """With the network and augmentation of the first time; with another rate it begins anew."""
    how = {"net": models.build("hcr_small", 10, 0), "augment": models.augmentation("affine", 0)}
    lines = []

    def stop(history) -> None:
        lines.append(models.progress(trained.recipe(), history))
        if len(lines) == 2:
            raise KeyboardInterrupt

    def train(**changed):
        recipe = trained.recipe(**changed)
        return models.train(trained.data(), recipe, folder=tmp_path, after_epoch=stop, **how)

    with pytest.raises(TrainingInterrupt, match="epoch 2 of 3"):
        train()
    assert_same(train(), trained.run()[1])
    assert "Epoch 2 of 3" in lines[2]
    assert "anew" not in capsys.readouterr().out
    assert train(learning_rate=1e-3).trained == 3
    assert "anew" in capsys.readouterr().out


# Processors without AVX-512 cannot convolve such numbers.
PRECISION = "mixed_bfloat16" if backend.has_bfloat16() else "float32"
LEVERS = {
    "averaged": {
        "ema": 0.9, "label_smoothing": 0.1, "weight_decay": 0.1, "augmentation": "pen",
        "final_epochs_without_augmentation": 1,
    },
    "distilled": {"teacher": "run", "loss": "balanced_softmax", "precision": PRECISION},
    "clipped": {"clipnorm": 0.1, "schedule": "plateau", "plateau_patience": 0},
    "descended": {
        "optimizer": "sgd", "momentum": 0.3, "dropout": 0.4, "steps_per_epoch": 3,
        "learning_rate": 0.1, "clipnorm": 0.5,
    },
    "started": {"start": "run", "model": "hcr_small", "learning_rate": 1e-4},
}  # fmt: skip


@pytest.mark.parametrize("name", LEVERS)
def test_a_resumed_training_ends_with_the_same_bits(name, tmp_path):
    run = str(trained.run()[0])
    changed = {key: run if value == "run" else value for key, value in LEVERS[name].items()}
    changed = {**SMALL, "epochs": 2, **changed}
    whole = trained.train(tmp_path / "whole", **changed)
    resumed = trained.train(stopped(tmp_path / "stopped", 1, **changed), **changed)
    assert resumed.trained == 1
    assert_same(resumed, whole)
    ends = [saved_arrays(tmp_path / folder) for folder in ("whole", "stopped")]
    assert all(map(np.array_equal, *ends))
    # What was evaluated is what is returned, and it is a plain network of 32 bits.
    again, _ = training.validate(resumed.net, trained.data().validation)
    assert again == pytest.approx({key: resumed.best[key] for key in again})
    assert {each.compute_dtype for each in resumed.net.layers[1:]} == {"float32"}


def saved_arrays(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "checkpoint.npz") as saved:
        return [saved[key] for key in saved.files if key != "state"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_weights(path: Path) -> None:
    with np.load(path) as saved:
        np.savez(path, **{key: saved[key] for key in saved.files} | {"best_0": np.ones(3)})


@pytest.mark.parametrize("damage", [cut, other_weights, lambda path: path.write_bytes(b"")])
def test_a_damaged_checkpoint_and_one_of_another_training_are_left_out(tmp_path, damage):
    path = tmp_path / "checkpoint.npz"
    progress = training.Progress([{"epoch": 1, "loss": 2.0}], 1, [np.arange(3.0)])
    assert training.load_checkpoint(path, "key") is None
    training.save_checkpoint(path, "key", progress, [np.arange(4.0)])
    loaded, variables = training.load_checkpoint(path, "key")
    assert (loaded.rows, loaded.best_epoch) == (progress.rows, 1)
    np.testing.assert_array_equal(loaded.best[0], progress.best[0])
    np.testing.assert_array_equal(variables[0], np.arange(4.0))
    assert training.load_checkpoint(path, "other") is None
    damage(path)
    assert training.load_checkpoint(path, "key") is None


def test_a_full_disk_is_reported_and_training_goes_on_later(tmp_path):
    changed = {**SMALL, "epochs": 2}
    folder = stopped(tmp_path / "checkpoints", 1, **changed)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(RunError, match="checkpoints"):
            trained.train(folder, **changed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    resumed = trained.train(folder, **changed)
    assert resumed.trained == 1
    assert_same(resumed, trained.train(**changed))


def test_a_checkpoint_is_of_one_recipe_network_plan_data_and_code(own):
    data, plan = trained.data(), balancing.plan(trained.data().train.labels)

    def key(changed=(), plan=plan, data=data, net=None, loss=None) -> str:
        recipe = trained.recipe(**{**SMALL, **dict(changed)})
        net = net or models.build(recipe.model, 10, recipe.seed)
        return training._key(net, recipe, data, plan, loss)

    heavy = balancing.Plan(plan.indices, plan.weights * 2, "")
    other = replace(data, validation=data.validation.take(np.arange(99)))
    plain = models.build(SMALL["model"], 10, 0)
    wider = keras.layers.Dropout(0.5)(plain.get_layer("logits").input)
    wider = models.classifier(plain.input, wider, 10, "own")
    wider.set_weights(plain.get_weights())
    keys = [key(), key({"epochs": 4}), key({"seed": 1}), key({"ema": 0.9})]
    keys += [key({"model": "hcr_small"}), key({"augmentation": "affine"}), key(plan=heavy)]
    keys += [key(data=other), key(net=wider), key(loss=keras.losses.CategoricalHinge())]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0], "Keras' counted names have no say"
    layers = [models.augmentation("pen", 0) for _ in range(2)]
    assert key(loss=layers[0]) == key(loss=layers[1])
    own.write_text(OWN + "# changed\n")
    assert key() != keys[0]


def test_the_best_epochs_weights_are_kept_and_of_equals_the_first(monkeypatch):
    monkeypatch.setattr(training, "validate", scores(0.4, 0.9, 0.9))
    assert trained.train(**SMALL).best_epoch == 2
    monkeypatch.setattr(training, "validate", scores(0.9, 0.4, 0.1))
    assert trained.train(**SMALL, keep="last").best_epoch == 3


def test_early_stopping_is_for_good(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "validate", scores(0.3, 0.5, 0.4, 0.5, 0.9))
    for trained_now in (4, 0):
        result = trained.train(tmp_path / "c", **SMALL, epochs=8, patience=2)
        # As good as the best so far is no better.
        assert (result.best_epoch, result.trained, len(result.history)) == (2, trained_now, 4)


def test_a_callback_hears_each_epoch_once_also_of_a_resumed_training(tmp_path, own):
    how = {**SMALL, "callbacks": f"{own.stem}:watch", "tensorboard": True}
    trained.train(stopped(tmp_path / "checkpoints", 1, **how), **how)
    assert sys.modules[own.stem].heard == [0, "end", 1, 2, "end"]
    files = sorted(tmp_path.glob("tensorboard/*"))
    events = [event for path in files for event in summary_iterator(str(path))]
    told = [(event.step, each.tag) for event in events for each in event.summary.value]
    assert [step for step, tag in told if tag == "val_loss"] == [0, 1, 2]
    assert len(trained.train(**{**how, "callbacks": f"{own.stem}:stop"}).history) == 2
    with pytest.raises(ModelError, match="list"):
        trained.train(**{**how, "callbacks": "hcr.runs:now"})


def test_refit_trains_on_both_splits_and_keeps_the_last_epoch(monkeypatch):
    drawn, real = [], training.Batches
    note = lambda *given: drawn.append(len(given[3])) or real(*given)  # noqa: E731
    monkeypatch.setattr(training, "Batches", note)
    result = trained.train(**SMALL, refit="all")
    assert (drawn, result.best_epoch) == ([500] * 3, 3)
    assert not [name for name in result.history if name.startswith("val")]


def test_auto_follows_the_flags_and_a_training_goes_on_as_it_began(tmp_path, monkeypatch):
    how = {**SMALL, "epochs": 2, "precision": "auto"}
    monkeypatch.setattr(backend, "has_bfloat16", lambda: True)
    monkeypatch.setattr(backend.environment, "hardware", lambda: {"amx": False, "bfloat16": True})
    stopped(tmp_path, 1, **how)
    monkeypatch.setattr(backend.environment, "hardware", lambda: {"amx": True})
    assert backend.precision("auto") == "mixed_bfloat16"
    assert trained.train(tmp_path, **how).precision == "float32"


def test_a_recipe_that_cannot_be_is_refused():
    for key, word in (("augmentation", "affine"), ("loss", "balanced_softmax")):
        with pytest.raises(ParameterError, match=word):
            trained.recipe(**{key: word[:-2]})
    never = {"refit": "all", "schedule": "plateau"}
    for changed in ({"momentum": 0.9}, {"optimizer": "adamw"}, never):
        with pytest.raises(ParameterError, match="must"):
            trained.recipe(**changed)


def test_dropout_of_the_recipe_is_that_of_the_network():
    net = convert.copied(models.build(SMALL["model"], 10, 0), dropout=0.5)
    assert net.layers[-3].rate == 0.5
    with pytest.raises(ParameterError, match="dropout"):
        trained.train(model="mnist_nist", dropout=0.2)


def test_a_loss_or_probabilities_that_are_no_numbers_end_it(tmp_path):
    with pytest.raises(ModelError, match="learning_rate"):
        trained.train(tmp_path / "c", learning_rate=1e38, augmentation="none")
    assert not (tmp_path / "c").exists()
    net = models.build(SMALL["model"], 10)
    net.set_weights([each * np.nan for each in net.get_weights()])
    with pytest.raises(ModelError, match="NaN"):
        training.validate(net, trained.data().validation)


def test_an_epoch_holds_each_image_of_the_plan_once_in_an_order_of_seed_and_epoch():
    train = trained.data().train
    plan = balancing.plan(train.labels, "oversample", per_class=50)
    plan = balancing.Plan(plan.indices, 1 + train.labels[plan.indices].astype(np.float32), "")
    recipes = [trained.recipe(seed=seed) for seed in (0, 0, 1)]
    orders = [training._order(*each, 500) for each in zip(recipes, (1, 2, 1), strict=True)]
    assert len({order.tobytes() for order in orders}) == 3
    assert sorted(orders[0]) == list(range(500))
    # Epochs of 3 steps are stretches of the same passes.
    short = trained.recipe(batch_size=90, steps_per_epoch=3)
    drawn = np.concatenate([training._order(short, epoch, 500) for epoch in range(1, 5)])
    np.testing.assert_array_equal(drawn[:1000], np.concatenate(orders[:2]))
    assert (len(drawn), short.steps(500)) == (4 * 270, 3 * trained.EPOCHS)
    batches = training.Batches(train.images, train.labels, plan, orders[0], 64)
    parts = zip(*(batches[i] for i in range(len(batches))), strict=True)
    images, labels, weights = map(np.concatenate, parts)
    drawn = plan.indices[orders[0]]
    np.testing.assert_array_equal(images, train.images[drawn])
    np.testing.assert_array_equal(labels, train.labels[drawn])
    np.testing.assert_array_equal(weights, 1 + labels)


# The loss


def after(steps: int, split: Split, n_classes: int, **changed) -> keras.Model:
    """A small network after so many steps on `split`."""
    known = replace(trained.data().info, characters=tuple("0123456789"[:n_classes]))
    data = replace(trained.data(), info=known, train=split, validation=split)
    recipe = trained.recipe(**SMALL, **changed, steps_per_epoch=steps)
    return models.train(data, replace(recipe, epochs=1)).net


def probabilities(n: int = 6, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits and their softmax."""
    logits = np.random.default_rng(0).normal(0, 2, (n, classes))
    return logits, np.exp(log_softmax(logits, axis=1)).astype(np.float32)


def test_the_loss_is_the_cross_entropy_that_it_is_said_to_be():
    logits, p = probabilities()
    labels, ones = np.array([0, 1, 2, 3, 3, 0]), np.eye(4)[[0, 1, 2, 3, 3, 0]]
    usual = numpy(keras.losses.sparse_categorical_crossentropy(labels, p)).mean()
    assert numpy(objective.CrossEntropy()(labels, p)) == pytest.approx(usual, rel=1e-5)
    smooth = 0.8 * ones + 0.2 / 4
    expected = -(smooth * log_softmax(logits, axis=1)).sum(axis=1).mean()
    assert numpy(objective.CrossEntropy(0.2)(labels, p)) == pytest.approx(expected, rel=1e-5)
    shift = np.log([[0.1, 0.2, 0.3, 0.4]])
    expected = -(ones * log_softmax(logits + shift, axis=1)).sum(axis=1).mean()
    loss = objective.CrossEntropy(shift=shift)
    assert numpy(loss(labels, p)) == pytest.approx(expected, rel=1e-5)
    # It learns from a prediction that is all wrong.
    wrong = np.array([[1.0, 1e-30]], np.float32)
    loss = objective.CrossEntropy()(np.array([1]), wrong)
    assert numpy(loss) == pytest.approx(30 * np.log(10), rel=1e-4)


def test_balanced_softmax_adds_the_prior_that_the_loss_sees():
    labels = np.repeat([0, 1, 2], [10, 30, 60])
    split, plan = Split(np.zeros((100, 28, 28), np.uint8), labels), balancing.plan(labels)
    assert models.loss(trained.recipe(), plan, split, 4) == "sparse_categorical_crossentropy"
    assert models.loss(trained.recipe(label_smoothing=0.1), plan, split, 4).shift is None
    balanced = trained.recipe(loss="balanced_softmax")
    # The class that training never shows counts as half an image.
    expected = np.log(np.array([10, 30, 60, 0.5]) / 100.5)
    np.testing.assert_allclose(models.loss(balanced, plan, split, 4).shift[0], expected, rtol=1e-6)
    even = balancing.plan(labels, "class_weight")
    shift = models.loss(balanced, even, split, 3).shift
    np.testing.assert_allclose(shift, np.log([[1 / 3] * 3]), rtol=1e-6)
    with pytest.raises(ParameterError, match="once"):
        models.loss(balanced, balancing.plan(labels, "logit_adjust"), split, 3)
    # Blank images tell nothing: all that is left to learn is how frequent each class is.
    for loss, expected in (("cross_entropy", [0.1, 0.3, 0.6]), ("balanced_softmax", [1 / 3] * 3)):
        net = after(60, split, 3, loss=loss, learning_rate=0.2)
        np.testing.assert_allclose(models.predict(net, split.images[:1])[0], expected, atol=0.02)


def test_each_dataset_of_several_has_its_own_prior():
    # Images that tell nothing but their dataset: bright ones of the second, of other shares.
    number = np.arange(600)
    sources = number % 2
    labels = np.where(sources, number % 20 < 18, number % 20 < 4).astype(np.int64)
    images = np.broadcast_to((40 + 180 * sources)[:, None, None], (600, 28, 28)).astype(np.uint8)
    split, plan = Split(images, labels, sources=sources), balancing.plan(labels)
    recipe = trained.recipe(**SMALL, loss="balanced_softmax", learning_rate=0.01)
    loss = models.loss(recipe, plan, split, 2)
    np.testing.assert_allclose(np.exp(loss.shift), [[0.8, 0.2], [0.1, 0.9]], rtol=1e-5)
    net = after(300, split, 2, loss="balanced_softmax", learning_rate=0.01)
    predicted = models.predict(net, images[:2])
    np.testing.assert_allclose(predicted, 0.5, atol=0.1)
    _, p = probabilities(4, 2)
    assert numpy(objective.accuracy(p.argmax(axis=1) + 2 * np.array([0, 1, 0, 1]), p)).all()


def test_the_prior_is_taken_out_of_the_logits_after_training():
    plan = balancing.plan(trained.data().train.labels, "logit_adjust")
    plain, adjusted = (trained.train(plan=each, **SMALL, keep="last") for each in (None, plan))
    shift = plan.shift(trained.data().train.labels, 10)
    biases = [each.net.get_layer("logits").get_weights()[1] for each in (plain, adjusted)]
    np.testing.assert_allclose(biases[0] - biases[1], shift, atol=1e-5)


# Optimizer, averages, precision, distillation


@pytest.mark.parametrize(
    ("losses", "patience", "lowered"),
    [
        ([], 2, 0),
        # Two epochs without a lower loss are waited for; the third is one too many.
        ([1.0, 1.0, 1.0], 2, 0),
        ([1.0, 2.0, 1.9, 1.8], 2, 1),
        # A lower one between them restarts the count.
        ([1.0, 1.1, 1.2, 0.9, 1.0, 1.0], 2, 0),
        # Lower by less than a ten-thousandth is not lower.
        ([1.0, 0.99995, 0.99995], 0, 2),
    ],
)
def test_a_plateau_lowers_the_rate_when_it_has_waited(losses, patience, lowered):
    levers = {"plateau_patience": patience, "plateau_factor": 0.25}
    recipe = trained.recipe(learning_rate=0.5, schedule="plateau", **levers)
    assert objective.plateau_rate(recipe, losses) == 0.5 * 0.25**lowered


def test_the_other_schedules_follow_from_the_step():
    def rates(schedule: str, at: list[int]) -> list[float]:
        optimizer = models.optimizer(trained.recipe(learning_rate=0.5, schedule=schedule), 100)
        optimizer.build([])
        values = []
        for step in at:
            optimizer.iterations.assign(step)
            values.append(float(optimizer.learning_rate))
        return values

    assert rates("constant", [0, 50, 100]) == [0.5, 0.5, 0.5]
    np.testing.assert_allclose(rates("cosine", [0, 5, 52, 100]), [0.05, 0.5, 0.256, 0], atol=2e-3)


def test_weight_decay_takes_from_kernels_alone():
    layers = [keras.layers.Dense(2, bias_initializer="ones"), keras.layers.BatchNormalization()]
    net = keras.Sequential([keras.Input((3,)), *layers])
    recipe = trained.recipe(schedule="constant", learning_rate=0.1, weight_decay=0.2)
    optimizer = models.optimizer(recipe, 10)
    before = [numpy(each) for each in net.trainable_variables]
    optimizer.build(net.trainable_variables)
    optimizer.apply([keras.ops.zeros_like(each) for each in net.trainable_variables])
    kernel, *others = (numpy(each) for each in net.trainable_variables)
    np.testing.assert_allclose(kernel, before[0] * (1 - 0.1 * 0.2), rtol=1e-6)
    assert all(map(np.array_equal, others, before[1:]))


def test_the_average_is_that_of_the_weights_and_forgets_the_initial_ones():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    layer, x = objective.Averaged(inner, decay=0.3), np.ones((1, 2), np.float32)
    layer(x)  # Builds it; nothing is trained.
    expected, rng = [np.zeros((2, 1)), np.zeros(1)], np.random.default_rng(0)
    for step in range(8):
        now = [rng.normal(size=each.shape).astype(np.float32) for each in expected]
        inner.set_weights(now)
        layer(x, training=True)
        layer(x, training=False)
        decay = min(0.3, step / (step + 9))
        pairs = zip(expected, now, strict=True)
        expected = [decay * one + (1 - decay) * other for one, other in pairs]
    for average, wanted in zip(objective.weights(layer), expected, strict=True):
        np.testing.assert_allclose(average, wanted, rtol=1e-5)


def test_averaging_leaves_the_steps_alone(tmp_path):
    how = {**SMALL, "epochs": 1, "batch_size": 50}
    plain, averaged = trained.train(**how), trained.train(tmp_path / "c", **how, ema=0.5)
    variables = saved_arrays(tmp_path / "c")
    # Dropout and order drew the same, so it was the same training.
    for weight in plain.net.get_weights():
        assert any(np.array_equal(weight, each) for each in variables)
    pairs = zip(plain.net.get_weights(), averaged.net.get_weights(), strict=True)
    assert min(np.abs(one - other).max() for one, other in pairs) > 0


def test_the_last_epochs_have_no_augmentation():
    images = trained.data().train.images[:20]
    augmented = 255 - images
    switch = Switch()
    np.testing.assert_array_equal(numpy(switch([images, augmented])), augmented)
    switch.augmented.assign(0.0)
    np.testing.assert_array_equal(numpy(switch([images, augmented])), images)
    # Where no epoch has any it does not matter which it would have been.
    how = {**SMALL, "epochs": 1, "final_epochs_without_augmentation": 1}
    one, other = (trained.train(**{**how, "augmentation": name}) for name in ("pen", "affine"))
    assert trained.same_weights(one.net, other.net)


def test_distillation_follows_the_teacher_by_its_weight():
    folder, result = trained.run()
    train = trained.data().train
    wrong = Split(train.images, (train.labels + 1) % 10)
    wanted = models.predict(result.net, train.images).argmax(axis=1)
    agreed = {}
    for weight in (0.1, 0.9):
        levers = {"teacher": str(folder), "distillation_weight": weight, "learning_rate": 0.02}
        net = after(100, wrong, 10, **levers)
        agreed[weight] = (models.predict(net, train.images).argmax(axis=1) == wanted).mean()
    # The student's batch norm lags behind: a third is far more than the tenth of chance.
    assert agreed[0.1] < 0.2
    assert agreed[0.9] > 0.3


# What 03_train's cells offer


def test_a_layer_an_augmentation_a_loss_and_an_optimizer_of_ones_own():
    net = models.build("hcr_small", 10, 0)
    features = keras.layers.Dense(32, activation="relu")(net.get_layer("logits").input)
    net = models.classifier(net.input, features, 10, "mine")
    noise = [keras.layers.Reshape((28, 28, 1)), keras.layers.RandomErasing(factor=0.3, seed=0)]
    noise += [keras.layers.Reshape((28, 28))]
    augment = keras.Sequential([models.augmentation("affine", 0), *noise])
    varied = models.vary(trained.data().train.images[:2], augment, 3)
    assert (varied.shape, varied.dtype) == ((2, 3, 28, 28), np.uint8)
    how = {"loss": keras.losses.SparseCategoricalCrossentropy()}
    how |= {"optimizer": keras.optimizers.SGD(0.05), "net": net, "augment": augment}
    result = models.train(trained.data(), trained.recipe(epochs=2), **how)
    assert result.net.name == "mine"
    plan = balancing.plan(trained.data().train.labels)
    assert len(models.edited(trained.data(), trained.recipe(), plan, **how)) == 4
    assert result.history["loss"].is_monotonic_decreasing


# Files


def test_both_files_predict_alike_and_hold_nothing_of_ours():
    folder, result = trained.run()
    images = trained.data().test.images
    expected = models.predict(result.net, images)
    np.testing.assert_allclose(Recognizer.load(folder).predict(images), expected, atol=1e-5)
    loaded = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(models.predict(loaded, images), expected)
    assert getattr(loaded, "optimizer", None) is None
    assert (folder / "model.keras").stat().st_size < 1.5 * 4 * result.net.count_params()


@pytest.mark.parametrize("bias", [True, False])
def test_a_network_whose_prior_cannot_be_taken_out_is_refused(bias):
    inputs = keras.Input((28, 28), dtype="uint8")
    last = keras.layers.Dense(10, "softmax" if bias else None, use_bias=bias)
    outputs = last(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
    net = keras.Model(inputs, outputs if bias else keras.layers.Softmax()(outputs))
    plan = balancing.plan(trained.data().train.labels, "logit_adjust")
    with pytest.raises(ModelError, match="Softmax"):
        models.train(trained.data(), trained.recipe(**SMALL), plan, net=net)

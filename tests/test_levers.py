"""The levers of training: what each does to a step, and that a resumed training pulls it alike."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
import trained
from scipy.special import log_softmax

from hcr import models
from hcr.datasets import Split, balancing
from hcr.errors import ModelError, ParameterError
from hcr.models import checkpoint, training, weights
from hcr.models.augment import RandomAffine, RandomDistortion, Switch, layer_of
from hcr.models.averaging import Averaged, answering, learner
from hcr.models.losses import CodedAccuracy, CrossEntropy, coded, loss_of
from hcr.models.mixing import Mix, MixedBatches
from hcr.models.optimizer import optimizer
from hcr.models.trainer import trainer_of
from hcr.runs import environment

OWN = """
from keras import layers
from hcr.models.blocks import pictures, probabilities

def net(n_classes):
    inputs, x = pictures()
    x = layers.AveragePooling2D(4)(x)
    x = layers.BatchNormalization()(layers.Flatten()(x))
    return probabilities(inputs, layers.Dropout(0.2)(x), n_classes, "own")
"""


class StoppedError(Exception):
    """Stands for whatever ends a training."""


@pytest.fixture
def own(tmp_path, monkeypatch) -> dict:
    """A recipe for a small network with a batch norm and a dropout."""
    (tmp_path / "own_network_of_levers.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    how = {"model": "own_network_of_levers:net", "augmentation": "none", "batch_size": 100}
    return {**how, "epochs": 2}


def numpy(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


def whole(folder: Path) -> list[np.ndarray]:
    """All that the last checkpoint holds: weights, averages and the optimizer's state."""
    (epoch,) = folder.glob("epoch-*")
    trainer = keras.models.load_model(epoch / "training.keras")
    return [*trainer.get_weights(), *map(numpy, trainer.optimizer.variables)]


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# All of them


@pytest.mark.parametrize(
    "changed",
    [
        {
            "ema": 0.9, "label_smoothing": 0.1, "weight_decay": 0.1, "mixing": "mixup",
            "augmentation": "elastic",
        },
        {
            "ema": 0.99, "loss": "balanced_softmax", "mixing": "cutmix", "mixing_alpha": 1.0,
            "augmentation": "strong", "precision": "mixed_bfloat16",
        },
        {"precision": "mixed_bfloat16", "weight_decay": 0.1, "gradient_norms": True},
        {"teacher": "model.keras", "ema": 0.9, "augmentation": "pen"},
        {"plain_epochs": 1, "augmentation": "strong"},
    ],
    ids=["averaged", "balanced", "watched", "taught", "plain at last"],
)  # fmt: skip
def test_a_resumed_training_ends_with_the_same_bits(own, tmp_path, monkeypatch, changed):
    changed = {**own, **changed}
    if "teacher" in changed:
        changed["teacher"] = str(trained.run()[0] / changed["teacher"])
    expected = trained.fit(tmp_path / "whole", **changed)
    with monkeypatch.context() as patch:

        def print_or_stop(text: str, **options) -> None:
            raise StoppedError(text)

        patch.setattr(checkpoint, "print", print_or_stop, raising=False)
        with pytest.raises(StoppedError):
            trained.fit(tmp_path / "stopped", **changed)
    resumed = trained.fit(tmp_path / "stopped", **changed)
    assert resumed.trained == 1
    histories = [each.history.drop(columns="epoch_seconds") for each in (resumed, expected)]
    assert histories[0].equals(histories[1])
    assert_same(resumed.model.get_weights(), expected.model.get_weights())
    assert_same(whole(tmp_path / "stopped"), whole(tmp_path / "whole"))
    # What was judged is what is returned, and it is a plain network of 32 bits.
    judged = training.validate(resumed.model, trained.data().validation)
    best = resumed.history.iloc[resumed.best_epoch - 1]
    assert judged == pytest.approx(best[list(judged)].to_dict())
    assert {each.compute_dtype for each in resumed.model.layers[1:]} == {"float32"}
    assert not any(isinstance(each, Averaged) for each in resumed.model.layers)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"loss": "balanced"}, r"no loss 'balanced'\. Did you mean 'balanced_softmax'\?"),
        ({"mixing": "mixap"}, r"no mixing 'mixap'\. Did you mean 'mixup'\?"),
        ({"precision": "float23"}, r"no precision 'float23'\. Did you mean 'float32'\?"),
        ({"ema": 1.0}, r"ema must be at least 0 and below 1, as 0\.999\. Received: 1\.0\."),
        ({"label_smoothing": -0.1}, "label_smoothing must be .* Received: -0.1"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, .* Received: -1.0"),
        ({"mixing_alpha": 0.0}, "mixing_alpha must be above 0, .* Received: 0.0"),
        ({"plain_epochs": 9}, "plain_epochs must be from 0 to epochs. Received: 9"),
        ({"taught": 1.0}, "taught must be above 0 and below 1, .* Received: 1.0"),
    ],
)
def test_what_a_recipe_cannot_ask_for_is_told(changed, told):
    with pytest.raises(ParameterError, match=told) as error:
        trained.recipe(**changed)
    assert "\n" not in str(error.value)


# The loss


def answers(n: int = 6, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits and their softmax."""
    logits = np.random.default_rng(0).normal(0, 2, (n, classes))
    return logits, np.exp(log_softmax(logits, axis=1)).astype(np.float32)


def test_the_loss_is_the_cross_entropy_that_it_is_said_to_be():
    logits, p = answers()
    labels = np.array([0, 1, 2, 3, 3, 0])
    ones = np.eye(4)[labels]
    plain = numpy(CrossEntropy()(labels, p))
    usual = numpy(keras.losses.sparse_categorical_crossentropy(labels, p)).mean()
    assert plain == pytest.approx(usual, rel=1e-5)
    smooth = 0.8 * ones + 0.2 / 4
    expected = -(smooth * log_softmax(logits, axis=1)).sum(axis=1).mean()
    assert numpy(CrossEntropy(0.2)(labels, p)) == pytest.approx(expected, rel=1e-5)
    shift = np.log([0.1, 0.2, 0.3, 0.4])
    expected = -(ones * log_softmax(logits + shift, axis=1)).sum(axis=1).mean()
    loss = CrossEntropy(shift=shift)
    assert numpy(loss(labels, p)) == pytest.approx(expected, rel=1e-5)
    # Targets say the same as labels do, and their sum is a weight.
    assert numpy(loss(ones, p)) == pytest.approx(expected, rel=1e-5)
    assert numpy(CrossEntropy(0.2)(3 * ones, p)) == pytest.approx(
        3 * numpy(CrossEntropy(0.2)(labels, p)), rel=1e-5
    )
    again = CrossEntropy.from_config(CrossEntropy(0.2, shift).get_config())
    assert (again.smoothing, again.shift) == (0.2, list(shift))


def test_the_loss_learns_from_an_answer_that_is_all_wrong():
    p = np.array([[1.0, 1e-30]], np.float32)
    assert numpy(CrossEntropy()(np.array([1]), p)) == pytest.approx(30 * np.log(10), rel=1e-4)
    assert np.isfinite(numpy(CrossEntropy()(np.array([1]), np.array([[1.0, 0.0]], np.float32))))


def test_only_a_lever_changes_the_loss():
    labels = np.repeat([0, 1, 2], [10, 30, 60])
    split, plan = Split(np.zeros((100, 28, 28), np.uint8), labels), balancing.plan(labels)
    assert loss_of(trained.recipe(), plan, split, 4) == "sparse_categorical_crossentropy"
    assert loss_of(trained.recipe(label_smoothing=0.1), plan, split, 4).shift is None
    assert isinstance(loss_of(trained.recipe(mixing="mixup"), plan, split, 4), CrossEntropy)
    balanced = trained.recipe(loss="balanced_softmax")
    # The class that training never shows counts as half a picture.
    expected = np.log(np.array([10, 30, 60, 0.5]) / 100.5)
    np.testing.assert_allclose(loss_of(balanced, plan, split, 4).shift, expected, rtol=1e-6)
    # The prior is what the loss sees: weights that even it out leave nothing to correct.
    even = balancing.plan(labels, "class_weight")
    np.testing.assert_allclose(loss_of(balanced, even, split, 3).shift, np.log([1 / 3] * 3))


def of_two_sets(n: int = 600) -> Split:
    """Pictures that tell nothing but their set: bright ones of the second, of other shares."""
    number = np.arange(n)
    sources = number % 2
    labels = np.where(sources, number % 20 < 18, number % 20 < 4).astype(np.int64)
    images = np.broadcast_to((40 + 180 * sources)[:, None, None], (n, 28, 28)).astype(np.uint8)
    return Split(images, labels, sources=sources)


def test_each_set_has_a_prior_of_its_own():
    split, recipe = of_two_sets(), trained.recipe(loss="balanced_softmax")
    plan = balancing.plan(split.labels)
    loss = loss_of(recipe, plan, split, 2)
    np.testing.assert_allclose(np.exp(loss.shift), [[0.8, 0.2], [0.1, 0.9]])
    _, p = answers(4, 2)
    labels, sources = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    own = [
        CrossEntropy(shift=loss.shift[source])(np.array([label]), row[None])
        for label, source, row in zip(labels, sources, p, strict=True)
    ]
    found = loss(coded(labels, sources, 2), p)
    assert numpy(found) == pytest.approx(np.mean([numpy(each) for each in own]), rel=1e-5)
    again = CrossEntropy.from_config(loss.get_config())
    assert again.shift == loss.shift
    metric = CodedAccuracy(name="accuracy")
    metric.update_state(coded(p.argmax(axis=1), sources, 2), p)
    assert numpy(metric.result()) == 1
    # A class that a set lacks is no better off for it than a rare one.
    lacking = Split(split.images[:3], np.array([0, 0, 1]), sources=np.array([0, 0, 1]))
    shift = np.array(loss_of(recipe, balancing.plan(lacking.labels), lacking, 2).shift)
    assert np.isfinite(shift).all()
    assert (shift.argmin(axis=1) == [1, 0]).all()
    with pytest.raises(ParameterError, match="cannot be mixed .* mixing=mixup"):
        loss_of(trained.recipe(loss="balanced_softmax", mixing="mixup"), plan, split, 2)


def test_a_network_that_tells_the_sets_apart_does_not_learn_their_priors(own):
    split = of_two_sets()
    asked = np.stack([np.full((28, 28), 40, np.uint8), np.full((28, 28), 220, np.uint8)])
    for loss, expected in (
        ("balanced_softmax", [[0.5, 0.5], [0.5, 0.5]]),
        ("cross_entropy", [[0.8, 0.2], [0.1, 0.9]]),
    ):
        recipe = trained.recipe(**own | {"loss": loss, "learning_rate": 0.01})
        net = training.fit_steps(recipe, split, balancing.plan(split.labels), 2, 300)
        assert training.predict(net, asked) == pytest.approx(np.array(expected), abs=0.1), loss


def test_the_prior_is_taken_out_once(tmp_path):
    data = trained.data()
    plan = balancing.plan(data.train.labels, "logit_adjust")
    recipe = trained.recipe(loss="balanced_softmax")
    with pytest.raises(ParameterError, match="taken out once. Received: loss=balanced") as error:
        trained.fit(tmp_path, plan, loss="balanced_softmax")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ParameterError, match="taken out once"):
        training.fit_steps(recipe, data.train, plan, 10, 1)


def test_what_is_learnt_by_the_balanced_loss_lacks_the_prior(own):
    # Blank pictures tell nothing: all that is left to learn is how often each class comes.
    labels = np.repeat([0, 1, 2], [10, 30, 60])
    split = Split(np.zeros((100, 28, 28), np.uint8), labels)
    for loss, expected in (("cross_entropy", [0.1, 0.3, 0.6]), ("balanced_softmax", [1 / 3] * 3)):
        recipe = trained.recipe(**{**own, "loss": loss, "learning_rate": 0.2})
        net = training.fit_steps(recipe, split, balancing.plan(labels), 3, 60)
        found = training.predict(net, split.images[:1])[0]
        np.testing.assert_allclose(found, expected, atol=0.02)


# The average of the weights


def test_the_average_is_that_of_the_weights_and_begins_young():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)])
    layer = Averaged(inner, decay=0.3)
    x = np.ones((1, 2), np.float32)
    layer(x)  # Builds it; nothing is trained.
    expected, rng = [np.zeros((2, 1)), np.zeros(1)], np.random.default_rng(0)
    for step in range(8):
        now = [rng.normal(size=each.shape).astype(np.float32) for each in expected]
        inner.set_weights(now)
        layer(x, training=True)
        layer(x, training=False)
        decay = min(0.3, step / (step + 9))
        expected = [
            decay * one + (1 - decay) * other for one, other in zip(expected, now, strict=True)
        ]
        if step == 0:
            assert_same([numpy(each) for each in layer.averages], now)
    for found, wanted in zip(layer.averages, expected, strict=True):
        np.testing.assert_allclose(numpy(found), wanted, rtol=1e-5)


def test_averaging_leaves_the_steps_alone_and_answers_in_their_place(own, tmp_path):
    own["epochs"], own["batch_size"] = 1, 50
    plain = trained.fit(tmp_path / "plain", **own)
    averaged = trained.fit(tmp_path / "averaged", **own, ema=0.5)
    (epoch,) = (tmp_path / "averaged").glob("epoch-*")
    trainer = keras.models.load_model(epoch / "training.keras")
    # Dropout and order drew the same, so it was the same training.
    assert_same(trainer.layers[-1].layer.get_weights(), plain.model.get_weights())
    assert_same(averaged.model.get_weights(), answering(trainer))
    moved = [
        np.abs(one - other).max()
        for one, other in zip(averaged.model.get_weights(), plain.model.get_weights(), strict=True)
    ]
    # A batch norm's means and variances are averaged with the rest.
    assert len(moved) == 6
    assert min(moved) > 0


def test_a_training_by_steps_answers_with_the_average_too(own):
    data = trained.data()
    plan, own["schedule"] = balancing.plan(data.train.labels), "constant"
    # An average that forgets at once is what the step before the last left.
    nets = [
        training.fit_steps(trained.recipe(**own, ema=ema), data.train, plan, 10, steps)
        for ema, steps in ((0.0, 2), (1e-9, 3))
    ]
    assert not any(isinstance(each, Averaged) for each in nets[1].layers)
    # Dropout drew the same.
    pairs = zip(*(each.trainable_variables for each in nets), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(numpy(one), numpy(other), atol=1e-6)


# Weight decay


def test_weight_decay_takes_from_kernels_alone():
    net = keras.Sequential([
        keras.Input((3,)), keras.layers.Dense(2, bias_initializer="ones"),
        keras.layers.BatchNormalization(),
    ])  # fmt: skip
    for watched in (False, True):
        recipe = trained.recipe(
            schedule="constant", learning_rate=0.1, weight_decay=0.2, gradient_norms=watched
        )
        before = [numpy(each) for each in net.trainable_variables]
        made = optimizer(recipe, 10)
        # One that was loaded is made from its configuration.
        made = type(made).from_config(made.get_config())
        made.build(net.trainable_variables)
        made.apply([keras.ops.zeros_like(each) for each in net.trainable_variables])
        after = [numpy(each) for each in net.trainable_variables]
        np.testing.assert_allclose(after[0], before[0] * (1 - 0.1 * 0.2), rtol=1e-6)
        assert_same(after[1:], before[1:])
    assert type(optimizer(trained.recipe(), 10)) is keras.optimizers.Adam


# Mixing


def mixed(mixing: str, alpha: float = 1.0, weights=None, epoch: int = 0) -> MixedBatches:
    train = trained.data().train
    plan = balancing.plan(train.labels)
    if weights is not None:
        plan = balancing.Plan(plan.indices, weights.astype(np.float32), "class_weight")
    how = {"n_classes": 10, "mixing": mixing, "alpha": alpha}
    return MixedBatches(train, plan, 64, 0, epoch, **how)


@pytest.mark.parametrize("mixing", ["mixup", "cutmix"])
def test_labels_are_mixed_in_the_shares_of_the_pictures(mixing):
    train = trained.data().train
    weights = 1.0 + train.labels
    found, weighted = mixed(mixing), mixed(mixing, weights=weights)
    for i in (0, len(found) - 1):
        (pictures, own), targets = found[i]
        labels = train.labels[found.order[i * 64 : (i + 1) * 64]]
        assert own.shape == pictures.shape
        assert (own.dtype, targets.dtype) == (np.float32, np.float32)
        share = own.mean(axis=(1, 2))[:, None]
        ones = np.eye(10)[labels]
        np.testing.assert_allclose(targets, share * ones + (1 - share) * ones[::-1], atol=1e-6)
        if mixing == "mixup":
            assert (own == own[:, :1, :1]).all()
        else:
            assert set(np.unique(own)) == {0, 1}
            # What is not its own is a box.
            for each in 1 - own:
                assert each.sum() == each.any(axis=0).sum() * each.any(axis=1).sum()
        heavy = ones * weights[found.order[i * 64 : (i + 1) * 64]][:, None]
        expected = share * heavy + (1 - share) * heavy[::-1]
        np.testing.assert_allclose(weighted[i][1], expected, rtol=1e-5)
    shares = np.concatenate([found[i][0][1].mean(axis=(1, 2)) for i in range(len(found))])
    # Boxes are cut at the border, so more stays than a beta distribution of mean 1/2 says.
    assert 0.45 < shares.mean() < (0.55 if mixing == "mixup" else 0.75)
    assert shares.std() > 0.15
    if mixing == "mixup":
        near = np.concatenate([mixed(mixing, 0.05)[i][0][1][:, 0, 0] for i in range(3)])
        assert (np.minimum(near, 1 - near) < 0.05).mean() > 0.7


def test_what_is_mixed_follows_from_seed_epoch_and_batch():
    running = mixed("mixup")
    first = running[0][0][1]
    np.testing.assert_array_equal(mixed("mixup")[0][0][1], first)
    assert not np.array_equal(running[1][0][1], first)
    running.on_epoch_end()
    np.testing.assert_array_equal(running[0][0][1], mixed("mixup", epoch=1)[0][0][1])
    assert not np.array_equal(running[0][0][1], first)


def test_pictures_are_mixed_with_the_batchs_other_end_in_training_alone():
    pictures = trained.data().train.images[:4]
    own = np.random.default_rng(0).uniform(size=pictures.shape).astype(np.float32)
    found = numpy(Mix()([pictures, own], training=True))
    assert found.dtype == np.uint8
    expected = own * pictures + (1 - own) * pictures[::-1]
    assert np.abs(found - expected).max() <= 0.51
    np.testing.assert_array_equal(numpy(Mix()([pictures, own], training=False)), pictures)


# Precision


@pytest.mark.parametrize(("able", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_what_the_processor_is_good_at(own, monkeypatch, capsys, able, expected):
    monkeypatch.setattr(environment, "hardware", lambda: {"bfloat16": able})
    recipe = trained.recipe(**own, precision="auto")
    net = models.build(recipe.model, 10)
    trainer = trainer_of(net, recipe, 10, "sparse_categorical_crossentropy")
    dense = trainer.layers[-1].get_layer("logits")
    assert dense.compute_dtype == expected
    assert dense.kernel.dtype == net.get_layer("logits").kernel.dtype == "float32"
    assert (trainer.layers[-1] is net) == (not able)
    assert trainer.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    told = capsys.readouterr().out
    assert told.startswith(f"precision {'mixed_' if able else ''}{expected}: this processor ")


# Distortions


def distorted(pictures: np.ndarray, seed: int = 0, **amplitudes: float) -> np.ndarray:
    """`pictures` as training sees them; amplitudes that are not given are 0."""
    none = dict.fromkeys(("degrees", "zoom", "shear", "shift", "alpha"), 0.0)
    return numpy(RandomDistortion(seed=seed, **{**none, **amplitudes})(pictures, training=True))


def test_without_amplitude_and_out_of_training_pictures_stay_as_they_are():
    pictures = trained.data().train.images[:20]
    assert np.abs(distorted(pictures).astype(int) - pictures).max() <= 1
    for name in ("elastic", "strong"):
        layer = layer_of(name, 0)
        np.testing.assert_array_equal(numpy(layer(pictures, training=False)), pictures)
        moved = [numpy(layer(pictures, training=True)) for _ in range(2)]
        assert not np.array_equal(*moved)
        again = numpy(layer_of(name, 0)(pictures, training=True))
        np.testing.assert_array_equal(again, moved[0])
        assert not np.array_equal(numpy(layer_of(name, 1)(pictures, training=True)), moved[0])
        assert (moved[0].dtype, moved[0].shape) == (np.uint8, pictures.shape)


def test_its_affine_part_is_the_affine_layers():
    pictures = trained.data().train.images[:20]
    amplitudes = {"degrees": 20.0, "zoom": 0.2, "shear": 0.3, "shift": 4.0}
    expected = numpy(RandomAffine(seed=4, **amplitudes)(pictures, training=True))
    found = distorted(pictures, seed=4, **amplitudes)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_elastic_map_moves_places_smoothly_and_as_far_as_it_says():
    # Where it takes each pixel from, read off pictures that hold their columns' numbers.
    ramps = np.tile(np.arange(28, dtype=np.float32), (300, 28, 1))
    taken = distorted(ramps, alpha=34.0) - ramps
    middle = taken[:, 10:18, 10:18]
    # Uniform noise has a variance of 1/3, of which a Gaussian leaves 1 / (4 pi sigma**2).
    expected = 34 * np.sqrt(1 / 3 / (4 * np.pi * 4.0**2))
    assert middle.std() == pytest.approx(expected, rel=0.1)
    assert abs(middle.mean()) < 0.2
    beside = np.corrcoef(middle[:, :, 0].ravel(), middle[:, :, 1].ravel())[0, 1]
    # The correlation of noise behind that Gaussian, one pixel on: exp(-1 / (4 sigma**2)).
    assert beside == pytest.approx(np.exp(-1 / 64), abs=0.01)
    # Rows and columns move apart from one another.
    down = distorted(ramps.transpose(0, 2, 1), alpha=34.0) - ramps.transpose(0, 2, 1)
    both = np.corrcoef(middle.ravel(), down[:, 10:18, 10:18].ravel())[0, 1]
    assert abs(both) < 0.2


def test_lines_get_thicker_or_thinner_and_a_square_is_left_blank():
    line = np.zeros((200, 28, 28), np.float32)
    line[:, 4:24, 12:16] = 200
    drawn = distorted(line, thickness=0.5)[:, 14]
    # Four pixels wide: at most half of one more on either side, at least half of one less.
    widths = drawn.sum(axis=1) / 200
    assert 4.85 < widths.max() <= 5
    assert 3 <= widths.min() < 3.15
    assert drawn.max() <= 200
    full = np.full((200, 28, 28), 255, np.uint8)
    blank = (distorted(full, cutout=8.0) == 0).sum(axis=(1, 2))
    assert 36 < blank.max() <= 64
    assert blank.min() <= 4
    whole = distorted(full, cutout=8.0)[0] == 0
    assert whole.sum() == whole.any(axis=0).sum() * whole.any(axis=1).sum()


def test_a_distortion_is_saved_with_its_arguments(tmp_path):
    inputs = keras.Input((28, 28), dtype="uint8")
    layer = layer_of("strong", 7)
    keras.Model(inputs, layer(inputs)).save(tmp_path / "distorting.keras")
    loaded = keras.models.load_model(tmp_path / "distorting.keras").layers[-1]
    assert type(loaded) is RandomDistortion
    assert loaded.get_config() == layer.get_config()
    assert loaded.get_config()["cutout"] == 8.0


def test_in_the_last_epochs_pictures_are_not_varied(own, tmp_path, monkeypatch):
    how = {**own, "epochs": 3, "plain_epochs": 2, "schedule": "constant", "learning_rate": 0.01}
    seen = []
    plain = Switch.call

    def call(self, inputs):
        seen.append(self)
        return plain(self, inputs)

    monkeypatch.setattr(Switch, "call", call)
    fitted = trained.fit(tmp_path / "switched", **how | {"augmentation": "strong"})
    assert seen
    assert numpy(seen[0].varied) == 0
    assert len(fitted.history) == 3
    pictures = trained.data().train.images[:50]
    varied = layer_of("strong", 0)(pictures, training=True)
    switch = Switch()
    assert (numpy(switch([pictures, varied])) == numpy(varied)).all()
    switch.varied.assign(0.0)
    assert (numpy(switch([pictures, varied])) == pictures).all()
    # Where all epochs are plain it is all the same what they would have been.
    one, other = (
        trained.fit(tmp_path / name, **how | {"augmentation": name, "plain_epochs": 3})
        for name in ("pen", "strong")
    )
    assert_same(one.model.get_weights(), other.model.get_weights())


# A teacher


def test_the_answers_of_a_teacher_are_learned():
    folder, fitted = trained.run()
    train, plan = trained.data().train, balancing.plan(trained.data().train.labels)
    wrong = Split(train.images, (train.labels + 1) % 10)
    told = training.predict(fitted.model, train.images).argmax(axis=1)
    agreed = {}
    for taught in (0.1, 0.9):
        recipe = trained.recipe(teacher=str(folder), taught=taught, augmentation="none")
        net = training.fit_steps(recipe, wrong, plan, 10, 60)
        agreed[taught] = (training.predict(net, train.images).argmax(axis=1) == told).mean()
    # Labels and teacher contradict each other: who has the larger share is believed.
    assert agreed[0.1] < 0.2
    assert agreed[0.9] > 0.7


def test_the_loss_with_a_teacher_is_shared(own):
    folder, fitted = trained.run()
    recipe = trained.recipe(**own, teacher=str(folder), taught=0.3)
    net = models.build(recipe.model, 10)
    trainer = trainer_of(net, recipe, 10, "sparse_categorical_crossentropy")
    images, labels = trained.data().train.images[:64], trained.data().train.labels[:64]
    before = training.predict(fitted.model, images)
    answers, wanted = (numpy(each(images, training=False)) for each in (net, fitted.model))
    teacher = trainer.get_layer("taught")
    teacher([images, answers], training=True)
    (added,) = teacher.losses
    expected = -(wanted * np.log(answers)).sum(axis=1).mean()
    assert numpy(added) == pytest.approx(0.3 * expected, rel=1e-4)
    assert learner(trainer) is net
    trainer.train_on_batch(images, labels)
    # It teaches and does not learn.
    assert (training.predict(teacher.layer, images) == before).all()
    assert not teacher.trainable_weights


def test_of_several_teachers_the_mean_counts(tmp_path):
    folder, fitted = trained.run()
    other = models.build("hcr_small", 10)
    other.save(tmp_path / "other.keras")
    found = weights.teacher(f"{folder}, {tmp_path / 'other.keras'}", 10)
    images = trained.data().train.images[:40]
    expected = sum(training.predict(each, images) for each in (fitted.model, other)) / 2
    np.testing.assert_allclose(training.predict(found, images), expected, atol=1e-6)
    recipe = trained.recipe(teacher=f"{folder},{tmp_path / 'other.keras'}")
    plan = balancing.plan(trained.data().train.labels)
    net = training.fit_steps(recipe, trained.data().train, plan, 10, 2)
    assert net.count_params() == other.count_params()
    with pytest.raises(ModelError, match="Received: 'nowhere'"):
        weights.teacher(f"{folder},nowhere", 10)


def test_a_teacher_computes_in_the_precision_of_the_training(own):
    folder, fitted = trained.run()
    recipe = trained.recipe(**own, teacher=str(folder), precision="mixed_bfloat16")
    net = models.build(recipe.model, 10)
    trainer = trainer_of(net, recipe, 10, "sparse_categorical_crossentropy")
    teacher = trainer.get_layer("taught").layer
    assert teacher.get_layer("logits").compute_dtype == "bfloat16"
    assert teacher.get_layer("logits").kernel.dtype == teacher.output.dtype == "float32"
    images = trained.data().train.images[:200]
    answers, exact = (training.predict(each, images) for each in (teacher, fitted.model))
    # Eight bits of fraction in each layer; the answers themselves have all of theirs.
    np.testing.assert_allclose(answers, exact, atol=0.05)
    assert (answers != exact).any()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_a_training_hangs_on_its_teachers_weights(own, tmp_path):
    folder, _ = trained.run()
    file = tmp_path / "teacher.keras"
    shutil.copy(folder / "model.keras", file)
    how = {**own, "teacher": str(file), "epochs": 1}
    assert trained.fit(tmp_path / "checkpoints", **how).trained == 1
    assert trained.fit(tmp_path / "checkpoints", **how).trained == 0
    models.build("hcr_small", 10).save(file)
    assert trained.fit(tmp_path / "checkpoints", **how).trained == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "Received: 'nowhere'"),
        ("model.tflite", "Received: "),
        ("few.keras", "same char"),
    ],
)
def test_what_cannot_teach_is_told(tmp_path, name, told):
    (tmp_path / "model.tflite").write_bytes(b"")
    models.build("hcr_small", 3).save(tmp_path / "few.keras")
    with pytest.raises(ModelError, match=told) as error:
        trained.fit(tmp_path / "checkpoints", teacher=str(tmp_path / name) if "." in name else name)
    assert "\n" not in str(error.value)


# Another backend


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_trains_on_another_backend(backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = (
        "import sys; from pathlib import Path; import keras, trained\n"
        f"assert keras.backend.backend() == {backend!r}\n"
        "how = {'augmentation': 'strong', 'mixing': 'cutmix', 'loss': 'balanced_softmax'}\n"
        "how |= {'ema': 0.9, 'label_smoothing': 0.1, 'weight_decay': 0.1, 'epochs': 2}\n"
        "net = {'model': 'hcr_net', 'plain_epochs': 1, 'batch_size': 32, 'epochs': 3}\n"
        "for each in ({'epochs': 2}, {**how, 'precision': 'mixed_bfloat16'}, net):\n"
        "    fitted = trained.fit(Path(sys.argv[1]) / str(len(each)), **each)\n"
        "    assert fitted.history['loss'].is_monotonic_decreasing, fitted.history\n"
        "    assert fitted.history['val_accuracy'].iloc[-1] > 0.15, fitted.history\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parent,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""What a recipe asks of each step: the learning rate, clipped gradients, and their lengths."""

from pathlib import Path

import keras
import numpy as np
import pytest
import trained

from hcr import models
from hcr.datasets import balancing
from hcr.errors import ParameterError
from hcr.models import checkpoint, training
from hcr.models.optimizer import WatchedAdam, optimizer, plateau_rate

OWN = """
import keras

def net(n_classes):
    inputs = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x), name="own")
"""


class StoppedError(Exception):
    """Stands for whatever ends a training."""


@pytest.fixture
def own(tmp_path, monkeypatch) -> dict:
    """A recipe for a network of one layer, whose gradient can be written down."""
    (tmp_path / "own_network_of_a_recipe.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return {"model": "own_network_of_a_recipe:net", "augmentation": "none"}


# The learning rate


@pytest.mark.parametrize(
    ("losses", "patience", "lowered"),
    [
        ([], 2, 0),
        ([1.0], 0, 0),
        ([1.0, 0.9, 0.8, 0.7], 0, 0),
        # Two epochs without a lower loss are waited for; the third is one too many.
        ([1.0, 1.0, 1.0], 2, 0),
        ([1.0, 1.0, 1.0, 1.0], 2, 1),
        ([1.0, 1.1, 1.2, 1.3], 2, 1),
        # A lower one between them begins the count anew.
        ([1.0, 1.1, 1.2, 0.9, 1.0, 1.0], 2, 0),
        ([1.0, 1.1, 1.2, 0.9, 1.0, 1.0, 1.0], 2, 1),
        # What counts is the lowest of all, not the one before.
        ([1.0, 2.0, 1.9, 1.8], 2, 1),
        # After it fell, the count begins anew as well.
        ([1.0] * 6, 2, 1),
        ([1.0] * 7, 2, 2),
        ([1.0] * 4, 0, 3),
        # Lower by less than a ten-thousandth is not lower.
        ([1.0, 0.99995, 0.99995], 0, 2),
        ([1.0, 0.9998, 0.9998], 0, 1),
    ],
)
def test_a_plateau_lowers_the_rate_when_it_has_waited(losses, patience, lowered):
    recipe = trained.recipe(
        learning_rate=0.5, schedule="plateau", plateau_patience=patience, plateau_factor=0.25
    )
    assert plateau_rate(recipe, losses) == 0.5 * 0.25**lowered


def rates(recipe: training.Recipe, steps: int, at: list[int]) -> list[float]:
    """The learning rates after so many steps."""
    found = optimizer(recipe, steps)
    found.build([])
    values = []
    for step in at:
        found.iterations.assign(step)
        values.append(float(found.learning_rate))
    return values


def test_the_other_schedules_follow_from_the_step_alone():
    recipe = trained.recipe(learning_rate=0.5, schedule="constant")
    assert rates(recipe, 100, [0, 50, 100]) == [0.5, 0.5, 0.5]
    cosine = rates(trained.recipe(learning_rate=0.5), 100, [0, 5, 52, 100])
    np.testing.assert_allclose(cosine, [0.05, 0.5, 0.256, 0.0], atol=2e-3)


def frozen(monkeypatch) -> None:
    """Have every validation give the same loss."""
    real = checkpoint.validate
    monkeypatch.setattr(checkpoint, "validate", lambda *args: {**real(*args), "val_loss": 1.0})


def test_a_plateau_reaches_the_steps_and_the_history(own, tmp_path, monkeypatch):
    plateau = {"schedule": "plateau", "plateau_patience": 0, "plateau_factor": 1e-9}
    plateau |= {"epochs": 4, "learning_rate": 0.01}
    falling = trained.fit(tmp_path / "falling", **own, **plateau).history
    assert falling["learning_rate"].tolist() == pytest.approx([0.01] * 4)
    frozen(monkeypatch)
    weights = []
    real = checkpoint.Checkpoint.save

    def save(self, epoch: int) -> None:
        weights.append(self.net.get_weights()[0])
        real(self, epoch)

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save)
    history = trained.fit(tmp_path / "frozen", **own, **plateau).history
    assert history["learning_rate"].tolist() == pytest.approx([0.01, 0.01, 1e-11, 1e-20])
    assert np.abs(weights[1] - weights[0]).max() > 1e-3
    assert np.abs(weights[2] - weights[1]).max() < 1e-7


def test_a_training_by_steps_has_no_plateau():
    data = trained.data()
    plan = balancing.plan(data.train.labels)
    with pytest.raises(ParameterError, match="needs no validation. Received: plateau") as error:
        training.fit_steps(trained.recipe(schedule="plateau"), data.train, plan, 10, 1)
    assert "\n" not in str(error.value)


# Resuming

PLATEAU = {"schedule": "plateau", "plateau_patience": 0, "plateau_factor": 0.5}


@pytest.mark.parametrize(
    "changed",
    [PLATEAU, {"schedule": "constant", "clipnorm": 0.1, "gradient_norms": True}],
    ids=["plateau", "watched"],
)
def test_a_resumed_training_ends_with_the_same_bits(own, tmp_path, monkeypatch, changed):
    frozen(monkeypatch)
    changed = {**own, **changed, "epochs": 4, "batch_size": 100}
    whole = trained.fit(tmp_path / "whole", **changed)
    with monkeypatch.context() as patch:

        def print_or_stop(text: str, **options) -> None:
            if text.startswith("epoch 2/"):
                raise StoppedError(text)

        patch.setattr(checkpoint, "print", print_or_stop, raising=False)
        with pytest.raises(StoppedError):
            trained.fit(tmp_path / "stopped", **changed)
    resumed = trained.fit(tmp_path / "stopped", **changed)
    assert resumed.trained == 2
    assert without_times(resumed) == without_times(whole)
    pairs = zip(last_weights(tmp_path / "stopped"), last_weights(tmp_path / "whole"), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    if changed["schedule"] == "plateau":
        expected = np.array([1, 1, 0.5, 0.25]) * trained.recipe().learning_rate
        np.testing.assert_allclose(whole.history["learning_rate"], expected, rtol=1e-6)


def without_times(fitted: training.Fitted) -> list[dict]:
    return fitted.history.drop(columns="epoch_seconds").to_dict("records")


def last_weights(folder: Path) -> list[np.ndarray]:
    """The weights and the optimizer's state after the last epoch, not those of the best."""
    (epoch,) = folder.glob("epoch-*")
    trainer = keras.models.load_model(epoch / "training.keras")
    state = [keras.ops.convert_to_numpy(each) for each in trainer.optimizer.variables]
    return [*trainer.get_weights(), *state]


# Gradients


def gradient(own: dict) -> list[np.ndarray]:
    """The first gradient of the mean loss of the one-layer network, by hand: kernel and bias."""
    training.seed_everything(0)
    net = models.build(own["model"], 10)
    split = trained.data().train
    inputs = split.images.reshape(len(split), -1).astype(float) / 255
    wrong = training.predict(net, split.images) - np.eye(10)[split.labels]
    return [inputs.T @ wrong / len(split), wrong.mean(axis=0)]


def test_the_history_tells_how_long_the_gradients_were(own, tmp_path):
    kernel, bias = gradient(own)
    whole = np.hypot(np.linalg.norm(kernel), np.linalg.norm(bias))
    one_step = {**own, "epochs": 1, "batch_size": 400, "gradient_norms": True}
    free = trained.fit(tmp_path / "free", **one_step).history.iloc[0]
    assert free["grad_norm"] == free["grad_norm_max"] == pytest.approx(whole, rel=1e-4)
    assert free["clipped"] == 0
    # The kernel's own is what a limit acts on, though with the bias it is longer; it is measured
    # before it is clipped.
    longest = float(np.linalg.norm(kernel))
    for limit, clipped in (((longest + whole) / 2, 0), (0.99 * longest, 1)):
        folder = tmp_path / f"{clipped}"
        found = trained.fit(folder, **one_step, clipnorm=float(limit)).history.iloc[0]
        assert found["clipped"] == clipped
        assert found["grad_norm"] == pytest.approx(whole, rel=1e-4)


def test_each_epoch_is_measured_alone(own, tmp_path):
    asked = {**own, "batch_size": 100, "gradient_norms": True, "clipnorm": 0.3}
    history = trained.fit(tmp_path, **asked).history
    assert list(history.columns[-4:]) == ["grad_norm", "grad_norm_max", "clipped", "epoch_seconds"]
    assert (history["grad_norm"] <= history["grad_norm_max"]).all()
    # The gradient gets shorter; a largest of all epochs would not.
    assert (history["grad_norm_max"].diff().iloc[1:] < 0).all()
    assert set(history["clipped"] * 4) <= set(range(5))


def test_measuring_changes_nothing(own, tmp_path):
    plain = trained.fit(tmp_path / "plain", **own, clipnorm=0.3)
    watched = trained.fit(tmp_path / "watched", **own, clipnorm=0.3, gradient_norms=True)
    assert set(watched.history) - set(plain.history) == {"grad_norm", "grad_norm_max", "clipped"}
    for one, other in zip(plain.model.get_weights(), watched.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_clipped_gradient_moves_the_weights_less(own, tmp_path):
    training.seed_everything(0)
    before = models.build(own["model"], 10).get_weights()[0]
    one_epoch = {**own, "epochs": 1, "schedule": "constant", "learning_rate": 0.01}
    free = trained.fit(tmp_path / "free", **one_epoch).model.get_weights()[0]
    # Adam adds 1e-7 to what it divides by, beside which such gradients are nothing.
    held = trained.fit(tmp_path / "held", **one_epoch, clipnorm=1e-12).model.get_weights()[0]
    assert np.abs(free - before).max() > 1e-2
    assert np.abs(held - before).max() < 1e-4


def test_without_a_step_there_is_nothing_to_tell():
    found = optimizer(trained.recipe(gradient_norms=True), 10)
    assert isinstance(found, WatchedAdam)
    found.forget()
    found.build([])
    assert found.norms() == {"grad_norm": 0, "grad_norm_max": 0, "clipped": 0}

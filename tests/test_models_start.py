"""Fine-tuning: what training may start from, and what it keeps of it."""

import shutil

import keras
import numpy as np
import pytest
import trained

from hcr import models
from hcr.errors import ModelError
from hcr.models import backend, convert, training

LOW = {"learning_rate": 1e-4, "epochs": 2, "augmentation": "none"}
HIGH = {**LOW, "learning_rate": 0.9, "schedule": "constant"}


@pytest.fixture(scope="module")
def start() -> str:
    """The folder of the small run, with ten digits."""
    return str(trained.run()[0])


def test_it_starts_with_those_weights(start, capsys):
    _, parent = trained.run()
    result = trained.train(start=start, **LOW)
    scores, probabilities = training.validate(parent.net, trained.data().validation)
    np.testing.assert_array_equal(result.parent, probabilities.argmax(axis=1))
    printed = capsys.readouterr().out
    assert printed.startswith(f"starts from {start}")
    assert f"val_loss {scores['val_loss']:.4f}" in printed
    assert result.history["val_loss"].iloc[0] < parent.history["val_loss"].iloc[-1] + 0.02


def test_where_no_epoch_is_better_the_parents_weights_are_kept(start, tmp_path):
    _, parent = trained.run()
    for _ in range(2):  # the second comes from the checkpoint
        result = trained.train(tmp_path, start=start, **HIGH)
        assert result.best_epoch == 0
        assert result.best == training.validate(parent.net, trained.data().validation)[0]
        assert trained.same_weights(result.net, parent.net)
    assert result.trained == 0
    assert trained.train(start=start, keep="last", **HIGH).best_epoch == 2


def test_of_equals_the_parent_is_kept_and_patience_counts_from_it(start, monkeypatch):
    score = {"val_loss": 1.0, "val_accuracy": 0.5, "val_balanced_accuracy": 0.5}
    monkeypatch.setattr(training, "validate", lambda net, split: (dict(score), np.eye(10)))
    assert trained.train(start=start, **LOW).best_epoch == 0
    assert len(trained.train(start=start, **{**LOW, "epochs": 9}, patience=3).history) == 3


def test_the_checkpoint_is_of_the_weights_and_not_of_their_name(start, tmp_path):
    low = {**LOW, "epochs": 1}
    shutil.copytree(start, tmp_path / "moved")
    moved = str(tmp_path / "moved")
    assert trained.train(tmp_path / "c", start=start, **low).trained == 1
    assert trained.train(tmp_path / "c", start=moved, **low).trained == 0
    other = keras.saving.load_model(tmp_path / "moved" / "model.keras")
    other.set_weights([each * 0.999 for each in other.get_weights()])
    other.save(tmp_path / "moved" / "model.keras")
    (tmp_path / "moved" / "labels.json").unlink()
    assert trained.train(tmp_path / "c", start=moved, **low).trained == 1


def test_a_mean_of_two_starts_from_two(tmp_path):
    images, expected = trained.data().validation.images[:20], []
    for i in range(2):
        net = models.build("hcr_net", 10, seed=i)
        # Batch norms of their own, too.
        rng = np.random.default_rng(i)
        net.set_weights([each + 0.01 * rng.random(each.shape) for each in net.get_weights()])
        net.save(tmp_path / f"{i}.keras")
        expected.append(models.predict(net, images))
    names = f"{tmp_path / '0.keras'}, {tmp_path / '1.keras'}"
    pair = models.build("hcr_pair", 10, start=names)
    assert np.abs(models.predict(pair, images) - np.mean(expected, axis=0)).max() < 1e-6
    pair.save(tmp_path / "both.keras")
    assert trained.same_weights(
        models.build("hcr_pair", 10, start=str(tmp_path / "both.keras")), pair
    )
    # Distilled from several, their mean counts.
    teacher = convert.teacher(names, 10)
    assert np.abs(models.predict(teacher, images) - np.mean(expected, axis=0)).max() < 1e-6
    for name in ("hcr_net", "hcr_pair"):
        with pytest.raises(ModelError, match="at most"):
            models.build(name, 10, start=f"{names},{tmp_path / '0.keras'}")


def test_weights_of_another_network_are_refused(start):
    with pytest.raises(ModelError, match="hcr_net"):
        models.build("hcr_net", 10, start=start)
    with pytest.raises(ModelError, match="same characters"):
        models.build("hcr_small", 3, start=start)
    # The same arrays, of which something else is made.
    net = models.build("hcr_small", 10)
    inputs = keras.Input((28, 28), dtype="uint8")
    halved = keras.layers.Rescaling(0.5)(inputs)
    with pytest.raises(ModelError, match="order of layers"):
        convert.copy_weights(keras.Model(inputs, net(halved), name="halved"), start)


def test_a_teacher_has_the_precision_of_the_training_but_for_its_probabilities(start):
    teacher = convert.teacher(start, 10, "mixed_bfloat16")
    assert teacher.get_layer("logits").compute_dtype == "bfloat16"
    assert teacher.get_layer("logits").kernel.dtype == teacher.output.dtype == "float32"
    if not backend.has_bfloat16():
        with pytest.raises(ModelError, match="AVX-512"):
            backend.precision("mixed_bfloat16")
        return
    images = trained.data().train.images[:200]
    exact = models.predict(trained.run()[1].net, images)
    np.testing.assert_allclose(models.predict(teacher, images), exact, atol=0.05)

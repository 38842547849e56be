"""Training: the same bits twice, from the last epoch after every kind of stop, and two files."""

import json
import os
import resource
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import trained

from hcr.datasets import balancing
from hcr.errors import ModelError, ParameterError, RunError
from hcr.models import checkpoint, exporting, training
from hcr.models.batches import Batches
from hcr.recognizer import Recognizer


class StoppedError(Exception):
    """Stands for whatever ends a training."""


def same_weights(one: keras.Model, other: keras.Model) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(left, right) for left, right in pairs)


def without_times(history: pd.DataFrame) -> list[dict]:
    return history.drop(columns="epoch_seconds").to_dict("records")


def assert_same(found: training.Fitted, expected: training.Fitted) -> None:
    """Bit for bit the same network and history; times aside."""
    assert without_times(found.history) == without_times(expected.history)
    assert found.best_epoch == expected.best_epoch
    assert same_weights(found.model, expected.model)


def stop_after(epoch: int, monkeypatch) -> None:
    """Have the line that tells of the end of `epoch` end the training."""

    def print_or_stop(text: str, **options) -> None:
        if text.startswith(f"epoch {epoch}/"):
            raise StoppedError(text)

    monkeypatch.setattr(checkpoint, "print", print_or_stop, raising=False)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """The checkpoints of the training of `trained.run`, stopped after two epochs of three."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(StoppedError, match="^epoch 2/3  loss [0-9.]+  accuracy 0"):
            trained.fit(folder)
    return folder


@pytest.fixture
def folder(stopped, tmp_path) -> Path:
    """A copy of `stopped`, for breaking."""
    return Path(shutil.copytree(stopped, tmp_path / "checkpoints"))


def test_it_learns_and_tells(capsys, tmp_path):
    _, fitted = trained.run()
    history = fitted.history
    assert list(history.columns) == [
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_balanced_accuracy",
        "learning_rate", "epoch_seconds",
    ]  # fmt: skip
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].is_monotonic_decreasing
    assert history["val_accuracy"].iloc[-1] > 0.5
    assert fitted.trained == 3
    assert fitted.best_epoch == history["val_balanced_accuracy"].argmax() + 1
    # The network holds the chosen epoch's weights.
    found = training.validate(fitted.model, trained.data().validation)
    assert found == pytest.approx(history[list(found)].iloc[fitted.best_epoch - 1].to_dict())
    assert fitted.model.name == "hcr_small"


def test_the_same_seed_gives_the_same_bits(tmp_path):
    _, fitted = trained.run()
    again = trained.fit(tmp_path)
    assert again.trained == 3
    assert_same(again, fitted)


def test_after_a_stop_it_goes_on_from_the_last_epoch(folder, capsys):
    _, uninterrupted = trained.run()
    assert [path.name for path in folder.iterdir()] == ["epoch-0002"]
    capsys.readouterr()
    resumed = trained.fit(folder)
    assert resumed.trained == 1
    assert_same(resumed, uninterrupted)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "found epoch 2/3 in the checkpoint"
    assert [line.split("  ")[0] for line in lines[1:]] == ["epoch 3/3"]
    # A finished training is only read, trainer or not.
    (folder / "epoch-0003" / "training.keras").unlink()
    read = trained.fit(folder)
    assert read.trained == 0
    assert_same(read, uninterrupted)
    assert [path.name for path in folder.iterdir()] == ["epoch-0003"]


def test_after_a_full_disk_it_goes_on_from_the_last_epoch(folder, monkeypatch):
    _, uninterrupted = trained.run()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(RunError, match="Cannot write .*checkpoints") as error:
            trained.fit(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    assert (folder / "epoch-0002" / "training.keras").is_file()
    resumed = trained.fit(folder)
    assert resumed.trained == 1
    assert_same(resumed, uninterrupted)


def test_the_best_epochs_weights_are_kept_and_of_equals_the_first(tmp_path, monkeypatch):
    scores, weights = iter([0.4, 0.9, 0.9]), []

    def validate(net: keras.Model, split) -> dict[str, float]:
        weights.append(net.get_weights())
        return {"val_loss": 1.0, "val_accuracy": 0.5, "val_balanced_accuracy": next(scores)}

    monkeypatch.setattr(checkpoint, "validate", validate)
    fitted = trained.fit(tmp_path, augmentation="none")
    read = trained.fit(tmp_path, augmentation="none")
    for each in (fitted, read):
        assert each.best_epoch == 2
        pairs = zip(each.model.get_weights(), weights[1], strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)
    assert not np.array_equal(weights[1][0], weights[2][0])


def keeper(folder: Path, **changed) -> checkpoint.Checkpoint:
    """What `fit` makes to take up the checkpoint in `folder`, without building and training."""
    data = trained.data()
    recipe = trained.recipe(**changed)
    plan = balancing.plan(data.train.labels)
    key = training._key(recipe, data.train, data.validation, plan)
    return checkpoint.Checkpoint(None, data.validation, folder, key, recipe)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def fewer_rows(epoch: Path) -> None:
    state = json.loads((epoch / "state.json").read_text())
    (epoch / "state.json").write_text(json.dumps(state | {"rows": state["rows"][:1]}))


def other_weights(epoch: Path) -> None:
    with np.load(epoch / "best.npz") as best:
        arrays = [best[name] for name in best.files]
    np.savez(epoch / "best.npz", *(array + 1 for array in arrays))


DAMAGES = {
    "fewer rows": fewer_rows,
    "other weights": other_weights,
    "no state": lambda epoch: (epoch / "state.json").unlink(),
    "no trainer": lambda epoch: (epoch / "training.keras").unlink(),
    "no weights": lambda epoch: (epoch / "best.npz").unlink(),
    "a cut state": lambda epoch: cut(epoch / "state.json"),
    "a cut trainer": lambda epoch: cut(epoch / "training.keras"),
    "cut weights": lambda epoch: cut(epoch / "best.npz"),
    "an empty trainer": lambda epoch: (epoch / "training.keras").write_bytes(b""),
    "a state that is a list": lambda epoch: (epoch / "state.json").write_text("[]"),
    "a state without rows": lambda epoch: (epoch / "state.json").write_text(
        json.dumps({"key": keeper(epoch).key})
    ),
    "nothing": lambda epoch: [path.unlink() for path in epoch.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_half_written_checkpoint_is_left_out(folder, damage):
    # A kill between the writing of one epoch and the deletion of the one before leaves both.
    newer = Path(shutil.copytree(folder / "epoch-0002", folder / "epoch-0003"))
    DAMAGES[damage](newer)
    shutil.copytree(folder / "epoch-0002", folder / ".writing")
    keep = keeper(folder)
    trainer = checkpoint.resume(keep)
    assert [path.name for path in folder.iterdir()] == ["epoch-0002"]
    assert [row["epoch"] for row in keep.rows] == [1, 2]
    assert trainer.optimizer.iterations == 14
    assert keep.best_epoch in (1, 2)
    # With nothing whole it begins anew.
    DAMAGES[damage](folder / "epoch-0002")
    keep = keeper(folder)
    assert checkpoint.resume(keep) is None
    assert (keep.rows, keep.best, os.listdir(folder)) == ([], None, [])


def test_with_nothing_but_damage_it_trains_anew(folder):
    _, uninterrupted = trained.run()
    cut(folder / "epoch-0002" / "training.keras")
    again = trained.fit(folder)
    assert again.trained == 3
    assert_same(again, uninterrupted)


@pytest.mark.parametrize(
    "changed",
    [
        {"epochs": 4},
        {"seed": 1},
        {"batch_size": 32},
        {"learning_rate": 1e-3},
        {"augmentation": "none"},
        {"model": "hcr_net"},
        {"schedule": "constant"},
        {"plateau_patience": 3},
        {"plateau_factor": 0.5},
        {"clipnorm": 1.0},
        {"gradient_norms": True},
        {"ema": 0.9},
        {"label_smoothing": 0.1},
        {"loss": "balanced_softmax"},
        {"weight_decay": 0.1},
        {"mixing": "mixup"},
        {"mixing_alpha": 0.5},
        {"precision": "auto"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_checkpoint_of_another_recipe_is_not_taken_up(folder, changed):
    keep = keeper(folder, **changed)
    assert checkpoint.resume(keep) is None
    assert keep.rows == []
    assert os.listdir(folder) == []


def test_a_checkpoint_hangs_on_data_plan_and_code(monkeypatch, tmp_path):
    data, recipe = trained.data(), trained.recipe()
    plan = balancing.plan(data.train.labels)
    less = data.train.take(np.arange(399))
    keys = {
        training._key(recipe, data.train, data.validation, plan),
        training._key(recipe, less, data.validation, plan),
        training._key(recipe, data.train, less, plan),
        training._key(recipe, data.train, data.validation, balancing.plan(less.labels)),
        training._key(
            recipe, data.train, data.validation, balancing.Plan(plan.indices, plan.weights * 2, "")
        ),
    }
    assert len(keys) == 5


OWN = """
import keras

def net(n_classes):
    inputs = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))
"""


def test_a_network_of_ones_own_goes_on_too_and_hangs_on_its_code(tmp_path, monkeypatch):
    source = tmp_path / "own_network_of_a_training.py"
    source.write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    own = {"model": "own_network_of_a_training:net", "epochs": 2, "augmentation": "none"}
    whole = trained.fit(tmp_path / "whole", **own)
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(StoppedError):
            trained.fit(tmp_path / "stopped", **own)
    # Without a name of its own, Keras names it differently each time.
    resumed = trained.fit(tmp_path / "stopped", **own)
    assert resumed.trained == 1
    assert_same(resumed, whole)
    source.write_text(OWN + "# changed\n")
    assert keeper(tmp_path, **own).key != json.loads(
        (tmp_path / "whole" / "epoch-0002" / "state.json").read_text()
    )["key"]  # fmt: skip


def test_a_loss_that_is_no_number_is_told(tmp_path):
    with pytest.raises(
        ModelError, match=r"^The loss must be a finite number\. .* Lower learning_rate"
    ) as e:
        trained.fit(tmp_path, learning_rate=1e38, augmentation="none")
    assert "\n" not in str(e.value)
    # Such weights are not kept.
    assert not list(tmp_path.glob("epoch-*"))


def test_a_network_that_answers_nan_is_told():
    class Broken:
        def predict(self, images, **options):
            return np.full((len(images), 10), np.nan, np.float32)

    with pytest.raises(ModelError, match="must be finite numbers. Received: NaN"):
        training.validate(Broken(), trained.data().validation)


def test_weights_reach_the_loss(tmp_path):
    data = trained.data()
    labels = data.train.labels
    # Nines weigh nothing: a network that sees the weights has no reason ever to say nine.
    weights = np.where(labels == 9, 0, 10 / 9).astype(np.float32)
    plan = balancing.Plan(np.arange(len(labels)), weights, "class_weight")
    weighted = trained.fit(tmp_path, plan, augmentation="none", epochs=2)
    nines = data.train.images[labels == 9]
    share = training.predict(weighted.model, nines)[:, 9].mean()
    assert share < 0.1
    _, equal = trained.run()
    assert training.predict(equal.model, nines)[:, 9].mean() > 2 * share


def test_an_unknown_augmentation_or_schedule_offers_the_nearest():
    with pytest.raises(ParameterError, match=r"'afine'\. Did you mean 'affine'\?"):
        trained.recipe(augmentation="afine")
    with pytest.raises(ParameterError, match=r"no schedule 'plato'\. Did you mean 'plateau'\?"):
        trained.recipe(schedule="plato")


# Batches


def batches(plan: balancing.Plan, epoch: int = 0, seed: int = 0) -> Batches:
    return Batches(trained.data().train, plan, 64, seed, epoch)


def test_an_epoch_holds_each_draw_of_the_plan_once():
    data = trained.data()
    plan = balancing.plan(data.train.labels, "oversample", per_class=50)
    found = batches(plan)
    assert len(found) == 8
    parts = [found[i] for i in range(len(found))]
    assert [len(part[1]) for part in parts] == [64] * 7 + [52]
    assert all(len(part) == 2 for part in parts), "equal weights need not be passed on"
    assert sorted(found.order) == list(range(500))
    pictures = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    np.testing.assert_array_equal(pictures, data.train.images[plan.indices[found.order]])
    np.testing.assert_array_equal(labels, data.train.labels[plan.indices[found.order]])


def test_the_order_follows_from_seed_and_epoch_alone():
    plan = balancing.plan(trained.data().train.labels)
    running = batches(plan)
    orders = [running.order]
    for _ in range(2):
        running.on_epoch_end()
        orders.append(running.order)
    for epoch, order in enumerate(orders):
        np.testing.assert_array_equal(batches(plan, epoch).order, order)
    assert len({order.tobytes() for order in [*orders, batches(plan, 0, seed=1).order]}) == 4


def test_each_pictures_weight_goes_with_it():
    data = trained.data()
    labels = data.train.labels
    weights = (1 + labels).astype(np.float32)
    found = batches(balancing.Plan(np.arange(len(labels)), weights, "class_weight"))
    for i in range(len(found)):
        _, values, own = found[i]
        np.testing.assert_array_equal(own, 1 + values)
        assert own.dtype == np.float32


# Looking


def test_the_layers_are_listed_with_their_work():
    _, fitted = trained.run()
    table = training.layer_table(fitted.model)
    assert list(table.columns) == ["layer", "kind", "output", "parameters", "multiply-adds"]
    assert table["parameters"].sum() == fitted.model.count_params() == 83_946
    assert table["multiply-adds"].sum() == 6_487_616
    assert table["output"].iloc[0] == "28 x 28"
    assert table["kind"].iloc[-1] == "Softmax"


def test_variations_are_what_training_sees():
    pictures = trained.data().train.images[:3]
    found = training.variations(pictures, "affine", 4, seed=0)
    assert (found.shape, found.dtype) == ((3, 4, 28, 28), np.uint8)
    assert len({picture.tobytes() for picture in found.reshape(-1, 28, 28)}) == 12
    np.testing.assert_array_equal(found, training.variations(pictures, "affine", 4, seed=0))
    other = training.variations(pictures, "rotate_zoom_shift", 4, seed=0)
    assert not np.array_equal(found, other)
    same = training.variations(pictures, "none", 4, seed=0)
    np.testing.assert_array_equal(same, np.stack([pictures] * 4, axis=1))


# Export


@pytest.fixture
def exported(tmp_path) -> tuple[training.Fitted, Path, Path]:
    """A finished training, read from a copy of its checkpoint, and its two files."""
    folder, _ = trained.run()
    shutil.copytree(folder, tmp_path / "run")
    fitted = trained.fit(tmp_path / "run" / "checkpoints")
    assert fitted.trained == 0
    return fitted, tmp_path / "run" / "model.keras", tmp_path / "run" / "model.tflite"


def state(*paths: Path) -> list[tuple[int, bytes]]:
    return [(path.stat().st_mtime_ns, path.read_bytes()) for path in paths]


def test_the_history_so_far_is_shown_after_each_epoch(folder, tmp_path):
    seen = []
    found = trained.data()
    plan = balancing.plan(found.train.labels)
    rest = trained.recipe(), found.train, found.validation, plan, 10, folder
    fitted = training.fit(*rest, after_epoch=seen.append)
    # Two epochs were in the checkpoint.
    assert [len(history) for history in seen] == [2, 3]
    pd.testing.assert_frame_equal(seen[-1], fitted.history)


def test_patience_ends_a_training_early_and_for_good(tmp_path, monkeypatch):
    scores = iter([0.3, 0.5, 0.4, 0.5, 0.9])
    plain = checkpoint.validate

    def validate(net, split):
        return {**plain(net, split), "val_balanced_accuracy": next(scores)}

    monkeypatch.setattr(checkpoint, "validate", validate)
    fitted = trained.fit(tmp_path, epochs=8, patience=2)
    assert fitted.history["val_balanced_accuracy"].tolist() == [0.3, 0.5, 0.4, 0.5]
    # As good as the best so far is no better.
    assert (fitted.best_epoch, fitted.trained) == (2, 4)
    again = trained.fit(tmp_path, epochs=8, patience=2)
    assert again.trained == 0
    assert_same(again, fitted)
    with pytest.raises(ParameterError, match="patience must be at least 1, or None. Received: 0"):
        trained.recipe(patience=0)


def test_small_weights_read_nearly_the_same(tmp_path):
    folder, fitted = trained.run()
    small = tmp_path / "small.tflite"
    training.export_small(fitted.model, small)
    assert small.stat().st_size < 0.4 * (folder / "model.tflite").stat().st_size
    pictures = trained.data().validation.images
    whole = Recognizer.load(folder).predict(pictures)
    found = Recognizer(small, map(str, range(10))).predict(pictures)
    assert 0 < np.abs(found - whole).max() < 0.1
    assert (found.argmax(axis=1) == whole.argmax(axis=1)).mean() > 0.95


def test_the_two_files_say_the_same():
    folder, fitted = trained.run()
    pictures = trained.data().test.images
    expected = training.predict(fitted.model, pictures)
    found = Recognizer.load(folder).predict(pictures)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    loaded = keras.models.load_model(folder / "model.keras")
    np.testing.assert_array_equal(training.predict(loaded, pictures), expected)
    # Anybody's Keras reads it: no layer of this package, no state of the optimizer.
    with zipfile.ZipFile(folder / "model.keras") as file:
        config = file.read("config.json").decode()
    assert "hcr>" not in config
    assert "RandomAffine" not in config
    assert getattr(loaded, "optimizer", None) is None
    assert (folder / "model.keras").stat().st_size < 1.5 * 4 * fitted.model.count_params()


def test_files_that_stand_are_kept(exported):
    fitted, *paths = exported
    before = state(*paths)
    difference = training.export(fitted, *paths, trained.data().validation.images)
    assert 0 <= difference < 1e-5
    assert state(*paths) == before


@pytest.mark.parametrize("file", ["model.keras", "model.tflite", "checkpoints/exported.json"])
@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_files_that_do_not_stand_are_written_again(exported, monkeypatch, file, damage):
    fitted, *paths = exported
    path, litert = paths[0].parent / file, paths[1].read_bytes()
    path.unlink() if damage == "deleted" else cut(path)
    # The conversion takes seconds: one of the cases is enough for it.
    if (file, damage) != ("model.tflite", "deleted"):
        convert = lambda self, path, **options: Path(path).write_bytes(litert)  # noqa: E731
        monkeypatch.setattr(type(fitted.model), "export", convert)
    before = state(*(each for each in paths if each.is_file()))
    assert training.export(fitted, *paths, trained.data().validation.images) < 1e-5
    assert state(*paths) != before
    Recognizer.load(paths[0].parent)
    keras.models.load_model(paths[0])
    assert stands(fitted, *paths)


def stands(fitted: training.Fitted, *paths: Path) -> bool:
    """Whether an export would keep the files."""
    state = {"weights": exporting._weights_digest(fitted.model)}
    return exporting._exported(fitted.folder / "exported.json", state, *paths)


def test_other_weights_are_exported_anew(exported):
    fitted, *paths = exported
    assert stands(fitted, *paths)
    fitted.model.set_weights([weight + 1 for weight in fitted.model.get_weights()])
    assert not stands(fitted, *paths)


def test_files_that_disagree_are_told(exported, monkeypatch):
    fitted, *paths = exported
    right = Recognizer.predict
    monkeypatch.setattr(Recognizer, "predict", lambda self, images: right(self, images)[:, ::-1])
    with pytest.raises(ModelError, match="within 0.001. Received: a difference of 0"):
        training.export(fitted, *paths, trained.data().validation.images)


@pytest.mark.parametrize("limit", [100_000, 350_000])
def test_a_full_disk_while_exporting_is_one_line(exported, limit):
    fitted, *paths = exported
    for path in paths:
        path.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(RunError, match="Cannot write .*model") as error:
            training.export(fitted, *paths, trained.data().validation.images)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)

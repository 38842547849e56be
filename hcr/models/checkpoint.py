"""What is done around each epoch: seeding, validating, saving; and taking up what was saved."""

import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd

from hcr.datasets import Split
from hcr.errors import ModelError, RunError
from hcr.models.augment import Switch
from hcr.models.averaging import answering, learner
from hcr.models.network import shifted, validate
from hcr.models.optimizer import WatchedAdam, plateau_rate
from hcr.models.weights import Begun
from hcr.runs import files

if TYPE_CHECKING:
    from hcr.models.training import Recipe

# What reading a file that is missing, cut short or damaged may raise.
UNREADABLE = (RunError, OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error)


class Checkpoint(keras.callbacks.Callback):
    """After each epoch: validate, choose the best epoch, save everything, and say so in a line."""

    def __init__(
        self,
        net: keras.Model,
        validation: Split,
        folder: Path,
        key: str,
        recipe: "Recipe",
        shift: np.ndarray | None = None,
        after_epoch: Callable[[pd.DataFrame], None] | None = None,
        begun: Begun | None = None,
    ):
        super().__init__()
        self.net, self.validation, self.folder, self.key = net, validation, folder, key
        self.recipe, self.shift, self.after_epoch = recipe, shift, after_epoch
        self.rows: list[dict[str, float]] = []
        self.best: list[np.ndarray] | None = None
        self.best_epoch = 0
        # What training begins from is epoch 0: it stays the best where none reads better.
        self.before = [] if begun is None else [begun.found["val_balanced_accuracy"]]
        if begun is not None:
            self.best = net.get_weights()

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Seed every random layer from (seed, epoch), so that a resumed run draws the same."""
        self.started = time.perf_counter()
        optimizer = self.model.optimizer
        if self.recipe.schedule == "plateau":
            losses = [row["val_loss"] for row in self.rows]
            optimizer.learning_rate = plateau_rate(self.recipe, losses)
        if isinstance(optimizer, WatchedAdam):
            optimizer.forget()
        for layer in self.model.layers:
            if isinstance(layer, Switch):
                layer.varied.assign(float(epoch < self.recipe.epochs - self.recipe.plain_epochs))
        for i, state in enumerate(random_states(self.model)):
            rng = np.random.default_rng([self.recipe.seed, epoch, i])
            state.assign(rng.integers(0, 2**31, size=tuple(state.shape), dtype=np.uint32))

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Stop at once when the loss is no number any more."""
        if logs and not np.isfinite(logs["loss"]):
            raise ModelError(
                f"The loss must be a finite number. Received: {logs['loss']} in batch {batch + 1} "
                f"of epoch {len(self.rows) + 1}. Lower learning_rate "
                f"(now {self.recipe.learning_rate:g})."
            )

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Validate, save and report."""
        optimizer = self.model.optimizer
        # What is judged, and kept where it is the best, is the network as it will answer.
        if self.net is not learner(self.model):
            self.net.set_weights(answering(self.model))
        with shifted(self.net, self.shift):
            found, weights = validate(self.net, self.validation), self.net.get_weights()
        row = {
            "epoch": epoch + 1,
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
            **found,
            "learning_rate": float(keras.ops.convert_to_numpy(optimizer.learning_rate)),
            **(optimizer.norms() if isinstance(optimizer, WatchedAdam) else {}),
            "epoch_seconds": round(time.perf_counter() - self.started, 3),
        }
        self.rows.append(row)
        scores = self.before + [each["val_balanced_accuracy"] for each in self.rows]
        if self.recipe.keep == "last" or int(np.argmax(scores)) == len(scores) - 1:
            self.best, self.best_epoch = weights, epoch + 1
        self.save(epoch + 1)
        self.model.stop_training = finished(self.recipe, epoch + 1, self.best_epoch)
        print(
            f"epoch {epoch + 1}/{self.recipe.epochs}  loss {row['loss']:.4f}  "
            f"accuracy {row['accuracy']:.4f}  val_loss {row['val_loss']:.4f}  "
            f"val_accuracy {row['val_accuracy']:.4f}  ({row['epoch_seconds']:.1f} s)",
            flush=True,
        )
        if self.after_epoch is not None:
            self.after_epoch(pd.DataFrame(self.rows))

    def save(self, epoch: int) -> None:
        """Write one whole folder an epoch and only then delete the one before."""
        aside = self.folder / ".writing"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            self.model.save(aside / "training.keras")
            np.savez(aside / "best.npz", *self.best)
            state = {"key": self.key, "rows": self.rows, "best_epoch": self.best_epoch}
            files.write_sealed(aside / "state.json", state, *aside.iterdir())
            shutil.rmtree(self.folder / f"epoch-{epoch:04d}", ignore_errors=True)
            os.replace(aside, self.folder / f"epoch-{epoch:04d}")
        except OSError as error:
            raise files.disk_error(error, self.folder) from error
        for old in sorted(self.folder.glob("epoch-*"))[:-1]:
            shutil.rmtree(old, ignore_errors=True)


def finished(recipe: "Recipe", epochs: int, best_epoch: int) -> bool:
    """Whether a training ends after so many epochs, by their number or the recipe's patience."""
    waited = epochs - best_epoch
    return epochs == recipe.epochs or (recipe.patience is not None and waited >= recipe.patience)


def resume(keep: Checkpoint) -> keras.Model | None:
    """Take over the newest whole checkpoint of this training; what is of no use is deleted.

    Returns:
        The compiled trainer to go on with; None where there is none, or nothing is left to train.
    """
    shutil.rmtree(keep.folder / ".writing", ignore_errors=True)
    for path in sorted(keep.folder.glob("epoch-*"), reverse=True):
        try:
            state = files.read_sealed(path / "state.json")
            if state["key"] == keep.key:
                with _intact(path / "best.npz", state).open("rb") as file, np.load(file) as best:
                    arrays = [best[name] for name in best.files]
                rows, best_epoch, trainer = state["rows"], state["best_epoch"], None
                if not finished(keep.recipe, len(rows), best_epoch):
                    trainer = keras.models.load_model(_intact(path / "training.keras", state))
                keep.best, keep.rows, keep.best_epoch = arrays, rows, best_epoch
                return trainer
        except UNREADABLE as error:
            print(f"{path.name} in the checkpoint is damaged ({type(error).__name__}): left out")
        shutil.rmtree(path, ignore_errors=True)
    return None


def _intact(path: Path, state: dict) -> Path:
    """`path`, a file that is as `save` wrote it. Raises `RunError`."""
    if files.sha256(path) != state["sha256"][path.name]:
        raise RunError(f"{path} must be as it was written. Received: a changed file.")
    return path


def random_states(model: keras.Model) -> list[keras.Variable]:
    """The states of the model's random layers (dropout, augmentation), in the model's order."""
    return [each for each in model.variables if each.path.endswith("seed_generator_state")]

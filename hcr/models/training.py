"""Seeds, fits, exports and resumes the training of one network; its history is the result."""

from hcr.models import start  # noqa: F401

# isort: split

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from hcr import models
from hcr.datasets import Split
from hcr.datasets.balancing import Plan
from hcr.errors import ParameterError, nearest
from hcr.models.averaging import answering
from hcr.models.checkpoint import Checkpoint, finished, resume
from hcr.models.exporting import export, export_small
from hcr.models.keys import code_digest
from hcr.models.keys import key as _key
from hcr.models.losses import loss_of
from hcr.models.network import layer_table, predict, shifted, validate, variations
from hcr.models.trainer import batches_of, precision_of, seed_everything, trainer_of
from hcr.models.weights import Begun, take_over

__all__ = [
    "AUGMENTATIONS",
    "KEEPS",
    "LOSSES",
    "MIXING",
    "PRECISIONS",
    "SCHEDULES",
    "Fitted",
    "Recipe",
    "code_digest",
    "export",
    "export_small",
    "fit",
    "fit_steps",
    "layer_table",
    "precision_of",
    "predict",
    "seed_everything",
    "validate",
    "variations",
]

# Name to what it does; read as text where parameters are checked, so they stay literals.
AUGMENTATIONS = {
    "none": "the pictures as they are",
    "affine": "turned by up to 10 degrees, scaled, slanted and shifted a little",
    "rotate_zoom_shift": "turned by up to 10 degrees, scaled and shifted by up to a tenth",
    "elastic": "affine, and bent as if the paper were rubber",
    "pen": "affine and elastic with a little of both, thicker or thinner lines",
    "strong": "affine and elastic with more of both, thicker or thinner lines, a square left blank",
}
SCHEDULES = {
    "cosine": "it rises for a twentieth of the steps, and then falls along a cosine to 0",
    "constant": "it stays as it is",
    "plateau": "it falls by plateau_factor where the validation loss has stopped falling",
}
LOSSES = {
    "cross_entropy": "how improbable the network finds the right answers",
    "balanced_softmax": "the same with the training prior put on the answers, which then lack it",
}
MIXING = {
    "none": "each picture by itself",
    "mixup": "each blended with another, and their labels in the same shares",
    "cutmix": "each with a box out of another, and their labels by area",
}
KEEPS = {
    "best": "the epoch that reads validation best, by class-balanced accuracy",
    "last": "the last one, whatever it reads",
}
PRECISIONS = {
    "float32": "32 bits a number",
    "mixed_bfloat16": "16 bits a number in the layers, 32 in the weights",
    "auto": "mixed_bfloat16 where the processor multiplies such numbers, else float32",
}


@dataclass(frozen=True)
class Recipe:
    """How one network is trained; every field is a parameter of `03_train`.

    Attributes:
        model: A key of `hcr.models.MODELS`, or module:function.
        epochs: Passes over the plan.
        batch_size: Pictures a step.
        learning_rate: Of Adam at its highest.
        augmentation: A key of `AUGMENTATIONS`.
        seed: Of every draw.
        plain_epochs: How many of the last epochs have no augmentation, so that the network ends
            with pictures as they are (He et al. 2019, Data augmentation revisited: rethinking the
            distribution gap between clean and augmented data).
        schedule: A key of `SCHEDULES`.
        plateau_patience: Of the schedule plateau: so many epochs in a row without a lower
            validation loss are waited for, one more and the rate falls.
        plateau_factor: What it is then multiplied by, between 0 and 1.
        patience: Training ends early after so many epochs in a row without a higher class-balanced
            validation accuracy; None for never. The schedule cosine still counts on all epochs.
        clipnorm: The longest that the gradient of one array of weights may be; None for any.
        gradient_norms: Whether the history tells how long the gradients were.
        ema: The decay of the weights' moving average, which then answers in their place; 0 for
            none. It looks back about 1 / (1 - ema) steps.
        label_smoothing: The share of each label that is spread over all classes, below 1.
        loss: A key of `LOSSES`.
        weight_decay: The share, times the learning rate, that a step takes off the kernels.
        mixing: A key of `MIXING`.
        mixing_alpha: Of the beta distribution that the shares of two mixed pictures come from: 1
            for any share alike, less for shares near 0 and 1.
        teacher: A trained network whose answers are learned beside the labels, or several, with
            commas between, whose mean is; as `hcr.recognizer.keras_files` takes it; None for none.
        taught: The teacher's share in the loss, in (0, 1).
        precision: A key of `PRECISIONS`. The network that is validated and returned has 32 bits.
        start: Whose weights training begins from, as `hcr.recognizer.keras_files` takes it; None
            for random ones. It must be a network like `model`; where that is the mean of several,
            these, with commas between.
        keep: A key of `KEEPS`: which epoch's weights are the result.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    augmentation: str
    seed: int
    plain_epochs: int = 0
    schedule: str = "cosine"
    plateau_patience: int = 2
    plateau_factor: float = 0.1
    patience: int | None = None
    clipnorm: float | None = None
    gradient_norms: bool = False
    ema: float = 0.0
    label_smoothing: float = 0.0
    loss: str = "cross_entropy"
    weight_decay: float = 0.0
    mixing: str = "none"
    mixing_alpha: float = 0.2
    teacher: str | None = None
    taught: float = 0.5
    precision: str = "float32"
    start: str | None = None
    keep: str = "best"

    def __post_init__(self) -> None:
        for what, known in (
            ("augmentation", AUGMENTATIONS),
            ("schedule", SCHEDULES),
            ("loss", LOSSES),
            ("mixing", MIXING),
            ("precision", PRECISIONS),
            ("keep", KEEPS),
        ):
            name = getattr(self, what)
            if name not in known:
                raise ParameterError(f"There is no {what} {name!r}.{nearest(name, known)}")
        for what, rule, kept in (
            ("ema", "at least 0 and below 1, as 0.999", 0 <= self.ema < 1),
            ("label_smoothing", "at least 0 and below 1, as 0.1", 0 <= self.label_smoothing < 1),
            ("weight_decay", "at least 0, as 0.01", 0 <= self.weight_decay < np.inf),
            ("plain_epochs", "from 0 to epochs", 0 <= self.plain_epochs <= self.epochs),
            ("patience", "at least 1, or None", self.patience is None or self.patience >= 1),
            ("mixing_alpha", "above 0, as 0.2", 0 < self.mixing_alpha < np.inf),
            ("taught", "above 0 and below 1, as 0.5", 0 < self.taught < 1),
        ):
            if not kept:
                raise ParameterError(f"{what} must be {rule}. Received: {getattr(self, what)}.")
        if self.keep == "last" and self.patience is not None:
            raise ParameterError(
                "patience waits for a better epoch, and keep=last keeps none for being better. "
                f"Received: patience={self.patience} with keep=last. Drop one of them."
            )


@dataclass
class Fitted:
    """A trained network and how it came about.

    Attributes:
        model: With the weights of the chosen epoch.
        history: One row an epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy,
            val_balanced_accuracy, learning_rate, epoch_seconds; before the last, where the recipe
            asks for gradient_norms, grad_norm, grad_norm_max and clipped, of
            `hcr.models.optimizer.WatchedAdam.norms`.
        best_epoch: The epoch, from 1, whose weights are kept: that with the highest class-balanced
            validation accuracy, 0 where what training began from has the highest; or the last,
            where the recipe keeps that.
        trained: How many epochs were trained now; the others were found in the checkpoint.
        folder: Where the checkpoint lies.
        begun: What training began from, where that was another network.
    """

    model: keras.Model
    history: pd.DataFrame
    best_epoch: int
    trained: int
    folder: Path
    begun: Begun | None = None

    @property
    def best(self) -> dict[str, float]:
        """Of the chosen epoch: val_loss, val_accuracy and val_balanced_accuracy at least."""
        if self.best_epoch == 0:
            return self.begun.found
        return self.history.set_index("epoch").loc[self.best_epoch].to_dict()


def fit(
    recipe: Recipe,
    train: Split,
    validation: Split,
    plan: Plan,
    n_classes: int,
    folder: Path,
    after_epoch: Callable[[pd.DataFrame], None] | None = None,
) -> Fitted:
    """Train a network, or go on with the training that `folder` holds.

    Args:
        recipe: The network and how it is trained.
        train: The training split that `plan` was made for.
        validation: The split on which the epoch is chosen, by class-balanced accuracy.
        plan: Which pictures, with what weight, and whether the answers lose the prior: then that
            is part of the network returned, in the bias of its logits.
        n_classes: Of the network.
        folder: For checkpoints, one an epoch; what lies there for another recipe, other data or
            other code is deleted.
        after_epoch: Called with the history so far after each epoch, once that is saved, and at
            the start where the checkpoint holds one.

    Returns:
        The network with the weights of the chosen epoch, and its history.

    Raises:
        ModelError: The network cannot be built, the weights that it shall begin from are not there
            or don't fit, the loss is no number any more, or the prior cannot be taken out of the
            network's answers.
        ParameterError: Both the recipe's loss and the plan take the prior out.
    """
    loss = loss_of(recipe, plan, train, n_classes)
    net, begun = _begin(recipe, n_classes), None
    if recipe.start is not None:
        begun = Begun.of(net, validation)
        told = "val_loss {val_loss:.4f}  val_accuracy {val_accuracy:.4f}".format(**begun.found)
        print(f"begins from {recipe.start}  {told}", flush=True)
    shift = plan.shift(train.labels, n_classes)
    with shifted(net, shift):
        pass  # A network that cannot be corrected is told of before it is trained.
    key = _key(recipe, train, validation, plan)
    keep = Checkpoint(net, validation, folder, key, recipe, shift, after_epoch, begun)
    trainer = resume(keep)
    done = len(keep.rows)
    if done > 0:
        print(f"found epoch {done}/{recipe.epochs} in the checkpoint", flush=True)
        if after_epoch is not None:
            after_epoch(pd.DataFrame(keep.rows))
    if done == 0 or not finished(recipe, done, keep.best_epoch):
        if trainer is None:
            steps = -(-len(plan) // recipe.batch_size) * recipe.epochs
            trainer = trainer_of(net, recipe, steps, loss)
        batches = batches_of(recipe, train, plan, n_classes, done)
        trainer.fit(
            batches,
            initial_epoch=done,
            epochs=recipe.epochs,
            callbacks=[keep],
            verbose=0,
            shuffle=False,  # Keras would shuffle the batches by a state that no checkpoint holds.
        )
    net.set_weights(keep.best)
    history = pd.DataFrame(keep.rows)
    return Fitted(net, history, keep.best_epoch, len(history) - done, folder, begun)


def fit_steps(recipe: Recipe, train: Split, plan: Plan, n_classes: int, steps: int) -> keras.Model:
    """Train a network for so many steps, and leave nothing on the disk.

    For comparisons: every training makes as many steps of `recipe.batch_size` pictures, however
    many pictures its plan has, and no epoch is chosen. `recipe.epochs` has no say, and the prior
    is left in the answers.

    Returns:
        The network after its last step.

    Raises:
        ParameterError: The recipe's schedule is plateau, which needs epochs to validate after, or
            both its loss and the plan take the prior out.
    """
    if recipe.schedule == "plateau":
        raise ParameterError(
            "A training by steps must have a schedule that needs no validation. Received: "
            "plateau. Choose cosine or constant."
        )
    loss = loss_of(recipe, plan, train, n_classes)
    # Dozens of trainings in one process would pile up their graphs.
    keras.utils.clear_session()
    net = _begin(recipe, n_classes)
    trainer = trainer_of(net, recipe, steps, loss)
    batches = batches_of(recipe, train, plan, n_classes, 0, steps)
    trainer.fit(batches, verbose=0, shuffle=False)
    net.set_weights(answering(trainer))
    return net


def _begin(recipe: Recipe, n_classes: int) -> keras.Model:
    """The network as it is before its first step; everything is seeded."""
    seed_everything(recipe.seed)
    net = models.build(recipe.model, n_classes)
    if recipe.start is not None:
        take_over(net, recipe.start)
    return net

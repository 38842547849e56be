"""Seeds, fits, exports and resumes the training of one network; its history is the result."""

from hcr.training import start  # isort: split

import hashlib
import inspect
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from hcr import files, models
from hcr.balance import Plan
from hcr.datasets import Split
from hcr.errors import ParameterError, nearest
from hcr.models.augment import layer_of
from hcr.training.batches import Batches
from hcr.training.checkpoint import Checkpoint, resume
from hcr.training.exporting import export
from hcr.training.network import layer_table, predict, shifted, validate, variations
from hcr.training.optimizer import optimizer

__all__ = [
    "AUGMENTATIONS",
    "SCHEDULES",
    "Fitted",
    "Recipe",
    "code_digest",
    "export",
    "fit",
    "fit_steps",
    "layer_table",
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
}
SCHEDULES = {
    "cosine": "it rises for a twentieth of the steps, and then falls along a cosine to 0",
    "constant": "it stays as it is",
    "plateau": "it falls by plateau_factor where the validation loss has stopped falling",
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
        schedule: A key of `SCHEDULES`.
        plateau_patience: Of the schedule plateau: so many epochs in a row without a lower
            validation loss are waited for, one more and the rate falls.
        plateau_factor: What it is then multiplied by, between 0 and 1.
        clipnorm: The longest that the gradient of one array of weights may be; None for any.
        gradient_norms: Whether the history tells how long the gradients were.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    augmentation: str
    seed: int
    schedule: str = "cosine"
    plateau_patience: int = 2
    plateau_factor: float = 0.1
    clipnorm: float | None = None
    gradient_norms: bool = False

    def __post_init__(self) -> None:
        for what, name, known in (
            ("augmentation", self.augmentation, AUGMENTATIONS),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if name not in known:
                raise ParameterError(f"There is no {what} {name!r}.{nearest(name, known)}")


@dataclass
class Fitted:
    """A trained network and how it came about.

    Attributes:
        model: With the weights of the chosen epoch.
        history: One row an epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy,
            val_balanced_accuracy, learning_rate, epoch_seconds; before the last, where the recipe
            asks for gradient_norms, grad_norm, grad_norm_max and clipped, of
            `hcr.training.optimizer.WatchedAdam.norms`.
        best_epoch: The epoch, from 1, with the highest class-balanced validation accuracy.
        trained: How many epochs were trained now; the others were found in the checkpoint.
        folder: Where the checkpoint lies.
    """

    model: keras.Model
    history: pd.DataFrame
    best_epoch: int
    trained: int
    folder: Path


def fit(
    recipe: Recipe, train: Split, validation: Split, plan: Plan, n_classes: int, folder: Path
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

    Returns:
        The network with the weights of the chosen epoch, and its history.

    Raises:
        ModelError: The network cannot be built, the loss is no number any more, or the prior
            cannot be taken out of the network's answers.
    """
    seed_everything(recipe.seed)
    net = models.build(recipe.model, n_classes)
    shift = plan.shift(train.labels, n_classes)
    with shifted(net, shift):
        pass  # A network that cannot be corrected is told of before it is trained.
    key = _key(recipe, train, validation, plan)
    keep = Checkpoint(net, validation, folder, key, recipe, shift)
    trainer = resume(keep)
    done = len(keep.rows)
    if done > 0:
        print(f"found epoch {done}/{recipe.epochs} in the checkpoint", flush=True)
    if done < recipe.epochs:
        if trainer is None:
            steps = -(-len(plan) // recipe.batch_size) * recipe.epochs
            trainer = _trainer(net, recipe, steps)
        # The network inside a loaded trainer takes the place of the fresh one.
        net = keep.net = trainer.layers[-1]
        batches = Batches(train, plan, recipe.batch_size, recipe.seed, done)
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
    return Fitted(net, history, keep.best_epoch, recipe.epochs - done, folder)


def fit_steps(recipe: Recipe, train: Split, plan: Plan, n_classes: int, steps: int) -> keras.Model:
    """Train a network for so many steps, and leave nothing on the disk.

    For comparisons: every training makes as many steps of `recipe.batch_size` pictures, however
    many pictures its plan has, and no epoch is chosen. `recipe.epochs` has no say, and the prior
    is left in the answers.

    Returns:
        The network after its last step.

    Raises:
        ParameterError: The recipe's schedule is plateau, which needs epochs to validate after.
    """
    if recipe.schedule == "plateau":
        raise ParameterError(
            "A training by steps must have a schedule that needs no validation. Received: "
            "plateau. Choose cosine or constant."
        )
    # Dozens of trainings in one process would pile up their graphs.
    keras.utils.clear_session()
    seed_everything(recipe.seed)
    net = models.build(recipe.model, n_classes)
    batches = Batches(train, plan, recipe.batch_size, recipe.seed, 0, steps)
    _trainer(net, recipe, steps).fit(batches, verbose=0, shuffle=False)
    return net


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras, and have TensorFlow's operations give the same bits twice."""
    keras.utils.set_random_seed(seed)
    if start.BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _trainer(net: keras.Model, recipe: Recipe, steps: int) -> keras.Model:
    """The network behind its augmentation, compiled; the network alone is what gets saved."""
    inputs = keras.Input((28, 28), dtype="uint8")
    augment = layer_of(recipe.augmentation, recipe.seed)
    trainer = keras.Model(inputs, net(inputs if augment is None else augment(inputs)))
    trainer.compile(
        optimizer=optimizer(recipe, steps),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # XLA makes training slower on a CPU, and its first step takes seconds.
        jit_compile=False,
    )
    return trainer


def _key(recipe: Recipe, train: Split, validation: Split, plan: Plan) -> str:
    """What the weights depend on; the code of the networks and of this module included."""
    return files.digest(
        asdict(recipe),
        train.digest,
        validation.digest,
        plan.indices.tobytes(),
        plan.weights.tobytes(),
        plan.tau,
        code_digest(recipe.model),
    )


def code_digest(model: str) -> str:
    """A digest of the code that trains the network `model`, and of the versions below it."""
    folders = Path(__file__).parent, Path(models.__file__).parent
    sources = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    # A network of one's own lies elsewhere.
    sources.append(Path(inspect.getfile(inspect.unwrap(models.builder(model)))))
    code = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sources]
    return files.digest(code, [keras.__version__, start.BACKEND, np.__version__])

"""The training loop: Keras' fit with one callback, which validates, keeps the best, and saves."""

import hashlib
import inspect
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hcr import evaluation
from hcr.datasets import Dataset, Split, balancing
from hcr.datasets.balancing import Plan
from hcr.errors import ModelError
from hcr.models import checkpoint, objective
from hcr.models.architectures import build, builder
from hcr.models.augment import Switch, augmentation
from hcr.models.backend import check, keras, precision, predict, seed_everything
from hcr.models.checkpoint import Progress
from hcr.models.convert import copied, teacher
from hcr.models.recipe import Recipe
from hcr.runs import files

ops = keras.ops
Loss = keras.losses.Loss | str


@dataclass(frozen=True)
class Parent:
    """How the model that training started from does on validation: `validate`'s, int64 (n,)."""

    scores: dict[str, float]
    predicted: np.ndarray


@dataclass
class TrainingResult:
    """A trained network and its history.

    Attributes:
        net: With the weights of the chosen epoch.
        history: One row an epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy,
            val_balanced_accuracy, learning_rate, epoch_seconds; with gradient_norms also
            grad_norm, grad_norm_max and clipped.
        best_epoch: The epoch whose weights are kept; 0 for the parent's.
        trained: How many epochs were trained now; the others come from the checkpoint.
        parent: Of the recipe's start, if any.
    """

    net: keras.Model
    history: pd.DataFrame
    best_epoch: int
    trained: int
    parent: Parent | None = None

    @property
    def best(self) -> dict[str, float]:
        """Of the chosen epoch: val_loss, val_accuracy and val_balanced_accuracy at least."""
        if self.best_epoch == 0:
            return self.parent.scores
        return self.history.set_index("epoch").loc[self.best_epoch].to_dict()


def train(
    data: Dataset,
    recipe: Recipe | None = None,
    plan: Plan | None = None,
    *,
    net: keras.Model | None = None,
    augment: keras.layers.Layer | str | None = "recipe",
    loss: Loss | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    folder: Path | None = None,
    after_epoch: Callable[[pd.DataFrame], None] | None = None,
) -> TrainingResult:
    """Train a network on a dataset, or resume the training that `folder` holds.

    Args:
        data: A dataset. The epoch is chosen on its validation split, by class-balanced accuracy;
            the test split stays closed.
        recipe: By default `Recipe()`. It also has what the next five arguments leave out.
        plan: A balancing plan of the training split; by default each image once. Where it has a
            `tau`, the prior is taken out of the predictions, in the bias of the network's logits.
        net: A network, uint8 (n, 28, 28) to probabilities.
        augment: A Keras layer from images to images, or None.
        loss: A Keras loss of integer labels and probabilities.
        optimizer: Of Keras.
        folder: For checkpoints, one an epoch; those of another training are deleted.
        after_epoch: Called with the history after each epoch, and first with that of a checkpoint.

    Raises `ModelError` where the network, the recipe's start or teacher, or the plan do not fit, or
    the loss is no finite number, and `ParameterError` where loss and plan both take the prior out.
    """
    recipe, n_classes = recipe or Recipe(), len(data.characters)
    plan = plan or balancing.plan(data.train.labels)
    seed_everything(recipe.seed)
    net = net or build(recipe.model, n_classes, recipe.seed, recipe.start)
    check(net, net.name, n_classes)
    key = _key(net, recipe, data, plan, augment, loss, optimizer)
    loss = loss or objective.loss(recipe, plan, data.train, n_classes)
    steps = -(-len(plan) // recipe.batch_size) * recipe.epochs
    trainer, learner = _trainer(net, recipe, steps, augment, loss, optimizer)
    shift, parent = plan.shift(data.train.labels, n_classes), None
    with _shifted(net, shift):
        pass  # Where the prior cannot be taken out, training would be in vain.
    if recipe.start is not None:
        probabilities = predict(net, data.validation.images)
        parent = Parent(_scores(probabilities, data.validation), probabilities.argmax(axis=1))
        scores = "val_loss {val_loss:.4f}  val_accuracy {val_accuracy:.4f}".format(**parent.scores)
        print(f"starts from {recipe.start}  {scores}", flush=True)
    loop = _Loop(net, learner, data.validation, recipe, shift, parent, folder, key, after_epoch)
    done = loop.resume(trainer)
    if not loop.finished:
        trainer.fit(
            Batches(
                data.train.images, objective.labels(loss, data.train, n_classes), plan, recipe, done
            ),
            initial_epoch=done,
            epochs=recipe.epochs,
            callbacks=[loop],
            verbose=0,
            shuffle=False,  # Keras would shuffle the batches by a state that no checkpoint holds.
        )
    net.set_weights(loop.progress.best)
    history = pd.DataFrame(loop.progress.rows)
    return TrainingResult(net, history, loop.progress.best_epoch, len(history) - done, parent)


def train_steps(
    recipe: Recipe, train: Split, plan: Plan, n_classes: int, steps: int
) -> keras.Model:
    """Train a network for so many steps of `recipe.batch_size` images, with no validation.

    For comparisons: no epoch is chosen, and the prior stays in the predictions.
    """
    loss = objective.loss(recipe, plan, train, n_classes)
    # Dozens of trainings in one process would pile up their graphs.
    keras.utils.clear_session()
    net = build(recipe.model, n_classes, recipe.seed, recipe.start)
    trainer, learner = _trainer(net, recipe, steps, "recipe", loss, None)
    labels = objective.labels(loss, train, n_classes)
    trainer.fit(Batches(train.images, labels, plan, recipe, steps=steps), verbose=0, shuffle=False)
    if learner is not net:
        net.set_weights(learner.evaluated())
    return net


def validate(net: keras.Model, split: Split) -> dict[str, float]:
    """val_loss, val_accuracy and val_balanced_accuracy of `net` on `split`."""
    return _scores(predict(net, split.images), split)


def _scores(probabilities: np.ndarray, split: Split) -> dict[str, float]:
    """What `validate` gives, of probabilities. Raises `ModelError` where they are NaN."""
    if not np.isfinite(probabilities).all():
        raise ModelError(
            "The network's probabilities must be finite numbers. Received: NaN on the validation "
            "split. Lower learning_rate."
        )
    predicted = probabilities.argmax(axis=1)
    return {
        "val_loss": evaluation.log_loss(split.labels, probabilities),
        "val_accuracy": evaluation.accuracy(split.labels, predicted),
        "val_balanced_accuracy": evaluation.balanced_accuracy(split.labels, predicted),
    }


def code_digest(model: str) -> str:
    """A digest of the code that trains the network `model`, and of the versions below it."""
    sources = [*sorted(Path(__file__).parent.glob("*.py"))]
    sources.append(Path(inspect.getfile(inspect.unwrap(builder(model)))))
    code = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sources]
    return files.digest(code, [keras.__version__, keras.backend.backend(), np.__version__])


class Batches(keras.utils.PyDataset):
    """The plan's images in batches, in an order that follows from (seed, epoch) alone.

    `images` and `labels` are the training split's, `epoch` the first pass, from 0; with `steps`
    there are so many full batches instead of one pass, as many passes as that takes.
    """

    def __init__(
        self, images, labels, plan: Plan, recipe: Recipe, epoch: int = 0, steps: int | None = None
    ):
        super().__init__()
        self.images, self.labels, self.plan, self.epoch = images, labels, plan, epoch
        self.seed, self.batch_size = recipe.seed, recipe.batch_size
        self.draws = len(plan) if steps is None else steps * self.batch_size
        self.passes = -(-self.draws // len(plan))
        self.weighted = bool(np.ptp(plan.weights) > 0)
        self._shuffle()

    def __len__(self) -> int:
        return -(-self.draws // self.batch_size)

    def __getitem__(self, i: int):
        drawn = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        indices = self.plan.indices[drawn]
        batch = self.images[indices], self.labels[indices]
        return (*batch, self.plan.weights[drawn]) if self.weighted else batch

    def on_epoch_end(self) -> None:
        """Called by Keras once an epoch."""
        self.epoch += self.passes
        self._shuffle()

    def _shuffle(self) -> None:
        orders = [
            np.random.default_rng([self.seed, self.epoch + i]).permutation(len(self.plan))
            for i in range(self.passes)
        ]
        self.order = np.concatenate(orders)[: self.draws]


class _Loop(keras.callbacks.Callback):
    """Around each epoch: seed, validate, choose the best one, save everything, print a line."""

    def __init__(self, net, learner, validation, recipe, shift, parent, folder, key, after_epoch):
        super().__init__()
        self.net, self.learner, self.validation = net, learner, validation
        self.recipe, self.shift = recipe, shift
        self.folder, self.key, self.after_epoch = folder, key, after_epoch or len
        # The parent is epoch 0: it stays the best where no epoch is better.
        self.before = [] if parent is None else [parent.scores["val_balanced_accuracy"]]
        self.progress = Progress(best=None if parent is None else net.get_weights())

    @property
    def finished(self) -> bool:
        """Whether training ends here, by its number of epochs or by early stopping."""
        done, patience = len(self.progress.rows), self.recipe.patience
        stopped = patience is not None and 0 < patience <= done - self.progress.best_epoch
        return done == self.recipe.epochs or stopped

    def resume(self, trainer: keras.Model) -> int:
        """Take over the newest checkpoint; how many epochs it holds."""
        saved = None if self.folder is None else checkpoint.load(self.folder, self.key)
        if saved is None:
            return 0
        self.progress, values = saved
        for variable, value in zip(_variables(trainer), values, strict=True):
            variable.assign(value)
        done = len(self.progress.rows)
        print(f"found epoch {done}/{self.recipe.epochs} in the checkpoint", flush=True)
        self.after_epoch(pd.DataFrame(self.progress.rows))
        return done

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Seed every random layer from (seed, epoch), so that a resumed training draws the same."""
        self.started = time.perf_counter()
        optimizer, recipe = self.model.optimizer, self.recipe
        if recipe.schedule == "plateau":
            losses = [row["val_loss"] for row in self.progress.rows]
            optimizer.learning_rate = objective.plateau_rate(recipe, losses)
        if isinstance(optimizer, objective.WatchedAdam):
            optimizer.reset()
        for layer in self.model.layers:
            if isinstance(layer, Switch):
                last = recipe.epochs - recipe.final_epochs_without_augmentation
                layer.augmented.assign(float(epoch < last))
        states = [v for v in self.model.variables if v.path.endswith("seed_generator_state")]
        for i, state in enumerate(states):
            rng = np.random.default_rng([recipe.seed, epoch, i])
            state.assign(rng.integers(0, 2**31, size=tuple(state.shape), dtype=np.uint32))

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Stop at once when the loss is no number any more."""
        if logs and not np.isfinite(logs["loss"]):
            raise ModelError(
                f"The loss must be a finite number. Received: {logs['loss']} in batch {batch + 1} "
                f"of epoch {len(self.progress.rows) + 1}. Lower learning_rate."
            )

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Validate, save and report."""
        optimizer, progress = self.model.optimizer, self.progress
        if self.net is not self.learner:
            self.net.set_weights(self.learner.evaluated())
        with _shifted(self.net, self.shift):
            scores, weights = validate(self.net, self.validation), self.net.get_weights()
        norms = optimizer.norms() if isinstance(optimizer, objective.WatchedAdam) else {}
        row = {
            "epoch": epoch + 1,
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
            **scores,
            "learning_rate": float(ops.convert_to_numpy(optimizer.learning_rate)),
            **norms,
            "epoch_seconds": round(time.perf_counter() - self.started, 3),
        }
        progress.rows.append(row)
        balanced = self.before + [each["val_balanced_accuracy"] for each in progress.rows]
        if self.recipe.keep == "last" or int(np.argmax(balanced)) == len(balanced) - 1:
            progress.best, progress.best_epoch = weights, epoch + 1
        if self.folder is not None:
            values = [ops.convert_to_numpy(each) for each in _variables(self.model)]
            checkpoint.save(self.folder, self.key, progress, values)
        self.model.stop_training = self.finished
        print(
            f"epoch {epoch + 1}/{self.recipe.epochs}  loss {row['loss']:.4f}  "
            f"accuracy {row['accuracy']:.4f}  val_loss {row['val_loss']:.4f}  "
            f"val_accuracy {row['val_accuracy']:.4f}  ({row['epoch_seconds']:.1f} s)",
            flush=True,
        )
        self.after_epoch(pd.DataFrame(progress.rows))


def _trainer(
    net: keras.Model, recipe: Recipe, steps: int, augment, loss: Loss, optimizer
) -> tuple[keras.Model, keras.Layer]:
    """The network behind its augmentation, compiled, and its layer that learns, maybe a copy."""
    policy, learner = precision(recipe.precision), net
    if augment == "recipe":
        augment = augmentation(recipe.augmentation, recipe.seed)
    if recipe.ema or policy != "float32":
        # Dropout draws its seeds here: it shall draw as in the first one.
        keras.utils.set_random_seed(recipe.seed)
        learner = objective.Averaged(copied(net, policy), recipe.ema, name="averaged")
    inputs = images = keras.Input((28, 28), dtype="uint8")
    if augment is not None:
        images = augment(inputs)
        if images.dtype != "uint8":
            images = ops.cast(images, "uint8")
        if recipe.final_epochs_without_augmentation:
            images = Switch(name="switch")([inputs, images])
    outputs = learner(images)
    if recipe.teacher:
        wise = teacher(recipe.teacher, net.output_shape[1], policy)
        distillation = objective.Distillation(wise, recipe.distillation_weight, name="teacher")
        outputs = distillation([images, outputs])
    trainer = keras.Model(inputs, outputs)
    by_source = getattr(loss, "by_source", False)
    trainer.compile(
        optimizer=optimizer or objective.optimizer(recipe, steps),
        loss=loss,
        loss_weights=1 - recipe.distillation_weight if recipe.teacher else None,
        metrics=[objective.CodedAccuracy(name="accuracy") if by_source else "accuracy"],
        jit_compile=False,  # XLA makes training slower on a CPU, and its first step takes seconds.
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer, learner


def _variables(trainer: keras.Model) -> list[keras.Variable]:
    """All that training changes, but the metrics."""
    return [*trainer.variables, *trainer.optimizer.variables]


@contextmanager
def _shifted(net: keras.Model, shift: np.ndarray | None):
    """Let `net` predict with `shift`, (n_classes,), subtracted from its logits; then as before."""
    if shift is None:
        yield
        return
    softmax, linear = keras.activations.softmax, keras.activations.linear
    *_, dense, last = net.layers
    separate = isinstance(last, keras.layers.Softmax | keras.layers.Activation)
    separate = separate and getattr(last, "activation", softmax) is softmax
    dense = dense if separate else last
    plain = getattr(dense, "activation", None) is (linear if separate else softmax)
    if not plain or not isinstance(dense, keras.layers.Dense) or dense.bias is None:
        raise ModelError(
            "logit_adjust needs a network that ends in a Dense layer with a bias and a Softmax. "
            f"Received: {net.name}, which ends in {type(last).__name__}. End it with "
            "hcr.models.classifier, or choose another strategy in 02_balance."
        )
    before = ops.convert_to_numpy(dense.bias)
    dense.bias.assign(before - shift.astype(before.dtype))
    try:
        yield
    finally:
        dense.bias.assign(before)


def _key(net: keras.Model, recipe: Recipe, data: Dataset, plan: Plan, *parts) -> str:
    """A digest of all that the trained weights follow from; of `parts`, settings alone."""
    structure = net.to_json()
    for i, layer in enumerate([net, *net.layers]):  # Keras counts names up within a process.
        structure = structure.replace(f'"{layer.name}"', f'"{i}"')
    settings = {key: value for key, value in asdict(recipe).items() if key != "start"}
    if recipe.teacher:
        settings["teacher"] = _weights(teacher(recipe.teacher, len(data.characters)))
    texts = [keras.saving.serialize_keras_object(part) for part in parts]
    arrays = [each.tobytes() for each in (plan.indices, plan.weights)]
    digests = [data.train.digest, data.validation.digest, code_digest(recipe.model)]
    return files.digest(settings, structure, _weights(net), texts, *arrays, plan.tau, digests)


def _weights(net: keras.Model) -> str:
    return files.digest(*(each.tobytes() for each in net.get_weights()))

"""The training loop: an epoch of Keras' fit, then validation, a checkpoint and a line of report."""

import inspect
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from hcr import evaluation
from hcr.datasets import Dataset, Split, balancing
from hcr.datasets.balancing import Plan
from hcr.errors import ModelError, TrainingInterrupt
from hcr.models import objective
from hcr.models.architectures import build, builder
from hcr.models.augment import Switch, augmentation
from hcr.models.backend import check, keras, precision, predict, seed_everything, tf
from hcr.models.convert import copied, teacher
from hcr.models.recipe import Recipe
from hcr.runs import clock, files

ops = keras.ops
Loss = keras.losses.Loss | str
SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy")  # of an epoch, in the line on it


@dataclass
class Progress:
    """The history, a dict an epoch; the epoch whose weights are kept, and these."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best: list[np.ndarray] | None = None
    precision: str = "float32"  # the dtype policy that it began with


@dataclass
class TrainingResult:
    """A trained network and its history.

    That has a row an epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy,
    val_balanced_accuracy, learning_rate, epoch_seconds.
    """

    net: keras.Model  # with the weights of the chosen epoch
    history: pd.DataFrame
    best_epoch: int  # the epoch whose weights are kept; 0 for the parent's
    best: dict[str, float]  # its val_loss, val_accuracy and val_balanced_accuracy; none with refit
    trained: int  # how many epochs were trained now; the others come from the checkpoint
    precision: str  # the dtype policy that it was trained with
    parent: np.ndarray | None = None  # what the start, if any, predicts on validation, int64 (n,)


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
            the test split stays closed. With the recipe's `refit` both splits are trained on, the
            last epoch is kept, and the history has no columns of validation.
        recipe: By default `Recipe()`. It also has what the next five arguments leave out.
        plan: A balancing plan of the training split, with `refit` of both; by default each image
            once. Where it has a `tau`, the prior is taken out of the predictions, in the bias of
            the network's logits.
        net: A network, uint8 (n, 28, 28) to probabilities. A copy of it is trained.
        augment: A Keras layer from images to images, or None.
        loss: A Keras loss of integer labels and probabilities.
        optimizer: Of Keras.
        folder: For the checkpoint, which each epoch replaces; that of another training is, too.
            TensorBoard's event files go into `tensorboard` beside it.
        after_epoch: Called with the history after each epoch, and first with that of a checkpoint;
            by default each epoch prints a line.

    Raises `TrainingInterrupt` where it is stopped and has a `folder`, `ModelError` where the
    network, the recipe's start or teacher, or the plan do not fit, or the loss is no finite number,
    and `ParameterError` where loss and plan both take the prior out.
    """
    recipe, n_classes = recipe or Recipe(), len(data.characters)
    train = data.train_and_validation if recipe.refit else data.train
    plan = plan or balancing.plan(train.labels)
    seed_everything(recipe.seed)
    net = net or build(recipe.model, n_classes, recipe.seed, recipe.start)
    check(net, net.name, n_classes)
    key = _key(net, recipe, data, plan, augment, loss, optimizer)
    # Whoever runs a cell again begins from the same weights, and so finds the checkpoint.
    net = copied(net, dropout=recipe.dropout)
    loss = loss or objective.loss(recipe, plan, train, n_classes)
    labels = objective.labels(loss, train, n_classes)
    shift = plan.shift(train.labels, n_classes)
    if shift is not None:
        bias = _logit_bias(net)  # Where the prior cannot be taken out, training would be in vain.
    path = None if folder is None else folder / "checkpoint.npz"
    saved = None if path is None else load_checkpoint(path, key)
    # What was begun elsewhere goes on as it began, whatever `auto` means here.
    policy = precision(saved[0].precision if saved else recipe.precision)
    optimizer = optimizer or objective.optimizer(recipe, recipe.steps(len(plan)))
    trainer, learner = _trainer(net, recipe, policy, augment, loss, optimizer, shift is not None)
    progress, scores, parent = Progress(precision=policy), {}, None
    if recipe.start is not None and not recipe.refit:
        scores[0], probabilities = validate(net, data.validation)
        progress.best, parent = net.get_weights(), probabilities.argmax(axis=1)
        print(f"starts from {recipe.start}{_line(scores[0])}", flush=True)
    if saved is not None:
        progress, values = saved
        for variable, value in zip(_variables(trainer), values, strict=True):
            variable.assign(value)
        print(f"found epoch {len(progress.rows)}/{recipe.epochs} in the checkpoint", flush=True)
        if after_epoch is not None:
            after_epoch(pd.DataFrame(progress.rows))
    scores |= {row["epoch"]: row for row in progress.rows}
    done = kept = len(progress.rows)
    # Told of epochs here: Keras' fit knows only of one at a time.
    watching = keras.callbacks.CallbackList(_callbacks(recipe, folder), model=trainer)
    watching.on_train_begin()
    try:
        for epoch in range(done + 1, recipe.epochs + 1):
            if recipe.patience is not None and epoch - progress.best_epoch > recipe.patience:
                break
            begun = time.perf_counter()
            _prepare(trainer, recipe, epoch, progress)
            watching.on_epoch_begin(epoch - 1)  # Keras counts from 0
            order = _order(recipe, epoch, len(plan))
            logs = _fit(trainer, Batches(train.images, labels, plan, order, recipe.batch_size))
            net.set_weights(objective.weights(learner))
            if shift is not None:
                bias.assign(bias - shift)
            row = {"epoch": epoch, **logs}
            row |= {} if recipe.refit else validate(net, data.validation)[0]
            row["learning_rate"] = float(ops.convert_to_numpy(trainer.optimizer.learning_rate))
            row["epoch_seconds"] = round(time.perf_counter() - begun, 3)
            # The parent is epoch 0: it stays the best where no epoch is better.
            best = max((x.get("val_balanced_accuracy", 0) for x in scores.values()), default=-1)
            if recipe.refit or recipe.keep == "last" or row["val_balanced_accuracy"] > best:
                progress.best, progress.best_epoch = net.get_weights(), epoch
            scores[epoch] = row
            progress.rows.append(row)
            if path is not None:
                values = [ops.convert_to_numpy(each) for each in _variables(trainer)]
                save_checkpoint(path, key, progress, values)
            kept = epoch
            watching.on_epoch_end(epoch - 1, {key: row[key] for key in row if key != "epoch"})
            if after_epoch is not None:
                after_epoch(pd.DataFrame(progress.rows))
            else:
                text = f"epoch {epoch}/{recipe.epochs}{_line(row)}"
                print(f"{text}  ({row['epoch_seconds']:.1f} s)", flush=True)
            if trainer.stop_training:  # as a callback wishes
                break
    except KeyboardInterrupt:
        if path is None:
            raise
        place = f"Stopped after epoch {kept} of {recipe.epochs}, nothing is lost"
        raise TrainingInterrupt(f"{place}; run the cell again to go on.") from None
    finally:
        watching.on_train_end()
    net.set_weights(progress.best)
    history, best_epoch = pd.DataFrame(progress.rows), progress.best_epoch
    best, now = scores[best_epoch], len(history) - done
    return TrainingResult(net, history, best_epoch, best, now, policy, parent)


def edited(data: Dataset, recipe: Recipe, plan: Plan, net, augment, loss, optimizer) -> dict:
    """Which of these arguments of `train` are not the recipe's: name and digest, by parameter."""
    n_classes, steps = len(data.characters), recipe.steps(len(plan))
    pairs = {
        "model": (net, build(recipe.model, n_classes, recipe.seed)),
        "augmentation": (augment, augmentation(recipe.augmentation, recipe.seed)),
        "loss": (loss, objective.loss(recipe, plan, data.train, n_classes)),
        "optimizer": (optimizer, objective.optimizer(recipe, steps)),
    }
    return {
        key: f"{part.name if key == 'model' else part and type(part).__name__} ({digest[:6]})"
        for key, (part, usual) in pairs.items()
        if (digest := _digest(part)) != _digest(usual)
    }


def progress(recipe: Recipe, history: pd.DataFrame) -> str:
    """How far a training is, in one line that ends with the time left."""
    last, left = history.iloc[-1], recipe.epochs - len(history)
    scores = f"loss {last['val_loss']:.3f}, accuracy {evaluation.percent(last['val_accuracy'])}"
    rest = clock(left * history["epoch_seconds"].tail(3).mean())
    ending = f"at most {rest} left" if left else "done"
    return f"Epoch {len(history)} of {recipe.epochs}: validation {scores}; {ending}."


def validate(net: keras.Model, split: Split) -> tuple[dict[str, float], np.ndarray]:
    """val_loss, val_accuracy and val_balanced_accuracy of `net` on `split`; its probabilities.

    Raises `ModelError` where these are NaN.
    """
    probabilities = predict(net, split.images)
    if not np.isfinite(probabilities).all():
        rule = "The network's probabilities must be finite numbers"
        raise ModelError(f"{rule}. Received: NaN on the validation split. Lower learning_rate.")
    predicted = probabilities.argmax(axis=1)
    scores = {
        "val_loss": evaluation.log_loss(split.labels, probabilities),
        "val_accuracy": float(np.mean(split.labels == predicted)),
        "val_balanced_accuracy": evaluation.balanced_accuracy(split.labels, predicted),
    }
    return scores, probabilities


def save_checkpoint(path: Path, key: str, progress: Progress, variables: list[np.ndarray]) -> None:
    """Write `path`, an `.npz` file, whole or not at all.

    `key` is what the training follows from; `variables` are all that it changes. Raises `RunError`
    where the disk is full or cannot be written.
    """
    arrays = {f"best_{i}": each for i, each in enumerate(progress.best)}
    arrays |= {f"variable_{i}": each for i, each in enumerate(variables)}
    state = {"key": key, **asdict(replace(progress, best=None))}
    state["seal"] = files.digest(state, *(each.tobytes() for each in arrays.values()))
    with files.writing(path) as aside:
        np.savez(aside, state=json.dumps(state), **arrays)


def load_checkpoint(path: Path, key: str) -> tuple[Progress, list[np.ndarray]] | None:
    """What was saved in `path` under `key`; None where there is nothing, or it was changed."""
    try:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as file, np.load(file) as saved:
            state = json.loads(str(saved["state"]))
            arrays = {name: saved[name] for name in saved.files if name != "state"}
        seal = state.pop("seal")
        if seal != files.digest(state, *(each.tobytes() for each in arrays.values())):
            raise ValueError("a changed file")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        print(f"the checkpoint is damaged ({error}): left out", flush=True)
        return None
    if state.pop("key") != key:
        print("the checkpoint is of other parameters, data or code: training begins anew")
        return None
    best = [each for name, each in arrays.items() if name.startswith("best")]
    return Progress(**state | {"best": best}), list(arrays.values())[len(best) :]


def code_digest(model: str, callbacks: str = "none") -> str:
    """A digest of the code that trains the network `model`, and of the versions below it."""
    functions = [builder(name) for name in (model, callbacks) if name != "none"]
    own = [inspect.getfile(inspect.unwrap(each)) for each in functions]
    sources = [*sorted(Path(__file__).parent.glob("*.py")), *own]
    versions = [keras.__version__, keras.backend.backend(), np.__version__]
    return files.digest([files.sha256(path) for path in sources], versions)


class Batches(keras.utils.PyDataset):
    """A plan's images and labels in batches, in an `order` of the plan, int (n,)."""

    def __init__(self, images, labels, plan: Plan, order: np.ndarray, batch_size: int):
        super().__init__()
        self.images, self.labels, self.plan = images, labels, plan
        self.order, self.batch_size = order, batch_size

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, i: int):
        drawn = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        indices = self.plan.indices[drawn]
        return self.images[indices], self.labels[indices], self.plan.weights[drawn]


def _line(row: dict[str, float]) -> str:
    return "".join(f"  {key} {row[key]:.4f}" for key in SHOWN if key in row)


def _order(recipe: Recipe, epoch: int, n: int) -> np.ndarray:
    """Which of a plan's `n` images an epoch, from 1, draws in which order: int (m,).

    It follows from these alone. Epochs of `steps_per_epoch` are stretches of a row of passes.
    """
    size = (recipe.steps_per_epoch or 0) * recipe.batch_size or n
    start, stop = (epoch - 1) * size, epoch * size
    passes = range(start // n, -(-stop // n))
    orders = [np.random.default_rng([recipe.seed, i + 1]).permutation(n) for i in passes]
    return np.concatenate(orders)[start - passes[0] * n :][:size]


def _prepare(trainer: keras.Model, recipe: Recipe, epoch: int, progress: Progress) -> None:
    """Set what an epoch, from 1, has of its own: its learning rate, augmentation, and seeds."""
    if recipe.schedule == "plateau":
        losses = [row["val_loss"] for row in progress.rows]
        trainer.optimizer.learning_rate = objective.plateau_rate(recipe, losses)
    for layer in trainer.layers:
        if isinstance(layer, Switch):
            last = recipe.epochs - recipe.final_epochs_without_augmentation
            layer.augmented.assign(float(epoch <= last))
    # Every random layer's seed follows from (seed, epoch): a resumed training draws the same.
    states = [v for v in trainer.variables if v.path.endswith("seed_generator_state")]
    for i, state in enumerate(states):
        rng = np.random.default_rng([recipe.seed, epoch - 1, i])
        state.assign(rng.integers(0, 2**31, size=tuple(state.shape), dtype=np.uint32))


def _fit(trainer: keras.Model, batches: Batches) -> dict[str, float]:
    """One pass over the batches; loss and accuracy. Raises `ModelError` where the loss is NaN."""
    stop = keras.callbacks.TerminateOnNaN()
    # Keras would shuffle the batches by a state that no checkpoint holds.
    logs = trainer.fit(batches, callbacks=[stop], shuffle=False, verbose=0).history
    if not np.isfinite(logs["loss"][0]):
        raise ModelError("The loss must be a finite number. Received: NaN. Lower learning_rate.")
    return {key: float(logs[key][0]) for key in ("loss", "accuracy")}


def _callbacks(recipe: Recipe, folder: Path | None) -> list[keras.callbacks.Callback]:
    """Those that `recipe` asks for. Raises `ModelError` where its function gives something else."""
    found, kind = [] if recipe.callbacks == "none" else builder(recipe.callbacks)(), keras.callbacks
    if not isinstance(found, list) or not all(isinstance(each, kind.Callback) for each in found):
        rule = "callbacks must name a function that returns a list of Keras callbacks"
        raise ModelError(f"{rule}. Received: {found!r:.100} of {recipe.callbacks}. Return a list.")
    if not recipe.tensorboard or folder is None:
        return found
    # Keras' own callback needs TensorBoard's package.
    writer = tf.summary.create_file_writer(str(folder.with_name("tensorboard")))
    plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    scalar = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class=1)

    def write(epoch: int, logs: dict[str, float]) -> None:
        with writer.as_default():
            for name, value in logs.items():
                tf.summary.write(name, tf.constant(value, "float32"), epoch, scalar)
        writer.flush()

    return [*found, kind.LambdaCallback(on_epoch_end=write)]


def _trainer(
    net: keras.Model, recipe: Recipe, policy: str, augment, loss: Loss, optimizer, apart: bool
) -> tuple[keras.Model, keras.Layer]:
    """The network behind its augmentation, compiled, and its layer that learns, maybe a copy."""
    learner = net
    if augment == "recipe":
        augment = augmentation(recipe.augmentation, recipe.seed)
    if apart or recipe.ema or policy != "float32":
        # Dropout draws its seeds here: it shall draw as in the first one.
        keras.utils.set_random_seed(recipe.seed)
        learner = copied(net, policy)
    if recipe.ema:
        learner = objective.Averaged(learner, recipe.ema, name="averaged")
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
    trainer.compile(
        optimizer=optimizer,
        loss=loss,
        loss_weights=1 - recipe.distillation_weight if recipe.teacher else None,
        metrics=[objective.accuracy],
        jit_compile=False,  # XLA makes training slower on a CPU, and its first step takes seconds.
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer, learner


def _variables(trainer: keras.Model) -> list[keras.Variable]:
    """All that training changes, but the metrics."""
    return [*trainer.variables, *trainer.optimizer.variables]


def _logit_bias(net: keras.Model) -> keras.Variable:
    """The bias of the dense layer below the softmax that the network ends in."""
    *_, dense, last = net.layers
    linear = getattr(dense, "activation", None) is keras.activations.linear
    if not linear or dense.bias is None or not isinstance(last, keras.layers.Softmax):
        raise ModelError(
            "logit_adjust needs a network that ends in a Dense layer with a bias and a Softmax. "
            f"Received: {net.name}, which ends in {type(last).__name__}. Use hcr.models.classifier."
        )
    return dense.bias


def _key(net: keras.Model, recipe: Recipe, data: Dataset, plan: Plan, *parts) -> str:
    """A digest of all that the trained weights follow from; of `parts`, settings alone."""
    settings = {key: value for key, value in asdict(recipe).items() if key != "start"}
    if recipe.teacher:
        settings["teacher"] = _weights(teacher(recipe.teacher, len(data.characters)))
    arrays = [each.tobytes() for each in (plan.indices, plan.weights)]
    digests = [data.train.digest, data.validation.digest, *map(_digest, (net, *parts))]
    digests.append(code_digest(recipe.model, recipe.callbacks))
    return files.digest(settings, _weights(net), *arrays, plan.tau, digests)


def _digest(part) -> str:
    """Of a network's layers, or of another part's settings, without names."""
    if isinstance(part, keras.Sequential) or not isinstance(part, keras.Model):
        return files.digest(_lasting(keras.saving.serialize_keras_object(part)))
    structure = part.to_json()
    for i, layer in enumerate([part, *part.layers]):  # Keras counts names up within a process.
        structure = structure.replace(f'"{layer.name}"', f'"{i}"')
    return files.digest(structure)


def _lasting(value):
    """`value`, of Keras' serialization, without counted names and what a layer's use adds."""
    if isinstance(value, dict):
        return {k: _lasting(v) for k, v in value.items() if k != "name" and k[:6] != "build_"}
    return list(map(_lasting, value)) if isinstance(value, list) else value


def _weights(net: keras.Model) -> str:
    return files.digest(*(each.tobytes() for each in net.get_weights()))

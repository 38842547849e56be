"""The loss of a step, distillation, the optimizer, and the moving average of the weights."""

from collections.abc import Iterable, Sequence

import numpy as np

from hcr.datasets import Split
from hcr.datasets.balancing import Plan, prior
from hcr.errors import ParameterError
from hcr.models.backend import keras
from hcr.models.recipe import Recipe

ops = keras.ops

# The smallest probability whose logarithm and derivative are still finite in float32.
LEAST = 1e-37
# A loss must fall by this share to count as lower; PyTorch's threshold.
THRESHOLD = 1e-4


def loss(recipe: Recipe, plan: Plan, train: Split, n_classes: int) -> "str | CrossEntropy":
    """The loss of `recipe`; Keras' own where it asks for nothing else.

    The training prior of `balanced_softmax` is that of the plan's counts. Where the training split
    was joined from several datasets, each has its own: a network tells a dataset by its looks, and
    would learn that one's prior.

    Raises `ParameterError` for `balanced_softmax` with a plan that takes the prior out itself.
    """
    if recipe.loss != "balanced_softmax":
        smoothing = recipe.label_smoothing
        return CrossEntropy(smoothing) if smoothing else "sparse_categorical_crossentropy"
    if plan.tau:
        raise ParameterError(
            "The prior must be taken out once. Received: loss=balanced_softmax with the strategy "
            "logit_adjust. Choose the loss cross_entropy, or another strategy in 02_balance."
        )
    if train.sources is None:
        shift = _log_prior(plan.counts(train.labels, n_classes))
    else:
        n_sources = int(train.sources.max()) + 1
        counts = plan.counts(coded(train, n_classes), n_classes * n_sources)
        shift = [_log_prior(each) for each in counts.reshape(n_sources, n_classes)]
    return CrossEntropy(recipe.label_smoothing, shift)


class CrossEntropy(keras.losses.Loss):
    """Cross-entropy of probabilities with labels.

    Args:
        smoothing: Share of each label that is spread over all classes (Szegedy et al. 2016,
            Rethinking the Inception architecture for computer vision).
        shift: (classes,), added to the logits, or None. With the logarithm of the training prior
            this is the balanced softmax (Ren et al. 2020, Balanced meta-softmax for long-tailed
            visual recognition): the probabilities, which are without it, are then those for
            classes of equal share. (sources, classes) where labels are `coded`.
    """

    def __init__(self, smoothing: float = 0.0, shift: Sequence | np.ndarray | None = None):
        super().__init__()
        self.smoothing = smoothing
        self.shift = None if shift is None else np.asarray(shift, np.float32)

    @property
    def by_source(self) -> bool:
        """Whether labels are `coded`."""
        return self.shift is not None and self.shift.ndim == 2

    def call(self, y_true, y_pred):
        """Labels (n,) and probabilities (n, classes); float (n,)."""
        n_classes = y_pred.shape[-1]
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        logits = ops.log(ops.maximum(ops.cast(y_pred, "float32"), LEAST))
        if self.shift is not None:
            shift = ops.convert_to_tensor(self.shift)
            if self.by_source:
                shift, labels = ops.take(shift, labels // n_classes, axis=0), labels % n_classes
            logits = logits + shift
        targets = ops.cast(ops.one_hot(labels, n_classes), "float32")
        spread = ops.sum(targets, axis=-1, keepdims=True) / n_classes
        targets = (1 - self.smoothing) * targets + self.smoothing * spread
        return -ops.sum(targets * ops.log_softmax(logits), axis=-1)


class CodedAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """The accuracy where labels are `coded`."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count a batch."""
        labels = ops.cast(y_true, "int32") % y_pred.shape[-1]
        return super().update_state(labels, y_pred, sample_weight)


def labels(loss: object, train: Split, n_classes: int) -> np.ndarray:
    """The labels, int (n,), that `loss` takes: those of `train`, or `coded` ones."""
    return coded(train, n_classes) if getattr(loss, "by_source", False) else train.labels


def coded(train: Split, n_classes: int) -> np.ndarray:
    """Labels, int (n,), that also say which dataset each image came from."""
    return train.labels + n_classes * train.sources


class Distillation(keras.layers.Wrapper):
    """Adds to the loss the cross-entropy of a network's probabilities with its teacher's.

    Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, at temperature 1;
    the teacher sees the augmented image that the network sees: Beyer et al. (2022), Knowledge
    distillation: a good teacher is patient and consistent. Probabilities that lack the prior, as
    balanced softmax leaves them, are compared as they are.
    """

    def __init__(self, layer, weight, **options):
        super().__init__(layer, **options)
        layer.trainable = False
        self.weight = weight

    def call(self, inputs, training=False):
        """(images, probabilities) to the probabilities as they came."""
        images, probabilities = inputs
        if training:
            wanted = ops.stop_gradient(self.layer(images, training=False))
            logarithms = ops.log(ops.maximum(ops.cast(probabilities, "float32"), LEAST))
            self.add_loss(self.weight * ops.mean(-ops.sum(wanted * logarithms, axis=-1)))
        return probabilities

    def compute_output_shape(self, input_shape):
        """That of the probabilities."""
        return input_shape[1]


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Adam:
    """Adam as `recipe` asks for it, for a training of so many steps.

    `clipnorm` is Keras': the gradient of each array of weights is shortened where it is longer.
    `weight_decay` is decoupled (Loshchilov and Hutter 2019, Decoupled weight decay regularization)
    and spares biases and batch norms.
    """
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=recipe.learning_rate / 10,
            warmup_target=recipe.learning_rate,
            warmup_steps=max(1, steps // 20),
            decay_steps=max(1, steps - steps // 20),
        )
    options = {"clipnorm": recipe.clipnorm, "weight_decay": recipe.weight_decay or None}
    if recipe.gradient_norms:
        return WatchedAdam(rate, **options)
    return (DecayedAdam if recipe.weight_decay else keras.optimizers.Adam)(rate, **options)


def plateau_rate(recipe: Recipe, losses: Iterable[float]) -> float:
    """The learning rate of the epoch that comes after epochs with these validation losses.

    As PyTorch's ReduceLROnPlateau does; Keras' counts one epoch fewer, and keeps a state that a
    resumed training would lack.
    """
    rate, lowest, waited = recipe.learning_rate, float("inf"), 0
    for value in losses:
        if value < lowest * (1 - THRESHOLD):
            lowest, waited = value, 0
            continue
        waited += 1
        if waited > recipe.plateau_patience:
            rate, waited = rate * recipe.plateau_factor, 0
    return rate


class DecayedAdam(keras.optimizers.Adam):
    """Adam whose weight decay leaves out what has one axis: biases, batch norms."""

    def build(self, variables):
        """Leave them out."""
        variables = list(variables)
        if not self.built:
            self.exclude_from_weight_decay([each for each in variables if len(each.shape) < 2])
        super().build(variables)


class WatchedAdam(DecayedAdam):
    """Adam that records the gradients' norms before they are clipped."""

    def build(self, variables):
        """Add the counters."""
        super().build(variables)
        self.watched = {
            name: self.add_variable((), name=f"watched_{name}")
            for name in ("steps", "total", "largest", "clipped")
        }

    def apply(self, grads, trainable_variables=None):
        """A step of Adam, and a look at its gradients."""
        grads = list(grads)
        super().apply(grads, trainable_variables)
        squares = [ops.sum(ops.square(ops.cast(each, "float32"))) for each in grads]
        norm, longest = ops.sqrt(sum(squares)), ops.sqrt(ops.max(ops.stack(squares)))
        limit = float("inf") if self.clipnorm is None else self.clipnorm
        watched = self.watched
        watched["steps"].assign(watched["steps"] + 1)
        watched["total"].assign(watched["total"] + norm)
        watched["largest"].assign(ops.maximum(watched["largest"], norm))
        watched["clipped"].assign(watched["clipped"] + ops.cast(longest > limit, "float32"))

    def reset(self) -> None:
        """Start counting again, at the start of an epoch."""
        for variable in self.watched.values():
            variable.assign(ops.zeros_like(variable))

    def norms(self) -> dict[str, float]:
        """Since `reset`: mean and largest norm of the gradient, and the share of steps clipped."""
        values = {name: float(ops.convert_to_numpy(each)) for name, each in self.watched.items()}
        steps = max(1.0, values["steps"])
        return {
            "grad_norm": values["total"] / steps,
            "grad_norm_max": values["largest"],
            "clipped": values["clipped"] / steps,
        }


class Averaged(keras.layers.Wrapper):
    """A network in training, and beside it the exponential moving average (EMA) of its weights.

    The averages are updated in the training graph. A batch norm's means and variances are averaged
    like all else: those of the last weights don't fit the averaged ones. As in TensorFlow's
    `ExponentialMovingAverage`, the decay is at most t / (t + 9) after t steps, so that the initial
    weights are soon forgotten. What a step changes comes in with the step after it. With a decay
    of 0 nothing is averaged.
    """

    def __init__(self, layer, decay, **options):
        super().__init__(layer, **options)
        self.decay = decay

    def build(self, input_shape=None):
        """Add the averages."""
        super().build(input_shape)
        self.steps = self.add_weight((), initializer="zeros", trainable=False)
        self.averages = [
            self.add_weight(each.shape, initializer="zeros", trainable=False)
            for each in (self.layer.weights if self.decay else [])
        ]

    def call(self, inputs, training=False):
        """What the network gives for `inputs`."""
        outputs = self.layer(inputs, training=training)
        if training and self.decay:
            steps = ops.convert_to_tensor(self.steps)
            new = 1 - ops.minimum(self.decay, steps / (steps + 9))
            for average, weight in zip(self.averages, self.layer.weights, strict=True):
                average.assign(average + new * (ops.cast(weight, "float32") - average))
            self.steps.assign(steps + 1)
        return outputs

    def compute_output_shape(self, input_shape):
        """That of the network."""
        return self.layer.compute_output_shape(input_shape)

    def evaluated(self) -> list[np.ndarray]:
        """The weights that the network is evaluated with."""
        if not self.decay:
            return self.layer.get_weights()
        return [ops.convert_to_numpy(each) for each in self.averages]


def _log_prior(counts: np.ndarray) -> np.ndarray:
    """The logarithm of each class's share, float64 (classes,).

    A class that a dataset lacks counts as half an image: so little is asked of it that a network
    which knows it from elsewhere hardly unlearns it.
    """
    return np.log(prior(np.where(counts > 0, counts, 0.5)))

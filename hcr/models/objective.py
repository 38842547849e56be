"""The loss of a step, distillation, the optimizer, and the moving average of the weights."""

from collections.abc import Iterable

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
        rule = "The prior must be taken out once"
        raise ParameterError(f"{rule}. Received: balanced_softmax and logit_adjust. Drop one.")
    sources = np.zeros_like(train.labels) if train.sources is None else train.sources
    codes = train.labels + n_classes * sources
    counts = plan.counts(codes, n_classes * (int(sources.max()) + 1)).reshape(-1, n_classes)
    # A class that a dataset lacks counts as half an image: so little is asked of it that a network
    # which knows it from elsewhere hardly unlearns it.
    shift = [np.log(prior(np.where(each > 0, each, 0.5))) for each in counts]
    return CrossEntropy(recipe.label_smoothing, np.array(shift))


class CrossEntropy(keras.losses.Loss):
    """Cross-entropy of probabilities with labels, as `labels` gives them.

    The share `smoothing` of each label is spread over all classes (Szegedy et al. 2016, Rethinking
    the Inception architecture for computer vision). `shift`, (sources, classes), is added to the
    logits: with the logarithm of the training prior this is the balanced softmax (Ren et al. 2020,
    Balanced meta-softmax for long-tailed visual recognition), and the probabilities, which are
    without it, are those for classes of equal share.
    """

    def __init__(self, smoothing: float = 0.0, shift: np.ndarray | None = None):
        super().__init__()
        self.smoothing = smoothing
        self.shift = None if shift is None else shift.astype(np.float32)

    def call(self, y_true, y_pred):
        """Labels (n,) and probabilities (n, classes); float (n,)."""
        n_classes = y_pred.shape[-1]
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        logits = ops.log(ops.maximum(ops.cast(y_pred, "float32"), LEAST))
        if self.shift is not None:
            shift = ops.convert_to_tensor(self.shift)
            logits = logits + ops.take(shift, labels // n_classes, axis=0)
        targets = ops.cast(ops.one_hot(labels % n_classes, n_classes), "float32")
        spread = ops.sum(targets, axis=-1, keepdims=True) / n_classes
        targets = (1 - self.smoothing) * targets + self.smoothing * spread
        return -ops.sum(targets * ops.log_softmax(logits), axis=-1)


def labels(loss: object, train: Split, n_classes: int) -> np.ndarray:
    """The labels, int (n,), that `loss` takes: label + classes * source where it knows sources."""
    by_source = train.sources is not None and getattr(loss, "shift", None) is not None
    return train.labels + n_classes * train.sources if by_source else train.labels


def accuracy(y_true, y_pred):
    """The accuracy, (n,), whether or not the labels also say the source."""
    return keras.metrics.sparse_categorical_accuracy(y_true % y_pred.shape[-1], y_pred)


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


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer that `recipe` asks for, for a training of so many steps.

    `clipnorm` is Keras': the gradient of each array of weights is shortened where it is longer.
    `weight_decay` is decoupled (Loshchilov and Hutter 2019, Decoupled weight decay regularization)
    with every optimizer, and spares biases and batch norms: `adam` with it is `adamw`.
    """
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        warm = {"warmup_target": rate, "warmup_steps": max(1, steps // 20)}
        decayed = max(1, steps - steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(rate / 10, decayed, **warm)
    options = {"clipnorm": recipe.clipnorm, "weight_decay": recipe.weight_decay or None}
    if recipe.optimizer == "sgd":
        chosen = keras.optimizers.SGD(rate, momentum=recipe.momentum, **options)
    else:
        chosen = keras.optimizers.Adam(rate, **options)
    chosen.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return chosen


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


class Averaged(keras.layers.Wrapper):
    """A network in training, and beside it the exponential moving average (EMA) of its weights.

    The averages are updated in the training graph. A batch norm's means and variances are averaged
    like all else: those of the last weights don't fit the averaged ones. As in TensorFlow's
    `ExponentialMovingAverage`, the decay is at most t / (t + 9) after t steps, so that the initial
    weights are soon forgotten. What a step changes comes in with the step after it.
    """

    def __init__(self, layer, decay, **options):
        super().__init__(layer, **options)
        self.decay = decay

    def build(self, input_shape=None):
        """Add the averages."""
        super().build(input_shape)
        zeros = {"initializer": "zeros", "trainable": False}
        self.steps = self.add_weight((), **zeros)
        self.averages = [self.add_weight(each.shape, **zeros) for each in self.layer.weights]

    def call(self, inputs, training=False):
        """What the network gives for `inputs`."""
        outputs = self.layer(inputs, training=training)
        if training:
            steps = ops.convert_to_tensor(self.steps)
            new = 1 - ops.minimum(self.decay, steps / (steps + 9))
            for average, weight in zip(self.averages, self.layer.weights, strict=True):
                average.assign(average + new * (ops.cast(weight, "float32") - average))
            self.steps.assign(steps + 1)
        return outputs


def weights(learner: keras.Layer) -> list[np.ndarray]:
    """The weights that a network, or one that is `Averaged`, is evaluated with."""
    averages = getattr(learner, "averages", None)
    return learner.get_weights() if averages is None else list(map(ops.convert_to_numpy, averages))

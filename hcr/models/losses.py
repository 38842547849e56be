"""The loss of a step: smoothed labels, mixed labels, and the prior taken out while training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from hcr.datasets import Split
from hcr.datasets.balancing import Plan, log_prior, prior
from hcr.errors import ParameterError

if TYPE_CHECKING:
    from hcr.models.training import Recipe

# The smallest probability whose logarithm and derivative are still finite in float32.
LEAST = 1e-37


@keras.saving.register_keras_serializable("hcr")
class CrossEntropy(keras.losses.Loss):
    """Cross-entropy of probabilities with labels or with shares of them.

    Args:
        smoothing: The share of each label that is spread over all classes (Szegedy et al. 2016,
            Rethinking the Inception architecture for computer vision).
        shift: (classes,), added to the logits, or nothing. With the logarithm of the training
            prior this is the balanced softmax (Ren et al. 2020, Balanced meta-softmax for
            long-tailed visual recognition): the probabilities, which are without it, are then
            those for classes of equal share. (sources, classes) where pictures come from several
            sets: labels are then what `coded` makes of them.
        options: Those of `keras.losses.Loss`.
    """

    def __init__(self, smoothing=0.0, shift: Sequence | np.ndarray | None = None, **options):
        super().__init__(**options)
        self.smoothing = smoothing
        self.shift = None if shift is None else np.asarray(shift, np.float64).tolist()

    def call(self, y_true, y_pred):
        """Labels (n,), or targets (n, classes), and probabilities (n, classes); float (n,).

        A row of targets need not sum to 1: its sum is the picture's weight.
        """
        n_classes = y_pred.shape[-1]
        logits = ops.log(ops.maximum(ops.cast(y_pred, "float32"), LEAST))
        if self.shift is not None:
            shift = ops.convert_to_tensor(np.asarray(self.shift, np.float32))
            if len(shift.shape) == 2:
                coded = ops.cast(ops.reshape(y_true, (-1,)), "int32")
                shift, y_true = ops.take(shift, coded // n_classes, axis=0), coded % n_classes
            logits = logits + shift
        if len(y_true.shape) < 2 or y_true.shape[-1] != n_classes:
            y_true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), n_classes)
        targets = ops.cast(y_true, "float32")
        spread = ops.sum(targets, axis=-1, keepdims=True) / n_classes
        targets = (1 - self.smoothing) * targets + self.smoothing * spread
        return -ops.sum(targets * ops.log_softmax(logits), axis=-1)

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), "smoothing": self.smoothing, "shift": self.shift}


@keras.saving.register_keras_serializable("hcr")
class CodedAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """The accuracy where labels are what `coded` makes of them."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count a batch."""
        labels = ops.cast(y_true, "int32") % y_pred.shape[-1]
        return super().update_state(labels, y_pred, sample_weight)


def by_source(recipe: "Recipe", split: Split) -> bool:
    """Whether the prior that training takes out is that of each picture's own set."""
    return recipe.loss == "balanced_softmax" and split.sources is not None


def coded(labels: np.ndarray, sources: np.ndarray, n_classes: int) -> np.ndarray:
    """Labels, int (n,), that tell of which set, int (n,), each picture is, too."""
    return labels + n_classes * sources


def loss_of(recipe: "Recipe", plan: Plan, split: Split, n_classes: int) -> str | CrossEntropy:
    """What a trainer is compiled with; Keras' own where the recipe asks for nothing else.

    Args:
        recipe: Its loss, label_smoothing and mixing.
        plan: What is trained on; its counts are the prior that `balanced_softmax` needs.
        split: The training split. Where it was put together from several sets, each has a prior of
            its own: a network tells a set by its looks, and would learn that one's prior.
        n_classes: Of the network.

    Raises `ParameterError` for `balanced_softmax` with a plan that takes the prior out itself, or
    with mixing where pictures come from several sets.
    """
    if recipe.loss == "balanced_softmax" and plan.tau:
        raise ParameterError(
            "The prior must be taken out once. Received: loss=balanced_softmax with the strategy "
            "logit_adjust. Choose the loss cross_entropy, or another strategy in 02_balance."
        )
    if recipe.loss == "cross_entropy" and not recipe.label_smoothing and recipe.mixing == "none":
        return "sparse_categorical_crossentropy"
    shift = None
    if by_source(recipe, split):
        if recipe.mixing != "none":
            raise ParameterError(
                "Pictures of several sets cannot be mixed where each set's prior is taken out. "
                f"Received: loss=balanced_softmax with mixing={recipe.mixing}. Choose mixing none, "
                "or the loss cross_entropy."
            )
        n_sources = int(split.sources.max()) + 1
        both = coded(split.labels, split.sources, n_classes)
        counts = plan.counts(both, n_classes * n_sources).reshape(n_sources, n_classes)
        shift = [_log_prior(each) for each in counts]
    elif recipe.loss == "balanced_softmax":
        shift = _log_prior(plan.counts(split.labels, n_classes))
    return CrossEntropy(recipe.label_smoothing, shift)


def _log_prior(counts: np.ndarray) -> np.ndarray:
    """The logarithm of each class's share, float64 (classes,).

    A class that a set lacks counts as half a picture: of a share of 0 there is no logarithm. So
    little is asked of it that a network which knows it from elsewhere hardly unlearns it.
    """
    return log_prior(prior(np.where(counts > 0, counts, 0.5)), 1.0)

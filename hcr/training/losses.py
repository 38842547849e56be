"""The loss of a step: smoothed labels, mixed labels, and the prior taken out while training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from hcr.balance import Plan, prior
from hcr.balance.prior import log_shares
from hcr.errors import ParameterError

if TYPE_CHECKING:
    from hcr.training import Recipe

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
            those for classes of equal share.
        options: Those of `keras.losses.Loss`.
    """

    def __init__(self, smoothing=0.0, shift: Sequence[float] | None = None, **options):
        super().__init__(**options)
        self.smoothing = smoothing
        self.shift = None if shift is None else [float(each) for each in shift]

    def call(self, y_true, y_pred):
        """Labels (n,), or targets (n, classes), and probabilities (n, classes); float (n,).

        A row of targets need not sum to 1: its sum is the picture's weight.
        """
        n_classes = y_pred.shape[-1]
        logits = ops.log(ops.maximum(ops.cast(y_pred, "float32"), LEAST))
        if self.shift is not None:
            logits = logits + ops.convert_to_tensor(np.asarray(self.shift, np.float32))
        if len(y_true.shape) < 2 or y_true.shape[-1] != n_classes:
            y_true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), n_classes)
        targets = ops.cast(y_true, "float32")
        spread = ops.sum(targets, axis=-1, keepdims=True) / n_classes
        targets = (1 - self.smoothing) * targets + self.smoothing * spread
        return -ops.sum(targets * ops.log_softmax(logits), axis=-1)

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), "smoothing": self.smoothing, "shift": self.shift}


def loss_of(recipe: "Recipe", plan: Plan, labels: np.ndarray, n_classes: int) -> str | CrossEntropy:
    """What a trainer is compiled with; Keras' own where the recipe asks for nothing else.

    Args:
        recipe: Its loss, label_smoothing and mixing.
        plan: What is trained on; its counts are the prior that `balanced_softmax` needs.
        labels: int (n,), of the training split.
        n_classes: Of the network.

    Raises `ParameterError` for `balanced_softmax` with a plan that takes the prior out itself.
    """
    if recipe.loss == "balanced_softmax" and plan.tau:
        raise ParameterError(
            "The prior must be taken out once. Received: loss=balanced_softmax with the strategy "
            "logit_adjust. Choose the loss cross_entropy, or another strategy in 02_balance."
        )
    if recipe.loss == "cross_entropy" and not recipe.label_smoothing and recipe.mixing == "none":
        return "sparse_categorical_crossentropy"
    shift = None
    if recipe.loss == "balanced_softmax":
        shift = log_shares(prior(plan.counts(labels, n_classes)), 1.0)
    return CrossEntropy(recipe.label_smoothing, shift)

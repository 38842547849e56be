"""How steps are made: the learning rate's way down, clipped gradients, and what they measure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import keras
from keras import ops

if TYPE_CHECKING:
    from hcr.models.training import Recipe

# A loss must fall by this share to count as lower; PyTorch's threshold.
THRESHOLD = 1e-4


def optimizer(recipe: "Recipe", steps: int) -> keras.optimizers.Adam:
    """Adam as `recipe` asks for it, for a training of so many steps.

    `clipnorm` is Keras': each array of weights has its own gradient, and each is shortened to that
    length where it is longer. `weight_decay` is decoupled (Loshchilov and Hutter 2019, Decoupled
    weight decay regularization): each step takes that share, times the learning rate, off the
    kernels, and nothing off biases and batch norms.
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


def plateau_rate(recipe: "Recipe", losses: Iterable[float]) -> float:
    """The learning rate of the epoch that comes after epochs with these validation losses.

    It is multiplied by `plateau_factor` whenever more than `plateau_patience` epochs in a row
    brought no lower loss, as PyTorch's ReduceLROnPlateau does; Keras' counts one epoch fewer. It
    follows from the losses alone, so a training that is resumed needs to keep nothing else.
    """
    rate, lowest, waited = recipe.learning_rate, float("inf"), 0
    for loss in losses:
        if loss < lowest * (1 - THRESHOLD):
            lowest, waited = loss, 0
            continue
        waited += 1
        if waited > recipe.plateau_patience:
            rate, waited = rate * recipe.plateau_factor, 0
    return rate


@keras.saving.register_keras_serializable("hcr")
class DecayedAdam(keras.optimizers.Adam):
    """Adam whose weight decay leaves out what has one axis: biases, batch norms."""

    def build(self, variables):
        """Leave them out; here, so that an optimizer that was loaded does so, too."""
        variables = list(variables)
        if not self.built:
            self.exclude_from_weight_decay([each for each in variables if len(each.shape) < 2])
        super().build(variables)


@keras.saving.register_keras_serializable("hcr")
class WatchedAdam(DecayedAdam):
    """Adam that keeps count of how long the gradients were before they were clipped."""

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
        found = [ops.cast(each, "float32") for each in grads if each is not None]
        squares = [ops.sum(ops.square(each)) for each in found]
        whole = ops.sqrt(sum(squares))
        longest = ops.sqrt(ops.max(ops.stack(squares)))
        # Where nothing is clipped nothing is too long.
        limit = float("inf") if self.clipnorm is None else self.clipnorm
        watched = self.watched
        watched["steps"].assign(watched["steps"] + 1)
        watched["total"].assign(watched["total"] + whole)
        watched["largest"].assign(ops.maximum(watched["largest"], whole))
        watched["clipped"].assign(watched["clipped"] + ops.cast(longest > limit, "float32"))

    def forget(self) -> None:
        """Begin to count anew."""
        if self.built:  # Before its first step it has counted nothing.
            for variable in self.watched.values():
                variable.assign(ops.zeros_like(variable))

    def norms(self) -> dict[str, float]:
        """Of the steps since `forget`.

        Returns:
            grad_norm, the mean length of the gradient of all weights together; grad_norm_max, the
            largest; clipped, the share of steps in which some array's own gradient was shortened.
        """
        found = {name: float(ops.convert_to_numpy(each)) for name, each in self.watched.items()}
        steps = max(1.0, found["steps"])
        return {
            "grad_norm": found["total"] / steps,
            "grad_norm_max": found["largest"],
            "clipped": found["clipped"] / steps,
        }

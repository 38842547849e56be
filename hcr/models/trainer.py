"""What is fitted: the network behind its augmentation, compiled, and the batches that it is fed."""

from typing import TYPE_CHECKING

import keras
import numpy as np

from hcr import models
from hcr.datasets import Split
from hcr.datasets.balancing import Plan
from hcr.models import start, weights
from hcr.models.augment import Switch, layer_of
from hcr.models.averaging import Averaged
from hcr.models.batches import Batches
from hcr.models.distillation import Taught
from hcr.models.losses import CodedAccuracy, CrossEntropy, by_source
from hcr.models.mixing import Mix, MixedBatches
from hcr.models.optimizer import optimizer
from hcr.runs import environment

if TYPE_CHECKING:
    from hcr.models.training import Recipe


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras, and have TensorFlow's operations give the same bits twice."""
    keras.utils.set_random_seed(seed)
    if start.BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def trainer_of(
    net: keras.Model, recipe: "Recipe", steps: int, loss: str | CrossEntropy
) -> keras.Model:
    """The network behind its augmentation, compiled; the network alone is what gets saved.

    The last layer is `net` itself, or, where that shall answer in another precision or with other
    weights than those that are trained, a network like it that starts with the same weights.
    """
    policy = precision_of(recipe)
    if recipe.precision == "auto":
        able = "multiplies" if policy == "mixed_bfloat16" else "does not multiply"
        print(f"precision {policy}: this processor {able} bfloat16", flush=True)
    sources = isinstance(loss, CrossEntropy) and np.ndim(loss.shift) == 2
    if recipe.ema or policy != "float32":
        net = _like(net, recipe, policy)
    inputs = [keras.Input((28, 28), dtype="uint8")]
    augment = layer_of(recipe.augmentation, recipe.seed)
    pictures = inputs[0] if augment is None else augment(inputs[0])
    if augment is not None and recipe.plain_epochs:
        pictures = Switch(name="switch")([inputs[0], pictures])
    if recipe.mixing != "none":
        inputs.append(keras.Input((28, 28)))
        pictures = Mix()([pictures, inputs[1]])
    last = Averaged(net, recipe.ema, name="averaged") if recipe.ema else net
    answers = last(pictures)
    if recipe.teacher:
        teacher = weights.teacher(recipe.teacher, net.output_shape[1], policy)
        answers = Taught(teacher, recipe.taught, name="taught")([pictures, answers])
    trainer = keras.Model(inputs if len(inputs) > 1 else inputs[0], answers)
    trainer.compile(
        optimizer=optimizer(recipe, steps),
        loss=loss,
        loss_weights=1 - recipe.taught if recipe.teacher else None,
        metrics=[CodedAccuracy(name="accuracy") if sources else "accuracy"],
        # With TensorFlow, XLA makes training slower on a CPU, and its first step takes seconds;
        # JAX without it compiles nothing at all.
        jit_compile=start.BACKEND == "jax",
    )
    return trainer


def precision_of(recipe: "Recipe") -> str:
    """The name of Keras' dtype policy for `recipe` on this machine."""
    if recipe.precision != "auto":
        return recipe.precision
    return "mixed_bfloat16" if environment.hardware()["bfloat16"] else "float32"


def batches_of(
    recipe: "Recipe",
    train: Split,
    plan: Plan,
    n_classes: int,
    epoch: int,
    steps: int | None = None,
) -> Batches:
    """The plan's pictures as `recipe` asks for them, from `epoch` on; see `Batches`."""
    given = train, plan, recipe.batch_size, recipe.seed, epoch, steps
    if recipe.mixing == "none":
        return Batches(*given, coded_for=n_classes if by_source(recipe, train) else None)
    how = {"mixing": recipe.mixing, "alpha": recipe.mixing_alpha}
    return MixedBatches(*given, n_classes=n_classes, **how)


def _like(net: keras.Model, recipe: "Recipe", policy: str) -> keras.Model:
    """A second network as `recipe` builds it, under Keras' dtype policy, with `net`'s weights."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    # Dropout draws its seeds here: it shall draw as in the first one.
    keras.utils.set_random_seed(recipe.seed)
    try:
        found = models.build(recipe.model, net.output_shape[1])
    finally:
        keras.config.set_dtype_policy(before)
    found.set_weights(net.get_weights())
    return found

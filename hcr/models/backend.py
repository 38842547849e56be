"""Keras, imported without its libraries' chatter, and what every file here does with it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hcr.errors import ModelError
from hcr.runs import environment

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with environment.quiet_stderr():
    import keras

BACKEND = keras.backend.backend()


@contextmanager
def silenced() -> Iterator[None]:
    """Keep TensorFlow's logger quiet."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras, and have TensorFlow's operations give the same bits twice."""
    keras.utils.set_random_seed(seed)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def predict(net: keras.Model, images: np.ndarray, batch_size: int = 1024) -> np.ndarray:
    """The probabilities, float32 (n, classes), of images, uint8 (n, 28, 28)."""
    with silenced():
        return net.predict(images, batch_size=batch_size, verbose=0)


def precision(name: str) -> str:
    """The Keras dtype policy for a key of `hcr.models.recipe.PRECISIONS` on this machine."""
    if name != "auto":
        return name
    return "mixed_bfloat16" if environment.hardware()["bfloat16"] else "float32"


def knowing_its_input(net: object, name: str) -> keras.Model:
    """`net`, a built functional model. Raises `ModelError` for anything else."""
    if not isinstance(net, keras.Model) or not net.built or not hasattr(net, "inputs"):
        raise ModelError(
            f"{name} must give a Keras model that knows its input. "
            f"Received: {type(net).__name__}. Begin it with keras.Input."
        )
    return net


def signature(net: keras.Model) -> str:
    """Types and shapes of a network's inputs and outputs, for messages."""
    sides = (net.inputs, net.outputs)
    return " to ".join(" and ".join(f"{x.dtype} {tuple(x.shape)}" for x in side) for side in sides)


def check(
    net: keras.Model,
    name: object,
    n_classes: int | None = None,
    remedy: str = "End it with hcr.models.classifier.",
) -> None:
    """Raise `ModelError` where `net` does not keep the image contract, for so many classes."""
    n_classes = n_classes or net.outputs[0].shape[-1]
    wanted = f"uint8 (None, 28, 28) to float32 (None, {n_classes})"
    if n_classes is None or signature(net) != wanted:
        raise ModelError(f"{name} must map {wanted}. Received: {signature(net)[:250]}. {remedy}")

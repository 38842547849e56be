"""Keras, imported without its libraries' chatter, and what every file here does with it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hcr.runs import environment

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with environment.quiet_stderr():
    import keras

BACKEND = keras.backend.backend()
CONTRACT = "uint8 (n, 28, 28) to float32 (n, classes)"


@contextmanager
def silenced() -> Iterator[None]:
    """Keep TensorFlow's logger quiet: it names temporary folders and gives advice on tracing."""
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


def signature(net: keras.Model) -> str:
    """Types and shapes of a network's inputs and outputs, as `CONTRACT` words them."""

    def worded(tensors: list[keras.KerasTensor]) -> str:
        shapes = [("n", *each.shape[1:]) for each in tensors]
        return " and ".join(
            f"{each.dtype} ({', '.join(map(str, shape))})"
            for each, shape in zip(tensors, shapes, strict=True)
        )

    return f"{worded(net.inputs)} to {worded(net.outputs)}"


def keeps_contract(net: keras.Model, n_classes: int | None = None) -> bool:
    """Whether it maps uint8 (n, 28, 28) to float32 (n, classes), `n_classes` of them if given."""
    ends = [(each.dtype, tuple(each.shape)) for each in (*net.inputs, *net.outputs)]
    if len(ends) != 2 or len(ends[1][1]) != 2 or ends[1][1][1] is None:
        return False
    wanted = ("float32", (None, n_classes or ends[1][1][1]))
    return ends == [("uint8", (None, 28, 28)), wanted]

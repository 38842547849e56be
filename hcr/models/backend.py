"""Keras, imported without its libraries' chatter, and what every file here does with it."""

import os
import re
from functools import cache

import numpy as np

from hcr.errors import ModelError
from hcr.runs import environment

# What goes wrong is raised; the rest, such as a missing GPU, is shown in red in JupyterLab.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with environment.quiet_stderr():
    import keras
    import tensorflow as tf
tf.get_logger().setLevel("ERROR")


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras, and have TensorFlow's operations give the same bits twice."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def predict(net: keras.Model, images: np.ndarray, batch_size: int = 1024) -> np.ndarray:
    """The probabilities, float32 (n, classes), of images, uint8 (n, 28, 28)."""
    return net.predict(images, batch_size=batch_size, verbose=0)


def precision(name: str) -> str:
    """The Keras dtype policy for a key of `hcr.models.recipe.PRECISIONS` on this machine.

    `auto` follows from what processor and GPU report of themselves.
    """
    if name == "auto":
        # AVX-512 alone has such numbers, too, and may be slower with them than without.
        gpus = tf.config.list_physical_devices("GPU")
        gpus = map(tf.config.experimental.get_device_details, gpus)
        fast = any(each.get("compute_capability", (0, 0)) >= (8, 0) for each in gpus)
        name = "mixed_bfloat16" if fast or environment.hardware()["amx"] else "float32"
    if name == "mixed_bfloat16" and not has_bfloat16():
        rule = "mixed_bfloat16 needs AVX-512, also for a training that began in it elsewhere"
        raise ModelError(f"{rule}. Received: a processor without. Take float32, or that machine.")
    return name


@cache
def has_bfloat16() -> bool:
    """Whether TensorFlow can convolve bfloat16 numbers on this processor."""
    ones = keras.ops.ones((1, 8, 8, 1), "bfloat16")
    try:
        return keras.ops.conv(ones, ones[0, ..., None]) is not None
    except tf.errors.OpError:
        return False


def signature(net: object) -> str:
    """Types and shapes of a network's inputs and outputs; of anything else, what it is."""
    if not isinstance(net, keras.Model) or not net.built or not hasattr(net, "inputs"):
        return f"{type(net).__name__}, which does not know its input"
    sides = (net.inputs, net.outputs)
    return " to ".join(" and ".join(f"{x.dtype} {tuple(x.shape)}" for x in side) for side in sides)


def check(
    net: object,
    name: object,
    n_classes: int | None = None,
    remedy: str = "Begin it with keras.Input, and end it with hcr.models.classifier.",
) -> None:
    """Raise `ModelError` where `net` does not keep the image contract, for so many classes."""
    received, n = signature(net), n_classes or "[0-9]+"
    if not re.fullmatch(rf"uint8 \(None, 28, 28\) to float32 \(None, {n}\)", received):
        rule = f"{name} must map uint8 (n, 28, 28) to float32 (n, {n_classes or 'classes'})"
        raise ModelError(f"{rule}. Received: {received[:250]}. {remedy}")

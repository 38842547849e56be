"""What a network is asked for: probabilities, a validation, its layers, its augmentation."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import pandas as pd

from hcr import models
from hcr.datasets import Split
from hcr.errors import ModelError
from hcr.evaluation import metrics
from hcr.models.augment import layer_of
from hcr.models.start import silenced


def predict(net: keras.Model, images: np.ndarray, batch_size: int = 1024) -> np.ndarray:
    """The probabilities, float32 (n, n_classes), of uint8 (n, 28, 28)."""
    with silenced():
        return net.predict(images, batch_size=batch_size, verbose=0)


def validate(net: keras.Model, split: Split) -> dict[str, float]:
    """Loss, accuracy and class-balanced accuracy of `net` on `split`, from one pass.

    Raises `ModelError` where the network gives something that is no number.
    """
    return measured(predict(net, split.images), split)


def measured(probabilities: np.ndarray, split: Split) -> dict[str, float]:
    """What `validate` gives, of the `probabilities`, float (n, n_classes), of `split`."""
    if not np.isfinite(probabilities).all():
        raise ModelError(
            "The network's probabilities must be finite numbers. Received: NaN on the validation "
            "split. Lower learning_rate."
        )
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    return {
        "val_loss": float(metrics.log_loss(split.labels, probabilities)),
        "val_accuracy": float(metrics.accuracy(split.labels, predicted)),
        "val_balanced_accuracy": float(
            metrics.balanced_accuracy(split.labels, predicted, n_classes)
        ),
    }


@contextmanager
def shifted(net: keras.Model, shift: np.ndarray | None) -> Iterator[None]:
    """Let `net` answer with `shift`, (n_classes,), subtracted from its logits; then as before.

    Weights that are read inside keep the shift wherever they are set. None changes nothing. Raises
    `ModelError` for a network that does not end in a dense layer with a bias and a softmax.
    """
    if shift is None:
        yield
        return
    bias = _bias_of_logits(net)
    before = keras.ops.convert_to_numpy(bias)
    bias.assign(before - shift.astype(before.dtype))
    try:
        yield
    finally:
        bias.assign(before)


def _bias_of_logits(net: keras.Model) -> keras.Variable:
    """The bias of the dense layer whose output goes into the softmax at the end of `net`."""
    last = net.layers[-1]
    if isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax:
        dense = last
    else:
        softmax = isinstance(last, keras.layers.Softmax) or (
            getattr(last, "activation", None) is keras.activations.softmax
        )
        dense = next((each for each in net.layers if softmax and each.output is last.input), None)
        if getattr(dense, "activation", None) is not keras.activations.linear:
            dense = None
    if not isinstance(dense, keras.layers.Dense) or dense.bias is None:
        raise ModelError(
            "logit_adjust needs a network that ends in a Dense layer with a bias and a Softmax. "
            f"Received: {net.name}, which ends in {type(last).__name__}. Choose another strategy "
            "in 02_balance, or end it as hcr.models.blocks.probabilities does."
        )
    return dense.bias


def layer_table(net: keras.Model) -> pd.DataFrame:
    """One row a layer: name, kind, shape of its output, parameters, multiply-adds."""
    return pd.DataFrame(
        {
            "layer": [layer.name for layer in net.layers],
            "kind": [type(layer).__name__ for layer in net.layers],
            "output": [" x ".join(map(str, layer.output.shape[1:])) for layer in net.layers],
            "parameters": [layer.count_params() for layer in net.layers],
            "multiply-adds": [models.multiply_adds_of(layer) for layer in net.layers],
        }
    )


def variations(images: np.ndarray, augmentation: str, n: int, seed: int) -> np.ndarray:
    """`n` variations of each picture, uint8 (k, n, 28, 28), as training makes them."""
    layer = layer_of(augmentation, seed)
    if layer is None:
        return np.repeat(images[:, None], n, axis=1)
    varied = [keras.ops.convert_to_numpy(layer(images, training=True)) for _ in range(n)]
    return np.stack(varied, axis=1)

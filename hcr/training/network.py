"""What a network is asked for: probabilities, a validation, its layers, its augmentation."""

import keras
import numpy as np
import pandas as pd

from hcr import metrics, models
from hcr.datasets import Split
from hcr.errors import ModelError
from hcr.models.augment import RandomAffine


def predict(net: keras.Model, images: np.ndarray, batch_size: int = 1024) -> np.ndarray:
    """The probabilities, float32 (n, n_classes), of uint8 (n, 28, 28)."""
    return net.predict(images, batch_size=batch_size, verbose=0)


def validate(net: keras.Model, split: Split) -> dict[str, float]:
    """Loss, accuracy and class-balanced accuracy of `net` on `split`, from one pass.

    Raises `ModelError` where the network gives something that is no number.
    """
    probabilities = predict(net, split.images)
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
    if augmentation == "none":
        return np.repeat(images[:, None], n, axis=1)
    layer = RandomAffine(seed=seed)
    varied = [keras.ops.convert_to_numpy(layer(images, training=True)) for _ in range(n)]
    return np.stack(varied, axis=1)

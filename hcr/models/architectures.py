"""The networks: functions of the number of classes, by the names in `hcr.models.MODELS`.

Those of five public projects are what their code builds, also where the README differs; scaling,
which is a layer here, and the number of classes are ours. In brackets: parameters at the project's
number of classes. How each is trained stands in its params file.
"""

from collections.abc import Sequence
from math import prod
from pkgutil import resolve_name

import numpy as np
import pandas as pd

from hcr.errors import ModelError, nearest
from hcr.models import MODELS, backend
from hcr.models.backend import keras

layers, initializers = keras.layers, keras.initializers
Tensor, Model = keras.KerasTensor, keras.Model

# Few steps an epoch on small data: Keras' 0.99 would lag behind the weights for thousands of steps.
MOMENTUM = 0.9


def build(name: str, n_classes: int, seed: int | None = None, start: str | None = None) -> Model:
    """A network from uint8 (n, 28, 28) to float32 (n, n_classes), rows that sum to 1.

    `name` is a key of `MODELS`, or `module:function`: a function of the number of classes. First
    everything random is seeded with `seed`, the initial weights included. `start` is a trained
    model whose weights it takes; see `hcr.models.convert.copy_weights`.

    Raises `ModelError` where there is no such network, it is another kind, or `start` does not fit.
    """
    if seed is not None:
        backend.seed_everything(seed)
    net = builder(name)(n_classes)
    backend.check(net, name, n_classes)
    if start is not None:
        from hcr.models.convert import copy_weights

        copy_weights(net, start)
    return net


def builder(name: str):
    """The function that builds the network `name`, or any `module:function`.

    Raises `ModelError` where there is none.
    """
    if name in MODELS:
        return globals()[name]
    if ":" not in name:
        raise ModelError(f"There is no network {name!r}.{nearest(name, MODELS)}")
    try:
        return resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        rule = "A function of your own is named module:function"
        raise ModelError(f"{rule}. Received: {name!r} ({error}). Is it on PYTHONPATH?") from error


def hcr_small(n_classes: int) -> Model:
    """The quick one: three convolutions, the first with stride 2, since 28x28 costs most."""
    inputs, x = image_input()
    x = conv(x, 32, size=5, strides=2)
    x = conv(x, 64)
    x = layers.MaxPooling2D()(x)
    x = conv(x, 96)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    return classifier(inputs, x, n_classes, "hcr_small")


def hcr_net(n_classes: int) -> Model:
    """Ours: a stem that leaves 28x28 at once, residual blocks at 14x14 and 7x7, then a mean."""
    inputs, x = image_input()
    return classifier(inputs, _features(x), n_classes, "hcr_net")


def hcr_pair(n_classes: int) -> Model:
    """Two of `hcr_net`, trained separately: the mean of their probabilities."""
    inputs, x = image_input()
    both = [softmax(_features(x), n_classes, ending) for ending in ("_first", "_second")]
    return Model(inputs, layers.Average(name="mean", dtype="float32")(both), name="hcr_pair")


def mnist_nist(n_classes: int) -> Model:
    """andreanlay/handwritten-character-recognition-deep-learning, first state (159,556 at 36)."""
    inputs, x = image_input()
    x = layers.Conv2D(64, 5, activation="relu")(x)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    return classifier(inputs, x, n_classes, "mnist_nist")


def mnist_nist_deep(n_classes: int) -> Model:
    """andreanlay/handwritten-character-recognition-deep-learning, last state (330,596 at 36).

    The README's drawing has a batch norm before the first convolution, too; the code has none.
    """
    inputs, x = image_input()
    for filters in (32, 64):
        for size, strides, padding in ((3, 1, "valid"), (3, 1, "valid"), (5, 2, "same")):
            x = layers.Conv2D(filters, size, strides, padding=padding, activation="relu")(x)
            x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.4)(x)
    x = layers.Conv2D(128, 4, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    return classifier(inputs, x, n_classes, "mnist_nist_deep")


def emnist_cnn(n_classes: int) -> Model:
    """parnamondal/Handwriiten_Character_Recognition_emnis_balanced (484,719 at 47).

    The README takes the 10 % for validation from the test file; the notebook, as we do, from the
    training file.
    """
    inputs, x = image_input()
    for filters, size in ((128, 5), (64, 3)):
        x = layers.Conv2D(filters, size, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return classifier(inputs, x, n_classes, "emnist_cnn")


def digits_nine_layer(n_classes: int) -> Model:
    """jamesY777/digit_recognotion; nine layers with pooling, dropout, flatten (59,933 at 10)."""
    inputs, x = image_input()
    for filters, size in ((30, 5), (15, 3)):
        x = layers.Conv2D(filters, size, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    for units in (128, 50):
        x = layers.Dense(units, activation="relu")(x)
    return classifier(inputs, x, n_classes, "digits_nine_layer")


def emnist_bn3(n_classes: int) -> Model:
    """barkiayoub/handwritten-character-recognition (400,815 at 47).

    The project uses PyTorch, so that library's initial weights and batch-norm constants are set
    here, and images enter between -1 and 1. The README has a second dense layer; the code has not.
    """
    inputs, x = image_input()
    x = layers.Rescaling(2.0, offset=-1.0, name="center")(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", **_as_pytorch(9 * x.shape[-1]))(x)
        # PyTorch's momentum is the new value's share, 0.1; Keras' is the old one's.
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu", **_as_pytorch(x.shape[-1]))(x)
    x = layers.Dropout(0.5)(x)
    return classifier(inputs, x, n_classes, "emnist_bn3", **_as_pytorch(256))


def az_mnist(n_classes: int) -> Model:
    """JRaul7/capstone-project, `train.py` (249,892 at 36).

    The README trains it on a part for the first model and on everything for the second; the code
    fits both on the same 80 %.
    """
    inputs, x = image_input()
    x = layers.Conv2D(32, 5, activation="relu", kernel_initializer="he_uniform")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, activation="relu", kernel_initializer="he_uniform")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    return classifier(inputs, x, n_classes, "az_mnist")


def image_input() -> tuple[Tensor, Tensor]:
    """The input, uint8 (n, 28, 28), and what the first layer sees: float32 (n, 28, 28, 1), 0..1."""
    inputs = layers.Input((28, 28), dtype="uint8", name="images")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    return inputs, layers.Reshape((28, 28, 1), name="channel")(x)


def conv(x: Tensor, filters: int, size: int = 3, strides: int = 1, relu: bool = True) -> Tensor:
    """Convolution, batch norm and, where `relu`, ReLU; same padding."""
    kernel = {"use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, size, strides, padding="same", **kernel)(x)
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.ReLU()(x) if relu else x


def classifier(inputs: Tensor, x: Tensor, n_classes: int, name: str, **options) -> Model:
    """The model that ends in a dense layer, with its `options`, and a softmax over `n_classes`."""
    return Model(inputs, softmax(x, n_classes, **options), name=name)


def softmax(x: Tensor, n_classes: int, ending: str = "", **options) -> Tensor:
    """Probabilities, float32 (n, n_classes), of a dense layer; layer names end in `ending`."""
    x = layers.Dense(n_classes, name=f"logits{ending}", **options)(x)
    # float32 whatever the precision of the rest, because probabilities are compared and logged.
    return layers.Softmax(name=f"probabilities{ending}", dtype="float32")(x)


def summary(net: Model) -> pd.DataFrame:
    """One row a layer: layer (name), kind, output (shape), parameters, multiply-adds."""
    rows = []
    for layer in net.layers:
        shape = "×".join(map(str, layer.output.shape[1:]))
        numbers = layer.count_params(), multiply_adds(layer)
        rows.append((layer.name, type(layer).__name__, shape, *numbers))
    return pd.DataFrame(rows, columns=["layer", "kind", "output", "parameters", "multiply-adds"])


def multiply_adds(layer: keras.Layer) -> int:
    """Multiply-adds of the dense and convolution layers of a layer or network, for one image."""
    if hasattr(layer, "layers"):
        return sum(map(multiply_adds, layer.layers))
    if getattr(layer, "kernel", None) is None:
        return 0
    # A dense layer applies its kernel once, a convolution everywhere.
    return prod(tuple(layer.output.shape)[1:-1]) * prod(tuple(layer.kernel.shape))


def _features(x: Tensor) -> Tensor:
    """The 128 features, (n, 128), that `hcr_net` computes of images, (n, 28, 28, 1)."""
    x = conv(x, 32, size=5, strides=2)
    x = conv(x, 48)
    x = _block(x, 48)
    x = layers.MaxPooling2D()(x)
    x = conv(x, 128)
    x = _block(x, 128)
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(0.3)(x)


def _block(x: Tensor, filters: int) -> Tensor:
    """Two convolutions whose result is added to `x` before the last ReLU (He et al. 2016)."""
    y = conv(x, filters)
    y = conv(y, filters, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _as_pytorch(fan_in: int) -> dict[str, initializers.Initializer]:
    """PyTorch's initial weights and biases: uniform within 1 / sqrt(fan_in) of 0."""
    limit = fan_in**-0.5
    names = "kernel_initializer", "bias_initializer"
    return {name: initializers.RandomUniform(-limit, limit) for name in names}


def patch_below(
    layer: keras.layers.Conv2D, before: np.ndarray, place: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the number of a convolution at a `place`, (row, column, channel), is made of.

    `before` is the layer's input, (height, width, channels). Returns the patch's first row and
    column in it, below 0 on a padded border; the patch, (height, width, channels); and its products
    with the kernel, of the same shape, which with the bias add up to the number.
    """
    size, stride = np.array(layer.kernel_size), np.array(layer.strides)
    wanted = (np.array(layer.output.shape[1:3]) - 1) * stride + size
    border = np.maximum(wanted - before.shape[:2], 0) if layer.padding == "same" else 0 * size
    first, (row, column) = border // 2, np.array(place[:2]) * stride
    padded = np.pad(before, [*zip(first, border - first, strict=True), (0, 0)])
    patch = padded[row : row + size[0], column : column + size[1]]
    return (row, column) - first, patch, patch * layer.get_weights()[0][..., place[2]]

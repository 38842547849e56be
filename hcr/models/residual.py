"""Residual networks: blocks that add to what they were given."""

from keras import KerasTensor, Model, layers

from hcr.models.blocks import conv, pictures, probabilities, softmax


def hcr_net(n_classes: int) -> Model:
    """Ours: a stem that leaves 28x28 at once, residual blocks at 14x14 and 7x7, then a mean."""
    inputs, x = pictures()
    return probabilities(inputs, _features(x), n_classes, "hcr_net")


def hcr_pair(n_classes: int) -> Model:
    """Two of `hcr_net` side by side, which were trained apart: the mean of their probabilities."""
    inputs, x = pictures()
    both = [softmax(_features(x), n_classes, ending) for ending in ("_first", "_second")]
    return Model(inputs, layers.Average(name="mean", dtype="float32")(both), name="hcr_pair")


def _features(x: KerasTensor) -> KerasTensor:
    """The 128 numbers, (n, 128), that `hcr_net` makes of pictures, (n, 28, 28, 1)."""
    x = conv(x, 32, size=5, strides=2)
    x = conv(x, 48)
    x = _block(x, 48)
    x = layers.MaxPooling2D()(x)
    x = conv(x, 128)
    x = _block(x, 128)
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(0.3)(x)


def _block(x: KerasTensor, filters: int) -> KerasTensor:
    """Two convolutions whose result is added to `x` before the last ReLU (He et al. 2016)."""
    y = conv(x, filters)
    y = conv(y, filters, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))

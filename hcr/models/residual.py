"""Residual networks: blocks that add to what they were given."""

from keras import KerasTensor, Model, layers

from hcr.models.blocks import conv, pictures, probabilities


def hcr_net(n_classes: int) -> Model:
    """Ours: a stem that leaves 28x28 at once, residual blocks at 14x14 and 7x7, then a mean."""
    inputs, x = pictures()
    return probabilities(inputs, _features(x), n_classes, "hcr_net")


def hcr_pair(n_classes: int) -> Model:
    """Two of `hcr_net` side by side, which were trained apart: the mean of their probabilities."""
    inputs, x = pictures()
    both = [_softmax(_features(x), n_classes, place) for place in ("first", "second")]
    # float32 whatever the precision of the rest, because probabilities are compared and logged.
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


def _softmax(x: KerasTensor, n_classes: int, place: str) -> KerasTensor:
    """One network's answers, float32 (n, n_classes)."""
    x = layers.Dense(n_classes, name=f"logits_{place}")(x)
    return layers.Softmax(name=f"probabilities_{place}", dtype="float32")(x)


def _block(x: KerasTensor, filters: int) -> KerasTensor:
    """Two convolutions whose result is added to `x` before the last ReLU (He et al. 2016)."""
    y = conv(x, filters)
    y = conv(y, filters, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))

"""Plain networks: convolutions and pooling, one after the other."""

from keras import Model, layers

from hcr.models.blocks import conv, pictures, probabilities


def hcr_small(n_classes: int) -> Model:
    """The quick one: three convolutions, the first with stride 2, since 28x28 costs most."""
    inputs, x = pictures()
    x = conv(x, 32, size=5, strides=2)
    x = conv(x, 64)
    x = layers.MaxPooling2D()(x)
    x = conv(x, 96)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    return probabilities(inputs, x, n_classes, "hcr_small")

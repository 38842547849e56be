"""What the networks share: their way in, their way out, and a convolution block."""

from keras import KerasTensor, Model, layers

# Few steps an epoch on small data: Keras' 0.99 would lag behind the weights for thousands of steps.
MOMENTUM = 0.9


def pictures() -> tuple[KerasTensor, KerasTensor]:
    """The input, uint8 (n, 28, 28), and what the first layer sees: float32 (n, 28, 28, 1), 0..1."""
    inputs = layers.Input((28, 28), dtype="uint8", name="pictures")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    return inputs, layers.Reshape((28, 28, 1), name="channel")(x)


def conv(x: KerasTensor, filters: int, size: int = 3, strides: int = 1, relu: bool = True):
    """Convolution, batch norm and, where `relu`, ReLU; same padding."""
    x = layers.Conv2D(
        filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.ReLU()(x) if relu else x


def probabilities(
    inputs: KerasTensor, x: KerasTensor, n_classes: int, name: str, **options
) -> Model:
    """The model that ends in a dense layer, with its `options`, and a softmax over `n_classes`."""
    return Model(inputs, softmax(x, n_classes, **options), name=name)


def softmax(x: KerasTensor, n_classes: int, ending: str = "", **options) -> KerasTensor:
    """The answers, float32 (n, n_classes), of a dense layer; both layers' names have an ending."""
    x = layers.Dense(n_classes, name=f"logits{ending}", **options)(x)
    # float32 whatever the precision of the rest, because probabilities are compared and logged.
    return layers.Softmax(name=f"probabilities{ending}", dtype="float32")(x)

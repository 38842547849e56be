"""The networks of five public projects, layer by layer: what ours are held against.

Each is what its project's code builds; where a README says otherwise, its docstring tells. Two
things are ours: scaling to [0, 1] is a layer of the network, and the number of classes is given.
The counts in brackets are parameters at the number of classes that the project has. How each is
trained stands in the params files.
"""

from keras import KerasTensor, Model, initializers, layers

from hcr.models.blocks import pictures, probabilities


def mnist_nist(n_classes: int) -> Model:
    """Two convolutions, one pooling, no regularisation (159,556 at 36 classes).

    andreanlay/handwritten-character-recognition-deep-learning, first published state. The README
    of that state and its code agree on the network; the README tells of two trainings, on all
    data and on 1,000 pictures a class, the code holds the second.
    """
    inputs, x = pictures()
    x = layers.Conv2D(64, 5, activation="relu")(x)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    return probabilities(inputs, x, n_classes, "mnist_nist")


def mnist_nist_deep(n_classes: int) -> Model:
    """Seven convolutions, strides in place of pooling (330,596 at 36 classes).

    andreanlay/handwritten-character-recognition-deep-learning, last state: two stages of 3x3, 3x3
    and 5x5 with stride 2, then 4x4 to a single place; ReLU comes before batch norm. The README's
    drawing has a batch norm before the first convolution, too; the code has none.
    """
    inputs, x = pictures()
    for filters in (32, 64):
        for size, strides, padding in ((3, 1, "valid"), (3, 1, "valid"), (5, 2, "same")):
            x = _relu_then_norm(x, filters, size, strides, padding)
        x = layers.Dropout(0.4)(x)
    x = _relu_then_norm(x, 128, 4, 1, "valid")
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    return probabilities(inputs, x, n_classes, "mnist_nist_deep")


def emnist_cnn(n_classes: int) -> Model:
    """128 filters of 5x5 at 28x28, then 64 of 3x3, and a dense layer (484,719 at 47 classes).

    parnamondal/Handwriiten_Character_Recognition_emnis_balanced. README and notebook agree on the
    network. The README takes the 10 % for validation from the test file; the notebook, as we do,
    from the training file.
    """
    inputs, x = pictures()
    for filters, size in ((128, 5), (64, 3)):
        x = layers.Conv2D(filters, size, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return probabilities(inputs, x, n_classes, "emnist_cnn")


def digits_nine_layer(n_classes: int) -> Model:
    """Nine layers for digits, counted with pooling, dropout and flatten (59,933 at 10 classes).

    jamesY777/digit_recognotion. README and code agree.
    """
    inputs, x = pictures()
    for filters, size in ((30, 5), (15, 3)):
        x = layers.Conv2D(filters, size, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    for units in (128, 50):
        x = layers.Dense(units, activation="relu")(x)
    return probabilities(inputs, x, n_classes, "digits_nine_layer")


def emnist_bn3(n_classes: int) -> Model:
    """Three blocks of convolution, batch norm, ReLU and pooling (400,815 at 47 classes).

    400,367 of them are trained; the others are running means and variances.
    barkiayoub/handwritten-character-recognition. The project uses PyTorch, so that library's first
    weights and batch-norm constants are set here, and pictures go in between -1 and 1. The README
    has two dense layers before the output; the code has one.
    """
    inputs, x = pictures()
    x = layers.Rescaling(2.0, offset=-1.0, name="centre")(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", **_as_pytorch(9 * x.shape[-1]))(x)
        # PyTorch's momentum is the new value's share, 0.1; Keras' is the old one's.
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu", **_as_pytorch(x.shape[-1]))(x)
    x = layers.Dropout(0.5)(x)
    return probabilities(inputs, x, n_classes, "emnist_bn3", **_as_pytorch(256))


def az_mnist(n_classes: int) -> Model:
    """Two convolutions, a batch norm between them, and a wide output (249,892 at 36 classes).

    64 of them are running means and variances. JRaul7/capstone-project, `train.py`; README and code
    agree on the network. The README trains it on a part for the first model and on everything for
    the second; the code fits both on the same 80 %.
    """
    inputs, x = pictures()
    x = layers.Conv2D(32, 5, activation="relu", kernel_initializer="he_uniform")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, activation="relu", kernel_initializer="he_uniform")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    return probabilities(inputs, x, n_classes, "az_mnist")


def _relu_then_norm(
    x: KerasTensor, filters: int, size: int, strides: int, padding: str
) -> KerasTensor:
    """Convolution, ReLU and only then batch norm, with Keras' own constants."""
    x = layers.Conv2D(filters, size, strides, padding=padding, activation="relu")(x)
    return layers.BatchNormalization()(x)


def _as_pytorch(fan_in: int) -> dict[str, initializers.Initializer]:
    """PyTorch's first weights and biases: uniform within 1 / sqrt(fan_in) of 0."""
    limit = fan_in**-0.5
    return {
        "kernel_initializer": initializers.RandomUniform(-limit, limit),
        "bias_initializer": initializers.RandomUniform(-limit, limit),
    }

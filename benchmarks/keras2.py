"""Models as Keras 2 saves them, with its answers: writes `tests/keras2.zip` anew.

    uv run --no-project --python 3.11 --with tensorflow-cpu==2.13.1 python benchmarks/keras2.py

TensorFlow 2.13 has Keras 2, whose `.h5` and `.keras` files these are. It cannot be installed beside
the tests; so its files are kept.
"""

import zipfile
from pathlib import Path

import numpy as np

ARCHIVE = Path(__file__).resolve().parents[1] / "tests" / "keras2.zip"
FILES = ("sequential.h5", "functional.h5", "convolution.h5", "sequential.keras", "functional.keras")


def pictures(n: int = 6) -> np.ndarray:
    """Noise, uint8 (n, 28, 28), a blank one first."""
    found = np.random.default_rng(0).integers(0, 256, (n, 28, 28), np.uint8)
    found[0] = 0
    return found


def models_of(keras):
    """One model of each form, of many kinds of layers, with weights and statistics at random."""
    layers, models = keras.layers, keras.models
    sequential = models.Sequential(
        [
            layers.ZeroPadding2D(((1, 0), (0, 2)), input_shape=(28, 28, 1)),
            layers.Conv2D(3, 3, strides=2, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D((2, 3)),
            layers.Dropout(0.3),
            layers.SeparableConv2D(4, (3, 2), padding="same", depth_multiplier=2),
            layers.LeakyReLU(0.2),
            layers.AveragePooling2D(),
            layers.Flatten(),
            layers.Dense(6, activation="tanh", use_bias=False),
            layers.Dense(5),
            layers.Activation("softmax"),
        ]
    )
    convolution = models.Sequential(
        [
            layers.Conv2D(3, 5, strides=2, activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    entry = keras.Input((28, 28, 1))
    left = layers.Conv2D(2, 3, padding="same", dilation_rate=2, name="block/left")(entry)
    right = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(entry)
    both = layers.Add()([left, layers.PReLU(shared_axes=[1, 2])(right)])
    both = layers.Concatenate(axis=-1)([layers.SpatialDropout2D(0.2)(both), entry])
    pooled = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(both))
    wide = layers.Reshape((3, 1))(layers.ReLU(max_value=0.4)(pooled))
    logits = layers.Dense(7)(layers.Flatten()(wide))
    functional = models.Model(entry, layers.Dropout(0.1)(logits))
    generator = np.random.default_rng(1)
    # The last one's come last, so that those of the others stay what they were.
    for layer in sequential.layers + functional.layers + convolution.layers:
        values = [generator.normal(0, 0.6, each.shape) for each in layer.get_weights()]
        if "Norm" in type(layer).__name__:
            values[-1] = np.abs(values[-1]) + 0.1  # the variance
        layer.set_weights(values)
    return sequential, functional, convolution


def main() -> None:
    """Write the archive."""
    import tempfile

    from tensorflow import keras

    sequential, functional, convolution = models_of(keras)
    given = pictures().astype(np.float32)[..., None] / 255
    answers = {
        "sequential": sequential.predict(given, verbose=0),
        "functional": functional.predict(1 - 2 * given.transpose(0, 2, 1, 3), verbose=0),
        "convolution": convolution.predict(given, verbose=0),
    }
    with tempfile.TemporaryDirectory() as folder:
        models = sequential, functional, convolution, sequential, functional
        for name, model in zip(FILES, models, strict=True):
            model.save(Path(folder) / name)
        np.savez(Path(folder) / "answers.npz", **answers)
        with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in (*FILES, "answers.npz"):
                archive.write(Path(folder) / name, name)


if __name__ == "__main__":
    main()

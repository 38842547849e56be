"""Training pictures turned, scaled, bent and shifted a little, inside the training graph."""

import keras
import numpy as np
from keras import ops

# What each of `training.AUGMENTATIONS` that moves pictures does; {} is what RandomAffine does.
AMPLITUDES = {
    "affine": {},
    # As Keras' old ImageDataGenerator with rotation_range=10 and zoom and shifts of 0.1: 0.1 of 28
    # pixels. It repeats the border where a picture leaves its frame; here, background comes in.
    "rotate_zoom_shift": {"degrees": 10.0, "zoom": 0.1, "shear": 0.0, "shift": 2.8},
    "elastic": {"alpha": 24.0},
    "pen": {"shear": 0.2, "zoom": 0.12, "alpha": 14.0, "thickness": 0.3},
    "strong": {
        "degrees": 15.0, "zoom": 0.2, "shear": 0.25, "shift": 2.5,
        "alpha": 34.0, "thickness": 0.4, "cutout": 8.0,
    },
}  # fmt: skip


def layer_of(augmentation: str, seed: int) -> keras.layers.Layer | None:
    """The layer that varies pictures as `augmentation` says; None where it leaves them alone."""
    if augmentation not in AMPLITUDES:
        return None
    amplitudes = AMPLITUDES[augmentation]
    kind = RandomDistortion if "alpha" in amplitudes else RandomAffine
    return kind(**amplitudes, seed=seed)


@keras.saving.register_keras_serializable("hcr")
class Switch(keras.layers.Layer):
    """Passes varied pictures on, or, where `varied` is set to 0, the pictures as they were."""

    def build(self, input_shape=None):
        """Add `varied`, which begins as 1."""
        self.varied = self.add_weight((), initializer="ones", trainable=False, name="varied")
        self.built = True

    def call(self, inputs):
        """(pictures, varied ones), both (n, 28, 28), to one of the two."""
        pictures, varied = inputs
        return ops.where(ops.convert_to_tensor(self.varied) > 0.5, varied, pictures)

    def compute_output_shape(self, input_shape):
        """That of the pictures."""
        return input_shape[0]


@keras.saving.register_keras_serializable("hcr")
class RandomAffine(keras.layers.Layer):
    """A random affine map of each picture; in inference the picture as it is.

    Args:
        degrees: The largest turn to either side.
        zoom: The largest change of size, as a share.
        shear: The largest slant, as a share of the height.
        shift: The largest shift in pixels.
        seed: Of the draws.
    """

    def __init__(self, degrees=10.0, zoom=0.1, shear=0.15, shift=1.5, seed=None, **options):
        super().__init__(**options)
        self.degrees, self.zoom, self.shear, self.shift = degrees, zoom, shear, shift
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        """Float or uint8 (n, 28, 28) to the same, moved when `training`."""
        if not training:
            return images
        a, b, x, c, d, y = self.maps(ops.shape(images)[0], (images.shape[1] - 1) / 2)
        zero = ops.zeros_like(a)
        maps = ops.stack([a, b, x, c, d, y, zero, zero], axis=1)
        moved = ops.image.affine_transform(
            ops.expand_dims(ops.cast(images, "float32"), -1),
            maps,
            interpolation="bilinear",
            fill_mode="constant",
            data_format="channels_last",
        )
        return ops.cast(ops.squeeze(moved, -1), images.dtype)

    def maps(self, n, centre):
        """(a, b, x, c, d, y), float32 (n,) each: from a place in the new picture to the old one.

        The new picture's (column, row) comes from the old one's (a column + b row + x,
        c column + d row + y).
        """
        draw = keras.random.uniform((6, n), -1.0, 1.0, seed=self.seed_generator)
        angle = draw[0] * (self.degrees * 3.14159265 / 180)
        # Width and height are scaled apart: hands differ in proportion, too.
        width, height = 1 + self.zoom * draw[1], 1 + self.zoom * draw[2]
        slant = self.shear * draw[3]
        a, b = ops.cos(angle) * width, -ops.sin(angle) * height + slant
        c, d = ops.sin(angle) * width, ops.cos(angle) * height
        x = centre - a * centre - b * centre + self.shift * draw[4]
        y = centre - c * centre - d * centre + self.shift * draw[5]
        return a, b, x, c, d, y

    def get_config(self):
        """The arguments, for saving."""
        own = {key: getattr(self, key) for key in ("degrees", "zoom", "shear", "shift", "seed")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("hcr")
class RandomDistortion(RandomAffine):
    """A random affine map and an elastic one, and other pens; in inference nothing of it.

    The elastic map is that of Simard, Steinkraus and Platt (2003), Best practices for
    convolutional neural networks applied to visual document analysis: each pixel is moved by
    uniform noise that a Gaussian smooths and `alpha` scales. Both maps are one resampling.

    Args:
        alpha: Of the elastic map, in pixels; with sigma 4, their 34 moves a pixel by 1.4 pixels
            each way, as a standard deviation, and 24 by 1.0.
        sigma: Of the Gaussian, in pixels.
        thickness: The largest share of a picture with lines a pixel wider, or thinner, on each
            side that the picture is blended with; 0 leaves lines as they are.
        cutout: The longest side of the square, in pixels, that is left blank somewhere; 0 for none.
        amplitudes: Those of `RandomAffine`, and the layer's options.
    """

    def __init__(self, alpha=34.0, sigma=4.0, thickness=0.0, cutout=0.0, **amplitudes):
        super().__init__(**amplitudes)
        self.alpha, self.sigma, self.thickness, self.cutout = alpha, sigma, thickness, cutout

    def call(self, images, training=False):
        """Float or uint8 (n, 28, 28) to the same, distorted when `training`."""
        if not training:
            return images
        n, size = ops.shape(images)[0], images.shape[1]
        found = self.resampled(ops.cast(images, "float32"), n, size)
        if self.thickness:
            found = self.redrawn(found, n)
        if self.cutout:
            found = self.cut(found, n, size)
        return ops.cast(found, images.dtype)

    def resampled(self, images, n, size):
        """Both maps, float32 (n, size, size) to the same; what comes from outside is blank."""
        a, b, x, c, d, y = (ops.reshape(each, (-1, 1, 1)) for each in self.maps(n, (size - 1) / 2))
        noise = keras.random.uniform((2, n, size, size), -1.0, 1.0, seed=self.seed_generator)
        # Smoothing rows and columns is a product with one matrix on either side.
        smoothing = ops.convert_to_tensor(_gaussian(size, self.sigma))
        moves = self.alpha * ops.matmul(ops.matmul(smoothing, noise), smoothing)
        row = ops.reshape(ops.arange(size, dtype="float32"), (1, size, 1))
        column = ops.reshape(row, (1, 1, size))
        # Counted in a picture with a blank border, where all that lies outside ends up.
        across = ops.clip(a * column + b * row + x + moves[0] + 1, 0.0, size + 0.999)
        down = ops.clip(c * column + d * row + y + moves[1] + 1, 0.0, size + 0.999)
        left, top = ops.floor(across), ops.floor(down)
        across, down = across - left, down - top
        # The four pixels around a place lie side by side, to be fetched at once.
        ink = ops.pad(images, ((0, 0), (1, 2), (1, 2)))
        four = ops.stack(
            [ink[:, :-1, :-1], ink[:, :-1, 1:], ink[:, 1:, :-1], ink[:, 1:, 1:]], axis=-1
        )
        wide = size + 2
        first = ops.reshape(ops.arange(n, dtype="int32") * wide**2, (-1, 1, 1))
        place = first + ops.cast(top * wide + left, "int32")
        found = ops.take(ops.reshape(four, (-1, 4)), place, axis=0)
        above = found[..., 0] + across * (found[..., 1] - found[..., 0])
        below = found[..., 2] + across * (found[..., 3] - found[..., 2])
        return above + down * (below - above)

    def redrawn(self, images, n):
        """The pictures, float32 (n, 28, 28), with lines thicker or thinner by a random share."""
        share = self.thickness * keras.random.uniform(
            (n, 1, 1), -1.0, 1.0, seed=self.seed_generator
        )
        ink = ops.pad(images, ((0, 0), (1, 1), (1, 1)))
        rows = ink[:, :-2], ink[:, 1:-1], ink[:, 2:]
        thick = ops.maximum(ops.maximum(rows[0], rows[1]), rows[2])
        thin = ops.minimum(ops.minimum(rows[0], rows[1]), rows[2])
        thick = ops.maximum(ops.maximum(thick[:, :, :-2], thick[:, :, 1:-1]), thick[:, :, 2:])
        thin = ops.minimum(ops.minimum(thin[:, :, :-2], thin[:, :, 1:-1]), thin[:, :, 2:])
        return images + ops.abs(share) * (ops.where(share > 0, thick, thin) - images)

    def cut(self, images, n, size):
        """The pictures, float32 (n, 28, 28), each with a square left blank."""
        draw = keras.random.uniform((3, n, 1, 1), seed=self.seed_generator)
        half = draw[0] * self.cutout / 2
        place = ops.arange(size, dtype="float32")
        beside = ops.abs(ops.reshape(place, (1, 1, size)) - draw[1] * (size - 1)) > half
        above = ops.abs(ops.reshape(place, (1, size, 1)) - draw[2] * (size - 1)) > half
        return images * ops.cast(ops.logical_or(beside, above), "float32")

    def get_config(self):
        """The arguments, for saving."""
        own = {key: getattr(self, key) for key in ("alpha", "sigma", "thickness", "cutout")}
        return {**super().get_config(), **own}


def _gaussian(size: int, sigma: float) -> np.ndarray:
    """The matrix, float32 (size, size), that smooths by a Gaussian; all beyond the edge is 0."""
    away = np.subtract.outer(np.arange(size), np.arange(size))
    return (np.exp(-(away**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))).astype(np.float32)

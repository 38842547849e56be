"""Augmentation: Keras layers that vary training images inside the training graph."""

import numpy as np

from hcr.models.backend import keras

ops = keras.ops


def augmentation(name: str, seed: int) -> keras.layers.Layer | None:
    """The layer behind a key of `hcr.models.recipe.AUGMENTATIONS`; None for `none`.

    Any Keras layer from images, uint8 or float (n, 28, 28), to the same may take its place.
    """
    if name == "none":
        return None
    if name == "rotate_zoom_shift":
        # As Keras' old ImageDataGenerator with rotation_range=10 and zoom and shifts of 0.1, but
        # background comes in where an image leaves its frame; it repeats the border.
        return RandomAffine(degrees=10.0, zoom=0.1, shear=0.0, shift=2.8, seed=seed)
    if name == "pen":
        return RandomPen(zoom=0.12, shear=0.2, seed=seed)
    return RandomAffine(seed=seed)


def vary(images: np.ndarray, augment: keras.layers.Layer | None, n: int) -> np.ndarray:
    """`n` augmented versions of each image, uint8 (k, n, 28, 28), of uint8 (k, 28, 28)."""
    if augment is None:
        return np.repeat(images[:, None], n, axis=1)
    varied = [ops.convert_to_numpy(augment(images, training=True)) for _ in range(n)]
    return np.stack(varied, axis=1).astype(np.uint8)


class RandomAffine(keras.layers.Layer):
    """A random affine map of each image; the image itself in inference.

    At most `degrees` of rotation to either side, `zoom` of change in width and in height and
    `shear`, as shares, and `shift` pixels.
    """

    def __init__(self, degrees=10.0, zoom=0.1, shear=0.15, shift=1.5, seed=None, **options):
        super().__init__(**options)
        self.amplitudes = {"degrees": degrees, "zoom": zoom, "shear": shear, "shift": shift}
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        """Float or uint8 (n, 28, 28) to the same type and shape."""
        if not training:
            return images
        a, b, x, c, d, y = self.maps(ops.shape(images)[0], (images.shape[1] - 1) / 2)
        zero = ops.zeros_like(a)
        maps = ops.stack([a, b, x, c, d, y, zero, zero], axis=1)
        ink = ops.expand_dims(ops.cast(images, "float32"), -1)
        moved = ops.image.affine_transform(ink, maps, data_format="channels_last")
        return ops.cast(ops.squeeze(moved, -1), images.dtype)

    def maps(self, n, center):
        """(a, b, x, c, d, y), float32 (n,) each.

        The new image's (column, row) comes from the old one's (a column + b row + x,
        c column + d row + y).
        """
        draw = keras.random.uniform((6, n), -1.0, 1.0, seed=self.seed_generator)
        angle = draw[0] * (self.amplitudes["degrees"] * 3.14159265 / 180)
        # Width and height are scaled separately: writers differ in proportion, too.
        zoom, shift = self.amplitudes["zoom"], self.amplitudes["shift"]
        width, height = 1 + zoom * draw[1], 1 + zoom * draw[2]
        shear = self.amplitudes["shear"] * draw[3]
        a, b = ops.cos(angle) * width, -ops.sin(angle) * height + shear
        c, d = ops.sin(angle) * width, ops.cos(angle) * height
        x = center - a * center - b * center + shift * draw[4]
        y = center - c * center - d * center + shift * draw[5]
        return a, b, x, c, d, y

    def get_config(self):
        """The arguments, which checkpoints depend on."""
        return {**super().get_config(), **self.amplitudes, "seed": self.seed}


class RandomPen(RandomAffine):
    """A random affine map, an elastic one, and thicker or thinner lines.

    The elastic map is that of Simard, Steinkraus and Platt (2003), Best practices for
    convolutional neural networks applied to visual document analysis: each pixel is moved by
    uniform noise that a Gaussian of `sigma` pixels smooths and `alpha` scales; with sigma 4, their
    alpha of 34 moves a pixel by 1.4, as a standard deviation. Both maps are one resampling. Then
    the image is blended with one whose lines are a pixel wider, or thinner, on each side, at most
    the share `thickness` of it.
    """

    def __init__(self, alpha=14.0, sigma=4.0, thickness=0.3, **amplitudes):
        super().__init__(**amplitudes)
        self.amplitudes |= {"alpha": alpha, "sigma": sigma, "thickness": thickness}

    def call(self, images, training=False):
        """Float or uint8 (n, 28, 28) to the same type and shape."""
        if not training:
            return images
        n, size = ops.shape(images)[0], images.shape[1]
        moved = self.resampled(ops.cast(images, "float32"), n, size)
        return ops.cast(self.redrawn(moved, n), images.dtype)

    def resampled(self, images, n, size):
        """Both maps, float32 (n, size, size) to the same; what comes from outside is blank."""
        a, b, x, c, d, y = (ops.reshape(each, (-1, 1, 1)) for each in self.maps(n, (size - 1) / 2))
        noise = keras.random.uniform((2, n, size, size), -1.0, 1.0, seed=self.seed_generator)
        # Smoothing rows and columns is a product with one matrix on either side.
        smoothing = ops.convert_to_tensor(_gaussian(size, self.amplitudes["sigma"]))
        moves = ops.matmul(ops.matmul(smoothing, noise), smoothing) * self.amplitudes["alpha"]
        row = ops.reshape(ops.arange(size, dtype="float32"), (1, size, 1))
        column = ops.reshape(row, (1, 1, size))
        # Counted in an image with a blank border, where all that lies outside ends up.
        across = ops.clip(a * column + b * row + x + moves[0] + 1, 0.0, size + 0.999)
        down = ops.clip(c * column + d * row + y + moves[1] + 1, 0.0, size + 0.999)
        left, top = ops.floor(across), ops.floor(down)
        across, down = across - left, down - top
        # The four pixels around a place lie side by side, to be fetched at once.
        ink = ops.pad(images, ((0, 0), (1, 2), (1, 2)))
        four = [ink[:, :-1, :-1], ink[:, :-1, 1:], ink[:, 1:, :-1], ink[:, 1:, 1:]]
        wide = size + 2
        first = ops.reshape(ops.arange(n, dtype="int32") * wide**2, (-1, 1, 1))
        place = first + ops.cast(top * wide + left, "int32")
        pixels = ops.take(ops.reshape(ops.stack(four, axis=-1), (-1, 4)), place, axis=0)
        above = pixels[..., 0] + across * (pixels[..., 1] - pixels[..., 0])
        below = pixels[..., 2] + across * (pixels[..., 3] - pixels[..., 2])
        return above + down * (below - above)

    def redrawn(self, images, n):
        """The images, float32 (n, 28, 28), with lines thicker or thinner by a random share."""
        draw = keras.random.uniform((n, 1, 1), -1.0, 1.0, seed=self.seed_generator)
        share = self.amplitudes["thickness"] * draw
        ink = ops.pad(images, ((0, 0), (1, 1), (1, 1)))
        extremes = []
        for extreme in (ops.maximum, ops.minimum):
            rows = extreme(extreme(ink[:, :-2], ink[:, 1:-1]), ink[:, 2:])
            both = extreme(extreme(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
            extremes.append(both)
        return images + ops.abs(share) * (ops.where(share > 0, *extremes) - images)


class Switch(keras.layers.Layer):
    """Passes augmented images on, or, where `augmented` is set to 0, the images as they were."""

    def build(self, input_shape=None):
        """Add `augmented`, which starts as 1."""
        self.augmented = self.add_weight((), initializer="ones", trainable=False)

    def call(self, inputs):
        """(images, augmented ones), both (n, 28, 28), to one of the two."""
        images, augmented = inputs
        return ops.where(ops.convert_to_tensor(self.augmented) > 0.5, augmented, images)


def _gaussian(size: int, sigma: float) -> np.ndarray:
    """The matrix, float32 (size, size), that smooths by a Gaussian; all beyond the edge is 0."""
    away = np.subtract.outer(np.arange(size), np.arange(size))
    return (np.exp(-(away**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))).astype(np.float32)

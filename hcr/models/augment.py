"""Training pictures turned, scaled, slanted and shifted a little, inside the training graph."""

import keras
from keras import ops

# What each of `hcr.training.AUGMENTATIONS` that moves pictures does; {} is what RandomAffine does.
AMPLITUDES = {
    "affine": {},
    # As Keras' old ImageDataGenerator with rotation_range=10 and zoom and shifts of 0.1: 0.1 of 28
    # pixels. It repeats the border where a picture leaves its frame; here, background comes in.
    "rotate_zoom_shift": {"degrees": 10.0, "zoom": 0.1, "shear": 0.0, "shift": 2.8},
}


def layer_of(augmentation: str, seed: int) -> keras.layers.Layer | None:
    """The layer that varies pictures as `augmentation` says; None where it leaves them alone."""
    if augmentation not in AMPLITUDES:
        return None
    return RandomAffine(**AMPLITUDES[augmentation], seed=seed)


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
        n = ops.shape(images)[0]
        centre = (images.shape[1] - 1) / 2
        draw = keras.random.uniform((6, n), -1.0, 1.0, seed=self.seed_generator)
        angle = draw[0] * (self.degrees * 3.14159265 / 180)
        # Width and height are scaled apart: hands differ in proportion, too.
        width, height = 1 + self.zoom * draw[1], 1 + self.zoom * draw[2]
        slant = self.shear * draw[3]
        a, b = ops.cos(angle) * width, -ops.sin(angle) * height + slant
        c, d = ops.sin(angle) * width, ops.cos(angle) * height
        # The map goes from a place in the new picture to its place in the old one.
        x = centre - a * centre - b * centre + self.shift * draw[4]
        y = centre - c * centre - d * centre + self.shift * draw[5]
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

    def get_config(self):
        """The arguments, for saving."""
        own = {key: getattr(self, key) for key in ("degrees", "zoom", "shear", "shift", "seed")}
        return {**super().get_config(), **own}

"""The form that a character has everywhere: uint8, (n, 28, 28), ink 255 on 0, upright."""

import numpy as np

from hcr.errors import DataError

SIDE = 28


def check_images(images: np.ndarray) -> np.ndarray:
    """Return `images` if it keeps the contract, uint8 of shape (n, 28, 28), n from 0 up.

    Raises `DataError` otherwise. Which way up a character stands cannot be checked here.
    """
    shape, dtype = getattr(images, "shape", ()), getattr(images, "dtype", type(images).__name__)
    if dtype != np.uint8 or shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"Images must be a uint8 array of shape (n, {SIDE}, {SIDE}), ink 255 on 0, not scaled. "
            f"Received: {dtype} {shape}. Use images[None] for a single image."
        )
    return images

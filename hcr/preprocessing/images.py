"""The form that a character has everywhere: uint8, (n, 28, 28), ink 255 on 0, upright."""

import numpy as np

from hcr.errors import DataError

SIDE = 28


def check_images(images: np.ndarray) -> np.ndarray:
    """Return `images` if it keeps the contract, uint8 of shape (n, 28, 28), n from 0 up.

    Raises `DataError` otherwise. Which way up a character stands cannot be checked here.
    """
    if isinstance(images, np.ndarray) and images.dtype == np.uint8:
        if images.ndim == 3 and images.shape[1:] == (SIDE, SIDE):
            return images
        hint = " Use images[None] for a single image." if images.shape == (SIDE, SIDE) else ""
        received = f"shape {images.shape}"
    else:
        hint = " Scaling to [0, 1] is a layer of the network: leave it to that."
        received = str(getattr(images, "dtype", type(images).__name__))
    raise DataError(
        f"Images must be a uint8 array of shape (n, {SIDE}, {SIDE}), ink 255 on 0. "
        f"Received: {received}.{hint}"
    )

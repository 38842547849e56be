"""The form that a character has everywhere: uint8, (n, 28, 28), ink 255 on 0, upright.

Where on it the ink lies is its framing. EMNIST's was measured as `strokes` says, MNIST's on 3,000
of its training images: the longer side of the ink has 19.97 px at half brightness, and the center
of mass is half a pixel right of the image's middle and below it.
"""

from dataclasses import dataclass

import numpy as np

from hcr.errors import DataError

SIDE = 28


@dataclass(frozen=True)
class Framing:
    """Where on the image the ink lies, and how large it is."""

    side: float  # px: the longer side of the ink, at half brightness
    centering: str  # "box": its box is in the middle; "mass": its center of mass is

    def __post_init__(self) -> None:
        if not (4 <= self.side <= SIDE and self.centering in ("box", "mass")):
            rule = f"A framing has a side of 4 to {SIDE} px and the centering box or mass"
            raise ValueError(f"{rule}. Received: {self.side}, {self.centering!r}.")

    @property
    def scale(self) -> float:
        """Its lengths over EMNIST's: lines are as much finer as characters are smaller.

        MNIST's lines have 0.83 of the width of those of EMNIST's digits (n = 3,000 each).
        """
        return self.side / EMNIST.side

    def middle(self, extent: float, mass: float) -> float:
        """Where the middle of the ink's box lies along one axis, in px; no ink is cut off.

        The box has `extent` pixels, and the center of mass is `mass` pixels beyond its middle.
        """
        if self.centering == "box":
            return SIDE / 2
        return float(np.clip((SIDE + 1) / 2 - mass, extent / 2, SIDE - extent / 2))


EMNIST = Framing(22.7, "box")
FRAMINGS = {"emnist": EMNIST, "mnist": Framing(20.0, "mass")}


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

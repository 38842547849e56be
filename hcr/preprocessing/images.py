"""The form that a character has everywhere: uint8, (n, 28, 28), ink 255 on 0, upright.

Where on it the ink lies is its framing. EMNIST's was measured as `strokes` says, MNIST's on 3,000
of its training images: the longer side of the ink has 19.97 px at half brightness, and the center
of mass is half a pixel right of the image's middle and below it.
"""

from dataclasses import dataclass

import numpy as np

from hcr.errors import DataError

SIDE = 28
BORDER = np.pad(np.zeros((SIDE - 2, SIDE - 2), bool), 1, constant_values=True)  # outermost pixels
# The highest of the usual ranges from 0: 1, 2, 3 and 4 bits, scikit-learn's digits, 8, 10, 12, 14
# and 16 bits. Dark pictures of 0..255 are common, so that 5, 6 and 7 bits are not looked for.
_HIGHEST = (1, 3, 7, 15, 16, 255, 1023, 4095, 16383, 65535)
_OVERSHOOT = 0.1  # of floats of 0..1, as interpolation leaves it
_CHUNK = 1 << 22  # numbers that are scaled at a time


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
        rule = f"Images must be uint8 of shape (n, {SIDE}, {SIDE}), ink 255 on 0, not scaled"
        raise DataError(f"{rule}. Received: {dtype} {shape}. Use images[None] for a single image.")
    return images


def gray_range(*arrays: np.ndarray) -> tuple[float, float]:
    """The range, low and high, that the grays of all `arrays` have together.

    Of bool, or from 0 up: the smallest of 0..1, 3, 7, 15, 16, 255, 1023, 4095, 16383 and 65535 that
    holds all. Of floats below 0: -1..1 where that holds all, else what there is, as of images from
    which a mean has been taken. Raises `DataError` for another dtype or range, or no number at all.
    """
    kinds = {array.dtype.kind for array in arrays}
    if not kinds <= set("buif") or not any(array.size for array in arrays):
        rule = "Grays must be bool, integers or floats, one at least"
        given = ", ".join(f"{array.dtype} {array.shape}" for array in arrays)
        raise DataError(f"{rule}. Received: {given}.")
    low = min(float(array.min()) for array in arrays if array.size)
    high = max(float(array.max()) for array in arrays if array.size)
    if "f" in kinds and max(-low, high - 1) <= _OVERSHOOT and (low < 0 or high > 1):
        return 0.0, 1.0
    if "f" in kinds and -np.inf < low < 0 and high < np.inf:
        return (-1.0, 1.0) if low >= -1 and high <= 1 else (low, max(high, low + 1e-6))
    if not (low >= 0 and high <= _HIGHEST[-1]):
        names = ", ".join(sorted({str(array.dtype) for array in arrays}))
        rule = "Grays must be integers from 0 to 65535 or finite floats"
        raise DataError(f"{rule}. Received: {names} from {low:g} to {high:g}. Scale them.")
    return 0.0, float(next(each for each in _HIGHEST if high <= each))


def to_gray_levels(values: np.ndarray, bounds: tuple[float, float] | None = None) -> np.ndarray:
    """Scale grays of any range to uint8, 0..255.

    `values` are bool, integers or floats, of any shape, and may be a memory map. `bounds` is their
    range, by default their `gray_range`, which raises `DataError`; give that of all splits.
    """
    low, high = bounds or gray_range(values)
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values
    levels = np.empty(values.shape, np.uint8)
    step = max(1, _CHUNK * len(values) // max(values.size, 1)) if values.ndim else 1
    for start in range(0, len(values), step):
        part = values[start : start + step].astype(np.float32)
        levels[start : start + step] = np.rint(np.clip((part - low) / (high - low), 0, 1) * 255)
    return levels

"""What range an array's grays have: nothing says it, so that it is told from the numbers."""

import numpy as np

from hcr.errors import DataError

# The highest of the usual ranges from 0: 1, 2, 3 and 4 bits, scikit-learn's digits, 8, 10, 12, 14
# and 16 bits. Dark pictures of 0..255 are common, so that 5, 6 and 7 bits are not looked for.
_HIGHEST = (1, 3, 7, 15, 16, 255, 1023, 4095, 16383, 65535)
_OVERSHOOT = 0.1  # of floats of 0..1, as interpolation leaves it
_CHUNK = 1 << 22  # numbers that are scaled at a time


def gray_range(*arrays: np.ndarray) -> tuple[float, float]:
    """The range, low and high, that the grays of all `arrays` have together.

    Of bool, or from 0 up: the smallest of 0..1, 3, 7, 15, 16, 255, 1023, 4095, 16383 and 65535 that
    holds all. Of floats below 0: -1..1 where that holds all, else what there is, as of images from
    which a mean has been taken. Raises `DataError` for another dtype or range, or no number at all.
    """
    kinds = {array.dtype.kind for array in arrays}
    if not kinds <= set("buif") or not any(array.size for array in arrays):
        raise DataError(
            "Grays must be bool, integers or floats, one at least. "
            f"Received: {', '.join(f'{array.dtype} {array.shape}' for array in arrays)}."
        )
    low = min(float(array.min()) for array in arrays if array.size)
    high = max(float(array.max()) for array in arrays if array.size)
    if "f" in kinds and max(-low, high - 1) <= _OVERSHOOT and (low < 0 or high > 1):
        return 0.0, 1.0
    if "f" in kinds and -np.inf < low < 0 and high < np.inf:
        return (-1.0, 1.0) if low >= -1 and high <= 1 else (low, max(high, low + 1e-6))
    if not (low >= 0 and high <= _HIGHEST[-1]):
        names = ", ".join(sorted({str(array.dtype) for array in arrays}))
        raise DataError(
            f"Grays must be integers from 0 to 65535 or finite floats. Received: {names} from "
            f"{low:g} to {high:g}. Scale them to 0..255."
        )
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

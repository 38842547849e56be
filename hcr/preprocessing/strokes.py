"""Pen strokes become the 28x28 image.

`from_strokes` gives what EMNIST's steps give, which `pictures` lists (on NIST's binary 128 x 128
pictures, sigma = 1, 2 pixels of border), but computes it straight at 28 x 28: a pixel's brightness
follows from its distance to the nearest line, through the profile of a blurred line. The ink's
side, the pen and the blur give drawings of UNIPEN the medians of EMNIST's images (docs/strokes.md).
"""

from collections.abc import Iterable
from math import erf, sqrt

import numpy as np

from hcr.errors import DataError
from hcr.preprocessing.images import EMNIST, SIDE, Framing

PEN = 2.7  # px: the width of a line, at half brightness
BLUR = 0.48  # px: sigma of NIST's blur and of the resizing together

_SPACING = 0.15  # px: points nearer than this along a line are passed over
_CHUNK = 64  # segments at a time, so that what is computed fits the processor's cache
_TAP = 1e-6  # a drawing no larger than this is a single point
_HUGE = 1e12
_PLACES = np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)
OFFSETS = np.linspace(0.0, PEN / 2 + 4 * BLUR, 256)


def line_profile(width: float) -> np.ndarray:
    """Brightness, up to 2, at `OFFSETS` from the middle of a blurred line, `width` px wide."""
    scale = BLUR * sqrt(2)
    return np.array([erf((width / 2 - d) / scale) + erf((width / 2 + d) / scale) for d in OFFSETS])


_BRIGHTNESS = 255 * line_profile(PEN) / line_profile(PEN)[0]


def from_strokes(strokes: Iterable, framing: Framing = EMNIST) -> np.ndarray:
    """Draw pen strokes as EMNIST would show them, or a dataset of another `framing`.

    `strokes` is a list of (k, 2) arrays or lists of points, x right and y down, in any unit. The
    result is one uint8 (28, 28) image, ink 255 on 0. It depends neither on the drawing's place
    and size (a pixel differs by 2 at most) nor on how densely the points lie along a line (by 32
    at most, 0.5 on average), nor on the order of the strokes. An empty pad gives an empty image,
    a single point a disc in the middle, and a stroke of one point a dot as wide as the pen.

    Raises `DataError` for another shape, and for NaN, infinity or numbers beyond 1e12.
    """
    drawn = _points(strokes)
    if not drawn:
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    points = np.concatenate(drawn)
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max())
    # All lengths are EMNIST's; of another framing the pixels are smaller or larger.
    places = _PLACES / np.float32(framing.scale)
    if size <= _TAP:
        return _bright(np.hypot(places[:, None], places) - PEN / 2)
    middle, scale = (low + high) / 2, (EMNIST.side - PEN) / size
    lines = [_thinned((stroke - middle) * scale) for stroke in drawn]
    # A lone point is a segment from itself to itself.
    starts = np.concatenate([line[:-1] if len(line) > 1 else line for line in lines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in lines])
    starts, ends = starts.astype(np.float32), ends.astype(np.float32)
    image = _bright(np.sqrt(_squared_distance(starts, ends, places, places)))
    if framing.centering == "box":
        return image
    extents = ((high - low) * scale + PEN) * framing.scale
    moved = []
    for axis, extent in enumerate(extents):
        mass = image.sum(axis=axis) @ _PLACES / image.sum()
        moved.append(places - (framing.middle(extent, mass) - SIDE / 2) / framing.scale)
    return _bright(np.sqrt(_squared_distance(starts, ends, *np.float32(moved))))


def _bright(distance: np.ndarray) -> np.ndarray:
    """The image (28, 28) of pixels that are so far from the line's middle."""
    brightness = np.interp(distance, OFFSETS, _BRIGHTNESS, right=0.0)
    return np.rint(brightness * (255 / brightness.max())).astype(np.uint8)


def _points(strokes: Iterable) -> list[np.ndarray]:
    """The strokes that hold a point, each as float64 (k, 2)."""
    rule = f"Strokes must be a list of (k, 2) arrays of numbers to {_HUGE:g}, x right and y down."
    try:
        arrays = [np.asarray(stroke, dtype=np.float64) for stroke in strokes]
    except (OverflowError, TypeError, ValueError) as error:
        raise DataError(f"{rule} Received: {error!s:.100}.") from error
    drawn = [points for points in arrays if points.size]
    for points in drawn:
        if points.shape[1:] != (2,) or not (np.abs(points) <= _HUGE).all():
            what = f"shape {points.shape}, numbers up to {np.abs(points).max():g}"
            raise DataError(f"{rule} Received: {what}.")
    return drawn


def _thinned(points: np.ndarray) -> np.ndarray:
    """The first point in every `_SPACING` of the line's length, and the last point."""
    steps = np.diff(points, axis=0)
    slots = np.floor(np.cumsum(np.hypot(steps[:, 0], steps[:, 1])) / _SPACING)
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = np.diff(slots, prepend=0.0) != 0
    keep[-1] = True
    return points[keep]


def _squared_distance(
    starts: np.ndarray, ends: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Squared distance (28, 28) of pixels at x and y, float32 (28,), to the nearest segment."""
    nearest = np.full((SIDE, SIDE), np.inf, dtype=np.float32)
    for begin in range(0, len(starts), _CHUNK):
        start = starts[begin : begin + _CHUNK]
        step = ends[begin : begin + _CHUNK] - start
        length = np.maximum((step * step).sum(axis=1, keepdims=True), np.float32(1e-12))
        # Pixels that these segments cannot reach are left out.
        low = np.minimum(start, start + step).min(axis=0) - OFFSETS[-1]
        high = np.maximum(start, start + step).max(axis=0) + OFFSETS[-1]
        left, end = np.searchsorted(x, (low[0], high[0]))
        top, bottom = np.searchsorted(y, (low[1], high[1]))
        # Everything is a part that depends on x plus one that depends on y.
        right, down = x[left:end] - start[:, :1], y[top:bottom] - start[:, 1:]
        share = step / length
        along = (right * share[:, :1])[:, None, :] + (down * share[:, 1:])[:, :, None]
        foot = np.clip(along, 0, 1)
        # |p - foot|^2 = |p|^2 - foot (2 along - foot) |step|^2, in place to spare memory.
        along *= 2
        along -= foot
        along *= foot
        along *= length[:, :, None]
        square = (right * right)[:, None, :] + (down * down)[:, :, None]
        square -= along
        window = nearest[top:bottom, left:end]
        np.minimum(window, square.min(axis=0), out=window)
    return np.maximum(nearest, 0, out=nearest)

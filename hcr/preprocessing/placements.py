"""Drawings put on a pad as people put them there: large, small, and in a corner."""

from collections.abc import Sequence

import numpy as np

from hcr.errors import ParameterError, nearest

PAD = 280  # pixels a side

# Name to the longer side of the ink, and to the distance of its box from the pad's left and upper
# edge: pixels of the pad; None is in the middle.
PLACEMENTS: dict[str, tuple[int, int | None]] = {
    "large": (250, None),
    "medium": (140, None),
    "small": (56, None),
    "small in a corner": (56, 6),
}


def placed(strokes: Sequence[np.ndarray], placement: str) -> list[np.ndarray]:
    """The drawing as a pad of 280 x 280 pixels would hold it.

    Args:
        strokes: (k, 2) arrays, x right and y down, in any unit.
        placement: A key of `PLACEMENTS`.

    Returns:
        float64 (k, 2) arrays in whole pixels, as a mouse gives them. Points that fall together
        stay; a drawing without extent stays a point.

    Raises `ParameterError` for an unknown placement.
    """
    if placement not in PLACEMENTS:
        raise ParameterError(
            f"There is no placement {placement!r}.{nearest(placement, PLACEMENTS)}"
        )
    size, edge = PLACEMENTS[placement]
    arrays = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
    points = np.concatenate(arrays) if arrays else np.zeros((0, 2))
    if not len(points):
        return arrays
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    scale = size / extent if extent > 0 else 0.0
    start = (PAD - (high - low) * scale) / 2 if edge is None else np.full(2, float(edge))
    return [np.rint((stroke - low) * scale + start) for stroke in arrays]

"""The smooth line through what a pointer sent."""

import numpy as np

_STEPS = 6  # points a piece: a mouse that is moved fast sends one every 20 pixels or so
_LEAST = 1e-6


def smooth(points: np.ndarray) -> np.ndarray:
    """A curve through (k, 2) points, float32 (m, 2): centripetal Catmull-Rom.

    It goes through every point and has no loops of its own (Yuksel, Schaefer and Keyser 2011,
    Computer-Aided Design 43(7), 747-755). Its slope at a point is multiplied by the root of
    the cosine of the turn there, by 0 beyond a right angle, so that corners stay corners. Fewer
    than three points come back as they are.
    """
    if len(points) < 3:
        return points.astype(np.float32)
    # A point that is there twice would give a piece without length.
    moved = np.append(True, np.hypot(*np.diff(points, axis=0).T) > _LEAST)
    points = points[moved]
    if len(points) < 3:
        return points.astype(np.float32)
    chords = np.diff(points, axis=0)
    knots = np.sqrt(np.hypot(chords[:, 0], chords[:, 1]))[:, None]
    slopes = chords / knots
    # The slope at a point is that of the parabola through it and its neighbours.
    before, after = knots[:-1], knots[1:]
    inner = (slopes[:-1] * after + slopes[1:] * before) / (before + after)
    turn = (slopes[:-1] * slopes[1:]).sum(axis=1, keepdims=True) / (before * after)
    inner *= np.sqrt(np.maximum(turn, 0))
    ends = np.concatenate([slopes[:1], inner, slopes[-1:]])
    t = (np.arange(_STEPS) / _STEPS)[:, None, None]
    start, leave, reach = points[:-1], knots * ends[:-1], knots * ends[1:]
    found = (
        start
        + t * leave
        + t**2 * (3 * chords - 2 * leave - reach)
        + t**3 * (leave + reach - 2 * chords)
    )
    pieces = found.transpose(1, 0, 2).reshape(-1, 2)
    return np.concatenate([pieces, points[-1:]]).astype(np.float32)

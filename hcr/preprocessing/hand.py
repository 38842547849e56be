"""What a hand does to a form: it slants, bends, trembles, stops short, goes on, does not lift."""

from math import exp, hypot

import numpy as np

from hcr.preprocessing.curves import SPACING

_DOT = 0.3  # a stroke shorter than this keeps its ends, and is never joined to another
_LINK = 0.5  # strokes whose ends are nearer than this may be joined


def by_hand(
    strokes: list[np.ndarray], rng: np.random.Generator, variation: float
) -> list[np.ndarray]:
    """The form `strokes`, float64 (k, 2) around the origin, as one hand would draw it once."""
    rounding = 2 * int(rng.integers(1, 5)) + 1  # points over which corners are rounded
    if rng.random() < 0.1 * variation:
        strokes = _linked(strokes)
    strokes = [_ended(stroke, rng, variation) for stroke in strokes]
    points = _misplaced(strokes, rng, variation)
    points = _warped(points, rng, variation) + _tremor(len(points), rng, variation)
    matrix = _matrix(rng, variation).T
    found, start = [], 0
    for stroke in strokes:
        found.append(_rounded(points[start : start + len(stroke)], rounding) @ matrix)
        start += len(stroke)
    return found


def _linked(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Strokes drawn without lifting the pen, where the next begins near enough."""
    found = strokes[:1]
    for stroke in strokes[1:]:
        way = hypot(*(stroke[0] - found[-1][-1]))
        if way < _LINK and min(_length(found[-1]), _length(stroke)) > _DOT:
            steps = np.linspace(0, 1, max(2, round(way / SPACING)))[1:-1, None]
            link = found[-1][-1] + steps * (stroke[0] - found[-1][-1])
            found[-1] = np.concatenate([found[-1], link, stroke])
        else:
            found.append(stroke)
    return found


def _ended(stroke: np.ndarray, rng: np.random.Generator, variation: float) -> np.ndarray:
    """Stop short of either end, or go on beyond it; a loop may stay open."""
    if _length(stroke) < _DOT:
        return stroke
    most = len(stroke) // 6
    ends = rng.normal(0, 0.03, 2) * variation / SPACING
    first, last = (int(_within(end, most)) for end in ends)
    if hypot(*(stroke[0] - stroke[-1])) < 0.15 and rng.random() < 0.25 * variation:
        last = -int(rng.uniform(0.04, 0.13) * len(stroke))
    before, after = stroke[0] - stroke[2], stroke[-1] - stroke[-3]
    stroke = stroke[max(0, -first) : len(stroke) + min(0, last)]
    if first > 0:
        stroke = np.concatenate([stroke[0] + np.arange(first, 0, -1)[:, None] * before / 2, stroke])
    if last > 0:
        stroke = np.concatenate([stroke, stroke[-1] + np.arange(1, last + 1)[:, None] * after / 2])
    return stroke


def _misplaced(strokes: list[np.ndarray], rng: np.random.Generator, variation: float) -> np.ndarray:
    """All points, (n, 2), each stroke a little off its place, size and angle."""
    shifts = rng.normal(0, 0.018, (len(strokes), 2)) * variation
    found = []
    for stroke, shift, (grow, turn) in zip(
        strokes, shifts, rng.normal(0, 0.045, shifts.shape) * variation, strict=True
    ):
        grow = 1 + _within(grow, 0.3)
        middle = stroke.sum(axis=0) / len(stroke)
        matrix = np.array([[grow, turn], [-turn, grow]])
        found.append(stroke @ matrix + (middle + shift - middle @ matrix))
    return np.concatenate(found)


def _warped(points: np.ndarray, rng: np.random.Generator, variation: float) -> np.ndarray:
    """Upper part larger than the lower, or the reverse; right and left; bends."""
    waves, phases = rng.normal(0, 2.0, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
    uneven = np.array([_within(rng.normal(0, sd) * variation, 0.5) for sd in (0.1, 0.16)])
    taper = _within(rng.normal(0, 0.1) * variation, 0.4)
    bent = points + 0.035 * variation * np.sin(points @ waves + phases)
    bent += uneven * (0.25 - points**2)
    bent[:, 0] *= 1 + taper * points[:, 1]
    return bent


def _matrix(rng: np.random.Generator, variation: float) -> np.ndarray:
    slant = _within(rng.normal(0.12, 0.18) * variation, 0.6)
    turn = _within(rng.normal(0, 0.05) * variation, 0.3)
    stretch = exp(_within(rng.normal(0.08, 0.18) * variation, 0.5))
    cos, sin = np.cos(turn), np.sin(turn)
    # y points down: a slant to the right moves what is above to the right.
    return np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -slant], [0, 1]])


def _tremor(points: int, rng: np.random.Generator, variation: float) -> np.ndarray:
    """A smooth wander (points, 2): slow waves are large, quick ones small."""
    along = np.arange(points)[:, None] * SPACING
    wander = np.zeros((points, 2))
    for waves, size in ((0.5, 0.02), (1.2, 0.012), (2.5, 0.005)):
        phase = rng.uniform(0, 2 * np.pi, 2)
        wander += rng.normal(0, size, 2) * np.sin(2 * np.pi * waves * along + phase)
    return variation * wander


def _rounded(stroke: np.ndarray, window: int) -> np.ndarray:
    """Take the edge off corners with a moving mean; the two ends stay where they are."""
    half = window // 2
    if len(stroke) <= window:
        return stroke
    # Reflected through the ends, a line goes straight on there.
    before = 2 * stroke[0] - stroke[half:0:-1]
    after = 2 * stroke[-1] - stroke[-2 : -half - 2 : -1]
    total = np.cumsum(np.concatenate([[[0.0, 0.0]], before, stroke, after]), axis=0)
    return (total[window:] - total[:-window]) / window


def _length(stroke: np.ndarray) -> float:
    return (len(stroke) - 1) * SPACING


def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)

"""Characters drawn by program, varied the way people vary; everything from here is *synthetic*.

The letter forms are those of `forms.txt`. They show that the way from the pen to a prediction
works, on any machine; how well people are recognized can only be measured on what people drew.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import exp, hypot
from pathlib import Path

import numpy as np

from hcr.errors import ParameterError

FORMS = Path(__file__).with_name("forms.txt")
RARE = 0.25  # how often a rare form is drawn, beside 1 for the others
SPACING = 0.02  # of the character's size, between points
PAD = 280  # pixels a side of a pad
# Name to the longer side of the ink, and to the distance of its box from the pad's left and upper
# edge, in pixels of the pad; None centers it.
PLACEMENTS: dict[str, tuple[int, int | None]] = {
    "large": (250, None),
    "medium": (140, None),
    "small": (56, None),
    "small in a corner": (56, 6),
}

_DOT = 0.3  # a stroke shorter than this keeps its ends, and is never joined to another
_LINK = 0.5  # strokes whose ends are nearer than this may be joined


def character(
    char: str,
    rng: np.random.Generator | int | None = None,
    variation: float = 1.0,
    form: int | None = 0,
) -> list[np.ndarray]:
    """Draw one of the 62 characters 0-9, A-Z, a-z.

    The same `rng`, a generator or a seed, gives the same drawing, and None the form itself. With a
    `variation` of 1.0 the writer is careful, with 2.0 hasty; 0 is the form itself. Form 0 is the
    plain one, and each character has three at least; None takes any of them by `rng`.

    Returns strokes, float64 (k, 2), x right and y down, whose box lies centered within the unit
    square and touches two sides of it. Raises `ParameterError` for another character.
    """
    forms = _forms(char)
    rng = None if rng is None else np.random.default_rng(rng)
    if form is None:
        weights = np.array([weight for _, weight in forms])
        form = 0 if rng is None else rng.choice(len(forms), p=weights / sum(weights))
    strokes = list(forms[form][0])
    if rng is not None and variation > 0:
        strokes = _varied(strokes, rng, variation)
    return _fitted(strokes)


def place_on_pad(strokes: Sequence[np.ndarray], placement: str) -> list[np.ndarray]:
    """The drawing, (k, 2) arrays in any unit, as a pad of 280 x 280 pixels would hold it.

    `placement` is a key of `PLACEMENTS`. Returns float64 (k, 2) arrays in a mouse's whole pixels.
    """
    size, edge = PLACEMENTS[placement]
    arrays = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
    points = np.concatenate(arrays)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    scale = size / extent if extent > 0 else 0.0
    start = (PAD - (high - low) * scale) / 2 if edge is None else np.full(2, float(edge))
    return [np.rint((stroke - low) * scale + start) for stroke in arrays]


@cache
def _forms(char: str) -> tuple[tuple[tuple[np.ndarray, ...], float], ...]:
    """A character's forms, the plain one first, in a box around the origin; and their weights."""
    forms = []
    for line in FORMS.read_text("utf-8").splitlines():
        name, text = line.split(maxsplit=1)
        if name == char != "#":  # that begins a comment
            drawn = text.lstrip("~| ")
            marks = text[: -len(drawn)]
            points = _points if "|" in marks else _curve
            strokes = _fitted([points(stroke) for stroke in drawn.split(";")])
            placed = tuple(_evenly_spaced(stroke - 0.5) for stroke in strokes)
            forms.append((placed, RARE if "~" in marks else 1.0))
    if not forms:
        raise ParameterError(f"char must be one of 0-9, A-Z and a-z. Received: {char!r}.")
    return tuple(forms)


def _points(text: str) -> np.ndarray:
    return np.array([word.strip("!").split(",") for word in text.split()], dtype=float)


def _curve(text: str) -> np.ndarray:
    """The points of one stroke, close enough for a curve."""
    points = _points(text)
    corners = [i for i, word in enumerate(text.split()) if word.endswith("!")]
    bounds = [0, *corners, len(points) - 1]
    closed = not corners and len(points) > 3 and (points[0] == points[-1]).all()
    spans = [_smooth(points[first : last + 1], closed) for first, last in pairwise(bounds)]
    return np.concatenate(spans)


def _smooth(points: np.ndarray, closed: bool) -> np.ndarray:
    """A curve through (k, 2) points: a cubic spline over the root of the chords' lengths."""
    if len(points) < 3:
        return points
    # Imported late: only drawing needs it.
    from scipy.interpolate import CubicSpline

    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T) ** 0.5)])
    spline = CubicSpline(knots, points, bc_type="periodic" if closed else "not-a-knot")
    return spline(np.linspace(0, knots[-1], 12 * len(points)))


def _evenly_spaced(stroke: np.ndarray) -> np.ndarray:
    """Points at about `SPACING` along the stroke, its corners cut by less than that."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0, along[-1], max(2, round(along[-1] / SPACING) + 1))
    return np.column_stack([np.interp(wanted, along, stroke[:, axis]) for axis in (0, 1)])


def _fitted(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Into the unit square, centered, proportions kept."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (high - low).max()
    return [(stroke - (low + high) / 2) / scale + 0.5 for stroke in strokes]


def _varied(
    strokes: list[np.ndarray], rng: np.random.Generator, variation: float
) -> list[np.ndarray]:
    """The form as one writer would draw it once. The order of the draws is fixed."""
    window = 2 * int(rng.integers(1, 5)) + 1  # points over which corners are rounded
    if rng.random() < 0.1 * variation:
        strokes = _linked(strokes)
    strokes = [_ended(stroke, rng, variation) for stroke in strokes]
    points = _misplaced(strokes, rng, variation)
    points = _warped(points, rng, variation) + _tremor(len(points), rng, variation)
    slant = _within(rng.normal(0.12, 0.18) * variation, 0.6)
    turn = _within(rng.normal(0, 0.05) * variation, 0.3)
    stretch = exp(_within(rng.normal(0.08, 0.18) * variation, 0.5))
    cos, sin = np.cos(turn), np.sin(turn)
    # y points down: a slant to the right moves what is above to the right.
    matrix = (np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -slant], [0, 1]])).T
    ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    return [_rounded(stroke, window) @ matrix for stroke in np.split(points, ends)]


def _linked(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Strokes drawn without lifting the pen, where the next begins near enough."""
    linked = strokes[:1]
    for stroke in strokes[1:]:
        last = linked[-1]
        way = hypot(*(stroke[0] - last[-1]))
        if way < _LINK and min(_length(last), _length(stroke)) > _DOT:
            steps = np.linspace(0, 1, max(2, round(way / SPACING)))[1:-1, None]
            linked[-1] = np.concatenate([last, last[-1] + steps * (stroke[0] - last[-1]), stroke])
        else:
            linked.append(stroke)
    return linked


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
    changes = rng.normal(0, 0.045, shifts.shape) * variation
    misplaced = []
    for stroke, shift, (grow, turn) in zip(strokes, shifts, changes, strict=True):
        grow = 1 + _within(grow, 0.3)
        middle = stroke.sum(axis=0) / len(stroke)
        matrix = np.array([[grow, turn], [-turn, grow]])
        misplaced.append(stroke @ matrix + (middle + shift - middle @ matrix))
    return np.concatenate(misplaced)


def _warped(points: np.ndarray, rng: np.random.Generator, variation: float) -> np.ndarray:
    """Upper part larger than the lower, or the reverse; right and left; bends."""
    waves, phases = rng.normal(0, 2.0, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
    uneven = np.array([_within(rng.normal(0, sd) * variation, 0.5) for sd in (0.1, 0.16)])
    taper = _within(rng.normal(0, 0.1) * variation, 0.4)
    bent = points + 0.035 * variation * np.sin(points @ waves + phases)
    bent += uneven * (0.25 - points**2)
    bent[:, 0] *= 1 + taper * points[:, 1]
    return bent


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

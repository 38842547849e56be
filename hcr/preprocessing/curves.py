"""From the table of forms and the fonts to evenly spaced points."""

from functools import cache
from itertools import pairwise

import numpy as np

from hcr.preprocessing.forms import JOINED, JOINED_LETTERS, OWN, PLAIN, RARE

SPACING = 0.02  # of the character's size, between points


@cache
def forms(char: str) -> tuple[tuple[np.ndarray, ...], ...]:
    """The forms of one of the 62 characters, the plain one first.

    A form is a tuple of strokes, float64 (k, 2), x right and y down, about `SPACING` between
    points, in a box around the origin whose longer side is 1.
    """
    drawings = [_font(PLAIN).strokes_for_text(char)]
    if char in JOINED_LETTERS:
        drawings.append(_font(JOINED).strokes_for_text(char))
    drawings += [[_curve(stroke) for stroke in form.strip("~").split(";")] for form in OWN[char]]
    return tuple(_placed(drawing) for drawing in drawings)


@cache
def weights(char: str) -> np.ndarray:
    """How often each of `forms(char)` is drawn, float64, sum 1."""
    found = [1.0] + [RARE] * (char in JOINED_LETTERS)
    found += [RARE if form.startswith("~") else 1.0 for form in OWN[char]]
    return np.array(found) / sum(found)


@cache
def _font(name: str):
    # Imported late: it brings its fonts along, and only drawing needs them.
    from HersheyFonts import HersheyFonts

    font = HersheyFonts()
    font.load_default_font(name)
    return font


def _placed(drawing) -> tuple[np.ndarray, ...]:
    strokes = fitted([np.array(stroke, dtype=float) for stroke in drawing])
    return tuple(_spaced(stroke - 0.5) for stroke in strokes)


def _curve(text: str) -> np.ndarray:
    """The points of one stroke of `OWN`, close enough for a curve."""
    words = text.split()
    points = np.array([word.strip("!").split(",") for word in words], dtype=float)
    corners = [i for i, word in enumerate(words) if word.endswith("!")]
    bounds = [0, *corners, len(points) - 1]
    closed = not corners and len(points) > 3 and (points[0] == points[-1]).all()
    spans = [_smooth(points[first : last + 1], closed) for first, last in pairwise(bounds)]
    return np.concatenate(spans)


def _smooth(points: np.ndarray, closed: bool) -> np.ndarray:
    """A curve through (k, 2) points: a cubic spline over the root of the chords' lengths."""
    if len(points) < 3:
        return points
    # Imported late, as the fonts are.
    from scipy.interpolate import CubicSpline

    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T) ** 0.5)])
    spline = CubicSpline(knots, points, bc_type="periodic" if closed else "not-a-knot")
    return spline(np.linspace(0, knots[-1], 12 * len(points)))


def _spaced(stroke: np.ndarray) -> np.ndarray:
    """Points at about `SPACING` along the stroke, its corners cut by less than that."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0, along[-1], max(2, round(along[-1] / SPACING) + 1))
    return np.column_stack([np.interp(wanted, along, stroke[:, axis]) for axis in (0, 1)])


def fitted(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Into the unit square, centred, proportions kept."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (high - low).max()
    return [(stroke - (low + high) / 2) / scale + 0.5 for stroke in strokes]

"""Characters drawn by program, varied the way hands vary. What comes from here is *synthetic*.

The forms are those of the Hershey fonts, which are made of single strokes (PyPI `Hershey-Fonts`).
They show that the way from pen to answer works, on any machine; how well people are read can only
be measured on what people drew.
"""

from functools import cache

import numpy as np

from hcr import labels
from hcr.errors import ParameterError

FONT = "futural"  # the plain one, whose letters are nearest to print by hand
_SPACING = 0.02  # of the character's size, between points
_ROUNDING = 5  # points over which a corner is rounded


def character(
    char: str, rng: np.random.Generator | int | None = None, variation: float = 1.0
) -> list[np.ndarray]:
    """Draw one of the 62 characters 0-9, A-Z, a-z.

    Returns float64 (k, 2) arrays, one a stroke, x right and y down, whose box lies centred within
    the unit square and touches two sides of it. The same `rng` (a generator, or a seed) gives the
    same drawing. `variation` scales slant, turn, proportions, bends and tremor: 1.0 is a careful
    hand, 2.0 a hasty one. Without `rng`, or at 0, it is the plain form.

    Raises `ParameterError` for another character or a negative or infinite variation.
    """
    if not isinstance(char, str) or len(char) != 1 or char not in labels.BYCLASS:
        raise ParameterError(f"char must be one of 0-9, A-Z and a-z. Received: {char!r}.")
    if not 0 <= variation < np.inf:
        raise ParameterError(f"variation must be a number of at least 0. Received: {variation!r}.")
    strokes = [stroke.copy() for stroke in _form(char)]
    if rng is not None and variation > 0:
        strokes = _by_hand(strokes, np.random.default_rng(rng), variation)
    return _fitted(strokes)


@cache
def _form(char: str) -> tuple[np.ndarray, ...]:
    """The plain form, evenly spaced points, in a box of about 1 around the origin."""
    strokes = [np.array(stroke, dtype=float) for stroke in _font().strokes_for_text(char)]
    strokes = [stroke - 0.5 for stroke in _fitted(strokes)]
    return tuple(_spaced(stroke) for stroke in strokes)


@cache
def _font():
    # Imported late: it brings its fonts along, and only drawing needs them.
    from HersheyFonts import HersheyFonts

    font = HersheyFonts()
    font.load_default_font(FONT)
    return font


def _by_hand(strokes: list, rng: np.random.Generator, variation: float) -> list[np.ndarray]:
    """Bend, slant, turn and stretch a drawing, and let the hand tremble."""
    slant = np.clip(rng.normal(0.08, 0.14) * variation, -0.5, 0.6)
    turn = np.clip(rng.normal(0, 0.05) * variation, -0.3, 0.3)
    stretch = np.exp(np.clip(rng.normal(0, 0.13) * variation, -0.5, 0.5))
    cos, sin = np.cos(turn), np.sin(turn)
    # y points down: a slant to the right moves what is above to the right.
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -slant], [0, 1]])
    waves = rng.normal(0, 2.0, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
    drawn = []
    for stroke in strokes:
        bent = stroke + 0.035 * variation * np.sin(stroke @ waves[0] + waves[1])
        moved = bent + rng.normal(0, 0.015, 2) * variation + _tremor(len(stroke), rng, variation)
        drawn.append(_rounded(moved) @ matrix.T)
    return drawn


def _tremor(points: int, rng: np.random.Generator, variation: float) -> np.ndarray:
    """A smooth wander (points, 2): slow waves are large, quick ones small."""
    along = np.arange(points)[:, None] * _SPACING
    wander = np.zeros((points, 2))
    for waves, size in ((0.5, 0.02), (1.2, 0.012), (2.5, 0.005)):
        phase = rng.uniform(0, 2 * np.pi, 2)
        wander += rng.normal(0, size, 2) * np.sin(2 * np.pi * waves * along + phase)
    return variation * wander


def _rounded(stroke: np.ndarray) -> np.ndarray:
    """Take the edge off corners; the two ends stay where they are."""
    if len(stroke) <= _ROUNDING:
        return stroke
    half = _ROUNDING // 2
    # Reflected through the ends, a line goes straight on there.
    before = 2 * stroke[0] - stroke[half:0:-1]
    after = 2 * stroke[-1] - stroke[-2 : -half - 2 : -1]
    longer = np.concatenate([before, stroke, after])
    windows = np.lib.stride_tricks.sliding_window_view(longer, _ROUNDING, axis=0)
    return windows.mean(axis=-1)


def _spaced(stroke: np.ndarray) -> np.ndarray:
    """Points at about `_SPACING` along the stroke, its corners cut by less than that."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0, along[-1], max(2, round(along[-1] / _SPACING) + 1))
    return np.column_stack([np.interp(wanted, along, stroke[:, axis]) for axis in (0, 1)])


def _fitted(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Into the unit square, centred, proportions kept."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (high - low).max()
    return [(stroke - (low + high) / 2) / scale + 0.5 for stroke in strokes]

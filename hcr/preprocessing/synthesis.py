"""Characters drawn by program, varied the way hands vary. What comes from here is *synthetic*.

The forms are those of the Hershey fonts, which are made of single strokes (PyPI `Hershey-Fonts`),
and others that people write. They show that the way from pen to answer works, on any machine; how
well people are read can only be measured on what people drew.
"""

import numpy as np

from hcr.errors import ParameterError
from hcr.preprocessing import curves, labels
from hcr.preprocessing.hand import by_hand


def character(
    char: str,
    rng: np.random.Generator | int | None = None,
    variation: float = 1.0,
    form: int | None = 0,
) -> list[np.ndarray]:
    """Draw one of the 62 characters 0-9, A-Z, a-z.

    Returns float64 (k, 2) arrays, one a stroke, x right and y down, whose box lies centred within
    the unit square and touches two sides of it. The same `rng` (a generator, or a seed) gives the
    same drawing. `variation` scales slant, turn, proportions, bends, tremor, gaps and links: 1.0 is
    a careful hand, 2.0 a hasty one. Without `rng`, or at 0, it is the form itself. `form` is one of
    the `n_forms(char)` ways to write the character, 0 the plain one; None takes any of them by
    `rng`, or the plain one without.

    Raises `ParameterError` for another character, a negative or infinite variation, or a form that
    the character does not have.
    """
    known = curves.forms(_checked(char))
    if not 0 <= variation < np.inf:
        raise ParameterError(f"variation must be a number of at least 0. Received: {variation!r}.")
    if form is not None and form not in range(len(known)):
        raise ParameterError(
            f"form must be a number from 0 to {len(known) - 1} for {char!r}, or None. "
            f"Received: {form!r}."
        )
    rng = None if rng is None else np.random.default_rng(rng)
    if form is None:
        form = 0 if rng is None else rng.choice(len(known), p=curves.weights(char))
    strokes = list(known[form])
    if rng is not None and variation > 0:
        strokes = by_hand(strokes, rng, variation)
    return curves.fitted(strokes)


def n_forms(char: str) -> int:
    """How many ways to write one of the 62 characters are known, from 1 up."""
    return len(curves.forms(_checked(char)))


def _checked(char: str) -> str:
    if not isinstance(char, str) or len(char) != 1 or char not in labels.BYCLASS:
        raise ParameterError(f"char must be one of 0-9, A-Z and a-z. Received: {char!r}.")
    return char

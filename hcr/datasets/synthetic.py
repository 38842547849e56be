"""Pen strokes drawn by program, for every machine, without network and without license.

Whatever is measured on them is *synthetic*: the forms of `synthesis`, varied as its writers vary
them. For merged classes, capitals and small letters are drawn in turn, as C and c for the class C.

A drawing's haste and its pen are drawn at random, as set beside EMNIST's (docs/datasets.md).
"""

from functools import cache
from pathlib import Path

import numpy as np

from hcr.datasets.split import SPLIT_SEED, Options, Split, Strokes, described
from hcr.preprocessing import PEN, from_strokes, labels, synthesis
from hcr.preprocessing.strokes import OFFSETS, line_profile

SIZES = (400, 50, 100)  # drawings per class: training, validation, test
HASTE = (1.1, 0.3)  # `variation` of synthesis: median, and spread of its logarithm
WIDTH = (2.7, 0.24)  # px: the pen, median, and spread of its logarithm
WIDTHS = (1.8, 4.2)  # px: the thinnest and the thickest pen


def sources(name: str, options: Options) -> list[Path]:
    """The table of letter forms, and this module."""
    return [synthesis.FORMS, Path(__file__)]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Draw the three splits: the same drawings for every user, class by class in turn."""
    characters = described()[name].characters
    return tuple(_drawn(characters, size, part) for part, size in enumerate(SIZES))


def _drawn(characters: tuple[str, ...], size: int, part: int) -> Split:
    drawings, pixels = [], []
    merged = characters == tuple(labels.BALANCED)
    for character in characters:
        # A stream of numbers of its own: a form added to one character leaves the others be.
        rng = np.random.default_rng([SPLIT_SEED, part, ord(character)])
        cases = character + character.lower() * (merged and character.lower() in labels.MERGED)
        for i in range(size):
            haste = HASTE[0] * np.exp(rng.normal(0, HASTE[1]))
            width = np.clip(WIDTH[0] * np.exp(rng.normal(0, WIDTH[1])), *WIDTHS)
            strokes = synthesis.character(cases[i % len(cases)], rng, haste, form=None)
            # Every other point is as many as a tablet has; images are made in half the time.
            thinned = [np.concatenate([stroke[:-1:2], stroke[-1:]]) for stroke in strokes]
            drawings.append([stroke.astype(np.float32) for stroke in thinned])
            pixels.append(with_pen(from_strokes(drawings[-1]), width))
    order = np.arange(len(drawings)).reshape(len(characters), size).T.ravel()
    return Split(
        np.stack([pixels[i] for i in order]),
        np.tile(np.arange(len(characters)), size),
        Strokes.of(drawings[i] for i in order),
    )


def with_pen(image: np.ndarray, width: float) -> np.ndarray:
    """An image of `from_strokes` as if drawn with a pen of another width.

    A pixel's brightness there tells its distance to the nearest line, and with that its brightness
    beside a thicker or thinner line: each of the 256 values becomes another one. `width` is in px
    at half brightness, from 1.8 to 4.2: further away too little is known.
    """
    return _values(round(20 * width))[image]


@cache
def _values(width: int) -> np.ndarray:
    """The new brightness, uint8 (256,), of each old one, for a width in twentieths of a px."""
    values = np.interp(_DISTANCES, OFFSETS, line_profile(width / 20) / 2)
    values[0] = 0
    return np.rint(255 * values / values[-1]).astype(np.uint8)


_USUAL = line_profile(PEN)
# Where a line of the usual pen has each brightness, 0 to 255.
_DISTANCES = np.interp(np.arange(256), 255 * (_USUAL / _USUAL[0])[::-1], OFFSETS[::-1])

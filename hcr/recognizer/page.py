"""Rows of separate characters: which pieces of ink are a character together, and which one.

Every run of neighboring pieces that may be a character is recognized. The best way through a line
is found by dynamic programming: a run scores the log-probability of its best character, once a
piece, so that ways of few and of many characters compare, and costs by its gaps, cuts and form.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hcr.preprocessing.pieces import Pieces

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
Run = tuple[int, int]  # the first and the last piece

LONGEST = 2048  # px: larger pictures of pages are made smaller first
_PIECES = 7  # of a character at most
_WIDEST = 1.6  # of a line's height: a character of several pieces
_SMALL = 128  # px: the grid on which a picture of one character is looked at for others
_HIGH = 0.45  # of the highest: what is lower is no character beside it
_SURE = 1.0  # of the score: by so much two characters must be likelier than one

# What a run scores for each of `features`; `benchmarks/pages.py --fit` gives it.
WEIGHTS = np.array(
    [0.92, -0.07, 0.65, 1.73, 0.72, -0.93, -0.23, -2.28, -5.91, -3.18, -3.03, -0.16, 0.08, -1.2]
)


@dataclass(frozen=True)
class PageCharacter:
    """A character on a page."""

    box: Box  # in pixels of the picture
    ranked: list[tuple[str, float]]  # all characters, best first
    alternatives: list[str]  # what it may be; one where it is sure

    @property
    def best(self) -> str:
        """The most probable character."""
        return self.ranked[0][0]


def read_lines(
    ink: np.ndarray, predict: Callable[[list], np.ndarray]
) -> list[list[tuple[Box, np.ndarray]]]:
    """The characters of an ink map, float32 (h, w) of 0..1, line by line.

    `predict` gives probabilities (n, n_labels) of n ink maps of one character. Returns of each
    character its box in pixels of the map, and its probabilities.
    """
    from hcr.preprocessing.pieces import find_pieces  # imports SciPy

    pieces = find_pieces(ink)
    if pieces is None:
        return []
    scores, found = _scored(pieces, predict)
    return [
        [(pieces.box(*run), found[run]) for run in _best_path(line, scores)]
        for line in pieces.lines
    ]


def count_in_row(ink: np.ndarray, predict: Callable[[list], np.ndarray]) -> int:
    """How many characters the ink map of a picture surely shows: 1 where it may be one."""
    from hcr.preprocessing.pieces import find_pieces  # imports SciPy

    if not _has_neighbors(ink):
        return 1
    pieces = find_pieces(ink)
    if pieces is None:
        return 1
    scores, _ = _scored(pieces, predict)
    n = 0
    for line in pieces.lines:
        path = _best_path(line, scores)
        whole = scores.get((line.start, line.stop - 1), -np.inf)
        if len(path) > 1 and sum(scores[run] for run in path) - whole > _SURE:
            boxes = [pieces.box(*run) for run in path]
            n += sum(bottom - top >= _HIGH * pieces.height for _, top, _, bottom in boxes)
    return max(n, 1)


def _has_neighbors(ink: np.ndarray) -> bool:
    """Whether separate pieces of comparable height stand side by side; fast."""
    from scipy import ndimage

    step = -(-max(ink.shape) // _SMALL)
    height, width = (-(-side // step) * step for side in ink.shape)
    padded = np.pad(ink, ((0, height - ink.shape[0]), (0, width - ink.shape[1])))
    small = padded.reshape(height // step, step, width // step, step).max(axis=(1, 3)) >= 0.5
    found = ndimage.find_objects(ndimage.label(small, structure=np.ones((3, 3)))[0])
    tallest = max((y.stop - y.start for y, _ in found), default=0)
    high = sorted((x.start, x.stop) for y, x in found if y.stop - y.start >= _HIGH * tallest)
    end = high[0][1] if high else 0
    for start, stop in high:
        if start > end:
            return True
        end = max(end, stop)
    return False


def _scored(
    pieces: "Pieces", predict: Callable[[list], np.ndarray]
) -> tuple[dict[Run, float], dict[Run, np.ndarray]]:
    """The scores and the probabilities of all runs that may be a character."""
    runs = [run for line in pieces.lines for run in runs_of(pieces, line)]
    found = predict([pieces.crop(*run) for run in runs])
    rows = np.array([features(pieces, *run, p) for run, p in zip(runs, found, strict=True)])
    return (
        dict(zip(runs, (rows @ WEIGHTS).tolist(), strict=True)),
        dict(zip(runs, found, strict=True)),
    )


def runs_of(pieces: "Pieces", line: range) -> list[Run]:
    """The first and last piece of all that may be a character of a line."""
    found = []
    for first in line:
        for last in range(first, min(first + _PIECES, line.stop)):
            left, _, right, _ = pieces.box(first, last)
            if last > first and right - left > _WIDEST * pieces.height:
                break
            found.append((first, last))
    return found


def features(pieces: "Pieces", first: int, last: int, p: np.ndarray) -> list[float]:
    """What speaks for and against a run that the model gives probabilities `p`."""
    left, top, right, bottom = pieces.box(first, last)
    width, height = (right - left) / pieces.height, (bottom - top) / pieces.height
    inner = np.s_[first + 1 : last + 1]
    gaps = np.clip(pieces.gaps[inner] / pieces.height, -0.3, 1)
    cut = pieces.necks[inner] > 0
    surprise = float(np.log(max(p.max(), 1e-4)))
    return [
        (last - first + 1) * surprise,
        surprise,
        last - first,
        float(cut.sum()),
        float(np.minimum(pieces.necks[inner] / pieces.pen, 2).sum()),
        float(np.maximum(gaps, 0).sum()),
        float(np.minimum(gaps, 0).sum()),
        float(gaps.max(initial=0) > 0.08),
        max(width - 0.8, 0),
        max(width - 1.2, 0),
        max(0.5 - height, 0),
        max(0.25 - max(height, width), 0),
        float(width < 0.25),
        float(width * height < 0.1),
    ]


def _best_path(line: range, scores: dict[Run, float]) -> list[Run]:
    """The runs, one after the other over all pieces of a line, whose scores sum highest."""
    best = {line.start: (0.0, line.start)}
    for first in line:
        for last in range(first, min(first + _PIECES, line.stop)):
            if (first, last) in scores:
                total = best[first][0] + scores[first, last]
                if last + 1 not in best or total > best[last + 1][0]:
                    best[last + 1] = (total, first)
    path, end = [], line.stop
    while end > line.start:
        path.append((best[end][1], end - 1))
        end = best[end][1]
    return path[::-1]

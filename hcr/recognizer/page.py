"""Rows of separate characters: which pieces of ink are a character together, and which one.

Every run of neighboring pieces that may be a character is recognized. The best way through a line
is found by dynamic programming: a run scores the log-probability of its best character, once a
piece, so that ways of few and of many characters compare, and costs by its gaps, cuts and form.
Then 0 and O, 1 and I, are told apart by the row: digits stand among digits, letters among letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hcr.preprocessing import pixels_of, to_gray_levels

if TYPE_CHECKING:
    from PIL import Image

    from hcr.preprocessing.pieces import Pieces
    from hcr.recognizer.recognizer import Recognizer

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
Run = tuple[int, int]  # the first and the last piece

BLUE = (0, 114, 178)  # of boxes; the color-blind tell it from other inks
LONGEST = 2048  # px: larger pictures of pages are made smaller first
_PIECES = 7  # of a character at most
# Of the height of most characters: gaps in a character, and one of several pieces, are no wider.
_GAP, _WIDEST = 0.5, 1.6
_SMALL = 128  # px: the grid on which a picture of one character is looked at for others
_HIGH = 0.45  # of the highest: what is lower is no character beside it
_SURE = 1.0  # of the score: by so much several characters must be likelier than one
ALIKE = (0.5, 0.4)  # of rows: so many are digits or letters alone, so many change once, as A4

# What a run scores for each of `features`; `benchmarks/pages.py --fit` gives it.
WEIGHTS = np.array([1.29, -0.28, -0.43, 2.09, 1.65, -0.68, 1.08, -1.64, -5.88, -3.22, -2.91, -1.49])


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


def draw_page(picture: Any, lines: Sequence[Sequence[PageCharacter]] = ()) -> "Image.Image":
    """A picture that `recognize_page` takes, on white, with the boxes and answers of its lines."""
    from PIL import Image, ImageDraw, ImageFont

    pixels = to_gray_levels(pixels_of(picture))
    seen = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGBA")
    sheet = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    pen = ImageDraw.Draw(sheet)
    for each in (each for line in lines for each in line):
        left, top, _, bottom = each.box
        size = max(12, (bottom - top) / 4, max(sheet.size) / 100)
        pen.rectangle(each.box, outline=BLUE, width=round(size / 10))
        text = each.best.encode("ascii", "backslashreplace").decode()  # all that Pillow's font has
        font = ImageFont.load_default(size)
        pen.text((left, max(0, top - 1.2 * size)), text, BLUE, font)
    return sheet


@dataclass(frozen=True)
class Lattice:
    """The pieces of an ink map, and of each run that may be a character what the model says."""

    pieces: "Pieces"
    probabilities: dict[Run, np.ndarray]  # float32 (n_labels,)
    scores: dict[Run, float]

    def path(self, line: range) -> list[Run]:
        """The runs, one after the other over all pieces of a line, whose scores sum highest."""
        best = {line.start: (0.0, line.start)}
        for (first, last), score in self.scores.items():  # in the order of the first
            if first in line:
                total = best[first][0] + score
                best[last + 1] = max(best.get(last + 1, (-np.inf, 0)), (total, first))
        path, end = [], line.stop
        while end > line.start:
            path.append((best[end][1], end - 1))
            end = best[end][1]
        return path[::-1]


def in_context(
    rows: np.ndarray, labels: Sequence[str], shares: tuple[float, float] = ALIKE
) -> np.ndarray:
    """A row's probabilities, (k, n_labels), given how often digits and letters stand together."""
    kinds = np.array([[x.isdecimal() for x in labels], [x.isalpha() for x in labels]], float)
    k = len(rows)
    if k < 2 or not kinds.any(axis=1).all():
        return rows
    kinds *= len(labels) / kinds.sum(axis=1, keepdims=True)
    likely = np.maximum(rows @ kinds.T, 1e-30)  # (k, 2), where 1 is what any character has
    # Each way to change at most once: digits or letters up to a place, then the others.
    ways = np.array([(np.arange(k) < i) ^ first for i in range(k) for first in (False, True)])
    odds = likely[np.arange(k), ways.astype(int)].prod(axis=1)
    odds *= np.repeat([shares[0] / 2, shares[1] / (2 * k - 2)], [2, 2 * k - 2])
    whole = odds.sum() + 1 - sum(shares)
    odds = np.stack([odds @ ~ways, odds @ ways], axis=1) / likely / whole
    return rows * (odds @ kinds + (1 - sum(shares)) / whole)


def lattice(recognizer: "Recognizer", ink: np.ndarray) -> Lattice | None:
    """Recognize all that may be a character of an ink map, float32 (h, w) of 0..1."""
    from hcr.preprocessing import paper, pieces  # import SciPy

    found = pieces.find_pieces(ink)
    if found is None:
        return None
    runs = []
    for line in found.lines:
        for first in line:
            for last in range(first, min(first + _PIECES, line.stop)):
                left, _, right, _ = found.box(first, last)
                gap = found.boxes[last, 0] - found.box(first, max(last - 1, first))[2]
                if last > first and max(gap / _GAP, (right - left) / _WIDEST) > found.height:
                    break
                runs.append((first, last))
    images = np.stack([paper.frame(found.crop(*run), recognizer.framing) for run in runs])
    each = dict(zip(runs, recognizer.predict(images), strict=True))
    scores = {run: float(features(found, *run, p) @ WEIGHTS) for run, p in each.items()}
    return Lattice(found, each, scores)


def features(pieces: "Pieces", first: int, last: int, p: np.ndarray) -> np.ndarray:
    """What speaks for and against a run that the model gives probabilities `p`, float (12,)."""
    left, top, right, bottom = pieces.box(first, last)
    width, height = (right - left) / pieces.height, (bottom - top) / pieces.height
    boxes, necks = pieces.boxes[first : last + 1], pieces.necks[first + 1 : last + 1]
    gaps = (boxes[1:, 0] - np.maximum.accumulate(boxes[:-1, 2])) / pieces.height
    gaps = np.clip(gaps, -0.3, 1)
    surprise = np.log(max(p.max(), 1e-4))
    n = last - first
    values = [(n + 1) * surprise, surprise, n]
    values += [(necks > 0).sum(), np.minimum(necks / pieces.pen, 2).sum()]
    values += [gaps[gaps > 0].sum(), gaps[gaps < 0].sum(), (gaps > 0.08).any()]
    values += [max(width - 0.8, 0), max(width - 1.2, 0), max(0.5 - height, 0)]
    return np.array([*values, width * height < 0.1], float)


def count_in_row(recognizer: "Recognizer", ink: np.ndarray) -> int:
    """How many characters the ink map of a picture surely shows: 1 where it may be one."""
    from hcr.preprocessing import paper  # imports SciPy

    if not _has_neighbors(ink) or (found := lattice(recognizer, ink)) is None:
        return 1
    # A character of parts side by side, of another script or a name's, is believed.
    seen = recognizer.predict(paper.frame(ink, recognizer.framing)[None])[0]
    best = recognizer.labels[int(seen.argmax())]
    if seen.max() >= 0.5 and not (len(best) == 1 and best.isascii() and best.isalnum()):
        return 1
    n = 0
    for line in found.pieces.lines:
        path = found.path(line)
        whole = (line.start, line.stop - 1)
        gain = sum(found.scores[run] for run in path) - found.scores.get(whole, -np.inf)
        if len(path) > 1 and gain > _SURE:
            boxes = [found.pieces.box(*run) for run in path]
            n += sum(bottom - top >= _HIGH * found.pieces.height for _, top, _, bottom in boxes)
    return max(n, 1)


def _has_neighbors(ink: np.ndarray) -> bool:
    """Whether separate pieces of comparable height stand side by side; fast."""
    from scipy import ndimage

    step = -(-max(ink.shape) // _SMALL)
    blocks = ndimage.maximum_filter(ink, step, mode="constant", origin=-(step // 2))
    small = blocks[::step, ::step] >= 0.5
    found = ndimage.find_objects(ndimage.label(small, structure=np.ones((3, 3)))[0])
    least = _HIGH * max((y.stop - y.start for y, _ in found), default=0)
    high = sorted((x.start, x.stop) for y, x in found if y.stop - y.start >= least)
    ends = np.maximum.accumulate([stop for _, stop in high])
    return any(start > end for (start, _), end in zip(high[1:], ends, strict=False))

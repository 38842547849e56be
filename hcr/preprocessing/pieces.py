"""The pieces of ink on a page, in lines and in the order of reading.

A character is one piece or a few that follow each other. Ink that hangs together is a piece; where
it may be characters that touch, it is cut at thin places as well: more often than is right, for
`hcr.recognizer.page` puts together what belongs together.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_MOST = 4000  # pieces of a page, the highest: what has more is noise or joined writing
_MAIN = 0.4  # of a line's height: lower ink is a dot, a bar, or a part
_NEAR = 1.0  # of the height: so far may a low piece be from the line that it belongs to
_SAME = 0.6  # of the narrower one: pieces that overlap by so much are one, such as the dot of an i
_WIDE = 0.5  # of the height: narrower ink is not cut
_NECK = 1.7  # of the pen's width: so much ink may lie in a cut
_APART = 0.16  # of the height: between two cuts
_ASIDE = 0.1  # px of ink: what a step aside costs


@dataclass(frozen=True)
class Pieces:
    """Pieces of an ink map, numbered from 0 line by line, left to right."""

    ink: np.ndarray  # float32 (h, w), 0..1
    numbers: np.ndarray  # int32 (h, w): 0 is paper, 1 the first piece
    boxes: np.ndarray  # int64 (n, 4): left, top, right, bottom
    necks: np.ndarray  # float64 (n,), px: the ink that parts a piece and the one before; 0 at a gap
    gaps: np.ndarray  # float64 (n,), px: from the one before; negative where they overlap
    lines: list[range]  # the pieces of each line
    height: float  # px, of most characters
    pen: float  # px, the width of a line

    def crop(self, first: int, last: int) -> np.ndarray:
        """The ink of the pieces `first` to `last` alone, float32 (h, w)."""
        left, top, right, bottom = self.box(first, last)
        window = np.s_[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2]
        numbers = self.numbers[window]
        return np.where((numbers > first) & (numbers <= last + 1), self.ink[window], 0)

    def box(self, first: int, last: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the pieces `first` to `last`."""
        boxes = self.boxes[first : last + 1]
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return (*low.tolist(), *high.tolist())


def find_pieces(ink: np.ndarray) -> Pieces | None:
    """The pieces of an ink map, float32 (h, w) of 0..1; None where there are none."""
    mask = ink >= 0.5
    numbers, n = ndimage.label(mask, structure=np.ones((3, 3)))
    if not n:
        return None
    pen = _pen(mask)
    found = ndimage.find_objects(numbers)
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in found])
    areas = np.bincount(numbers.ravel(), minlength=n + 1)[1:]
    heights = boxes[:, 3] - boxes[:, 1]
    rank = np.argsort(-heights, kind="stable")
    # The height where half of all heights together is reached: specks count for little.
    held = np.cumsum(heights[rank])
    height = float(heights[rank[np.searchsorted(held, held[-1] / 2)]])
    kept = np.zeros(n, bool)
    kept[rank[:_MOST]] = True
    kept &= areas >= 0.4 * pen**2
    line_of = _lines(boxes, kept, height)
    new = np.zeros(n + 1, np.int32)
    rows, lines = [], []  # of each piece: box, neck
    cuts: list[tuple[int, np.ndarray, list[int]]] = []
    for line in range(int(line_of.max()) + 1):
        start = len(rows)
        parts = []
        for i in np.flatnonzero(line_of == line).tolist():
            left, top, right, bottom = boxes[i]
            pieces = [(boxes[i], 0.0, i, None)]
            if right - left >= _WIDE * height and bottom - top >= _MAIN * height:
                window = np.s_[top:bottom, left:right]
                alone = np.where(numbers[window] == i + 1, ink[window], 0)
                pieces = [
                    (_box(part) + np.array([left, top] * 2), neck, i, part)
                    for part, neck in _cut(alone, pen, height)
                ]
            parts += pieces
        for group in _grouped(parts, height):
            box = np.array([part[0] for part in group])
            box = np.concatenate([box[:, :2].min(axis=0), box[:, 2:].max(axis=0)])
            rows.append((box, min((p[1] for p in group), default=0.0)))
            for _, _, i, region in group:
                if region is None:
                    new[i + 1] = len(rows)
                else:
                    cuts.append((len(rows), boxes[i], region))
        lines.append(range(start, len(rows)))
    numbers = new[numbers]
    for number, (left, top, right, bottom), region in cuts:
        numbers[top:bottom, left:right][region] = number
    # The soft edge of the ink belongs to the nearest piece.
    around = ndimage.maximum_filter(numbers, size=5)
    numbers = np.where((numbers == 0) & (ink > 0) & ~mask, around, numbers)
    boxes = np.array([row[0] for row in rows])
    necks = np.array([row[1] for row in rows])
    gaps = np.zeros(len(rows))
    for line in lines:
        ends = np.maximum.accumulate(boxes[line.start : line.stop, 2])
        gaps[line.start + 1 : line.stop] = boxes[line.start + 1 : line.stop, 0] - ends[:-1]
    return Pieces(ink, numbers, boxes, necks, gaps, lines, height, pen)


def _box(mask: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom of what is True, int64 (4,)."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _pen(mask: np.ndarray) -> float:
    """The mean width of the lines of `mask`, in pixels: twice the area by the perimeter."""
    # Cauchy and Crofton: the perimeter from the transitions along rows and columns.
    changes = sum(int((np.diff(mask, axis=axis)).sum()) for axis in (0, 1))
    return 2 * float(mask.sum()) / max(np.pi / 4 * changes, 1)


def _lines(boxes: np.ndarray, kept: np.ndarray, height: float) -> np.ndarray:
    """The line of each piece, int (n,), from the top; -1 for none."""
    left, top, right, bottom = boxes.T.astype(float)
    x, y = (left + right) / 2, (top + bottom) / 2
    main = np.flatnonzero(kept & (bottom - top >= _MAIN * height))
    main = main[np.argsort(x[main])]
    # The slope: the median of that from each piece to the next one on its right.
    dx, dy = x[main] - x[main][:, None], y[main] - y[main][:, None]
    beside = (dx > 0.2 * height) & (dx < 4 * height) & (np.abs(dy) < 0.7 * height)
    has = beside.any(axis=1)
    following = np.argmin(np.where(beside, dx + np.abs(dy), np.inf), axis=1)[has]
    rows = np.flatnonzero(has)
    slope = 0.0
    if len(rows):
        each = dy[rows, following] / dx[rows, following]
        slope = float(np.median(each)) * len(rows) / (len(rows) + 3)
    top, bottom, y = (side - slope * x for side in (top, bottom, y))
    bands: list[list[int]] = []
    line_of = np.full(len(boxes), -1)
    for i in main.tolist():
        best, most = None, 0.4
        for line, members in enumerate(bands):
            last = members[-3:]
            low, high = top[last].mean(), bottom[last].mean()
            overlap = min(high, bottom[i]) - max(low, top[i])
            share = overlap / min(high - low, bottom[i] - top[i])
            if share > most:
                best, most = line, share
        if best is None:
            best = len(bands)
            bands.append([])
        bands[best].append(i)
        line_of[i] = best
    middles = [float(y[members].mean()) for members in bands]
    place = np.argsort(np.argsort(middles))
    line_of[main] = place[line_of[main]]
    for i in np.flatnonzero(kept & (line_of < 0)).tolist():
        aside = np.maximum(np.maximum(left[main] - right[i], left[i] - right[main]), 0)
        above = np.maximum(np.maximum(top[main] - bottom[i], top[i] - bottom[main]), 0)
        nearest = int(np.argmin(np.hypot(aside, above)))
        if np.hypot(aside[nearest], above[nearest]) < _NEAR * height:
            line_of[i] = line_of[main[nearest]]
    return line_of


def _cut(ink: np.ndarray, pen: float, height: float) -> list[tuple[np.ndarray, float]]:
    """The parts, bool (h, w), of a wide piece from left to right; of each the neck before it."""
    # A cut goes from the middle row up and down, at each row a pixel aside at most, where least
    # ink is.
    half = len(ink) // 2
    (upper, up), (lower, down) = _seams(ink[:half]), _seams(ink[:half:-1])
    costs = upper + lower + ink[half]
    apart = _APART * height
    lowest = costs <= ndimage.minimum_filter1d(costs, 2 * max(1, round(apart / 2)) + 1) + 1e-6
    chosen: list[int] = []
    for place in np.argsort(costs, kind="stable").tolist():
        if costs[place] > _NECK * pen:
            break
        if lowest[place] and all(abs(place - other) >= apart for other in chosen):
            chosen.append(place)
    columns = np.arange(ink.shape[1])
    mask, side, parts, neck = ink >= 0.5, np.zeros(ink.shape, bool), [], 0.0
    for place in [*sorted(chosen), None]:
        if place is None:
            part = mask & ~side
        else:
            seam = [*_followed(up, place)[::-1], place, *_followed(down, place)]
            part = mask & ~side & (columns <= np.array(seam)[:, None])
        if part.sum() >= pen**2:
            parts.append((part, neck))
            side |= part
            neck = max(float(costs[place]), 0.5) if place is not None else 0.0
    if (rest := mask & ~side).any():
        parts[-1] = (parts[-1][0] | rest, parts[-1][1])
    return parts


def _seams(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least ink from the first row to each place below the last, float (w,).

    And from where each row is reached from the one before: -1, 0 or 1, int (h, w).
    """
    cost, steps = np.zeros(ink.shape[1]), np.zeros(ink.shape, int)
    for row, step in zip(ink, steps, strict=True):
        cost = cost + row
        padded = np.pad(cost, 1, constant_values=np.inf)
        ways = np.stack([cost, padded[:-2] + _ASIDE, padded[2:] + _ASIDE])
        step[:] = np.array([0, -1, 1])[ways.argmin(axis=0)]
        cost = ways.min(axis=0)
    return cost, steps


def _followed(steps: np.ndarray, place: int) -> list[int]:
    """The columns of a seam that ends at `place` below the last of the rows, from there up."""
    columns = []
    for step in steps[::-1]:
        place += int(step[place])
        columns.append(place)
    return columns


def _grouped(parts: list[tuple], height: float) -> list[list[tuple]]:
    """The parts of a line from left to right; those that lie above each other are together."""
    parts = sorted(parts, key=lambda part: (part[0][0] + part[0][2]) / 2)
    groups: list[list[tuple]] = []
    for part in parts:
        left, _, right, _ = part[0]
        if groups:
            low = min(p[0][0] for p in groups[-1])
            high = max(p[0][2] for p in groups[-1])
            overlap = min(high, right) - max(low, left)
            whole = all(p[2] != part[2] for p in groups[-1])
            if whole and overlap >= _SAME * min(high - low, right - left):
                groups[-1].append(part)
                continue
        groups.append([part])
    return groups

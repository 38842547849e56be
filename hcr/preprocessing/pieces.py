"""The pieces of ink on a page, in lines and in the order of reading.

A character is one piece or a few that follow each other. Ink that hangs together is a piece; where
it may be characters that touch, it is cut at thin places: more often than is right, for
`hcr.recognizer.page` puts together what belongs together.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_MOST = 4000  # pieces of a page, the highest: what has more is noise or joined writing
# Of the height of most characters:
_MAIN = 0.4  # lower ink is a dot, a bar, or a part
_NEAR = 1.0  # so far may that be from the line that it belongs to
_WIDE = 0.5  # narrower ink is not cut
_APART = 0.16  # between two cuts
_SAME = 0.6  # of the narrower one: pieces that overlap by so much are one, such as the dot of an i
_NECK = 1.7  # of the pen's width: so much ink may lie in a cut
_ASIDE = 0.3  # px of ink: what a step aside costs a cut


@dataclass(frozen=True)
class Pieces:
    """Pieces of an ink map, numbered from 0 line by line, left to right."""

    ink: np.ndarray  # float32 (h, w), 0..1
    numbers: np.ndarray  # int32 (h, w): 0 is paper, 1 the first piece
    boxes: np.ndarray  # int64 (n, 4): left, top, right, bottom
    necks: np.ndarray  # float64 (n,), px: the ink that parts a piece and the one before; 0 at a gap
    lines: list[range]  # the pieces of each line
    height: float  # px, of most characters
    pen: float  # px, the width of a line

    def box(self, first: int, last: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the pieces `first` to `last`."""
        boxes = self.boxes[first : last + 1]
        return (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())

    def crop(self, first: int, last: int) -> np.ndarray:
        """The ink of the pieces `first` to `last` alone, float32 (h, w)."""
        left, top, right, bottom = self.box(first, last)
        window = np.s_[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2]
        numbers = self.numbers[window]
        return np.where((numbers > first) & (numbers <= last + 1), self.ink[window], 0)


def find_pieces(ink: np.ndarray) -> Pieces | None:
    """The pieces of an ink map, float32 (h, w) of 0..1; None where there are none."""
    mask = ink >= 0.5
    labels, n = ndimage.label(mask, structure=np.ones((3, 3)))
    if not n:
        return None
    # Cauchy and Crofton: the perimeter from the transitions along rows and columns.
    changes = sum(int(np.diff(mask, axis=axis).sum()) for axis in (0, 1))
    pen = 2 * float(mask.sum()) / max(np.pi / 4 * changes, 1)
    windows = ndimage.find_objects(labels)
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in windows])
    heights = boxes[:, 3] - boxes[:, 1]
    rank = np.argsort(-heights, kind="stable")
    # The height where half of all heights together is reached: specks count for little.
    held = np.cumsum(heights[rank])
    height = float(heights[rank[np.searchsorted(held, held[-1] / 2)]])
    kept = np.bincount(labels.ravel())[1:] >= 0.4 * pen**2
    kept[rank[_MOST:]] = False
    numbers = np.zeros(ink.shape, np.int32)
    found, necks, lines = [], [], []
    for members in _lines(boxes, kept, height):
        parts = []  # box, neck to the one before, window, mask
        for i in members:
            window = windows[i]
            one = labels[window] == i + 1
            cut = [(one, 0.0)]
            if boxes[i, 2] - boxes[i, 0] >= _WIDE * height and heights[i] >= _MAIN * height:
                cut = _cut(np.where(one, ink[window], 0), one, pen, height)
            place = np.tile(boxes[i, :2], 2)
            parts += [(_box(part) + place, neck, window, part) for part, neck in cut]
        start = len(found)
        for box, neck, window, part in sorted(parts, key=lambda part: part[0][0] + part[0][2]):
            last = found[-1] if len(found) > start else np.full(4, -1)
            shared = min(last[2], box[2]) - max(last[0], box[0])
            if not neck and shared >= _SAME * min(box[2] - box[0], last[2] - last[0]):
                low, high = np.minimum(last[:2], box[:2]), np.maximum(last[2:], box[2:])
                found[-1] = np.concatenate([low, high])
            else:
                found.append(box)
                necks.append(neck)
            numbers[window][part] = len(found)
        lines.append(range(start, len(found)))
    if not found:
        return None
    # The soft edge of the ink belongs to the nearest piece.
    edge = (ink > 0) & ~mask
    numbers[edge] = ndimage.maximum_filter(numbers, size=5)[edge]
    return Pieces(ink, numbers, np.array(found), np.array(necks), lines, height, pen)


def _box(mask: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom of what is True, int64 (4,)."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _lines(boxes: np.ndarray, kept: np.ndarray, height: float) -> list[list[int]]:
    """Which of the `kept` pieces are in each line, from the top."""
    left, top, right, bottom = boxes.T.astype(float)
    x, y = (left + right) / 2, (top + bottom) / 2
    main = np.flatnonzero(kept & (bottom - top >= _MAIN * height))
    main = main[np.argsort(x[main])]
    # The slope: the median of that from each piece to the next one on its right.
    dx, dy = x[main] - x[main][:, None], y[main] - y[main][:, None]
    beside = (dx > 0.2 * height) & (dx < 4 * height) & (np.abs(dy) < 0.7 * height)
    rows = np.flatnonzero(beside.any(axis=1))
    after = np.argmin(np.where(beside, dx + np.abs(dy), np.inf), axis=1)[rows]
    slope = np.median(dy[rows, after] / dx[rows, after]) if len(rows) else 0
    # Of few pieces it is a guess.
    slope *= len(rows) / (len(rows) + 3)
    top, bottom, y = (side - slope * x for side in (top, bottom, y))
    lines: list[list[int]] = []
    line_of = {}
    for i in main.tolist():
        shares = [0.4]
        for line in lines:
            low, high = top[line[-3:]].mean(), bottom[line[-3:]].mean()
            both = min(high, bottom[i]) - max(low, top[i])
            shares.append(both / min(high - low, bottom[i] - top[i]))
        best = int(np.argmax(shares))
        if not best:
            lines.append([])
        line_of[i] = lines[best - 1]
        line_of[i].append(i)
    lines.sort(key=lambda line: y[line].mean())
    for i in set(np.flatnonzero(kept).tolist()) - set(line_of):
        aside = np.maximum(np.maximum(left[main] - right[i], left[i] - right[main]), 0)
        above = np.maximum(np.maximum(top[main] - bottom[i], top[i] - bottom[main]), 0)
        away = np.hypot(aside, above)
        if len(main) and away.min() < _NEAR * height:
            line_of[main[np.argmin(away)]].append(i)
    return lines


def _cut(
    ink: np.ndarray, mask: np.ndarray, pen: float, height: float
) -> list[tuple[np.ndarray, float]]:
    """The parts, bool (h, w), of a wide piece from left to right; of each the neck before it."""
    # A cut goes up and down from the middle row, a pixel aside for each at most, by least ink.
    half = len(ink) // 2
    (upper, up), (lower, down) = _seams(ink[:half]), _seams(ink[:half:-1])
    costs, apart = upper + lower + ink[half], _APART * height
    lowest = costs <= ndimage.minimum_filter1d(costs, 2 * max(1, round(apart / 2)) + 1) + 1e-6
    chosen: list[int] = []
    for place in np.argsort(costs, kind="stable").tolist():
        if costs[place] > _NECK * pen:
            break
        if lowest[place] and all(abs(place - other) >= apart for other in chosen):
            chosen.append(place)
    parts, rest, neck = [], mask, 0.0
    for place in sorted(chosen):
        seam = np.array([*_followed(up, place)[::-1], place, *_followed(down, place)])
        part = rest & (np.arange(ink.shape[1]) <= seam[:, None])
        if part.sum() >= pen**2 and (rest & ~part).sum() >= pen**2:
            parts.append((part, neck))
            rest, neck = rest & ~part, max(float(costs[place]), 0.5)
    return [*parts, (rest, neck)]


def _seams(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least ink from the first row to each place below the last, float (w,).

    And from where each row is reached from the one before: -1, 0 or 1, int (h, w).
    """
    # With a margin on both sides, which no seam takes.
    cost, steps = np.full(ink.shape[1] + 2, np.inf), np.zeros(ink.shape, int)
    cost[1:-1] = 0
    for row, step in zip(ink, steps, strict=True):
        cost[1:-1] += row
        aside = np.minimum(cost[:-2], cost[2:]) + _ASIDE
        step[:] = np.where(cost[:-2] <= cost[2:], -1, 1) * (aside < cost[1:-1])
        cost[1:-1] = np.minimum(cost[1:-1], aside)
    return cost[1:-1], steps


def _followed(steps: np.ndarray, place: int) -> list[int]:
    """The columns of a seam that ends at `place` below the last of the rows, from there up."""
    columns = []
    for step in steps[::-1]:
        place += int(step[place])
        columns.append(place)
    return columns

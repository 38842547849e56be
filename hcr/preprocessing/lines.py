"""Lines on paper that are no ink of the character: boxes, grid lines, ruled and squared paper.

A line is straight, thin, and goes right across the picture. Bars of characters do so, too, where
they are cut out tightly, as those of T, E, H and Z. A line is taken away where the character does
not touch it, where it is one of several, or one side of a box; an L or a T in a fine pen stays.
"""

import numpy as np
from scipy import ndimage

_TILT = np.linspace(-0.06, 0.06, 13)  # slopes that are looked for
_COVERED = 0.85  # of a line is ink
_THIN = 0.04  # of the picture's longer side: a line is no wider
_SMALL = 20  # px: in smaller pictures a line cannot be told from a bar
_BESIDE = 2  # px: what is farther from a line does not touch it
_LEFT = 0.15  # of the picture: the extent that what is left must have to be a character
_BOX = 0.6  # of the picture: a smaller empty box is a character


def without_lines(ink: np.ndarray) -> np.ndarray:
    """`ink`, float (h, w) of 0..1, without lines that are not the character's; maybe nothing."""
    mask = ink >= 0.5
    if min(mask.shape) < _SMALL or not mask.any():
        return ink
    keep = _without_crossing(_without_box(mask))
    if keep is mask:
        return ink
    # The blurred rim of a line goes with it.
    taken = mask & ~keep
    rim = ndimage.binary_dilation(taken, iterations=3) & ~ndimage.binary_dilation(keep)
    return np.where(taken | rim, 0, ink)


def _without_crossing(mask: np.ndarray) -> np.ndarray:
    """`mask` without the lines from one side of the picture to the other."""
    lines = [(axis, *line) for axis in (0, 1) for line in _lines(mask if axis == 0 else mask.T)]
    if not lines:
        return mask
    lines = [(axis, *((x.T if axis else x) for x in both), edge) for axis, *both, edge in lines]
    every = np.logical_or.reduce([line for _, line, _, _ in lines])
    rest = mask & ~ndimage.binary_dilation(every, np.ones((3, 3)), iterations=_BESIDE)
    sides = sum(edge for *_, edge in lines)
    inner = [sum(other == axis and not edge for other, _, _, edge in lines) for axis in (0, 1)]
    if not _is_character(rest, mask.shape):
        # An empty cell has lines at its border or several. A single upright one is a character, and
        # so is one with lines at the border, as in T and E.
        single = len(lines) == 1 and lines[0][0] == 1
        return mask if single or (sides and max(inner) == 1) else np.zeros_like(mask)
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    touching = np.isin(pieces, np.unique(pieces[rest]))
    taken = np.zeros_like(mask)
    for axis, line, crossed, edge in lines:
        if not (line & touching).any() or (sides == 4 if edge else inner[axis] > 1):
            taken |= line & ~crossed
    return mask & ~taken if taken.any() else mask


def _without_box(mask: np.ndarray) -> np.ndarray:
    """`mask` without what runs around all the rest of it, or without an empty box."""
    pieces, n = ndimage.label(mask, np.ones((3, 3)))
    if not n:
        return mask
    boxes = ndimage.find_objects(pieces)
    extents = np.array([[s.stop - s.start for s in box] for box in boxes])
    largest = int(np.argmax(extents.prod(axis=1)))
    box, extent = boxes[largest], extents[largest]
    ring = pieces[box] == largest + 1
    if n > 1:
        inside = ndimage.binary_fill_holes(ring) & ~ring
        rest = mask[box] & inside
        around = mask.copy()
        around[box] &= ~(ring | inside)
        if _is_character(rest, ring.shape, 2 * _LEFT) and not around.any():
            keep = np.zeros_like(mask)
            keep[box] = rest
            return keep
        return mask
    deep = 1 + int(_THIN * max(ring.shape))
    sides = (ring[:deep], ring[-deep:], ring.T[:deep], ring.T[-deep:])
    if min(side.any(axis=0).mean() for side in sides) < _COVERED:
        return mask
    if (extent >= _BOX * np.array(mask.shape)).all() and min(ring.shape) >= _SMALL:
        sides = [line for way in (ring, ring.T) for line in _lines(way) if line[2]]
        if len(sides) == 4 and ring.sum() < 1.2 * sum(line[0].sum() for line in sides):
            return np.zeros_like(mask)
    return mask


def _is_character(rest: np.ndarray, shape: tuple[int, int], least: float = _LEFT) -> bool:
    """Whether the largest piece of what is left is large enough."""
    pieces, n = ndimage.label(rest, np.ones((3, 3)))
    extents = [max(s.stop - s.start for s in box) for box in ndimage.find_objects(pieces)]
    return bool(n) and max(extents) > least * max(shape)


def _lines(mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """The lines from left to right: where each is, where ink crosses it, whether at the border."""
    height, width = mask.shape
    # A line lies within two neighboring strips: most masks have none that is full enough.
    deep = 1 + int(_TILT[-1] * width + _THIN * max(mask.shape))
    strips = np.logical_or.reduceat(mask, np.arange(0, height, deep), axis=0)
    if (strips | np.roll(strips, 1, axis=0)).mean(axis=1).max() < 0.8 * _COVERED:
        return []
    y, x = np.nonzero(mask)
    best, tilt = 0.0, 0.0
    for slope in sorted(_TILT, key=abs):
        rows = np.rint(y - slope * (x - width / 2)).astype(int)
        covered = np.bincount(rows[(rows >= 0) & (rows < height)], minlength=height).max() / width
        if covered > best + 0.02:
            best, tilt = covered, slope
    if best < _COVERED * 0.8:
        return []
    shift = np.rint(tilt * (np.arange(width) - width / 2)).astype(int)
    rows = np.arange(height)[:, None] + shift
    inside = (rows >= 0) & (rows < height)
    level = mask[np.clip(rows, 0, height - 1), np.arange(width)] & inside
    # A line that leaves the picture is one as far as it goes.
    seen = inside.sum(axis=1)
    covered = np.where(seen > 0.6 * width, level.sum(axis=1) / np.maximum(seen, 1), 0)
    bands, n = ndimage.label(covered >= _COVERED)
    lines = []
    for (band,) in ndimage.find_objects(bands)[:n]:
        low, high = band.start, band.stop
        while low > 0 and covered[low - 1] > 0.3:
            low -= 1
        while high < height and covered[high] > 0.3:
            high += 1
        if high - low > max(1.5, _THIN * max(mask.shape)):
            continue
        line, crossed = np.zeros_like(level), np.zeros_like(level)
        line[low:high] = level[low:high]
        margin = int(np.abs(shift).max()) + 1 + (high - low) // 2
        at_border = low <= margin or high >= height - margin
        if not at_border:
            crossed[low:high] = level[low - 1] & level[high]
        flat = np.clip(np.arange(height)[:, None] - shift, 0, height - 1)
        back = [each[flat, np.arange(width)] & mask for each in (line, crossed)]
        lines.append((*back, at_border))
    return lines

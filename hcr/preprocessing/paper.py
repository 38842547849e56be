"""Which of a picture's grays are ink: the paper, which of the two is light, and blank paper.

Ink and paper are parted by Otsu's threshold (Otsu 1979, IEEE Transactions on Systems, Man and
Cybernetics 9(1), 62-66). Uneven paper is what is left when all that is finer than a half or a
quarter of the picture is closed, and ink is measured by the light there (as in Gatos, Pratikakis
and Perantonis 2006, Pattern Recognition 39(3), 317-327). Which of these papers it is, the steepness
of the ink's rim and Otsu's measure say.

A picture is blank where nothing above the noise has the form of ink. Soft or tightly cropped ink
has more form than shade, which a cubic polynomial in row and column follows; fine ink has edges.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from hcr.preprocessing.images import EMNIST, SIDE, Framing
from hcr.preprocessing.lines import without_lines
from hcr.preprocessing.strokes import BLUR, PEN

_PAPER = 64  # px: the finest grid on which uneven paper is looked for
_REACHES = (0.5, 0.25)  # of the picture: what is finer may be ink on uneven paper
_SURER = 1.2  # times: so much steeper must ink's rim be on paper that was taken to be uneven
_APART = 0.045  # of Otsu's measure: by so much uneven paper must part the two more
_MARGINAL = 0.03  # of the border: less ink may be a speck, and the character has a margin
_DIM = 0.1  # of white: light that even black paper is taken to have
_FAINT = 0.06  # of white: a picture with less between ink and paper is blank
_MIXED = 0.78  # Otsu's measure: below it much ink and paper are one lump, such as noise (0.71)
_STEEPNESS = 1.5  # of the cut between ink and paper: grays below a third of Otsu's are paper
_FORM = 16  # px: the grid on which form is told from shade
_SHADE = 0.2  # of the spread on that grid: less is left of shade, more of ink (0.23 and more)
_LUMP = 0.04  # of white: the spread that form must have where the grays are one lump
_LITTLE = 0.1  # of the picture: so little ink may escape Otsu's threshold
_FRAMED = 0.3  # of the border: if ink's share differs so much farther in, a line is there
_FEW = 3  # px: so few edges are noise
_TOUCHED = 0.1  # of the border: ink that covers less of it may have a margin
_DARK = 0.1  # of the border: by so much light ink must be likelier than dark ink
_LOW = 0.12  # of white: less between ink and paper is warned of
_MARGIN = 0.1  # of the ink's extent: what a picture that is not cut out tightly leaves on a side
_FLAT = 0.04  # of white: what a corner beyond a turned picture may vary
_TRIANGLE = 0.3  # of the legs of such corners: what they may vary
_RIM = 0.2  # of white: by so much paper differs from such a corner
_SHEET = 0.25  # line width by longer side: above it what is opaque is a sheet, not lines of ink
_FINE = 1.9  # px, at 28 x 28: finer lines are widened to `PEN` (EMNIST: 2.4 at the lower quartile)
_ROUND = 0.6  # line width by longer side: above it the ink is a dot (a disc has 0.67)


def see_through(
    gray: np.ndarray, alpha: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray | None]:
    """Lightness where what is transparent is neither paper nor ink; and where the picture is.

    Takes float32 (h, w) of 0..1, lightness times alpha, and alpha, 1 for none. Returns lightness,
    which goes on beyond what is seen, and bool (h, w), None for all. Where all that is seen has one
    color, or the form of lines in several, it is ink: dark where alpha is high.
    """
    alpha = alpha if np.ndim(alpha) else _turned(gray)
    if alpha.min() > 0.99:
        return gray, None
    opaque = alpha > 0.5
    if not opaque.any():
        return np.ones_like(gray), None
    gray = gray / np.maximum(alpha, 0.5)
    solid = gray[alpha > 0.9] if (alpha > 0.9).any() else gray[opaque]
    extent = max(np.ptp(np.flatnonzero(opaque.any(axis=axis))) + 1 for axis in (0, 1))
    broad = _line_width(opaque) > _SHEET * extent
    if not broad or (np.ptp(solid) < _FAINT and opaque.mean() <= 0.6):
        return 1 - alpha, None
    # Beyond its rim the sheet goes on as at the nearest place.
    seen = ndimage.binary_erosion(opaque, np.ones((3, 3)), iterations=2, border_value=1)
    where = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
    return gray[tuple(where)], seen


def _turned(gray: np.ndarray) -> np.ndarray:
    """Alpha, 0 in the four black or white triangles at the corners of a picture that was turned."""
    inner = gray[2:-2, 2:-2]  # programs leave a rim
    corners = np.ix_((0, -1), (0, -1))
    for level in (0, 1) if min(gray.shape) > 4 * SIDE else ():
        names, _ = ndimage.label(np.abs(inner - level) < _FLAT)
        if len(set(names[corners].flat) - {0}) < 4:
            continue
        parts = [names == name for name in names[corners].flat]
        legs = np.array([[part.any(axis=1).sum(), part.any(axis=0).sum()] for part in parts], float)
        # Those across are alike, those beside are as steep the other way.
        across = np.abs(np.log(legs[:2] / legs[:1:-1])).max()
        beside = abs(np.log(legs[0, 0] * legs[1, 0] / (legs[0, 1] * legs[1, 1])))
        y, x = np.ogrid[: len(inner), : len(inner[0])]
        beyond = np.full(inner.shape, np.inf)  # px from the nearest corner's rim, inward
        straight = True
        for i, (height, width) in enumerate(legs):
            place = (y, y[::-1])[i // 2] / height + (x, x[:, ::-1])[i % 2] / width
            beyond = np.minimum(beyond, (place - 1) / np.hypot(1 / height, 1 / width))
            triangle = (place < 1).sum(axis=1)
            bend = np.abs(triangle - parts[i].sum(axis=1)).max()
            straight &= bend < 1.5 + 0.06 * max(height, width)
        rim = np.abs(inner[(beyond > 2) & (beyond < 4)] - level)
        if straight and max(across, beside) < _TRIANGLE and np.median(rim) > _RIM:
            return np.pad(beyond >= 2, 2).astype(np.float32)
    return np.ones_like(gray)


def ink(gray: np.ndarray, inverted: bool | None, seen: np.ndarray | None = None) -> np.ndarray:
    """How much ink there is, half where it meets paper; none on blank paper or what is not `seen`.

    Takes and returns float32 (h, w) of 0..1; `inverted` is as for `from_picture`.
    """
    soft = ndimage.gaussian_filter(gray, 0.7) if min(gray.shape) > 2 * SIDE else gray
    small, noise = reduced(soft, 2 * _PAPER), _noise(gray)
    sides = [True, False] if inverted is None else [inverted]
    papers = {is_dark: _paper(small, is_dark) for is_dark in sides}
    if inverted is None and not _is_inverted(small, papers):
        sides.reverse()
    for is_dark in sides:
        level = _light_ink(1 - soft if is_dark else soft, *papers[is_dark], noise)
        if seen is not None:
            level = np.where(seen, level, 0)
        if level.any():
            return without_lines(level)
    return level


def warnings_of(ink: np.ndarray, gray: np.ndarray) -> dict[str, str]:
    """Why an answer for `ink`, found in `gray`, cannot be trusted: code to one line."""
    mask = ink >= 0.5
    if not mask.any():
        return {"blank": "No ink was found: this is blank paper, or too faint to tell."}
    found, cut = {}, []
    for axis, names in ((0, ("upper", "lower")), (1, ("left", "right"))):
        lines = np.flatnonzero(mask.any(axis=1 - axis))
        margins = int(lines[0]), int(mask.shape[axis] - 1 - lines[-1])
        # Whole characters that are cut out tightly touch both sides, and those that are cut one.
        if min(margins) == 0 and max(margins) > _MARGIN * np.ptp(lines):
            cut.append(names[int(margins[1] == 0)])
    if cut:
        line = f"Ink runs into the {' and '.join(cut)} edge of the picture. Leave a margin."
        found["touches_border"] = line
    contrast = abs(float(np.median(gray[mask]) - np.median(gray[~mask]))) if not mask.all() else 1
    if contrast < _LOW:
        line = f"Ink and paper differ by {contrast:.0%} of white only:"
        found["low_contrast"] = f"{line} use more light, a darker pen."
    return found


def frame(ink: np.ndarray, framing: Framing = EMNIST) -> np.ndarray:
    """Ink, float (h, w) of 0..1, where and as large as the framing has it: uint8 (28, 28)."""
    if not ink.any():
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    rows, columns = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    left, top, right, bottom = _box(ink)
    side, width = max(right - left, bottom - top), _line_width(ink >= 0.5)
    pen, pixels = PEN * framing.scale, framing.side / side  # pixels of the result, for one here
    wider = 0.0
    if width > _ROUND * side:
        pixels = 2 * pen / side
    elif width * pixels < _FINE * framing.scale:
        # The line grows on both sides, and what is drawn shrinks a little for it.
        wider = (pen - width * pixels) / 2 / pixels
        pixels = framing.side / (side + 2 * wider)
    # From here to the edges of the result, along each axis.
    reach, pads = [], []
    for axis, (low, high) in enumerate(((left, right), (top, bottom))):
        extent, profile = high - low, ink.sum(axis=axis)
        mass = profile @ (np.arange(len(profile)) + 0.5) / profile.sum() - (low + high) / 2
        before = framing.middle((extent + 2 * wider) * pixels, mass * pixels)
        reach.append((before / pixels, (SIDE - before) / pixels))
        pads.append(int(np.ceil(max(max(reach[-1]) - extent / 2, wider))) + 2)
    ink = np.pad(ink, ((pads[1], pads[1]), (pads[0], pads[0])))
    if wider:
        ink = np.clip(wider + 1 - ndimage.distance_transform_edt(ink < 0.5), 0, 1)
    # What the picture's own pixels have blurred already (a box has a variance of 1/12) counts.
    sigma = np.sqrt(max((BLUR * framing.scale) ** 2 - pixels**2 / 6, 0)) / pixels
    ink = ndimage.gaussian_filter(ink, sigma) if sigma > 0.2 else ink
    x, y = (left + right) / 2 + pads[0], (top + bottom) / 2 + pads[1]
    window = (x - reach[0][0], y - reach[1][0], x + reach[0][1], y + reach[1][1])
    small = np.clip(_resized(ink, (SIDE, SIDE), window), 0, None)
    return np.rint(small * (255 / small.max())).astype(np.uint8)


def _box(ink: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is ink, to parts of a pixel: where half of it is reached."""
    ends = []
    for step in (-1, 1):
        for profile in (ink.max(axis=0), ink.max(axis=1)):
            padded = np.pad(profile, 1)
            last = np.flatnonzero(padded >= 0.5)[0 if step < 0 else -1]
            share = (padded[last] - 0.5) / max(padded[last] - padded[last + step], 1e-6)
            ends.append(last + step * share - 0.5)
    return tuple(ends)


def _light_ink(soft: np.ndarray, paper: np.ndarray, gain: np.ndarray, noise: float) -> np.ndarray:
    """`ink` of light ink on dark paper, as `_paper` gives it, where pixels have so much `noise`."""
    size, form = soft.shape[::-1], _form(soft, noise)
    gain = _resized(gain, size)
    above = np.maximum(soft - _resized(paper, size), 0) * gain
    threshold, apart, contrast = _otsu(above)
    mask = above > threshold
    if apart < _MIXED and mask.mean() > 0.2:
        is_ink = form > _LUMP
    else:
        # A bar that is cut out tightly is nothing but ink and a rim.
        solid = apart > 0.9 and mask.mean() > 0.8
        is_ink = solid or form > 0 or np.sum(_edges(above / gain)) > _FEW
    if is_ink and contrast >= _FAINT:
        return _cut(above, threshold)
    # So little ink that Otsu's threshold parts shade or noise.
    above = np.maximum(soft - _uneven(soft), 0)
    edges = _edges(above)
    if edges.sum() > _FEW:
        threshold = float(np.median(above[edges])) / 2
        if (above > threshold).mean() < _LITTLE:
            return _cut(above, threshold)
    return np.zeros_like(soft)


def clean_ink(gray: np.ndarray) -> np.ndarray:
    """The `ink` of a dataset's image, light on black without specks, with much less work."""
    return _level(gray, max(_otsu(gray)[0], 1e-6))


def _cut(above: np.ndarray, threshold: float) -> np.ndarray:
    """How much ink there is, 0..1, where half is reached at `threshold`, without specks."""
    near = ndimage.binary_dilation(_without_specks(above > threshold), iterations=2)
    return np.where(near, _level(above, threshold), 0)


def _level(above: np.ndarray, threshold: float) -> np.ndarray:
    return np.clip(0.5 + _STEEPNESS * (above - threshold) / (2 * threshold), 0, 1)


def _form(soft: np.ndarray, noise: float) -> float:
    """The spread on a coarse grid of what is neither paper nor shade; 0 where it may be noise."""
    small = reduced(soft, _PAPER)
    coarse = reduced(small, _FORM)
    # Averages of pixels have less noise, by the root of the pixels' number.
    noise = max(noise * max(coarse.shape) / max(soft.shape), _noise(coarse))
    above = reduced(np.maximum(small - _uneven(small), 0), _FORM)
    form = float(_without_shade(above).std())
    return form if form**2 - noise**2 > (_SHADE * float(coarse.std())) ** 2 else 0.0


def _edges(above: np.ndarray) -> np.ndarray:
    """Where there is what is too fine for the coarse grid, and too high for noise, bool (h, w)."""
    coarse = reduced(above, min(_FORM, (max(above.shape) + 1) // 2))
    fine = above - _resized(coarse, above.shape[::-1])
    return fine > max(_FAINT, 10 * _spread(fine))


def _without_shade(gray: np.ndarray) -> np.ndarray:
    """`gray` without the polynomial of the third degree, in row and column, that is nearest."""
    height, width = gray.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    terms = np.stack([(y**i * x**j).ravel() for i in range(4) for j in range(4 - i)], axis=1)
    factors = np.linalg.lstsq(terms, gray.ravel(), rcond=None)[0]
    return gray - (terms @ factors).reshape(gray.shape)


def _noise(gray: np.ndarray) -> float:
    """The standard deviation of the noise from pixel to pixel."""
    # The mask of Immerkaer 1996 (Computer Vision and Image Understanding 64(2), 300-302), which
    # passes over slopes and straight edges; the median, for lines are few.
    if gray.size < 100 or min(gray.shape) < 3:  # too few to part them from ink
        return 0.0
    down = gray[:-2] - 2 * gray[1:-1] + gray[2:]
    return _spread((down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]) / 6)


def _spread(values: np.ndarray) -> float:
    """The standard deviation of most of `values`: of a normal distribution, 1.48 of the median."""
    step = 1 + max(values.shape) // 256
    values = values[::step, ::step]
    return 1.48 * float(np.median(np.abs(values - np.median(values))))


def _is_inverted(soft: np.ndarray, papers: dict[bool, tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether dark ink lies on light paper: paper has the border, and ink hangs together."""
    # Ink without a margin may have most of the border; then what would be ink if it were the paper
    # lies in pieces: notches, corners and what is enclosed. Where that is close, ink is dark.
    (dark, of_dark), (light, of_light) = (
        _as_ink(np.maximum((1 - soft if is_dark else soft) - paper, 0) * gain)
        for is_dark, (paper, gain) in papers.items()
    )
    evidence = light - dark
    if min(dark, light) > _TOUCHED:
        evidence += of_dark - of_light
    return bool(evidence > -_DARK)


def _as_ink(above: np.ndarray) -> tuple[float, float]:
    """How much of the border is ink, and how much of the ink is in its largest piece."""
    mask = above > _otsu(above)[0]
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(pieces.ravel())[1:]
    step = max(mask.shape) // 32
    depths = [depth * step for depth in range(4) if min(mask.shape) > 8 * depth * step]
    rings = [_border(mask[n : len(mask) - n, n : mask.shape[1] - n]).mean() for n in depths]
    # A line along the border, or not far from it, is in one of them.
    border = np.median(rings) if abs(np.median(rings) - rings[0]) > _FRAMED else rings[0]
    return float(border), float(areas.max(initial=0) / max(areas.sum(), 1))


def _paper(small: np.ndarray, is_dark: bool) -> tuple[np.ndarray, np.ndarray]:
    """The paper's gray, flat or uneven, as parts it from ink more; and what ink is multiplied by.

    Where ink is dark, the gray is one less the lightness.
    """
    small = 1 - small if is_dark else small
    flat = float(np.median(small[small <= _otsu(small)[0]]))
    papers = [np.full_like(small, flat), _uneven(small)]
    papers.sort(key=lambda paper: _otsu(np.maximum(small - paper, 0))[1])
    papers = papers[1:]
    if max(small.shape) <= 2 * SIDE or min(small.shape) < 3:
        return papers[0], np.ones_like(small)
    papers += [_local(small, share) for share in _REACHES]
    # Ink takes its share of the light that the paper has there.
    lights = [np.clip(1 - paper if is_dark else paper + _DIM, 0.05, None) for paper in papers]
    gains = [np.ones_like(small), *(np.median(light) / light for light in lights[1:])]
    slope = np.hypot(*np.gradient(small)) * gains[-1]
    found = [
        _parted(np.maximum(small - paper, 0) * gain, slope)
        for paper, gain in zip(papers, gains, strict=True)
    ]
    apart, steep, masks = map(list, zip(*found, strict=True))
    # Where ink touches the border it may be broad, and taken for paper.
    margin = max(_border(mask).mean() for mask in masks[1:]) < _MARGINAL
    steep[0] *= 1.02 if margin else _SURER
    apart[0] += _APART
    choice = int(np.argmax(steep)) if is_dark else 0
    choice = choice or int(np.argmax(apart))
    return papers[choice], gains[choice]


def _parted(above: np.ndarray, slope: np.ndarray) -> tuple[float, float, np.ndarray]:
    """How far ink and paper are apart by Otsu's measure; how steep the rim; and where ink is."""
    threshold, apart, _ = _otsu(above)
    mask = above > threshold
    rim = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask, border_value=1)
    return apart, float(slope[rim].mean()) if rim.any() else 0.0, mask


def _border(mask: np.ndarray) -> np.ndarray:
    return np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])


def _local(soft: np.ndarray, share: float) -> np.ndarray:
    """The paper at each place: `soft` without what is finer than `share` of the picture."""
    small = ndimage.gaussian_filter(reduced(soft, _PAPER), 0.7)
    reach = 2 * int(max(small.shape) * share / 2) + 1
    # Beyond the picture a slope goes on.
    pads = [(min(reach, n - 1),) * 2 for n in small.shape]
    wide = np.pad(small, pads, mode="reflect", reflect_type="odd")
    paper = ndimage.gaussian_filter(ndimage.grey_opening(wide, size=(reach, reach)), reach / 6)
    (y, _), (x, _) = pads
    return _resized(paper[y : y + small.shape[0], x : x + small.shape[1]], soft.shape[::-1])


def _uneven(soft: np.ndarray) -> np.ndarray:
    """As `_local` for half of the picture, with no slope beyond it."""
    small = reduced(soft, _PAPER)
    reach = 2 * (max(small.shape) // 4) + 1
    paper = ndimage.grey_opening(small, size=(reach, reach))
    return _resized(ndimage.gaussian_filter(paper, reach / 8), soft.shape[::-1])


def _otsu(values: np.ndarray) -> tuple[float, float, float]:
    """Otsu's threshold; the variance between its sides by that of all; their means' distance."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6:
        return low, 0.0, 0.0
    edges = np.linspace(low, high, 129)
    bins = ((values - low) * (127.999 / (high - low))).astype(np.uint8)
    counts = np.bincount(bins.ravel(), minlength=128)
    middles = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts)[:-1], counts.sum()
    sums = np.cumsum(counts * middles)
    first = sums[:-1] / np.maximum(below, 1)
    second = (sums[-1] - sums[:-1]) / np.maximum(total - below, 1)
    between = below * (total - below) * (second - first) ** 2 / total**2
    best = int(np.argmax(between))
    # Where nothing lies between the sides, every cut is as good: the middle of them.
    last = len(between) - 1 - int(np.argmax(between[::-1] >= between[best] * (1 - 1e-9)))
    spread = float((counts * (middles - sums[-1] / total) ** 2).sum() / total)
    threshold = float(first[best] + second[best]) / 2 if last > best else float(edges[best + 1])
    return threshold, float(between[best]) / spread, float(second[best] - first[best])


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """`mask` without the pieces that are smaller than a dot of the same pen would be."""
    pieces, n = ndimage.label(mask, structure=np.ones((3, 3)))
    if n == 1:
        return mask
    areas = np.bincount(pieces.ravel())[1:]
    width = _line_width(pieces == 1 + int(np.argmax(areas)))
    # A round dot as wide as the line has an area of 0.79 of the width's square.
    keep = np.flatnonzero(areas >= min(0.4 * width**2, 0.25 * areas.max())) + 1
    return np.isin(np.arange(n + 1), keep)[pieces]


def _line_width(mask: np.ndarray) -> float:
    """The width of the lines of `mask`, in pixels."""
    # In a band the mean distance to the edge is a quarter of its width.
    padded = np.pad(mask, 1)
    inside = ndimage.distance_transform_edt(padded)[padded]
    return 4 * (float(inside.mean()) - 0.5)


def reduced(gray: np.ndarray, longest: int) -> np.ndarray:
    """`gray`, or a smaller copy of it where it is wider or higher than `longest` pixels."""
    height, width = gray.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return gray
    return _resized(gray, (max(1, round(width * scale)), max(1, round(height * scale))))


def _resized(gray: np.ndarray, size: tuple[int, int], box: tuple | None = None) -> np.ndarray:
    """Bicubic, (width, height); where it makes smaller, over all pixels that are underneath."""
    image = Image.fromarray(np.ascontiguousarray(gray, dtype=np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))

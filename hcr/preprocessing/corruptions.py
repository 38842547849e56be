"""Pictures spoilt on purpose, in eight ways and five strengths, to see what a network bears.

After MNIST-C, whose fifteen corruptions have one strength each: N. Mu and J. Gilmer (2019),
MNIST-C: a robustness benchmark for computer vision, arXiv:1906.02337. Five strengths, so that one
sees where reading ends, are those of D. Hendrycks and T. Dietterich (2019), Benchmarking neural
network robustness to common corruptions and perturbations, ICLR. The amplitudes are our own, for
ink that is 20 to 23 of 28 pixels long in lines 2.8 pixels wide, and were set by eye: at strength 3
a person still reads what was to be read before.
"""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from hcr.errors import DataError, ParameterError, nearest

# Name to the amplitude of each of the five strengths.
AMPLITUDES: dict[str, tuple[float, ...]] = {
    "shift": (1.0, 2.0, 3.0, 4.0, 5.0),
    "rotation": (7.0, 14.0, 21.0, 28.0, 35.0),
    "scale": (0.1, 0.2, 0.3, 0.4, 0.5),
    "stroke width": (0.5, 1.0, 1.5, 2.0, 2.5),
    "blur": (0.5, 1.0, 1.5, 2.0, 2.5),
    "noise": (0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": (0.2, 0.4, 0.6, 0.75, 0.9),
    "occlusion": (2.0, 4.0, 6.0, 8.0, 10.0),
}
# Name to what its amplitude is, of a picture of 28 x 28 pixels.
UNITS = {
    "shift": "pixels, in any direction",
    "rotation": "degrees, to either side",
    "scale": "share of its size that a character loses",
    "stroke width": "pixels that lines gain, or of which they lose half",
    "blur": "pixels, sigma of a Gaussian",
    "noise": "sigma of Gaussian noise, as a share of the range",
    "contrast": "share of the contrast that is lost",
    "occlusion": "pixels, side of a blank square on the ink",
}
STRENGTHS = (1, 2, 3, 4, 5)


def spoil(pictures: np.ndarray, corruption: str, strength: int, seed: int = 0) -> np.ndarray:
    """The pictures, each spoilt in one way.

    Where, in which direction and with which noise is drawn for each picture by `seed` and by what
    it shows. So it is spoilt the same way wherever it stands, and only more at a higher strength.

    Args:
        pictures: uint8 (n, 28, 28), ink 255 on 0.
        corruption: A key of `AMPLITUDES`.
        strength: 1 to 5.
        seed: Of the draws.

    Returns:
        uint8 (n, 28, 28), ink bright on dark. A picture without ink stays as it is.

    Raises:
        ParameterError: There is no such corruption or strength.
        DataError: The pictures have another form.
    """
    if corruption not in AMPLITUDES:
        raise ParameterError(
            f"There is no corruption {corruption!r}.{nearest(corruption, AMPLITUDES)}"
        )
    if strength not in STRENGTHS:
        raise ParameterError(f"strength must be an integer from 1 to 5. Received: {strength!r}.")
    _check(pictures)
    inked = pictures.any(axis=(1, 2))
    found = pictures.copy()
    if inked.any():
        given = pictures[inked]
        draws = (_generator(each, f"{corruption}, {seed}") for each in given)
        amplitude = AMPLITUDES[corruption][int(strength) - 1]
        values = _SPOILERS[corruption](given.astype(np.float32), amplitude, draws)
        found[inked] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return found


def sample(
    pictures: np.ndarray, labels: np.ndarray, per_class: int = 100, seed: int = 0
) -> np.ndarray:
    """The same few pictures of each class, however the set is ordered and whatever else it holds.

    Those whose digests are the least, so that each picture has its rank for ever.

    Args:
        pictures: uint8 (n, 28, 28).
        labels: Class indices, int (n,).
        per_class: How many of a class; all of it where it has fewer.
        seed: Of the digests.

    Returns:
        Sorted indices, int64.
    """
    _check(pictures)
    labels = np.asarray(labels)
    if labels.shape != (len(pictures),):
        raise DataError(
            f"There must be one label a picture. Received: shape {labels.shape} for "
            f"{len(pictures)} pictures."
        )
    if per_class < 1:
        raise ParameterError(f"per_class must be an integer of at least 1. Received: {per_class}.")
    digests = np.array([_digest(each, f"sample, {seed}") for each in pictures], dtype=np.uint64)
    order = np.lexsort((digests, labels))
    # How many of the same class come before each.
    rank = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    return np.sort(order[rank < per_class]).astype(np.int64)


Spoiler = Callable[[np.ndarray, float, Iterable[np.random.Generator]], np.ndarray]


def _shift(pictures: np.ndarray, pixels: float, draws: Iterable) -> np.ndarray:
    angles = [2 * np.pi * each.random() for each in draws]
    ways = pixels * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return _moved(pictures, np.broadcast_to(np.eye(2), (len(pictures), 2, 2)), ways)


def _rotation(pictures: np.ndarray, degrees: float, draws: Iterable) -> np.ndarray:
    angles = np.deg2rad([degrees * each.choice((-1, 1)) for each in draws])
    sin, cos = np.sin(angles), np.cos(angles)
    turns = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    return _moved(pictures, turns, np.zeros((len(pictures), 2)))


def _scale(pictures: np.ndarray, share: float, draws: Iterable) -> np.ndarray:
    """Each new pixel is a mean of old ones, weighted by a triangle that is as wide as needed."""
    side, left = pictures.shape[1], 1 - share
    middle = (side - 1) / 2
    old = np.arange(-side, 2 * side)
    places = middle + (np.arange(side) - middle) / left
    weights = np.maximum(0, 1 - np.abs(places[:, None] - old) * left)
    weights /= weights.sum(axis=1, keepdims=True)
    inside = weights[:, side : 2 * side].astype(np.float32)
    return inside @ pictures @ inside.T


def _stroke_width(pictures: np.ndarray, pixels: float, draws: Iterable) -> np.ndarray:
    """Grey dilation or erosion, whole and, for parts of a pixel, blended with what it grew from."""
    from scipy import ndimage

    wider = np.array([each.random() < 0.5 for each in draws])
    found = pictures.copy()
    for these, change, left in (
        (wider, ndimage.grey_dilation, pixels / 2),
        (~wider, ndimage.grey_erosion, pixels / 4),
    ):
        part = found[these]
        while left > 0 and len(part):
            # Between a square and a diamond, so that no direction grows more than another.
            square, diamond = change(part, footprint=_SQUARE), change(part, footprint=_DIAMOND)
            part = part + min(left, 1) * ((square + diamond) / 2 - part)
            left -= 1
        found[these] = part
    return found


def _blur(pictures: np.ndarray, sigma: float, draws: Iterable) -> np.ndarray:
    from scipy import ndimage

    return ndimage.gaussian_filter(pictures, (0, sigma, sigma), mode="constant")


def _noise(pictures: np.ndarray, sigma: float, draws: Iterable) -> np.ndarray:
    noise = np.stack([each.standard_normal(pictures.shape[1:], np.float32) for each in draws])
    return pictures + 255 * sigma * noise


def _contrast(pictures: np.ndarray, share: float, draws: Iterable) -> np.ndarray:
    return 127.5 + (1 - share) * (pictures - 127.5)


def _occlusion(pictures: np.ndarray, side: float, draws: Iterable) -> np.ndarray:
    found, half = pictures.copy(), int(side) // 2
    for picture, draw in zip(found, draws, strict=True):
        rows, columns = np.nonzero(picture >= picture.max() / 2)
        chosen = draw.integers(len(rows))
        row, column = max(rows[chosen] - half, 0), max(columns[chosen] - half, 0)
        picture[row : rows[chosen] + half, column : columns[chosen] + half] = 0
    return found


_SPOILERS: dict[str, Spoiler] = {
    "shift": _shift,
    "rotation": _rotation,
    "scale": _scale,
    "stroke width": _stroke_width,
    "blur": _blur,
    "noise": _noise,
    "contrast": _contrast,
    "occlusion": _occlusion,
}
_SQUARE = np.ones((1, 3, 3), dtype=bool)
_DIAMOND = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)


def _moved(pictures: np.ndarray, maps: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Each picture turned about its middle by its map, (2, 2), then moved by (down, right)."""
    from scipy import ndimage

    found = np.empty_like(pictures)
    middle = (pictures.shape[1] - 1) / 2
    for i, picture in enumerate(pictures):
        start = middle - maps[i] @ (middle + ways[i])
        ndimage.affine_transform(picture, maps[i], start, output=found[i], order=3)
    return found


def _generator(picture: np.ndarray, key: str) -> np.random.Generator:
    return np.random.default_rng(_digest(picture, key))


def _digest(picture: np.ndarray, key: str) -> int:
    found = hashlib.blake2b(picture.tobytes(), digest_size=8, key=key.encode())
    return int.from_bytes(found.digest(), "little")


def _check(pictures: np.ndarray) -> None:
    """Raise `DataError` unless `pictures` are uint8 (n, 28, 28): `images` is no lower floor."""
    good = isinstance(pictures, np.ndarray) and pictures.dtype == np.uint8
    if not good or pictures.shape[1:] != (28, 28):
        received = f"{getattr(pictures, 'dtype', type(pictures).__name__)}, "
        received += f"shape {getattr(pictures, 'shape', '?')}"
        raise DataError(
            "Pictures must be a uint8 array of shape (n, 28, 28), ink 255 on 0. "
            f"Received: {received}."
        )

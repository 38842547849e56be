"""Images corrupted in eight ways and five strengths, to measure the robustness of a network.

After MNIST-C, whose fifteen corruptions have one strength (Mu and Gilmer 2019, arXiv:1906.02337);
five are those of Hendrycks and Dietterich (ICLR 2019, arXiv:1903.12261). The amplitudes were set by
eye: at strength 3 a person still recognizes the character.
"""

import hashlib
import tomllib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy import ndimage

# Name to the amplitude of each of the five strengths.
_TABLE = Path(__file__).with_name("corruptions.toml")
CORRUPTIONS: dict[str, list[float]] = tomllib.loads(_TABLE.read_text("utf-8"))


def corrupt(images: np.ndarray, corruption: str, strength: int, seed: int = 0) -> np.ndarray:
    """The images, uint8 (n, 28, 28), each corrupted in one way, a key of `CORRUPTIONS`.

    Direction, place and noise are drawn for each image by `seed` and by what it shows. So it is
    corrupted the same way wherever it stands, and only more at a higher `strength`, 1 to 5.
    """
    inked = images.any(axis=(1, 2))
    corrupted = images.copy()
    if inked.any():
        chosen = images[inked]
        rngs = (np.random.default_rng(_digest(image, f"{corruption}, {seed}")) for image in chosen)
        amplitude = CORRUPTIONS[corruption][int(strength) - 1]
        values = _FUNCTIONS[corruption](chosen.astype(np.float32), amplitude, rngs)
        corrupted[inked] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return corrupted


def sample(
    images: np.ndarray, labels: np.ndarray, per_class: int = 100, seed: int = 0
) -> np.ndarray:
    """The same few images of each class, however the set is ordered: those of smallest digests.

    Returns sorted indices, int64, at most `per_class` of a class.
    """
    labels = np.asarray(labels)
    digests = np.array([_digest(image, f"sample, {seed}") for image in images], dtype=np.uint64)
    order = np.lexsort((digests, labels))
    # How many of the same class come before each.
    rank = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    return np.sort(order[rank < per_class]).astype(np.int64)


def _shift(images: np.ndarray, pixels: float, rngs: Iterable) -> np.ndarray:
    angles = [2 * np.pi * rng.random() for rng in rngs]
    ways = pixels * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return _moved(images, np.broadcast_to(np.eye(2), (len(images), 2, 2)), ways)


def _rotation(images: np.ndarray, degrees: float, rngs: Iterable) -> np.ndarray:
    angles = np.deg2rad([degrees * rng.choice((-1, 1)) for rng in rngs])
    sin, cos = np.sin(angles), np.cos(angles)
    turns = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    return _moved(images, turns, np.zeros((len(images), 2)))


def _scale(images: np.ndarray, share: float, rngs: Iterable) -> np.ndarray:
    """Each new pixel is a mean of old ones, weighted by a triangle that is as wide as needed."""
    side, left = images.shape[1], 1 - share
    middle = (side - 1) / 2
    old = np.arange(-side, 2 * side)
    places = middle + (np.arange(side) - middle) / left
    weights = np.maximum(0, 1 - np.abs(places[:, None] - old) * left)
    weights /= weights.sum(axis=1, keepdims=True)
    inside = weights[:, side : 2 * side].astype(np.float32)
    return inside @ images @ inside.T


def _stroke_width(images: np.ndarray, pixels: float, rngs: Iterable) -> np.ndarray:
    """Gray dilation or erosion, whole and, for parts of a pixel, blended with what it came from."""
    wider = np.array([rng.random() < 0.5 for rng in rngs])
    changed = images.copy()
    for these, change, left in (
        (wider, ndimage.grey_dilation, pixels / 2),
        (~wider, ndimage.grey_erosion, pixels / 4),
    ):
        part = changed[these]
        while left > 0 and len(part):
            # Between a square and a diamond, so that no direction grows more than another.
            square, diamond = change(part, footprint=_SQUARE), change(part, footprint=_DIAMOND)
            part = part + min(left, 1) * ((square + diamond) / 2 - part)
            left -= 1
        changed[these] = part
    return changed


def _noise(images: np.ndarray, sigma: float, rngs: Iterable) -> np.ndarray:
    noise = np.stack([rng.standard_normal(images.shape[1:], np.float32) for rng in rngs])
    return images + 255 * sigma * noise


def _occlusion(images: np.ndarray, side: float, rngs: Iterable) -> np.ndarray:
    corrupted, half = images.copy(), int(side) // 2
    for image, rng in zip(corrupted, rngs, strict=True):
        rows, columns = np.nonzero(image >= image.max() / 2)
        chosen = rng.integers(len(rows))
        row, column = max(rows[chosen] - half, 0), max(columns[chosen] - half, 0)
        image[row : rows[chosen] + half, column : columns[chosen] + half] = 0
    return corrupted


_FUNCTIONS = {
    "shift": _shift,
    "rotation": _rotation,
    "scale": _scale,
    "stroke width": _stroke_width,
    "blur": lambda x, sigma, _: ndimage.gaussian_filter(x, (0, sigma, sigma), mode="constant"),
    "noise": _noise,
    "contrast": lambda images, share, _: 127.5 + (1 - share) * (images - 127.5),
    "occlusion": _occlusion,
}
_SQUARE = np.ones((1, 3, 3), dtype=bool)
_DIAMOND = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)


def _moved(images: np.ndarray, maps: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Each image turned about its middle by its map, (2, 2), then shifted by (down, right)."""
    moved = np.empty_like(images)
    middle = (images.shape[1] - 1) / 2
    for i, image in enumerate(images):
        start = middle - maps[i] @ (middle + ways[i])
        ndimage.affine_transform(image, maps[i], start, output=moved[i], order=3)
    return moved


def _digest(image: np.ndarray, key: str) -> int:
    digest = hashlib.blake2b(image.tobytes(), digest_size=8, key=key.encode())
    return int.from_bytes(digest.digest(), "little")

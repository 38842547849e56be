"""Do the pictures stand upright, with light ink on dark paper? Told from the pictures alone.

Inverted pictures have a bright border. For the rest, some pictures of every character, turned and
mirrored in each of the eight ways that a square allows, are held beside drawings of that character
(`synthesis`): the score of a way is the mean over the characters of the correlation with the
drawing that is most alike. A character that looks nearly the same in two ways, such as `O`, has
nearly the same score in both and so says little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from hcr.errors import DataError, ParameterError
from hcr.preprocessing import check_images, from_strokes, synthesis

# What was done to upright pictures, and what undoes it, in words.
WAYS = {
    "upright": "leaving them as they are",
    "transposed": "swapping rows and columns",
    "mirrored": "mirroring left and right",
    "upside down": "mirroring top and bottom",
    "turned by 180 degrees": "turning them by 180 degrees",
    "turned to the left": "turning them to the right by 90 degrees",
    "turned to the right": "turning them to the left by 90 degrees",
    "transposed along the other diagonal": "transposing them along the other diagonal",
}
_UNDO = {
    "upright": lambda p: p,
    "transposed": lambda p: p.swapaxes(1, 2),
    "mirrored": lambda p: p[:, :, ::-1],
    "upside down": lambda p: p[:, ::-1],
    "turned by 180 degrees": lambda p: p[:, ::-1, ::-1],
    "turned to the left": lambda p: np.rot90(p, -1, axes=(1, 2)),
    "turned to the right": lambda p: np.rot90(p, 1, axes=(1, 2)),
    "transposed along the other diagonal": lambda p: p[:, ::-1, ::-1].swapaxes(1, 2),
}

PICTURES = 20  # of a character, at most, that are looked at
DRAWINGS = 12  # of a character, in all its forms
BRIGHT = 128  # a picture whose border's median is at least this is inverted
SURE = 0.95  # one-sided, Student's t over the characters
SLACK = 0.01  # of a score: what drawings and hands differ by in any case


@dataclass(frozen=True)
class Finding:
    """What the pictures look like, and how that is known.

    Attributes:
        text: For people, in Markdown: what was found, with its figures; a warning opens in bold.
        inverted: Whether ink is dark on light paper in most pictures.
        orientation: A key of `WAYS`: what was done to upright pictures, as far as can be seen.
        scores: For each of the `WAYS`, the mean correlation with drawings after undoing it.
        margin: By how many standard errors, over the characters, the best way leads the next.
        sure: Whether that is enough to go by.
    """

    text: str
    inverted: bool
    orientation: str
    scores: dict[str, float]
    margin: float
    sure: bool

    @property
    def fine(self) -> bool:
        """Whether nothing speaks against the picture contract."""
        return not self.inverted and (self.orientation == "upright" or not self.sure)


def check(
    pictures: np.ndarray,
    labels: np.ndarray,
    characters: Sequence[str],
    seed: int = 0,
    n: int = PICTURES,
    option: str = "upright",
) -> Finding:
    """Find out whether pictures are inverted, transposed, turned or mirrored.

    Args:
        pictures: uint8 (n, 28, 28).
        labels: int (n,), indices into `characters`.
        characters: The character of each label; those that can't be drawn are left out.
        seed: Of the draw of pictures.
        n: At most so many pictures of a character are looked at.
        option: The `orientation` that they were read with, for the remedy.

    Raises:
        DataError: The pictures break the picture contract, or there is none, or not one label each.
    """
    check_images(pictures)
    labels = np.asarray(labels)
    if not len(pictures) or labels.shape != (len(pictures),):
        raise DataError(
            "There must be one label a picture, and a picture. Received: "
            f"{len(pictures)} pictures and labels of shape {labels.shape}."
        )
    chosen = _sample(labels, seed, n)
    sample, labels = np.array(pictures[chosen]), labels[chosen]
    bright = _is_bright(sample)
    sample[bright] = 255 - sample[bright]
    inverted = bool(bright.mean() > 0.5)
    each = _each(sample, labels, characters)
    if not len(each):
        text = "Which way up the pictures stand can't be told: none of the characters can be drawn."
        none = dict.fromkeys(WAYS, 0.0)
        return Finding(
            _said(bright, text, "upright", option), inverted, "upright", none, 0.0, False
        )
    scores = dict(zip(WAYS, each.mean(axis=0).tolist(), strict=True))
    first, second = sorted(WAYS, key=lambda way: -scores[way])[:2]
    margin, sure = _lead(each, first, second)
    # A warning compares with what is there, good news with what comes closest.
    other = second if first == "upright" else "upright"
    ahead = _column(each, first) > _column(each, other)
    figures = (
        f"those of {ahead.sum()} of {len(ahead)} characters look more like drawn ones after "
        f"{WAYS[first]} than after {WAYS[other]} (mean correlation {scores[first]:.2f} against "
        f"{scores[other]:.2f})."
    )
    if not sure:
        text = f"Which way up the pictures stand can't be told for sure: {figures}"
    elif first == "upright":
        text = f"The pictures stand upright: {figures}"
    else:
        text = f"**The pictures look {first}**: {figures}"
    said = _said(bright, text, first if sure else "upright", option)
    return Finding(said, inverted, first, scores, margin, sure)


def _sample(labels: np.ndarray, seed: int, n: int) -> np.ndarray:
    """Sorted indices of at most `n` pictures of each label."""
    rng = np.random.default_rng(seed)
    parts = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([rng.permutation(part)[:n] for part in parts]))


def _is_bright(pictures: np.ndarray) -> np.ndarray:
    """Whether the border's median is bright, bool (n,)."""
    ring = np.ones(pictures.shape[1:], dtype=bool)
    ring[1:-1, 1:-1] = False
    return np.median(pictures[:, ring], axis=1) >= BRIGHT


def _each(pictures: np.ndarray, labels: np.ndarray, characters: Sequence[str]) -> np.ndarray:
    """The score of each of the `WAYS` for each character that can be drawn, (k, 8)."""
    found = []
    for label in np.unique(labels):
        drawings = _drawings(characters[label])
        if drawings is not None:
            own = pictures[labels == label]
            found.append(
                [(_normed(undo(own)) @ drawings.T).max(axis=1).mean() for undo in _UNDO.values()]
            )
    return np.array(found).reshape(-1, len(WAYS))


@cache
def _drawings(character: str) -> np.ndarray | None:
    """Drawings of `character`, `_normed`; None where it can't be drawn."""
    try:
        drawn = [synthesis.character(character, seed, form=None) for seed in range(DRAWINGS)]
    except ParameterError:
        return None
    return _normed(np.array([from_strokes(strokes) for strokes in drawn]))


def _normed(pictures: np.ndarray) -> np.ndarray:
    """Float32 (n, 784), each with mean 0 and length 1, so that products are correlations."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _column(each: np.ndarray, way: str) -> np.ndarray:
    return each[:, list(WAYS).index(way)]


def _lead(each: np.ndarray, first: str, second: str) -> tuple[float, bool]:
    """By how many standard errors `first` leads, and whether that is enough."""
    from scipy.special import stdtrit

    ahead = _column(each, first) - _column(each, second)
    if len(ahead) < 2:
        return 0.0, False
    margin = ahead.mean() / np.sqrt(ahead.var(ddof=1) / len(ahead) + SLACK**2)
    return float(margin), bool(margin > stdtrit(len(ahead) - 1, SURE))


def _said(bright: np.ndarray, text: str, orientation: str, option: str) -> str:
    """`text` with what the borders say before it and the remedy behind."""
    share = float(bright.mean())
    inverted = share > 0.5
    if inverted:
        text = (
            f"**The pictures look inverted**, dark ink on light paper: {100 * share:.0f} % of them "
            f"have a bright border. {text}"
        )
    elif share > 0.01:
        text = (
            f"{100 * share:.0f} % of the pictures have a bright border and may be inverted. {text} "
            "Where those are dark ink on light paper, swap light and dark in their files: "
            "`orientation` holds for all pictures alike."
        )
    parts = set(["transposed"] * (orientation == "transposed") + ["inverted"] * inverted)
    if parts:
        # What was undone already, and what is to be undone as well.
        wanted = parts ^ (set(option.split("-")) - {"upright"})
        name = "-".join(each for each in ("transposed", "inverted") if each in wanted) or "upright"
        text += f" For data of your own, set `orientation` to `{name}`."
    if orientation not in ("upright", "transposed"):
        text += f" Undo it in the files, by {WAYS[orientation]}."
    return text

"""Makes a training split smaller on purpose: in the A–Z file's class shape, or long-tailed.

Everything is by index into the training split and the same for the same seed.
"""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from hcr.datasets.split import SPLIT_SEED
from hcr.errors import ParameterError, nearest
from hcr.preprocessing.labels import DIGITS, LETTERS

# Read as text where parameters are checked, so it stays a literal.
THINNING = {
    "none": "every class as it is",
    "az-letters": "letters thinned to the class shape of the A–Z file",
    "az": "letters thinned so, and digits by the same factor: the shape of MNIST + A–Z, scaled",
}

AZ_COUNTS = {
    "A": 13869, "B": 8668, "C": 23409, "D": 10134, "E": 11440, "F": 1163, "G": 5762,
    "H": 7218, "I": 1120, "J": 8493, "K": 5603, "L": 11586, "M": 12336, "N": 19010,
    "O": 57825, "P": 19341, "Q": 5812, "R": 11566, "S": 48419, "T": 22495, "U": 29008,
    "V": 4182, "W": 10784, "X": 6272, "Y": 10859, "Z": 6076,
}  # fmt: skip
"""Pictures a letter in the A–Z file (`hcr.datasets.az`), 372,450 together, as those count who read
it with pandas, which takes the first picture, an A, for a header."""

MNIST_COUNTS = {
    "0": 5923, "1": 6742, "2": 5958, "3": 6131, "4": 5842,
    "5": 5421, "6": 5918, "7": 6265, "8": 5851, "9": 5949,
}  # fmt: skip
"""Pictures a digit in MNIST's training file, 60,000 together."""


def thin(
    labels: np.ndarray, characters: Sequence[str], shape: str, seed: int
) -> tuple[np.ndarray, float]:
    """Choose training pictures so that the classes stand to each other as in MNIST + A–Z.

    A letter keeps `AZ_COUNTS` times a factor, rounded: the largest factor that every letter has
    pictures for. With `az` a digit keeps `MNIST_COUNTS` times that factor. Characters that are
    neither, such as small letters, stay as they are, and so do the digits with `az-letters`.

    Args:
        labels: int (n,), those of the training split.
        characters: The character of each label; the 26 capitals are among them, for `az` the
            ten digits too.
        shape: A key of `THINNING`.
        seed: Of the draw.

    Returns:
        Indices of the pictures that stay, int64 (m,), sorted, and the factor in (0, 1]; for `none`
        all of them and 1.0.

    Raises:
        ParameterError: The shape is unknown or does not go with the characters.
    """
    check(characters, shape)
    if shape == "none":
        return np.arange(len(labels)), 1.0
    have = np.bincount(labels, minlength=len(characters))
    place = {character: label for label, character in enumerate(characters)}
    wanted = check([each for each in characters if have[place[each]]], shape)
    # In whole numbers, so that the scarcest letter keeps all it has.
    scarcest = min(LETTERS, key=lambda letter: have[place[letter]] / AZ_COUNTS[letter])
    part, whole = int(have[place[scarcest]]), AZ_COUNTS[scarcest]
    if part > whole:  # more than the A–Z file itself has of every letter
        part = whole
    quotas = have.copy()
    for character in wanted:
        full = (AZ_COUNTS | MNIST_COUNTS)[character]
        rounded = (2 * full * part + whole) // (2 * whole)
        quotas[place[character]] = max(1, rounded)
    return _draw(labels, quotas, seed), part / whole


def check(characters: Sequence[str], shape: str) -> str:
    """The characters that `shape` has a count for; all of them must be among `characters`.

    Raises `ParameterError` where one is missing, or the shape is unknown.
    """
    if shape not in THINNING:
        raise ParameterError(
            f"thin must be one of {', '.join(THINNING)}. Received: {shape!r}."
            + nearest(shape, THINNING)
        )
    if shape == "none":
        return ""
    wanted = LETTERS + (DIGITS if shape == "az" else "")
    lacking = [each for each in wanted if each not in characters]
    if lacking:
        raise ParameterError(
            f"thin={shape} goes with a data set that has pictures of each of {wanted}. "
            f"Received: none of {''.join(lacking)}. Use thin=none, or a set of 36 classes."
        )
    return wanted


def scaled(n: int, factor: float) -> int:
    """What `n` pictures a class become in a split that was thinned by `factor`; at least 1."""
    return max(1, round(n * factor))


def long_tailed(labels: np.ndarray, n_classes: int, factor: float, seed: int) -> np.ndarray:
    """Choose training pictures so that class sizes fall exponentially.

    The profile of Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, Class-balanced loss based on
    effective number of samples, CVPR 2019, arXiv:1901.05555: class i of C keeps
    n_max * factor ** (-i / (C - 1)), rounded down, where n_max is the size of the largest class.
    They take the classes of a balanced set in the order of their labels. Here the larger class
    comes first and the label decides between equals, which is the same for a balanced set; a class
    never keeps more than it has, and at least one picture. The ratio of the largest class to the
    smallest is `factor` or a little more: 350 pictures and a factor of 20 leave 17, not 17.5, and
    20.6. It is much more where a class of an unbalanced split is below the profile to begin with.

    Args:
        labels: int (n,), those of the training split.
        n_classes: The number of classes.
        factor: Largest class over smallest, at least 1; 1 keeps every picture.
        seed: Of the draw. With one seed, a larger factor keeps some of what a smaller one keeps.

    Returns:
        Indices of the pictures that stay, int64 (m,), sorted.

    Raises:
        ParameterError: The factor is below 1 or not finite.
    """
    if not (isfinite(factor) and factor >= 1):
        raise ParameterError(
            f"imbalance_factor must be a number of at least 1. Received: {factor}. "
            "1 leaves the training split as it is; 100 is a usual long tail."
        )
    counts = np.bincount(labels, minlength=n_classes)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    if len(order) < 2:
        return np.arange(len(labels))
    quotas = np.zeros_like(counts)
    # The small addition: 4900 * 49 ** -1 is a little less than 100 in floating point.
    profile = counts[order[0]] * factor ** (-np.arange(len(order)) / (len(order) - 1))
    quotas[order] = np.maximum(1, np.floor(profile + 1e-6)).astype(int)
    return _draw(labels, quotas, seed)


def _draw(labels: np.ndarray, quotas: np.ndarray, seed: int) -> np.ndarray:
    """At most `quotas[label]` indices of each label; a class's draw hangs on no other's."""
    chosen = [
        np.random.default_rng([seed, SPLIT_SEED, label]).permutation(
            np.flatnonzero(labels == label)
        )[:quota]
        for label, quota in enumerate(quotas)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)

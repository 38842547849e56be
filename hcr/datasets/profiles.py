"""Makes a training split smaller on purpose: in the A–Z file's class shape, or long-tailed.

Everything is by index into the training split and the same for the same seed.
"""

import tomllib
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from hcr.datasets.split import SPLIT_SEED
from hcr.errors import ParameterError, nearest
from hcr.preprocessing.labels import ALPHANUMERIC, LETTERS

_TABLE = tomllib.loads(Path(__file__).with_name("profiles.toml").read_text("utf-8"))
CLASS_PROFILES = _TABLE["profiles"]  # name to what it does
AZ_COUNTS, MNIST_COUNTS = _TABLE["letters"], _TABLE["digits"]


def apply_profile(
    labels: np.ndarray, characters: Sequence[str], profile: str, seed: int
) -> tuple[np.ndarray, float]:
    """Choose training images so that the classes stand to each other as in MNIST + A–Z.

    A digit or capital keeps its count there times a factor, rounded: the largest factor that every
    letter has images for. All others stay. Returns their indices, int64 (m,), sorted, and the
    factor in (0, 1]. Raises `ParameterError` as `check`.
    """
    counts = np.bincount(labels, minlength=len(characters))
    index = {character: label for label, character in enumerate(characters)}
    check([char for char, label in index.items() if counts[label]], profile)
    # In whole numbers, so that the scarcest letter keeps all it has.
    scarcest = min(LETTERS, key=lambda letter: counts[index[letter]] / AZ_COUNTS[letter])
    whole = AZ_COUNTS[scarcest]
    part = min(int(counts[index[scarcest]]), whole)
    quotas = counts.copy()
    for character, full in (AZ_COUNTS | MNIST_COUNTS).items():
        quotas[index[character]] = max(1, (2 * full * part + whole) // (2 * whole))
    return _draw(labels, quotas, seed), part / whole


def check(characters: Sequence[str], profile: str) -> None:
    """Raise `ParameterError` where `profile` is unknown or lacks one of the `characters`."""
    if profile not in CLASS_PROFILES:
        hint = nearest(profile, CLASS_PROFILES)
        raise ParameterError(f"There is no class_profile {profile!r}.{hint}")
    missing = [each for each in ALPHANUMERIC if each not in characters]
    if missing and profile != "none":
        rule = f"class_profile={profile} must have a dataset with images of all of {ALPHANUMERIC}"
        raise ParameterError(f"{rule}. Received: none of {''.join(missing)}. Take another dataset.")


def long_tailed(labels: np.ndarray, n_classes: int, factor: float, seed: int) -> np.ndarray:
    """Choose training images so that class sizes fall exponentially.

    The profile of Cui et al., Class-balanced loss based on effective number of samples, CVPR 2019,
    arXiv:1901.05555: class i of C, the largest first, keeps n_max * factor ** (-i / (C - 1)),
    rounded down, but never more than it has, and at least one image. With one seed, a larger
    factor keeps some of what a smaller one keeps. Returns indices, int64 (m,), sorted. Raises
    `ParameterError` where `factor` is below 1 or not finite.
    """
    if not (isfinite(factor) and factor >= 1):
        rule = "imbalance_factor must be finite and at least 1"
        raise ParameterError(f"{rule}. Received: {factor}. 1 leaves the training split as it is.")
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
    """At most `quotas[label]` indices of each label; a class's draw depends on no other's."""
    chosen = []
    for label, quota in enumerate(quotas):
        rng = np.random.default_rng([seed, SPLIT_SEED, label])
        chosen.append(rng.permutation(np.flatnonzero(labels == label))[:quota])
    return np.sort(np.concatenate(chosen)).astype(np.int64)

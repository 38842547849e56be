"""A recognizer that is taught by a few labeled images, at once and without training.

The images are kept with the network's features, as the key-value cache of Tip-Adapter (Zhang et al
2022, arXiv:2207.09519): an image speaks for the class of the kept one that it is most like, and
the more, the more alike they are. Classes that the network lacks can be taught, too. The constants
were chosen on UNIPEN's validation contributors; docs/drawings.md has the figures.
"""

from collections.abc import Sequence
from copy import copy

import numpy as np

from hcr.recognizer.recognizer import Recognizer

STRENGTH = 4.0  # nats that an image equal to a kept one gains for its class
FOCUS = 10.0  # how fast that falls with the distance of the features, 1 - cosine
UNSEEN = 0.1  # the probability from which a class begins that the network lacks


class Taught:
    """The network of an adapted recognizer: float32 (n, n_labels) of uint8 (n, 28, 28)."""

    def __init__(self, base: Recognizer, images: np.ndarray, characters: Sequence[str]) -> None:
        self.labels, self._base = tuple(dict.fromkeys([*base.labels, *characters])), base
        self.values = np.array([self.labels.index(each) for each in characters])
        self._keys = self._unit(images)

    def __call__(self, images: np.ndarray, alone: bool = False) -> np.ndarray:
        """The probabilities; `alone` are the kept images, each without itself."""
        p, gains = self._base.predict(images), self._unit(images) @ self._keys.T
        gains = STRENGTH * np.exp(FOCUS * (gains - 1))
        if alone:
            np.fill_diagonal(gains, 0)
        unseen = np.full((len(p), len(self.labels) - p.shape[1]), UNSEEN)
        logits = np.log(np.maximum(np.concatenate([p, unseen], axis=1), 1e-9))
        for value in np.unique(self.values):
            logits[:, value] += gains[:, self.values == value].max(axis=1)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)

    def _unit(self, images: np.ndarray) -> np.ndarray:
        features = self._base.features(images)
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)


def adapt(
    base: Recognizer, images: np.ndarray, characters: Sequence[str]
) -> tuple[Recognizer, int, int]:
    """`base`, taught by uint8 (n, 28, 28) of these n `characters`; new ones join its labels.

    Returns the adapted recognizer, and how many of the n are right before and after, each predicted
    by what the others have taught. Raises `ModelError` where the model has no features.
    """
    taught, other = Taught(base, images, characters), copy(base)
    other._network, other.labels, other.temperature = taught, taught.labels, 1.0
    other._columns = np.arange(len(taught.labels))
    before, after = base.predict(images), taught(images, alone=True)
    right = [int((p.argmax(axis=1) == taught.values).sum()) for p in (before, after)]
    return other, *right

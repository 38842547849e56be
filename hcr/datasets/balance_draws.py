"""Draws pictures class by class, by index."""

from collections.abc import Mapping

import numpy as np


def thrown_away(labels: np.ndarray, wanted: Mapping[int, int], seed: int) -> np.ndarray:
    """Indices of `wanted` pictures of each class, none of them twice; sorted int64 (m,).

    Args:
        labels: int (n,).
        wanted: Class to pictures, at most as many as it has; one entry for each class in `labels`.
        seed: Of the draw.
    """
    if len(wanted) < 2:  # imbalanced-learn refuses a single class.
        return repeated(labels, wanted, seed)
    # Here, because loading scikit-learn takes a second that most plans need not wait.
    from imblearn.under_sampling import RandomUnderSampler

    state = np.random.RandomState(np.random.MT19937(np.random.SeedSequence([seed, 2])))
    sampler = RandomUnderSampler(sampling_strategy=dict(wanted), random_state=state)
    # Only the indices are of use: a column of nothing stands for the pictures.
    sampler.fit_resample(np.zeros((len(labels), 1), np.uint8), labels)
    return np.sort(sampler.sample_indices_).astype(np.int64)


def repeated(labels: np.ndarray, wanted: Mapping[int, int], seed: int) -> np.ndarray:
    """Indices of `wanted` pictures of each class, in whole passes over it; sorted int64 (m,).

    No picture is drawn twice before every one of its class was drawn once. imbalanced-learn's
    `RandomOverSampler` draws the added pictures with replacement, so that of a class that is
    doubled more than a third is never repeated while others come four times: it cannot serve.

    Args:
        labels: int (n,).
        wanted: Class to pictures; one entry for each class in `labels`.
        seed: Of the draw.
    """
    rng = np.random.default_rng([seed, 2])
    chosen = [
        np.resize(rng.permutation(np.flatnonzero(labels == label)), number)
        for label, number in wanted.items()
    ]
    return np.sort(np.concatenate(chosen))

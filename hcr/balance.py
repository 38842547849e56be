"""Plans how the training split is resampled and weighted: indices and weights, never pictures."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hcr import files
from hcr.errors import DataError, ParameterError, nearest

# Name to what it does; read as text where parameters are checked, so it stays a literal.
STRATEGIES = {
    "none": "every training picture once, all of equal weight",
    "undersample": "at most per_class pictures of a class, drawn without repeats",
    "oversample": "classes with fewer than per_class pictures repeat some",
    "cap": "exactly per_class pictures of every class: large ones lose, small ones repeat",
    "class_weight": "every picture once, weighted so that each class counts the same",
}

# Those that draw pictures of a class more often or less often; per_class says how many.
RESAMPLING = ("undersample", "oversample", "cap")


@dataclass(frozen=True)
class Plan:
    """What to train on.

    Attributes:
        indices: int64 (m,), into the training split; a picture may occur several times.
        weights: float32 (m,), at least 0, mean 1.
        strategy: The key in `STRATEGIES` that made it.
        data: The digest of the data set whose training split it was made for.
    """

    indices: np.ndarray
    weights: np.ndarray
    strategy: str
    data: str = ""

    def __len__(self) -> int:
        return len(self.indices)

    def counts(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        """The sum of the weights in each class, float64 (n_classes,): what the loss sees."""
        return np.bincount(labels[self.indices], weights=self.weights, minlength=n_classes)

    def repeats(self, n: int) -> np.ndarray:
        """How often each of the `n` training pictures is drawn, int64 (n,)."""
        return np.bincount(self.indices, minlength=n)

    def save(self, path: Path) -> None:
        """Write the plan as `.npz`, whole or not at all."""
        with files.writing(path) as aside:
            np.savez_compressed(
                aside,
                indices=self.indices,
                weights=self.weights,
                strategy=np.array(self.strategy),
                data=np.array(self.data),
            )


def plan(
    labels: np.ndarray,
    strategy: str = "none",
    *,
    per_class: int | None = None,
    seed: int = 0,
    data: str = "",
) -> Plan:
    """Plan the training on a split with these `labels`.

    Args:
        labels: int (n,), of the training split.
        strategy: A key of `STRATEGIES`.
        per_class: Pictures a class; None takes the smallest class for `undersample`, the largest
            for `oversample` and the median for `cap`.
        seed: Of the draws.
        data: The data set's digest, kept in the plan.

    Raises:
        ParameterError: `strategy` is unknown, or `per_class` is less than 1 or without use.
    """
    if strategy not in STRATEGIES:
        raise ParameterError(f"There is no strategy {strategy!r}.{nearest(strategy, STRATEGIES)}")
    if per_class is not None and per_class < 1:
        raise ParameterError(f"per_class must be an integer of at least 1. Received: {per_class}.")
    if per_class is not None and strategy not in RESAMPLING:
        raise ParameterError(
            f"per_class goes with the strategies {', '.join(RESAMPLING)}. Received: "
            f"per_class={per_class} with {strategy}. Drop it, or choose one of these."
        )
    labels = np.asarray(labels)
    everything = np.arange(len(labels))
    weights = np.ones(len(labels), np.float32)
    if strategy == "none":
        return Plan(everything, weights, strategy, data)
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if strategy == "class_weight":
        weights = (len(labels) / (len(present) * counts))[inverse].astype(np.float32)
        return Plan(everything, weights, strategy, data)

    default = {"undersample": counts.min(), "oversample": counts.max(), "cap": np.median(counts)}
    target = int(default[strategy]) if per_class is None else per_class
    rng = np.random.default_rng([seed, 2])
    chosen = []
    for label, count in zip(present, counts, strict=True):
        members = rng.permutation(np.flatnonzero(labels == label))
        wanted = target
        if strategy == "undersample":
            wanted = min(target, count)
        elif strategy == "oversample":
            wanted = max(target, count)
        # Whole passes over the class first, so that no picture is drawn twice before all were once.
        chosen.append(np.resize(members, wanted))
    indices = np.sort(np.concatenate(chosen))
    return Plan(indices, np.ones(len(indices), np.float32), strategy, data)


def load(path: Path, data: str | None = None) -> Plan:
    """Read a plan that `Plan.save` wrote.

    Raises `DataError` where it isn't one, or where it was made for a data set other than `data`.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {key: saved[key] for key in ("indices", "weights", "strategy", "data")}
    # An `.npy` file gives an array, which is no context: TypeError.
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} must be a balance plan. Received: {error}. Run 02_balance again."
        ) from error
    strategy, made_for = str(arrays["strategy"]), str(arrays["data"])
    found = Plan(arrays["indices"], arrays["weights"], strategy, made_for)
    if found.indices.ndim != 1 or found.indices.shape != found.weights.shape:
        raise DataError(
            f"{path} must hold a weight for each index. Received: shapes {found.indices.shape} "
            f"and {found.weights.shape}. Run 02_balance again."
        )
    if data is not None and found.data != data:
        raise DataError(
            f"{path} must be made for this data set ({data[:12]}). Received: one for "
            f"{found.data[:12]}. Run 02_balance with the same data set, limit and seed."
        )
    return found

"""A plan, and the file that it is kept in."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hcr.datasets.prior import log_shares, prior
from hcr.errors import DataError
from hcr.runs import files


@dataclass(frozen=True)
class Plan:
    """What to train on.

    Attributes:
        indices: int64 (m,), into the training split; a picture may occur several times.
        weights: float32 (m,), at least 0, mean 1.
        strategy: The key in `STRATEGIES` that made it.
        data: The digest of the data set whose training split it was made for.
        tau: The power of the training prior that the trained network's answers are divided by; 0
            where they stay as they are.
    """

    indices: np.ndarray
    weights: np.ndarray
    strategy: str
    data: str = ""
    tau: float = 0.0

    def __len__(self) -> int:
        return len(self.indices)

    def counts(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        """The sum of the weights in each class, float64 (n_classes,): what the loss sees."""
        return np.bincount(labels[self.indices], weights=self.weights, minlength=n_classes)

    def repeats(self, n: int) -> np.ndarray:
        """How often each of the `n` training pictures is drawn, int64 (n,)."""
        return np.bincount(self.indices, minlength=n)

    def shift(self, labels: np.ndarray, n_classes: int) -> np.ndarray | None:
        """What is subtracted from the trained network's logits, float64 (n_classes,), or None."""
        if not self.tau:
            return None
        return log_shares(prior(self.counts(labels, n_classes)), self.tau)

    def save(self, path: Path) -> None:
        """Write the plan as `.npz`, whole or not at all."""
        with files.writing(path) as aside:
            np.savez_compressed(
                aside,
                indices=self.indices,
                weights=self.weights,
                strategy=np.array(self.strategy),
                data=np.array(self.data),
                tau=np.array(self.tau),
            )


def load(path: Path, data: str | None = None) -> Plan:
    """Read a plan that `Plan.save` wrote.

    Raises `DataError` where it isn't one, or where it was made for a data set other than `data`.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {key: saved[key] for key in ("indices", "weights", "strategy", "data", "tau")}
            found = Plan(
                arrays["indices"],
                arrays["weights"],
                str(arrays["strategy"]),
                str(arrays["data"]),
                float(arrays["tau"]),
            )
    # An `.npy` file gives an array, which is no context: TypeError.
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} must be a balance plan. Received: {error}. Run 02_balance again."
        ) from error
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

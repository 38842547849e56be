"""The state of a training on the disk: one sealed folder an epoch, the newest whole one counts."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hcr.errors import RunError
from hcr.runs import files


@dataclass
class Progress:
    """The history, a dict an epoch; the epoch whose weights are kept, and these."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best: list[np.ndarray] | None = None


def save(folder: Path, key: str, progress: Progress, variables: Sequence[np.ndarray]) -> None:
    """Write `epoch-NNNN` in `folder` as a whole, and only then delete the one before.

    `key` is what the training follows from; `variables` are all that it changes. Raises `RunError`
    where the disk is full or cannot be written.
    """
    aside, epoch = folder / ".writing", folder / f"epoch-{len(progress.rows):04d}"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        for name, arrays in (("best", progress.best), ("variables", variables)):
            np.savez(aside / f"{name}.npz", *arrays)
        state = {"key": key, "rows": progress.rows, "best_epoch": progress.best_epoch}
        files.write_sealed(aside / "state.json", state, *aside.iterdir())
        shutil.rmtree(epoch, ignore_errors=True)
        os.replace(aside, epoch)
    except OSError as error:
        raise files.disk_error(error, folder) from error
    for old in sorted(folder.glob("epoch-*"))[:-1]:
        shutil.rmtree(old, ignore_errors=True)


def load(folder: Path, key: str) -> tuple[Progress, list[np.ndarray]] | None:
    """The newest whole checkpoint of `key`, or None; what is damaged, or of another, is deleted."""
    shutil.rmtree(folder / ".writing", ignore_errors=True)
    for path in sorted(folder.glob("epoch-*"), reverse=True):
        try:
            state = files.read_sealed(path / "state.json")
            if state["key"] == key:
                best = _arrays(path / "best.npz", state)
                variables = _arrays(path / "variables.npz", state)
                return Progress(state["rows"], state["best_epoch"], best), variables
        except (RunError, OSError, KeyError) as error:
            print(f"{path.name} of the checkpoints is damaged ({type(error).__name__}): left out")
        shutil.rmtree(path, ignore_errors=True)
    return None


def _arrays(path: Path, state: dict) -> list[np.ndarray]:
    """The arrays in `path`, a file that is as `save` wrote it. Raises `RunError`."""
    if files.sha256(path) != state["sha256"][path.name]:
        raise RunError(f"{path} must be as it was written. Received: a changed file.")
    with np.load(path) as saved:
        return [saved[name] for name in saved.files]

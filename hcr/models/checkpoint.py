"""The state of a training on the disk: one sealed file, which each epoch replaces as a whole."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hcr.runs import files


@dataclass
class Progress:
    """The history, a dict an epoch; the epoch whose weights are kept, and these."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best: list[np.ndarray] | None = None


def save(path: Path, key: str, progress: Progress, variables: Sequence[np.ndarray]) -> None:
    """Write `path`, an `.npz` file, whole or not at all.

    `key` is what the training follows from; `variables` are all that it changes. Raises `RunError`
    where the disk is full or cannot be written.
    """
    arrays = {f"best_{i}": each for i, each in enumerate(progress.best)}
    arrays |= {f"variable_{i}": each for i, each in enumerate(variables)}
    state = {"key": key, "rows": progress.rows, "best_epoch": progress.best_epoch}
    state["seal"] = files.digest(state, *(each.tobytes() for each in arrays.values()))
    with files.writing(path) as aside:
        np.savez(aside, state=json.dumps(state), **arrays)


def load(path: Path, key: str) -> tuple[Progress, list[np.ndarray]] | None:
    """What `save` wrote to `path` under `key`; None where there is nothing, or it was changed."""
    try:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as file, np.load(file) as saved:
            state = json.loads(str(saved["state"]))
            arrays = {name: saved[name] for name in saved.files if name != "state"}
        seal = state.pop("seal")
        if seal != files.digest(state, *(each.tobytes() for each in arrays.values())):
            raise ValueError("a changed file")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        print(f"the checkpoint is damaged ({error}): left out", flush=True)
        return None
    if state["key"] != key:
        return None
    best = [each for name, each in arrays.items() if name.startswith("best")]
    return Progress(state["rows"], state["best_epoch"], best), list(arrays.values())[len(best) :]

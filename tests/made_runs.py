"""Finished runs that were never run: their files, made up, as small as one likes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hcr import evaluation
from hcr.runs import files

CHARACTERS = "0123456789"
MACHINE = {"processor": "AMD EPYC", "cores": 2, "amx": False, "memory_gib": 23.5, "gpu": None}
OTHER = MACHINE | {"processor": "Xeon", "cores": 8}


def labels(n: int = 400, classes: int = 10) -> np.ndarray:
    """The test images' classes, int64 (n,), the first classes more frequent than the last."""
    return np.sort(np.arange(n) * 7 % n * classes // n) ** 2 // classes


def answers(true: np.ndarray, wrong: int, first: int = 0) -> np.ndarray:
    """Predictions for images of the classes `true`: `wrong` of them are wrong, from `first` on."""
    read = true.copy()
    at = (first + np.arange(wrong) * 3) % len(true)
    read[at] = (true[at] + 1) % (true.max() + 1)
    return read


def make(
    folder: Path,
    *,
    wrong: int = 20,
    first: int = 0,
    validation: float = 0.9,
    seed: int = 0,
    model: str = "hcr_small",
    epochs: int = 3,
    seconds: float = 30.0,
    size: int = 80_000,
    latency: float = 0.5,
    true: np.ndarray | None = None,
    **record: Any,
) -> Path:
    """Write a finished run into `folder`, whose name is the run's.

    `wrong` test images are predicted wrong, each third from `first` on. `record` changes run.json;
    of it `test_digest`, `openings` (how many), `data` and `given` (of 03_train) are taken apart.
    """
    true = labels() if true is None else true
    read = answers(true, wrong, first)
    digest = record.pop("test_digest", "d1" * 32)
    data = {
        "name": "mnist-sample", "title": "5,000 digits", "caveat": "", "digest": "aa" * 32,
        "validation_digest": "bb" * 32, "classes": 10, "characters": CHARACTERS,
        "counts": {"train": 3500, "validation": 500, "test": len(true)},
        "licence": "BSD", "citation": "LeCun et al. 1998", "url": "https://example.org/",
    } | record.pop("data", {})  # fmt: skip
    opening = {"stage": "04_evaluate", "dataset": data["name"], "n": len(true), "when": "2026"}
    opening |= {"digest": digest} if digest else {}
    given = {"dataset": data["name"], "limit": None, "seed": seed}
    stages = {
        "01_eda": given | {"map_points": seed + 500},
        "02_balance": given | {"strategy": "none", "study": False, "study_seeds": seed + 3},
        "03_train": given
        | {"model": model, "epochs": epochs, "learning_rate": 0.002}
        | record.pop("given", {}),
        "04_evaluate": given,
        "05_draw": {"reader": "run", "seed": seed},
    }
    entry = {"status": "done", "headline": [], "figures": [{"file": "figures/a.svg"}]}
    entry |= {"fingerprint": {"notebook": "ff" * 32}, "html": "x.html", "seconds": 3.0}
    whole = {
        "schema": 1, "run": folder.name, "status": "done", "command": "uv run run_all.py",
        "params_file": "params/quick.yaml", "seed": seed, "seconds": seconds + 9,
        "started": "2026-01-02T03:00:00+00:00", "finished": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789" * 4, "dirty": False, "versions": {"python": "3.11.7"},
        "hardware": MACHINE | {"system": "Linux-6.1.0-custom-x86_64-with-glibc2.36"},
        "stages": {name: entry | {"parameters": each} for name, each in stages.items()},
        "data": data, "test_openings": [opening] * record.pop("openings", 1),
    } | record  # fmt: skip
    n, right = len(true), int((true == read).sum())
    ends = evaluation.wilson(right, n)
    balanced = evaluation.balanced_accuracy_interval(true, read, 0)
    evaluated = {
        "accuracy": right / n, "accuracy_low": ends[0], "accuracy_high": ends[1], "n": n,
        "balanced_accuracy": evaluation.balanced_accuracy(true, read),
        "balanced_accuracy_low": balanced[0], "balanced_accuracy_high": balanced[1],
    }  # fmt: skip
    trained = {
        "best_epoch": epochs, "val_accuracy": validation, "val_balanced_accuracy": validation,
        "val_balanced_accuracy_low": validation - 0.02,
        "val_balanced_accuracy_high": validation + 0.02,
        "parameters": size, "multiply_adds": 80 * size, "training_seconds": seconds,
    }  # fmt: skip
    drawn = {"synthetic_right": 8, "read_strokes_ms": latency}
    found = {"03_train": trained, "04_evaluate": evaluated, "05_draw": drawn}
    files.write_json(folder / "run.json", whole)
    files.write_json(folder / "metrics.json", found)
    steps = np.arange(1, epochs + 1)
    history = pd.DataFrame({"epoch": steps, "loss": 1 / steps, "accuracy": 1 - 0.3 / steps})
    history["val_balanced_accuracy"] = validation - 0.1 * (1 - steps / epochs)
    files.write_text(folder / "history.csv", history.to_csv(index=False))
    arrays = {"predicted": read.astype(np.int16), "labels": true.astype(np.int16)}
    np.savez_compressed(folder / "predictions.npz", **arrays)
    return folder

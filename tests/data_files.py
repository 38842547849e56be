"""Splits of made-up pictures, and a family of data sets for tests that need no file."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from hcr import datasets
from hcr.datasets import Info, Options, Split

NAME = "made-up"


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """n pictures of noise, all of them different."""
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def made(n: int, seed: int = 0, classes: int = 10) -> Split:
    """A split of n pictures of noise, its labels in turn."""
    return Split(pictures(n, seed), np.arange(n, dtype=np.int64) % classes)


def splits() -> tuple[Split, Split, Split]:
    """Three splits that share no picture."""
    return made(200, 1), made(60, 2), made(50, 3)


def family(monkeypatch, source: Path, read=splits, cached: bool = True, caveat: str = "") -> list:
    """Make `datasets.load("made-up")` give what `read` gives; returns the list of its calls."""
    calls: list[str] = []
    module = ModuleType("made_up_family")

    def counted(name: str, options: Options):
        calls.append(name)
        return read()

    module.CACHED = cached
    module.read = counted
    module.sources = lambda name, options: [source]
    module.info = lambda name, options: Info(
        "Made up", tuple("0123456789"), "none", "nobody", "https://example.org", caveat
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(datasets.DATASETS, NAME, module.__name__)
    return calls

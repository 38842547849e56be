"""Handwritten character recognition: a workbench of notebooks and the code that they share.

`load_dataset`, `Recognizer`, `Pad`, `train`, `evaluate` and `compare` are loaded when first used.
"""

import sys
from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "load_dataset": ("hcr.datasets", "load"),
    "Recognizer": ("hcr.recognizer", "Recognizer"),
    "Pad": ("hcr.pad", "Pad"),
    "train": ("hcr.models", "train"),
    "evaluate": ("hcr.evaluation", "evaluate"),
    "compare": ("hcr.evaluation", "compare"),
}
__all__ = list(_PUBLIC)

# Commands of the first release.
_MOVED = {
    "hcr.service": "python -m hcr serve",
    "hcr.drawings": "python -m hcr drawings",
    "hcr.publishing": "uv run benchmarks/publish.py",
}
if len(sys.orig_argv) > 2 and sys.orig_argv[-len(sys.argv) - 1 : -len(sys.argv)] == ["-m"]:
    _command = _MOVED.get(sys.orig_argv[-len(sys.argv)])
    if _command:
        print(f"The command is now: {_command}", file=sys.stderr)
        sys.exit(2)


def __getattr__(name: str):
    """One of the public names, from the subpackage that it lies in."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)

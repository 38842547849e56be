"""Handwritten character recognition: a workbench of notebooks and the code that they share.

`load_dataset`, `Recognizer`, `Pad`, `train`, `evaluate` and `compare` are loaded when first used.
"""

import sys
from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "load_dataset": "datasets:load",
    "Recognizer": "recognizer:Recognizer",
    "Pad": "pad:Pad",
    "train": "models:train",
    "evaluate": "evaluation:evaluate",
    "compare": "evaluation:compare",
}
__all__ = list(_PUBLIC)

# Commands of the first release.
_MOVED = {
    "hcr.service": "python -m hcr serve",
    "hcr.drawings": "python -m hcr drawings",
    "hcr.publishing": "uv run benchmarks/publish.py",
}
_words = sys.orig_argv[-len(sys.argv) - 1 :]
if _words[:1] == ["-m"] and (_command := _MOVED.get(_words[1])):
    print(f"The command is now: {_command}", file=sys.stderr)
    sys.exit(2)


def lazy(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: each name's place, `module:name`, is imported when first used."""

    def load(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return resolve_name(f"{package}.{places[name]}")

    return load


__getattr__ = lazy(__name__, _PUBLIC)

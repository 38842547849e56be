"""Networks and their training: the only subpackage with Keras, which is loaded when it is needed.

`build` a network by its name in `MODELS`, `train` it by a `Recipe`, `export` it as Keras and LiteRT
files. Every network maps uint8 (n, 28, 28) to probabilities, float32 (n, classes).
"""

import tomllib
from pathlib import Path

from hcr import lazy

# The keys are the functions' names in architectures.py.
MODELS = tomllib.loads(Path(__file__).with_name("architectures.toml").read_text("utf-8"))

_MODULES = {
    "architectures": "build builder classifier image_input multiply_adds patch_below summary",
    "augment": "augmentation vary",
    "backend": "precision predict",
    "convert": "copy_weights export load save",
    "objective": "loss optimizer",
    "recipe": "Recipe",
    "training": "TrainingResult code_digest edited progress train validate",
}
_PLACES = {name: f"{module}:{name}" for module, names in _MODULES.items() for name in names.split()}
__all__ = ["MODELS", *_PLACES]
__getattr__ = lazy(__name__, _PLACES)

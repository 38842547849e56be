"""What the weights of a training depend on, as one digest."""

import hashlib
import inspect
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from hcr import models
from hcr.datasets import Split
from hcr.datasets.balancing import Plan
from hcr.models import start
from hcr.recognizer import keras_files
from hcr.runs import files

if TYPE_CHECKING:
    from hcr.models.training import Recipe


def key(recipe: "Recipe", train: Split, validation: Split, plan: Plan) -> str:
    """A digest of recipe, data and plan, and of the code of the networks and of this room.

    Of the networks that training begins from and learns from, the content counts, not the place.
    """
    others = {name: getattr(recipe, name) for name in ("start", "teacher")}
    others = {
        name: what and [files.sha256(path) for path in keras_files(what)]
        for name, what in others.items()
    }
    return files.digest(
        asdict(recipe) | others,
        train.digest,
        validation.digest,
        plan.indices.tobytes(),
        plan.weights.tobytes(),
        plan.tau,
        code_digest(recipe.model),
    )


def code_digest(model: str) -> str:
    """A digest of the code that trains the network `model`, and of the versions below it."""
    folders = (Path(__file__).parent,)
    sources = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    # A network of one's own lies elsewhere.
    sources.append(Path(inspect.getfile(inspect.unwrap(models.builder(model)))))
    code = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sources]
    return files.digest(code, [keras.__version__, start.BACKEND, np.__version__])

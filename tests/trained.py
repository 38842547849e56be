"""One small network, trained and exported once for all tests that look at it."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hcr import datasets
from hcr.datasets import balancing
from hcr.runs import files

if TYPE_CHECKING:
    from hcr.models import training

EPOCHS = 3


@cache
def data() -> datasets.Dataset:
    """400 digits to train on, 100 to choose on."""
    found = datasets.load("mnist-sample", limit=400)
    found.validation = found.validation.take(
        datasets.split.stratified_sample(found.validation.labels, 100, 0, 10)
    )
    return found


def recipe(**changed) -> "training.Recipe":
    """How the network of `run` was trained, but for what is `changed`."""
    from hcr.models import training

    usual = {"model": "hcr_small", "epochs": EPOCHS, "batch_size": 64, "learning_rate": 2e-3}
    return training.Recipe(**{**usual, "augmentation": "affine", "seed": 0, **changed})


def fit(folder: Path, plan: balancing.Plan | None = None, **changed) -> "training.Fitted":
    """Train on `data` with checkpoints in `folder`."""
    from hcr.models import training

    found = data()
    plan = plan or balancing.plan(found.train.labels)
    return training.fit(recipe(**changed), found.train, found.validation, plan, 10, folder)


@cache
def run() -> tuple[Path, "training.Fitted"]:
    """A run's folder: checkpoints, model.keras, model.tflite, labels.json. Don't change it."""
    from hcr.models import training

    folder = Path(tempfile.mkdtemp(prefix="hcr-trained-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fitted = fit(folder / "checkpoints")
    pictures = data().validation.images
    training.export(fitted, folder / "model.keras", folder / "model.tflite", pictures)
    files.write_json(folder / "labels.json", {"characters": list(data().characters)})
    return folder, fitted

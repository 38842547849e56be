"""One small network, trained and exported once for all tests that look at it."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hcr import datasets
from hcr.datasets import balancing, split
from hcr.runs import files

if TYPE_CHECKING:
    import keras

    from hcr import models

EPOCHS = 3


@cache
def data() -> datasets.Dataset:
    """400 digits to train on, 100 to choose on."""
    dataset = datasets.load("mnist-sample", limit=400)
    chosen = split.stratified_sample(dataset.validation.labels, 100, 0, 10)
    dataset.validation = dataset.validation.take(chosen)
    return dataset


def recipe(**changed) -> "models.Recipe":
    """The recipe of `run`, but for what is `changed`."""
    from hcr import models

    return models.Recipe(**{"epochs": EPOCHS, **changed})


def train(
    folder: Path | None = None, plan: balancing.Plan | None = None, net=None, **changed
) -> "models.TrainingResult":
    """Train on `data` with checkpoints in `folder`."""
    from hcr import models

    return models.train(data(), recipe(**changed), plan, net=net, folder=folder)


def same_weights(first: "keras.Model", second: "keras.Model") -> bool:
    return all(map(np.array_equal, first.get_weights(), second.get_weights()))


@cache
def run() -> "tuple[Path, models.TrainingResult]":
    """A run's folder: checkpoints, model.keras, model.tflite, labels.json. Don't change it."""
    from hcr import models

    folder = Path(tempfile.mkdtemp(prefix="hcr-trained-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    result = train(folder / "checkpoints")
    images = data().validation.images
    models.export(result.net, folder / "model.keras", folder / "model.tflite", images)
    files.write_json(folder / "labels.json", {"characters": list(data().characters)})
    return folder, result

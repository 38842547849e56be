"""A trained network as two files that say the same: Keras' own, and LiteRT."""

from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from hcr.errors import ModelError, RunError
from hcr.models.network import predict
from hcr.models.start import silenced
from hcr.recognizer import Recognizer
from hcr.runs import files

if TYPE_CHECKING:
    from hcr.models.training import Fitted


def export(fitted: "Fitted", keras_file: Path, litert_file: Path, sample: np.ndarray) -> float:
    """Write the network as `.keras` and as LiteRT, and check that both say the same.

    Files that this very training wrote before are kept as they are.

    Args:
        fitted: What `fit` returned.
        keras_file: Where the Keras model goes, without the optimizer's state.
        litert_file: Where the LiteRT model goes.
        sample: uint8 (n, 28, 28), to compare the two on.

    Returns:
        The largest difference between two probabilities.

    Raises:
        ModelError: The two differ by more than 1e-3 somewhere.
    """
    note = fitted.folder / "exported.json"
    state = {"weights": _weights_digest(fitted.model)}
    if not _exported(note, state, keras_file, litert_file):
        with files.writing(keras_file) as aside:
            fitted.model.save(aside, include_optimizer=False)
        with files.writing(litert_file) as aside, silenced():
            # Keras 3.13 takes no Path here.
            fitted.model.export(str(aside), format="litert", verbose=False)
        written = {path.name: files.sha256(path) for path in (keras_file, litert_file)}
        files.write_json(note, {**state, **written})
    recognizer = Recognizer(litert_file, map(str, range(fitted.model.output_shape[1])))
    difference = float(np.abs(predict(fitted.model, sample) - recognizer.predict(sample)).max())
    if not difference <= 1e-3:
        raise ModelError(
            "The LiteRT file must give the Keras model's probabilities within 0.001. "
            f"Received: a difference of {difference:.4f}. Report this network; use model.keras."
        )
    return difference


def export_small(net: keras.Model, litert_file: Path) -> None:
    """Write `net` as LiteRT with weights of 8 bits: a quarter of the bytes, and faster.

    The numbers between layers keep 32 bits, and each kernel is quantized by channel ("dynamic
    range"). What that costs must be measured on validation.
    """
    import tensorflow as tf

    with files.writing(litert_file) as aside, silenced():
        how = {"optimizations": [tf.lite.Optimize.DEFAULT]}
        net.export(str(aside), format="litert", verbose=False, **how)


def _weights_digest(model: keras.Model) -> str:
    return files.digest([model.name], *(weight.tobytes() for weight in model.get_weights()))


def _exported(note: Path, state: dict[str, str], *paths: Path) -> bool:
    """Whether `paths` are still the files that were written for `state`."""
    if not note.is_file() or not all(path.is_file() for path in paths):
        return False
    try:
        written = files.read_json(note)
    except RunError:
        return False
    return written == {**state, **{path.name: files.sha256(path) for path in paths}}

"""A `.keras` file as LiteRT: `python -m hcr.training.convert SOURCE.keras TARGET.tflite`.

`hcr.recognizer` runs this in a process of its own. An error that a user can mend is the last line
of the output, with the exit code that `hcr.recognizer.conversion.TOLD` names.
"""

import sys
from pathlib import Path

from hcr.training import start  # isort: split

import keras
import numpy as np

from hcr import files, models, quiet
from hcr.errors import HcrError, ModelError
from hcr.recognizer import Recognizer
from hcr.recognizer.conversion import TOLD
from hcr.training.network import predict

MOST_DIFFERENT = 1e-3


def convert(source: Path, target: Path) -> None:
    """Write the Keras model in `source` to `target` as LiteRT, and check that both say the same.

    Only what Keras' safe mode allows is loaded: no code comes out of a file. Raises `ModelError`
    where it is no such model, does not keep the picture contract, or the two differ.
    """
    net = load(source)
    ends = [(each.dtype, tuple(each.shape)) for each in (*net.inputs, *net.outputs)]
    n_classes = ends[-1][1][-1] if ends[-1][1] else None
    if n_classes is None or ends != [("uint8", (None, 28, 28)), ("float32", (None, n_classes))]:
        found = " to ".join(f"{dtype} {shape}" for dtype, shape in ends)
        raise ModelError(
            f"{source} must take pictures, uint8 (n, 28, 28), and give probabilities, float32 "
            f"(n, classes). Received: {_line(found)}. Make scaling to [0, 1] a layer of the model."
        )
    with files.writing(target) as aside, start.silenced(), quiet.native_stderr():
        # Keras 3.13 takes no Path here.
        net.export(str(aside), format="litert", verbose=False)
    pictures = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    pictures[0] = 0
    answers = Recognizer.from_file(target, map(str, range(n_classes))).predict(pictures)
    difference = float(np.abs(predict(net, pictures) - answers).max())
    if not difference <= MOST_DIFFERENT:
        raise ModelError(
            f"The LiteRT file must give the probabilities of {source} within {MOST_DIFFERENT:g}. "
            f"Received: a difference of {difference:.4f}. Report this network."
        )


def load(source: Path) -> keras.Model:
    """The Keras model in `source`, by safe mode. Raises `ModelError` where there is none."""
    for name in models.MODELS:
        models.builder(name)  # Layers of our own are known once their module is imported.
    try:
        with start.silenced(), quiet.native_stderr():
            net = keras.saving.load_model(source, compile=False, safe_mode=True)
    # A stranger's file may break at any place of Keras or h5py, with any exception.
    except Exception as error:
        raise ModelError(
            f"{source} must be a whole Keras model that safe mode can load. "
            f"Received: {_line(error)}. Save it again, from layers of Keras alone."
        ) from error
    if not isinstance(net, keras.Model) or not net.built or not hasattr(net, "inputs"):
        raise ModelError(
            f"{source} must be a Keras model that knows its input. Received: "
            f"{type(net).__name__}. Begin it with keras.Input."
        )
    return net


def _line(value: object) -> str:
    return " ".join(str(value).split())[:250].rstrip(".") or type(value).__name__


def main(arguments: list[str]) -> int:
    """Convert; the exit code."""
    try:
        convert(*map(Path, arguments))
    except HcrError as error:
        print(error, flush=True)
        return TOLD
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

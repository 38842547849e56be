"""A Keras file as LiteRT: `python -m hcr.models.convert SOURCE TARGET.tflite [SCALING]`.

The source is a `.keras` file, or an `.h5` file of Keras 2; the scaling, as
`Recognizer.load` takes it, is for models that do not keep the picture contract.
`hcr.recognizer.keras2` runs this in a process of its own, which it limits.
"""

import sys
from pathlib import Path

from hcr.models import start  # isort: split

import keras
import numpy as np

from hcr import models
from hcr.errors import ModelError
from hcr.models.network import predict
from hcr.recognizer import Recognizer, keras2
from hcr.recognizer.sources import SHAPES, Scaling, parse_scaling
from hcr.runs import environment, files

MOST_DIFFERENT = 1e-3
LEGACY = (".h5", ".hdf5")


def convert(source: Path, target: Path, scaling: Scaling | None = None) -> None:
    """Write the Keras model in `source` to `target` as LiteRT, and check that both say the same.

    Only what Keras' safe mode allows is loaded: no code comes out of a file. Raises `ModelError`
    where it is no such model, does not keep the picture contract, or the two differ.

    Args:
        source: A `.keras` file, or an `.h5` file of Keras 2.
        target: The LiteRT file.
        scaling: How the model wants its pictures, where that is another way than the contract's.
            It becomes the first layers of what is written; where the model ends in logits, a
            softmax becomes the last.
    """
    net = load(source)
    if scaling is not None:
        net = adapted(source, net, scaling)
    ends = _ends(net)
    n_classes = ends[-1][1][-1] if ends[-1][1] else None
    if n_classes is None or ends != [("uint8", (None, 28, 28)), ("float32", (None, n_classes))]:
        raise ModelError(
            f"{source} must take pictures, uint8 (n, 28, 28), and give probabilities, float32 "
            f"(n, classes). Received: {_told(ends)}. Make scaling to [0, 1] a layer of the model, "
            "or say how it was trained, as scaling='0..1'."
        )
    with files.writing(target) as aside, start.silenced(), environment.quiet_stderr():
        # Keras 3.13 takes no Path here.
        net.export(str(aside), format="litert", verbose=False)
    pictures = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    pictures[0] = 0
    answers = Recognizer(target, map(str, range(n_classes))).predict(pictures)
    difference = float(np.abs(predict(net, pictures) - answers).max())
    if not difference <= MOST_DIFFERENT:
        raise ModelError(
            f"The LiteRT file must give the probabilities of {source} within {MOST_DIFFERENT:g}. "
            f"Received: a difference of {difference:.4f}. Report this network."
        )


def load(source: Path) -> keras.Model:
    """The Keras model in `source`, by safe mode. Raises `ModelError` where there is none.

    A model in an `.h5` file is built anew, layer by layer.
    """
    if source.suffix in LEGACY:
        return rebuilt(source)
    keras2.check_archive(source)
    for name in models.MODELS:
        models.builder(name)  # Layers of our own are known once their module is imported.
    try:
        with start.silenced(), environment.quiet_stderr():
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


def rebuilt(source: Path) -> keras.Model:
    """The model of Keras 2 in the `.h5` file `source`, from layers of this Keras.

    Raises `ModelError` where it is none, or its parts do not go together.
    """
    plan = keras2.read(source)
    try:
        entry = keras.Input(plan.shape)
        tensors = {plan.entry: entry}
        for layer in plan.layers:
            made = getattr(keras.layers, layer.kind)(**layer.options)
            given = [tensors[name] for name in layer.sources]
            tensors[layer.name] = made(given if len(given) > 1 else given[0])
            _fill(made, layer)
        return keras.Model(entry, tensors[plan.end])
    # Keras checks what it is given in many places, each with its own exception.
    except Exception as error:
        raise ModelError(
            f"{source} must hold layers and weights that go together. Received: {_line(error)}. "
            "Save the model again."
        ) from error


def _fill(made: keras.layers.Layer, layer: keras2.Layer) -> None:
    """Give a layer its weights: by their names, or in their order where Keras has renamed some."""
    names = [each.name for each in made.weights]
    values = list(layer.weights.values())
    if set(names) == set(layer.weights):
        values = [layer.weights[name] for name in names]
    if [each.shape for each in values] != [tuple(each.shape) for each in made.weights]:
        raise ValueError(
            f"weights of the shapes {[each.shape for each in values]} for {layer.name!r}, which "
            f"has {[tuple(each.shape) for each in made.weights]}"
        )
    made.set_weights(values)


def adapted(source: Path, net: keras.Model, scaling: Scaling) -> keras.Model:
    """`net` behind layers that scale contract pictures, and before a softmax where it gives logits.

    Raises `ModelError` where it has other than one input of `SHAPES` and one output of classes.
    """
    ends = _ends(net)
    good = len(ends) == 2 and ends[0][1][1:] in SHAPES and ends[0][1][0] is None
    if not good or len(ends[1][1]) != 2:
        raise ModelError(
            f"{source} must take (n, 28, 28), (n, 28, 28, 1) or (n, 784), and give (n, classes). "
            f"Received: {_told(ends)}. Models of other sizes are not read."
        )
    pictures = keras.Input((28, 28), dtype="uint8", name="pictures")
    values = keras.layers.Rescaling(scaling.factor, scaling.paper)(pictures)
    if scaling.transposed:
        values = keras.layers.Permute((2, 1))(values)
    answers = net(keras.layers.Reshape(ends[0][1][1:])(values))
    if getattr(net.layers[-1], "activation", None) is keras.activations.linear:
        answers = keras.layers.Softmax()(answers)
    return keras.Model(pictures, answers)


def _ends(net: keras.Model) -> list[tuple[str, tuple]]:
    """Type and shape of the inputs and of the outputs."""
    return [(each.dtype, tuple(each.shape)) for each in (*net.inputs, *net.outputs)]


def _told(ends: list[tuple[str, tuple]]) -> str:
    return _line(" to ".join(f"{dtype} {shape}" for dtype, shape in ends))


def _line(value: object) -> str:
    return " ".join(str(value).split())[:250].rstrip(".") or type(value).__name__


def main(source: str, target: str, scaling: str | None = None) -> None:
    """Convert."""
    convert(Path(source), Path(target), parse_scaling(scaling))


if __name__ == "__main__":
    main(*sys.argv[1:])

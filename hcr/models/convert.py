"""Keras models from files, and Keras models as LiteRT.

    python -m hcr.models.convert SOURCE TARGET.tflite

SOURCE is a `.keras` file, or an `.h5` file of Keras 2. `hcr.recognizer` runs this in a process of
its own, whose memory and time it limits.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from hcr.datasets import Dataset, leaks
from hcr.errors import HcrError, ModelError, ParameterError
from hcr.evaluation import validation_drawings
from hcr.models import backend
from hcr.models.backend import keras, predict
from hcr.models.recipe import Recipe
from hcr.preprocessing import Framing, ink
from hcr.recognizer import familiar, keras2, keras_files, named
from hcr.recognizer.network import Network
from hcr.recognizer.sources import Scaling, kind_of
from hcr.runs import Run, environment, files

MOST_DIFFERENT = 1e-3  # in a probability, between Keras and LiteRT
SAME = 1e-4  # in a probability, between two networks that are to be the same


def export(net: keras.Model, keras_file: Path, litert_file: Path, images: np.ndarray) -> float:
    """Write `net` as `.keras`, without the optimizer's state, and as LiteRT.

    Returns the largest difference between two probabilities of `images`, uint8 (n, 28, 28).

    Raises `ModelError` where they differ by more than `MOST_DIFFERENT`.
    """
    with files.writing(keras_file) as aside:
        net.save(aside, include_optimizer=False)
    return _write_litert(net, litert_file, images)


def save(run: Run, net: keras.Model, data: Dataset, recipe: Recipe, **facts) -> pd.DataFrame:
    """Write a run's trained network, `labels.json` with `facts`, `learned.npz` and `familiar.npz`.

    Returns file, kB, and difference: the largest in a probability of a validation image.
    """
    keras_file, litert_file = run.path("model.keras"), run.path("model.tflite")
    difference = export(net, keras_file, litert_file, data.validation.images[:1000])
    facts = {"characters": list(data.characters), **facts, "data": data.digest}
    facts["framing"] = vars(ink.measure_framing(data.train.images))
    facts |= {"start": recipe.start} if recipe.start else {}
    files.write_sealed(run.path("labels.json"), facts, keras_file, litert_file)
    known = {"images": data.validation.images}
    if drawn := validation_drawings(run, data.characters, Framing(**facts["framing"])):
        known["drawings"] = drawn[0]
    familiar.write(litert_file, data.train.images, data.train.labels, known)
    parents = keras_files(recipe.start) + keras_files(recipe.teacher)
    leaks.write_learned(run.folder, data, [path.parent for path in parents])
    sizes = [path.stat().st_size / 1000 for path in (keras_file, litert_file)]
    names = [keras_file.name, litert_file.name]
    return pd.DataFrame({"file": names, "kB": sizes, "difference": [np.nan, difference]})


def convert(source: Path, target: Path) -> None:
    """Write the Keras model in `source` to `target` as LiteRT, and check that both agree.

    Only what Keras' safe mode allows is loaded: no code comes out of a file. Batches become free,
    recurrent layers are unrolled. Raises `ModelError` where it is no model, or the two differ.
    """
    net = load(source)
    if any(len(getattr(net, side, None) or ()) != 1 for side in ("inputs", "outputs")):
        rule = f"{source} must have one input of a known shape and one output"
        raise ModelError(f"{rule}. Received: {_line(backend.signature(net))}. Use keras.Input.")
    for layer in net._flatten_layers():
        if getattr(layer, "unroll", None) is False:
            layer.unroll = True
    entry = keras.Input(net.inputs[0].shape[1:], dtype=net.inputs[0].dtype)
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    images[0] = 0
    scaling = Scaling(0, 1) if "float" in str(entry.dtype) else None
    _write_litert(keras.Model(entry, net(entry)), target, images, scaling, source)


def load(source: Path) -> keras.Model:
    """The Keras model in `source`, loaded in safe mode, or rebuilt where it is of Keras 2.

    Raises `ModelError` where there is none.
    """
    try:
        if kind_of(source) == "h5" or keras2.check_archive(source) < 3:
            return _rebuilt(keras2.read(source))
        with environment.quiet_stderr(), tempfile.TemporaryDirectory() as folder:
            # Keras reads no other suffix.
            path = Path(shutil.copy(source, Path(folder) / "model.keras"))
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except HcrError:
        raise
    # A stranger's file may break at any place of Keras or h5py, with any exception.
    except Exception as error:
        raise ModelError(
            f"{source} must be a whole Keras model that safe mode can load. Received: "
            f"{_line(error)[:160]}. {keras2.TRUSTED.format(str(source))}"
        ) from error


def _rebuilt(plan: keras2.Plan) -> keras.Model:
    """The model of Keras 2 that `plan` describes, from layers of this Keras."""
    tensors = [keras.Input(plan.shape)]
    for layer in plan.layers:
        fresh = getattr(keras.layers, layer.kind)(**layer.options)
        inputs = [tensors[i] for i in layer.sources]
        tensors.append(fresh(inputs if len(inputs) > 1 else inputs[0]))
        # By their names, or in their order where Keras has renamed some.
        names = [each.name for each in fresh.weights]
        by_name = set(names) == set(layer.weights)
        fresh.set_weights([layer.weights[name] for name in (names if by_name else layer.weights)])
    return keras.Model(tensors[0], tensors[plan.end])


def copied(net: keras.Model, policy: str = "float32", dropout: float | None = None) -> keras.Model:
    """A copy of `net` under a dtype policy, but for softmaxes and the last layer.

    `dropout` is the new rate of its dropout layers. Raises `ParameterError` where it has none.
    """
    drops = [layer for layer in net.layers if isinstance(layer, keras.layers.Dropout)]
    if dropout is not None and not drops:
        rule = "dropout must go with a network that has a dropout layer"
        raise ParameterError(f"{rule}. Received: {net.name}, without. Leave it out.")

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        # Probabilities are compared and logged.
        exact = layer is net.layers[-1] or isinstance(layer, keras.layers.Softmax)
        options = {} if exact or policy == "float32" else {"dtype": policy}
        options |= {} if dropout is None or layer not in drops else {"rate": dropout}
        return type(layer).from_config({**layer.get_config(), **options})

    copy_of_net = keras.models.clone_model(net, clone_function=copy)
    copy_of_net.set_weights(net.get_weights())
    return copy_of_net


def teacher(text: str, n_classes: int, policy: str = "float32") -> keras.Model:
    """The model that `text` names, or of several, separated by commas, their mean."""
    nets = [copied(_trained(str(path), n_classes), policy) for path in keras_files(text)]
    if len(nets) == 1:
        return nets[0]
    for i, net in enumerate(nets):  # Names must be unique within a network.
        net.name = f"teacher_{i}"
    images = keras.Input((28, 28), dtype="uint8")
    return keras.Model(images, keras.layers.Average()([net(images) for net in nets]))


def copy_weights(net: keras.Model, text: str) -> None:
    """Give `net` the weights of the trained model that `text` names, which must be like it.

    A net that ends in the mean of several takes as many, separated by commas, or one like the
    whole. Raises `ModelError` where weights do not fit, or `net` predicts otherwise with them.
    """
    names, parts = named(text), [net]
    if len(names) > 1:
        last = net.layers[-1]
        ends = last.input if isinstance(last, keras.layers.Average) else [last.output]
        # Their layers are those of `net`: weights are set, not copied.
        parts = [keras.Model(net.inputs, end, name=net.name) for end in ends]
    if len(parts) != len(names):
        rule = f"{net.name} must start from {len(parts)} models at most"
        raise ModelError(f"{rule}. Received: {len(names)} ({text}). Name as many.")
    images = np.random.default_rng(0).integers(0, 256, (16, 28, 28), np.uint8)
    for part, name in zip(parts, names, strict=True):
        other = _trained(name, net.output_shape[1])
        try:
            part.set_weights(other.get_weights())
            fits = np.allclose(predict(part, images), predict(other, images), atol=SAME)
        except ValueError:
            fits = False
        if not fits:
            rule = f"A training of {net.name} must start from a {net.name}"
            raise ModelError(f"{rule}. Received: {other.name} or another order of layers ({name}).")


def _trained(what: str, n_classes: int) -> keras.Model:
    """The trained model that `what` names, for `n_classes`. Raises `ModelError`."""
    net = load(keras_files(what)[0])
    backend.check(net, what, n_classes, "Choose a model for the same characters.")
    return net


def _write_litert(
    net: keras.Model, target: Path, images: np.ndarray, scaling: Scaling | None = None, name=None
) -> float:
    """Write `net` as LiteRT; the largest difference of both's probabilities of `images`."""
    with files.writing(target) as aside, environment.quiet_stderr():
        # Keras 3.13 takes no Path here.
        net.export(str(aside), format="litert", verbose=False)
    network = Network(target, scaling, name)
    expected = network.probabilities(predict(net, network.entry(images)))
    difference = float(np.abs(expected - network(images)).max())
    if not difference <= MOST_DIFFERENT:
        rule = f"The LiteRT file must give Keras' probabilities within {MOST_DIFFERENT:g}"
        raise ModelError(f"{rule}. Received: a difference of {difference:.4f}. Report it.")
    return difference


def _line(value: object) -> str:
    return " ".join(str(value).split())[:250].rstrip(".") or type(value).__name__


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))

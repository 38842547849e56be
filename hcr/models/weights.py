"""Trained networks to begin from or to learn from, and whether they fit."""

from dataclasses import dataclass

import keras
import numpy as np

from hcr.datasets import Split
from hcr.errors import ModelError
from hcr.models.convert import load
from hcr.models.network import measured, predict
from hcr.recognizer import keras_files, named

SAME = 1e-4
"""How far two networks' probabilities may lie apart where both are to be the same network."""


@dataclass(frozen=True)
class Begun:
    """How the network that a training began from reads the validation split.

    Attributes:
        found: What `hcr.models.training.validate` gives.
        predicted: int64 (n,), the class that each picture is read as.
    """

    found: dict[str, float]
    predicted: np.ndarray

    @classmethod
    def of(cls, net: keras.Model, split: Split) -> "Begun":
        """That of `net` on `split`."""
        probabilities = predict(net, split.images)
        return cls(measured(probabilities, split), probabilities.argmax(axis=1))


def network(what: str, n_classes: int) -> keras.Model:
    """The network that `what` names, as `hcr.recognizer.keras_files` takes it, for `n_classes`.

    Raises `ModelError` where there is none, or it does not keep the picture contract, or has
    another number of classes.
    """
    (path,) = keras_files(what)
    net = load(path)
    ends = [(each.dtype, tuple(each.shape)) for each in (*net.inputs, *net.outputs)]
    if ends != [("uint8", (None, 28, 28)), ("float32", (None, n_classes))]:
        found = " to ".join(f"{dtype} {shape}" for dtype, shape in ends)
        raise ModelError(
            f"{path.name} of {what!r} must take pictures, uint8 (n, 28, 28), and give float32 "
            f"(n, {n_classes}). Received: {found}. Choose one for the same characters."
        )
    return net


def teacher(text: str, n_classes: int, policy: str = "float32") -> keras.Model:
    """The network that `text` names; of several, with commas between, the mean of their answers.

    It computes under Keras' dtype policy `policy`. Raises `ModelError` where `network` does.
    """
    found = [network(str(path), n_classes) for path in keras_files(text)]
    if policy != "float32":
        found = [_under(policy, each) for each in found]
    if len(found) == 1:
        return found[0]
    for i, each in enumerate(found):
        # Within a network each has a name of its own.
        each.name = f"teacher_{i}"
    pictures = keras.Input((28, 28), dtype="uint8")
    answers = keras.layers.Average()([each(pictures) for each in found])
    return keras.Model(pictures, answers, name="teachers")


def _under(policy: str, net: keras.Model) -> keras.Model:
    """A copy of `net` under a dtype policy, but for its last layer, whose answers are logged."""

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        options = {} if layer is net.layers[-1] else {"dtype": policy}
        return type(layer).from_config({**layer.get_config(), **options})

    found = keras.models.clone_model(net, clone_function=copied)
    found.set_weights(net.get_weights())
    return found


def take_over(net: keras.Model, text: str) -> None:
    """Give `net` the weights of the network that `text` names, which must be one like it.

    A net that ends in the mean of several networks' answers takes as many, with commas between,
    or one like the whole.

    Raises `ModelError` where there is none, weights do not fit, or `net` answers otherwise with
    them.
    """
    names = named(text)
    if len(names) == 1:
        _take_over(net, names[0])
        return
    last = net.layers[-1]
    ways = last.input if isinstance(last, keras.layers.Average) else [last.output]
    if len(ways) != len(names):
        raise ModelError(
            f"A training of {net.name} must begin from {len(ways)} networks at most. Received: "
            f"{len(names)} ({text}). Name as many."
        )
    for way, each in zip(ways, names, strict=True):
        # The layers on this way are those of `net`: their weights are set, not copied.
        _take_over(keras.Model(net.inputs, way, name=f"part_of_{net.name}"), each)


def _take_over(net: keras.Model, what: str) -> None:
    other = network(what, net.output_shape[1])
    rule = f"A training of {net.name} must begin from a {net.name}."
    remedy = "Give model the name of that network, or begin from another."
    shapes = [[tuple(each.shape) for each in of.weights] for of in (net, other)]
    if shapes[0] != shapes[1]:
        raise ModelError(
            f"{rule} Received: {other.name} with {other.count_params():,} parameters in "
            f"{len(shapes[1])} arrays, where {net.count_params():,} in {len(shapes[0])} are due "
            f"({what}). {remedy}"
        )
    net.set_weights(other.get_weights())
    pictures = np.random.default_rng(0).integers(0, 256, (16, 28, 28), np.uint8)
    difference = np.abs(predict(net, pictures) - predict(other, pictures)).max()
    if not difference <= SAME:
        raise ModelError(
            f"{rule} Received: {other.name}, whose weights fit, but which answers otherwise "
            f"({what}). {remedy}"
        )

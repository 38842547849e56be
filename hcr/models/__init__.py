"""The table of networks: a name and the function that builds it. Importing it imports no Keras."""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import TYPE_CHECKING

from hcr.errors import ModelError, nearest

if TYPE_CHECKING:
    import keras

# Read as text where parameters are checked, so it stays a literal.
MODELS = {
    "hcr_small": "hcr.models.plain:hcr_small",
    "hcr_net": "hcr.models.residual:hcr_net",
    "hcr_pair": "hcr.models.residual:hcr_pair",
    "mnist_nist": "hcr.models.five:mnist_nist",
    "mnist_nist_deep": "hcr.models.five:mnist_nist_deep",
    "emnist_cnn": "hcr.models.five:emnist_cnn",
    "digits_nine_layer": "hcr.models.five:digits_nine_layer",
    "emnist_bn3": "hcr.models.five:emnist_bn3",
    "az_mnist": "hcr.models.five:az_mnist",
}


def build(name: str, n_classes: int) -> keras.Model:
    """Build the network `name` for `n_classes` classes.

    Args:
        name: A key of `MODELS`, or `module:function` for a network of one's own: a function of
            the number of classes that returns a `keras.Model`.
        n_classes: At least 2.

    Returns:
        A model from uint8 (n, 28, 28) to float32 (n, n_classes), rows that sum to 1.

    Raises:
        ModelError: The name is unknown, cannot be imported, or gives something else.
    """
    model = builder(name)(n_classes)
    try:
        ends = [(each.dtype, tuple(each.shape)) for each in (*model.inputs, *model.outputs)]
    except (AttributeError, TypeError) as error:
        raise ModelError(
            f"{name} must return a keras.Model that knows its input. "
            f"Received: {type(model).__name__}. Begin it with keras.Input."
        ) from error
    if ends != [("uint8", (None, 28, 28)), ("float32", (None, n_classes))]:
        found = " and ".join(f"{dtype} {shape}" for dtype, shape in ends)
        raise ModelError(
            f"{name} must take pictures, uint8 (n, 28, 28), and return probabilities, "
            f"float32 (n, {n_classes}). Received: {found}. End it as "
            "hcr.models.blocks.probabilities does, whatever the precision."
        )
    return model


def builder(name: str):
    """The function that builds the network `name`; see `build`."""
    target = MODELS.get(name, name)
    module, _, function = target.partition(":")
    if not function:
        raise ModelError(f"There is no network {name!r}.{nearest(name, MODELS)}")
    try:
        found = getattr(import_module(module), function)
    # A relative name, as ".mine:net", is a TypeError.
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ModelError(
            f"A network of your own is given as module:function. Received: {name!r} ({error}). "
            "Is the module on PYTHONPATH?"
        ) from error
    if not callable(found):
        raise ModelError(
            f"{name} must be a function of the number of classes. Received: {found!r:.60}. "
            "Name the function that returns the network."
        )
    return found


def multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of the dense and convolution layers for one picture, from their shapes."""
    return sum(multiply_adds_of(layer) for layer in model.layers)


def multiply_adds_of(layer: keras.Layer) -> int:
    """Multiply-adds of one layer: a dense one applies its kernel once, a convolution everywhere."""
    if hasattr(layer, "layers"):
        return multiply_adds(layer)
    if getattr(layer, "kernel", None) is None:
        return 0
    return prod(tuple(layer.output.shape)[1:-1]) * prod(tuple(layer.kernel.shape))

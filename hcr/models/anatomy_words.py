"""What a layer does, and what a block is called: from its kind and its settings."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

# What belongs to the block of the layer before it, and its name there.
ATTACHED: dict[str, Callable[[Any], str]] = {
    "Activation": lambda layer: _activation(layer),
    "BatchNormalization": lambda layer: "batch norm",
    "Dropout": lambda layer: f"dropout {layer.rate:.0%}".replace("%", " %"),
    "LayerNormalization": lambda layer: "layer norm",
    "LeakyReLU": lambda layer: "leaky ReLU",
    "ReLU": lambda layer: "ReLU",
    "Rescaling": lambda layer: "scaled to 0..1" if _is_255(layer.scale) else "scaled",
    "Reshape": lambda layer: "",
    "Softmax": lambda layer: "softmax",
    "SpatialDropout2D": lambda layer: f"dropout {layer.rate:.0%} of maps".replace("%", " %"),
}
# What begins a block, and the block's name; others go by the name of their kind.
BEGINNING: dict[str, Callable[[Any], str]] = {
    "Add": lambda layer: "add",
    "Average": lambda layer: "mean",
    "AveragePooling2D": lambda layer: f"mean of {_times(layer.pool_size)}",
    "Concatenate": lambda layer: "side by side",
    "Conv2D": lambda layer: f"convolution {_times(layer.kernel_size)}{_steps(layer.strides)}",
    "Dense": lambda layer: "dense",
    "DepthwiseConv2D": lambda layer: f"convolution {_times(layer.kernel_size)}, map by map",
    "Flatten": lambda layer: "one row",
    "GlobalAveragePooling2D": lambda layer: "mean of each map",
    "GlobalMaxPooling2D": lambda layer: "largest of each map",
    "InputLayer": lambda layer: "picture",
    "MaxPooling2D": lambda layer: f"max-pool {_times(layer.pool_size)}",
    "Multiply": lambda layer: "multiply",
}
SENTENCES: dict[str, Callable[[Any], str]] = {
    "Activation": lambda layer: f"Applies {_activation(layer)} to each number.",
    "Add": lambda layer: (
        f"Adds what comes on {len(layer.input)} ways, number by number: the way with layers in it "
        "has to learn only what to change."
    ),
    "Average": lambda layer: (
        f"Takes the mean of what comes on {len(layer.input)} ways, number by number: they err "
        "differently, and the mean errs less."
    ),
    "AveragePooling2D": lambda layer: f"Takes the mean of each {_times(layer.pool_size)} numbers.",
    "BatchNormalization": lambda layer: (
        f"Brings each of the {layer.output.shape[-1]} {_what(layer)} to one usual size, by the "
        "mean and spread that training saw, and then to a size that is learned."
    ),
    "Concatenate": lambda layer: f"Lays what comes on {len(layer.input)} ways side by side.",
    "Conv2D": lambda layer: (
        f"Looks for {layer.filters} patterns of {_times(layer.kernel_size)} "
        f"{_everywhere(layer.strides)}: a map for each of how well it fits.{_then(layer)}"
    ),
    "Dense": lambda layer: (
        f"Makes {layer.units} sums of all {layer.input.shape[-1]:,} numbers, each number with a "
        f"weight that is learned.{_then(layer)}"
    ),
    "DepthwiseConv2D": lambda layer: (
        f"Looks for a pattern of {_times(layer.kernel_size)} in each map by itself.{_then(layer)}"
    ),
    "Dropout": lambda layer: (
        f"In training, makes each number 0 with a chance of {100 * layer.rate:g} %, so that none "
        "can be relied upon alone; after training it does nothing."
    ),
    "Flatten": lambda layer: f"Writes all {layer.output.shape[-1]:,} numbers in one row.",
    "GlobalAveragePooling2D": lambda layer: (
        "Takes the mean of each map: how much of a pattern there is, no longer where."
    ),
    "GlobalMaxPooling2D": lambda layer: (
        "Keeps the largest number of each map: whether a pattern is there, no longer where."
    ),
    "InputLayer": lambda layer: f"Takes a picture of {_times(layer.output.shape[1:])} pixels.",
    "MaxPooling2D": lambda layer: (
        f"Keeps the largest of each {_times(layer.pool_size)} numbers: fewer numbers, and ink that "
        "lies a little aside gives the same."
    ),
    "Multiply": lambda layer: (
        f"Multiplies what comes on {len(layer.input)} ways, number by number."
    ),
    "ReLU": lambda layer: (
        "Puts 0 for what is below 0: how badly a pattern fails to fit does not matter."
    ),
    "Rescaling": lambda layer: (
        "Divides each pixel by 255, so that white paper is 0 and full ink is 1."
        if _is_255(layer.scale)
        else f"Multiplies each number by {layer.scale:.4g} and adds {layer.offset:.4g}."
    ),
    "Reshape": lambda layer: f"Calls it {_times(layer.output.shape[1:])}; no number changes.",
    "Softmax": lambda layer: (
        f"Makes {layer.output.shape[-1]} probabilities of them, all above 0 and 1 together."
    ),
    "SpatialDropout2D": lambda layer: (
        f"In training, makes whole maps 0, each with a chance of {100 * layer.rate:g} %."
    ),
}


def sentence(layer: Any) -> str:
    """What a Keras layer does, in one plain sentence with its settings."""
    kind = type(layer).__name__
    if kind in SENTENCES:
        return SENTENCES[kind](layer)
    if hasattr(layer, "layers"):
        return f"A network of its own, of {len(layer.layers)} layers."
    lines = (type(layer).__doc__ or "").strip().splitlines()
    return lines[0] if lines else f"A layer of the kind {kind}."


def _times(sizes: Any) -> str:
    return " × ".join(f"{each:,}" for each in sizes)


def _steps(strides: tuple[int, ...]) -> str:
    return f", steps of {strides[0]}" if prod(strides) > 1 else ""


def _everywhere(strides: tuple[int, ...]) -> str:
    ordinals = {1: "everywhere", 2: "at every second place", 3: "at every third place"}
    return ordinals.get(strides[0], f"at one place in {strides[0]}")


def _what(layer: Any) -> str:
    return "maps" if len(layer.output.shape) == 4 else "numbers"


def _is_255(scale: Any) -> bool:
    return np.ndim(scale) == 0 and abs(255 * float(scale) - 1) < 1e-6


def _activation(layer: Any) -> str:
    name = getattr(layer.activation, "__name__", "an activation")
    return {"relu": "ReLU", "linear": ""}.get(name, name)


def own_activation(layer: Any) -> str:
    """The activation that a layer has built in; empty for none."""
    return _activation(layer) if hasattr(layer, "activation") else ""


def _then(layer: Any) -> str:
    """What a layer's own activation adds to its sentence."""
    name = _activation(layer)
    said = {"": "", "ReLU": " What is below 0 becomes 0.", "softmax": " Then probabilities."}
    return said.get(name, f" Then {name}.")

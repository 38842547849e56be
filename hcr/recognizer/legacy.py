"""A model file of Keras 2 (`.h5`), read as a list of layers with their weights: no code is run.

Keras 3 loads some of these files and refuses others. A Sequential model without a layer for its
input, as Keras wrote them up to 2.2, ends in "Kernel shape must have the same length as input, but
received kernel of shape (3, 3, 1, 32) and input of shape (None, None, 28, 28, 1)", because the
number of pictures is counted twice. So nothing but the names, the numbers and the weights is taken
from the file, and `hcr.models.convert` builds the layers anew.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.hdf5 import Weights, wrong

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_CONVOLUTION = ("strides", "padding", "dilation_rate", "activation", "use_bias")
_POOLING = ("pool_size", "strides", "padding")
_NORMAL = ("axis", "epsilon", "center", "scale")
# Kind of layer to what is taken of its configuration: what decides its answers.
LAYERS: dict[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "Add": (),
    "Average": (),
    "AveragePooling2D": _POOLING,
    "BatchNormalization": _NORMAL,
    "Concatenate": ("axis",),
    "Conv2D": ("filters", "kernel_size", "groups", *_CONVOLUTION),
    "Cropping2D": ("cropping",),
    "Dense": ("units", "activation", "use_bias"),
    "DepthwiseConv2D": ("kernel_size", "depth_multiplier", *_CONVOLUTION),
    "ELU": ("alpha",),
    "Flatten": (),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "LayerNormalization": _NORMAL,
    "LeakyReLU": ("alpha", "negative_slope"),
    "MaxPooling2D": _POOLING,
    "Maximum": (),
    "Multiply": (),
    "PReLU": ("shared_axes",),
    "Permute": ("dims",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "SeparableConv2D": ("filters", "kernel_size", "depth_multiplier", *_CONVOLUTION),
    "Softmax": ("axis",),
    "ZeroPadding2D": ("padding",),
}
# These change nothing in a network that is trained.
SILENT = {
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout2D",
}
# Those whose meaning Keras 3 has kept. That of hard_sigmoid has changed.
ACTIVATIONS = {
    *("elu", "exponential", "gelu", "linear", "relu", "selu", "sigmoid", "softmax", "softplus"),
    *("softsign", "swish", "tanh"),
}


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        kind: A key of `LAYERS`.
        name: Its name in the file.
        sources: The layers whose outputs it takes; the input's name is `Plan.entry`.
        options: The arguments that build it.
        weights: Name, without its layer's, to values.
    """

    kind: str
    name: str
    sources: tuple[str, ...]
    options: dict[str, Any]
    weights: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A whole model.

    Attributes:
        entry: The name of its input.
        shape: The input's shape, the first axis left out.
        layers: In an order in which each comes after its sources.
        end: The layer whose output is the model's.
    """

    entry: str
    shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    end: str


def read(path: Path) -> Plan:
    """The model in the `.h5` file `path`.

    Raises `ModelError` where it is none, or holds what is not one of `LAYERS`.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise wrong(path, "weights alone, without model_config", "Save the whole model.")
            config = json.loads(text.decode() if isinstance(text, bytes) else text)
            weights = Weights(path, file)
            return _plan(path, config, weights)
    except ModelError:
        raise
    # A stranger's file may break at any place of h5py, with any exception.
    except Exception as error:
        reason = " ".join(str(error).split())[:150].rstrip(".") or type(error).__name__
        raise wrong(path, reason, "Save it again.") from error


def _plan(path: Path, config: dict, weights: Weights) -> Plan:
    kind, config = config["class_name"], config["config"]
    if kind == "Sequential":
        return _sequential(path, config, weights)
    if kind in ("Functional", "Model"):
        return _functional(path, config, weights)
    raise wrong(path, f"a model of the class {kind}", "Use a Sequential or a functional model.")


def _sequential(path: Path, config: dict | list, weights: Weights) -> Plan:
    # Up to Keras 2.2 the configuration was the list itself.
    entries = config if isinstance(config, list) else config["layers"]
    build = None if isinstance(config, list) else config.get("build_input_shape")
    first = entries[0]["config"]
    shape = first.get("batch_input_shape") or first.get("batch_shape") or build
    if shape is None:
        raise wrong(path, "no shape of its input", "Give its first layer an input_shape.")
    before, layers = "", []
    for entry in entries:
        if entry["class_name"] == "InputLayer":
            continue
        for layer in _layers(path, entry, (before,), weights):
            layers.append(layer)
            before = layer.name
    return Plan("", _shape(path, shape), tuple(layers), before)


def _functional(path: Path, config: dict, weights: Weights) -> Plan:
    entry, end = (_only(path, config[key]) for key in ("input_layers", "output_layers"))
    shape, waiting, layers, renamed = None, [], [], {entry: entry}
    for each in config["layers"]:
        if each["class_name"] == "InputLayer":
            options = each["config"]
            shape = options.get("batch_input_shape") or options.get("batch_shape")
        else:
            waiting.append((each, _sources(path, each)))
    if shape is None:
        raise wrong(path, "no shape of its input", "Begin it with an Input.")
    while waiting:
        ready = next((at for at, (_, of) in enumerate(waiting) if set(of) <= set(renamed)), None)
        if ready is None:
            raise wrong(path, f"a layer without its source ({waiting[0][0]['name']})", "Save it.")
        each, of = waiting.pop(ready)
        found = _layers(path, each, tuple(renamed[name] for name in of), weights)
        layers += found
        renamed[each["name"]] = found[0].name if found else renamed[of[0]]
    return Plan(entry, _shape(path, shape), tuple(layers), renamed[end])


def _layers(path: Path, entry: dict, sources: tuple[str, ...], weights: Weights) -> list[Layer]:
    """The layer of an entry; none where it is silent."""
    kind, config = entry["class_name"], entry["config"]
    name = config["name"]
    if kind in SILENT:
        return []
    if kind not in LAYERS:
        advice = "Only plain layers of Keras are taken, and no code"
        raise wrong(path, f"the layer {name!r} of the class {kind}", f"{advice}.")
    if config.get("data_format") == "channels_first":
        raise wrong(path, f"the layer {name!r} with channels_first", "Train it channels_last.")
    options = {key: config[key] for key in LAYERS[kind] if config.get(key) is not None}
    if kind == "LeakyReLU":
        options = {"negative_slope": config.get("alpha", config.get("negative_slope", 0.3))}
    if "activation" in options:
        options["activation"] = _activation(path, name, options["activation"])
    if isinstance(options.get("axis"), list):
        options["axis"] = options["axis"][0] if kind == "BatchNormalization" else options["axis"]
    return [Layer(kind, name, sources, options, weights.of(name))]


def _activation(path: Path, name: str, value: Any) -> str:
    value = {"softmax_v2": "softmax"}.get(value, value) if isinstance(value, str) else value
    if not isinstance(value, str) or value not in ACTIVATIONS:
        said = value if isinstance(value, str) else "no name"
        known = ", ".join(sorted(ACTIVATIONS))
        raise wrong(path, f"the activation {said!r} of {name!r}", f"Known: {known}.")
    return value


def _sources(path: Path, entry: dict) -> list[str]:
    """The names of the layers that a functional model's layer takes its inputs from."""
    nodes = entry["inbound_nodes"]
    if len(nodes) != 1:
        raise wrong(path, f"the layer {entry['name']!r}, used {len(nodes)} times", "Use it once.")
    found = [name for name, *_ in _tensors(nodes[0])]
    if not found:
        raise wrong(path, f"the layer {entry['name']!r} without a source", "Save it again.")
    return found


def _tensors(node: Any) -> Iterator[list]:
    """Each [layer, node, tensor, ...] in an entry's node, in either form of writing it."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield node["keras_history"]
            return
        node = list(node.values())
    if isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
            yield node
            return
        for each in node:
            yield from _tensors(each)


def _only(path: Path, ends: list) -> str:
    """The one name in `[["dense", 0, 0]]` or `["dense", 0, 0]`."""
    found = list(_tensors(ends))
    if len(found) != 1:
        raise wrong(path, f"{len(found)} inputs or outputs", "Take one of each.")
    return found[0][0]


def _shape(path: Path, shape: list) -> tuple[int, ...]:
    if not all(isinstance(each, int) and each > 0 for each in shape[1:]):
        raise wrong(path, f"an input of the shape {tuple(shape)}", "Fix its size.")
    return tuple(shape[1:])

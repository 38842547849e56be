"""Keras files: their conversion to LiteRT, and those of Keras 2 as a list of layers.

Keras 3 refuses some files of Keras 2 ("Kernel shape must have the same length as input"). So names,
numbers and weights are taken from them, no code, and `hcr.models.convert` builds the layers again.
"""

import io
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.sources import WEIGHTS, kind_of
from hcr.runs import environment, files

# Run as a program: this module must neither import TensorFlow nor know the one that does.
PROGRAM = "hcr.models.convert"
MAIN = f"import sys; from {__name__} import main; main(*sys.argv[1:])"
SECONDS = 600  # a conversion takes about 15
MEMORY = 4 << 30  # bytes; TensorFlow takes 0.9 GB, and eight times the weights
CORES = 4  # that it may use: each thread's stack counts as memory
MOST = 512 << 20  # bytes of a model's weights; one for such small images has far fewer
TRUSTED = (
    "If you trust its code: import keras; keras.models.load_model({0!r}, compile=False, "
    "safe_mode=False).export('net.tflite', format='litert')"
)
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}

KINDS = {"Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate"}
KINDS |= {"Conv2D", "Cropping2D", "Dense", "DepthwiseConv2D", "ELU", "Flatten", "GRU", "LSTM"}
KINDS |= {"GlobalAveragePooling2D", "GlobalMaxPooling2D", "LayerNormalization", "MaxPooling2D"}
KINDS |= {"LeakyReLU", "Maximum", "Multiply", "PReLU", "Permute", "ReLU", "Rescaling", "Reshape"}
KINDS |= {"SeparableConv2D", "Softmax", "ZeroPadding2D"}
# What is taken of a layer's configuration: what decides its answers.
OPTIONS = {"activation", "alpha", "axis", "center", "cropping", "depth_multiplier", "dilation_rate"}
OPTIONS |= {"dims", "epsilon", "filters", "kernel_size", "keepdims", "max_value", "negative_slope"}
OPTIONS |= {"offset", "padding", "pool_size", "scale", "shared_axes", "strides", "target_shape"}
OPTIONS |= {"go_backwards", "recurrent_activation", "reset_after", "return_sequences"}
OPTIONS |= {"threshold", "units", "use_bias"}
# These change nothing in a network that is trained, as those of augmentation: Random...
SILENT = {"ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout"}
SILENT |= {"GaussianNoise", "SpatialDropout2D"}


@dataclass(frozen=True)
class Layer:
    """A layer, of one of the `KINDS`."""

    kind: str
    name: str
    sources: tuple[str, ...]  # the layers whose outputs it takes
    options: dict[str, Any]  # the arguments that build it
    weights: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A whole model."""

    entry: str  # the name of its input
    shape: tuple[int, ...]  # of the input, without the first axis
    layers: tuple[Layer, ...]  # each after its sources
    end: str  # the layer that answers


def read(path: Path) -> Plan:
    """The model in the `.h5` file `path`.

    Raises `ModelError` where it is none, or holds a layer of none of the `KINDS`.
    """
    import h5py

    try:
        source, config, remedy = path, None, TRUSTED
        if kind_of(path) == "keras":
            with zipfile.ZipFile(path) as archive:
                config = archive.read("config.json")
                source = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(source, "r") as file:
            if config is None and "model_config" not in file.attrs:
                remedy = WEIGHTS.partition(". ")[2]
                raise ValueError("weights alone")
            weights = _Weights(file, archive=config is not None)
            return _plan(json.loads(config or file.attrs["model_config"]), weights)
    # A stranger's file may break at any place of h5py, with any exception.
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise ModelError(
            f"{path} must be a whole model of Keras 2, Sequential or functional, of plain layers. "
            f"Received: {reason}. {remedy.format(str(path))}"
        ) from error


class _Weights:
    """The weights in an opened file, by layer; together they take at most `MOST` bytes.

    An `.h5` file has them by the layers' names. A `.keras` file has them by the snake case of their
    classes, which counts up, with gaps, in the order of the layers, and by numbers within.
    """

    def __init__(self, file: Any, archive: bool):
        self._left, self._archive = MOST, archive
        self._seen: dict[str, int] = {}
        inside = "layers" if "layers" in file else "_layer_checkpoint_dependencies"  # to Keras 2.13
        self._group = self._member(file, inside if archive else "model_weights")

    def of(self, layer: str, kind: str) -> dict[str, np.ndarray]:
        """Name to values of a layer's weights, in their order; empty where it has none."""
        if self._archive:
            return self._numbered(kind)
        if layer not in self._group:
            return {}
        group = self._member(self._group, layer)
        names = group.attrs.get("weight_names", ())
        return self._values(group, [x.decode() if isinstance(x, bytes) else str(x) for x in names])

    def _numbered(self, kind: str) -> dict[str, np.ndarray]:
        """The weights of the next layer of a class in a `.keras` file."""
        snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind))
        places = []
        for key in self._group:
            if re.fullmatch(rf"{snake.lower()}(_\d+)?", key):
                group = self._member(self._group, key)
                group = self._member(group, "cell") if "cell" in group else group  # recurrent
                if n := len(group.get("vars", ())):
                    places.append((len(key), key, group, [f"vars/{i}" for i in range(n)]))
        i = self._seen[kind] = self._seen.get(kind, -1) + 1
        return self._values(*sorted(places)[i][2:]) if i < len(places) else {}

    def _values(self, group: Any, names: list[str]) -> dict[str, np.ndarray]:
        weights = {}
        for name in names:
            values = self._member(group, name)
            # What lies in another file is none of this model.
            if values.external or values.is_virtual:
                raise ValueError(f"weights that lie elsewhere ({name})")
            # A file of a few kB may declare any number of them.
            self._left -= values.size * max(4, values.dtype.itemsize)
            if self._left < 0:
                raise ValueError(f"over {MOST:,} bytes of weights")
            weights[name.split("/")[-1].split(":")[0]] = np.asarray(values, dtype=np.float32)
        return weights

    def _member(self, group: Any, name: str) -> Any:
        """What `group` holds under a path, where no link leads out of the file."""
        import h5py

        for part in filter(None, name.split("/")):
            if not isinstance(group.get(part, getlink=True), h5py.HardLink):
                raise ValueError(f"no {name}, or a link in its place")
            group = group[part]
        return group


def _plan(model: dict, weights: _Weights) -> Plan:
    kind, config = model["class_name"], model["config"]
    if kind == "Sequential":
        # Up to Keras 2.2 the configuration was the list itself.
        layers, built = (config, {}) if isinstance(config, list) else (config["layers"], config)
        entry = end = ""
        shape, waiting = _input_shape(layers[0]) or built.get("build_input_shape"), []
        for layer in layers:
            waiting.append((layer, [end]))
            end = layer["config"]["name"]
    elif kind in ("Functional", "Model"):
        ends = [list(_tensors(config[key])) for key in ("input_layers", "output_layers")]
        if [len(tensors) for tensors in ends] != [1, 1]:
            raise ValueError("several inputs or outputs")
        entry, end = (tensors[0][0] for tensors in ends)
        inputs = [layer for layer in config["layers"] if layer["class_name"] == "InputLayer"]
        shape = _input_shape(inputs[0])
        waiting = [(layer, _sources(layer)) for layer in config["layers"] if layer not in inputs]
    else:
        raise ValueError(f"a model of the class {kind}")
    if not shape or not all(isinstance(size, int) and size > 0 for size in shape[1:]):
        raise ValueError(f"an input of the shape {shape}")
    layers, renamed = [], {entry: entry}
    for layer, sources in waiting:  # Keras writes each after its sources
        if not set(sources) <= renamed.keys():
            raise ValueError(f"a layer without its source ({layer['config']['name']})")
        built = _layer(layer, tuple(renamed[name] for name in sources), weights)
        layers += [built] if built else []
        renamed[layer["config"]["name"]] = built.name if built else renamed[sources[0]]
    return Plan(entry, tuple(shape[1:]), tuple(layers), renamed[end])


def _layer(entry: dict, sources: tuple[str, ...], weights: _Weights) -> Layer | None:
    """The layer of an entry; None where it changes nothing."""
    kind, config = entry["class_name"], entry["config"]
    values = weights.of(config.get("name", ""), kind)
    inside = config["layers"] if kind == "Sequential" else [entry]
    kinds = {layer["class_name"] for layer in inside} - SILENT
    if all(re.match("InputLayer|Random(?!Crop)", each) for each in kinds):
        return None
    name = config["name"]
    if kind not in KINDS:
        raise ValueError(f"the layer {name!r} of the class {kind}")
    if config.get("data_format") == "channels_first":
        raise ValueError(f"the layer {name!r} with channels_first")
    taken = OPTIONS | {"groups"} if kind == "Conv2D" else OPTIONS
    options = {key: config[key] for key in config if key in taken and config[key] is not None}
    for key, value in options.items():
        if isinstance(value, dict) and value.get("class_name") == "__numpy__":  # a number
            options[key] = value["config"]["value"]
    if kind == "LeakyReLU":
        options = {"negative_slope": config.get("alpha", config.get("negative_slope", 0.3))}
    activation = options.get("activation")
    if activation == "softmax_v2":
        options["activation"] = "softmax"
    # A name alone runs no code; that of hard_sigmoid means something else in Keras 3.
    for activation in (options.get("activation"), options.get("recurrent_activation")):
        if not isinstance(activation, str | None) or activation == "hard_sigmoid":
            raise ValueError(f"the activation {activation!r:.80} of {name!r}")
    if kind == "BatchNormalization" and isinstance(options.get("axis"), list):
        options["axis"] = options["axis"][0]
    return Layer(kind, name, sources, options, values)


def _sources(entry: dict) -> list[str]:
    """The names of the layers that a functional model's layer takes its inputs from, in order."""
    nodes = entry["inbound_nodes"]
    if len(nodes) != 1:
        raise ValueError(f"the layer {entry['name']!r}, used {len(nodes)} times")
    return [name for name, *_ in _tensors(nodes[0])]


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
        for part in node:
            yield from _tensors(part)


def _input_shape(layer: dict) -> list | None:
    config = layer["config"]
    return config.get("batch_input_shape") or config.get("batch_shape")


# Conversion, once, in a process of its own: it needs TensorFlow, and has limits, because a
# stranger's file of a few kB may ask for all the memory there is.


def convert(path: Path) -> Path:
    """The Keras model in `path`, `.keras` or `.h5`, as a LiteRT file in the cache folder.

    It is converted the first time that a file of this content is seen. The name holds the digests
    of both files: what was damaged is rebuilt. Raises `ModelError` where it is no Keras model,
    wants more than safe mode allows, or cannot be converted within `MEMORY` and `SECONDS`;
    `RunError` where the cache folder cannot be written.
    """
    if kind_of(path) == "keras":
        check_archive(path)
    key = files.sha256(path)
    folder = environment.cache_folder() / "models"
    for target in sorted(folder.glob(f"{key}-*.tflite")):
        if files.sha256(target).startswith(target.stem.split("-")[1]):
            return target
        target.unlink(missing_ok=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as aside:
            fresh = Path(aside) / "model.tflite"
            _run(path, fresh)
            target = folder / f"{key}-{files.sha256(fresh)[:16]}.tflite"
            os.replace(fresh, target)
    except OSError as error:
        raise files.disk_error(error, folder) from error
    return target


def _run(path: Path, target: Path) -> None:
    command = [sys.executable, "-c", MAIN, str(MEMORY), PROGRAM, str(path), str(target)]
    # Only this backend writes LiteRT; a GPU's driver reserves more memory than is allowed.
    variables = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        output = {"capture_output": True, "text": True, "errors": "replace"}
        done = subprocess.run(command, env=variables, timeout=SECONDS, check=False, **output)
        if done.returncode == 0 and target.is_file():
            return
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        last = f"no end of it after {SECONDS} s"
    if last.startswith("hcr.errors."):  # the last line of a traceback
        raise ModelError(last.partition(": ")[2])
    raise ModelError(
        f"{path} must be converted once, in at most {MEMORY >> 20:,} MiB, which needs TensorFlow. "
        f"Received: {last[:200]}. Convert it to .tflite where it was trained."
    )


def main(memory: str, program: str, source: str, *words: str) -> None:
    """Run the module `program`, which converts `source`, with at most `memory` bytes."""
    if sys.platform == "linux":  # others heed no such limit
        import resource

        with suppress(ValueError):  # a lower one is set
            resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    if kind_of(Path(source)) == "h5":
        read(Path(source))  # What is no model is reported without waiting for TensorFlow.
    sys.argv[1:] = [source, *words]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


def check_archive(path: Path) -> int:
    """The Keras that wrote a `.keras` file, 2 or 3, without TensorFlow.

    Raises `ModelError` for what is no such file, or too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            missing = sorted(MEMBERS - set(archive.namelist()))
            reason = f"an archive without {missing[0]}" if missing else None
            # What comes out of a member is no more than it declares.
            size = sum(member.file_size for member in archive.infolist())
            if size > MOST:
                reason = f"{size:,} bytes, unpacked, where at most {MOST:,} are taken"
            if not reason:
                return int(json.loads(archive.read("metadata.json"))["keras_version"][0])
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, TypeError) as error:
        reason = f"no whole archive ({error})"
    raise ModelError(f"{path} must be a .keras file. Received: {reason}. Copy it again.")

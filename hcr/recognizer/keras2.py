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
import tomllib
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
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
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}

# The classes of layers that are known or change nothing, and what is taken of a configuration.
TABLE = tomllib.loads(Path(__file__).with_name("keras2.toml").read_text("utf-8"))
KINDS, OPTIONS = set(TABLE["kinds"]), set(TABLE["options"])
SILENT, TRUSTED = re.compile(TABLE["silent"]), TABLE["trusted"]


class Layer(NamedTuple):
    """A layer, of one of the `KINDS`."""

    kind: str
    sources: list[int]  # whose outputs it takes: 0 is the input, 1 the first layer
    options: dict[str, Any]  # the arguments that build it
    weights: dict[str, np.ndarray]


class Plan(NamedTuple):
    """A whole model."""

    shape: tuple[int, ...]  # of the input, without the first axis
    layers: list[Layer]  # each after its sources
    end: int  # the layer that answers, as in `sources`


def read(path: Path) -> Plan:
    """The model in the `.h5` file `path`.

    Raises `ModelError` where it is none, or holds a layer of none of the `KINDS`.
    """
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
        for part in filter(None, name.split("/")):
            if not isinstance(group.get(part, getlink=True), h5py.HardLink):
                raise ValueError(f"no {name}, or a link in its place")
            group = group[part]
        return group


def _plan(model: dict, weights: _Weights) -> Plan:
    kind, config = model["class_name"], model["config"]
    # Up to Keras 2.2 the configuration of a sequential one was the list itself.
    config = {"layers": config} if isinstance(config, list) else config
    entries = config["layers"]
    if kind == "Sequential":
        first, names = entries[0], ["", *(entry["config"]["name"] for entry in entries)]
        ends, sources = [names[:1], names[-1:]], [[name] for name in names[:-1]]
    elif kind in ("Functional", "Model"):
        first = next(entry for entry in entries if entry["class_name"] == "InputLayer")
        ends = [_tensors(config[key]) for key in ("input_layers", "output_layers")]
        if [len(names) for names in ends] != [1, 1]:
            raise ValueError("several inputs or outputs")
        entries = [entry for entry in entries if entry["class_name"] != "InputLayer"]
        for entry in entries:
            if len(entry["inbound_nodes"]) != 1:
                times = len(entry["inbound_nodes"])
                raise ValueError(f"the layer {entry['name']!r}, used {times} times")
        sources = [_tensors(entry["inbound_nodes"]) for entry in entries]
    else:
        raise ValueError(f"a model of the class {kind}")
    shape = first["config"].get("batch_input_shape") or first["config"].get("batch_shape")
    shape = shape or config.get("build_input_shape")
    if not shape or not all(isinstance(size, int) and size > 0 for size in shape[1:]):
        raise ValueError(f"an input of the shape {shape}")
    layers, places = [], {ends[0][0]: 0}
    for entry, names in zip(entries, sources, strict=True):  # Keras writes each after its sources
        name = entry["config"]["name"]
        if not names or not set(names) <= places.keys():
            raise ValueError(f"a layer without its source ({name})")
        taken = [places[source] for source in names]
        layer = _layer(entry, taken, weights)
        layers += [layer] if layer else []
        places[name] = len(layers) if layer else taken[0]
    return Plan(tuple(shape[1:]), layers, places[ends[1][0]])


def _tensors(node: Any) -> list[str]:
    """The layers of each [layer, node, tensor, ...] in a node, in either form of writing it."""
    return re.findall(r'\["([^"\\]+)", \d+, \d+', json.dumps(node, ensure_ascii=False))


def _layer(entry: dict, sources: list[int], weights: _Weights) -> Layer | None:
    """The layer of an entry; None where it changes nothing."""
    kind, config = entry["class_name"], entry["config"]
    name = config["name"]
    values = weights.of(name, kind)
    inside = config["layers"] if kind == "Sequential" else [entry]
    if all(SILENT.match(layer["class_name"]) for layer in inside):
        return None
    if kind not in KINDS:
        raise ValueError(f"the layer {name!r} of the class {kind}")
    if config.get("data_format") == "channels_first":
        raise ValueError(f"the layer {name!r} with channels_first")
    taken = OPTIONS | {"groups"} if kind == "Conv2D" else OPTIONS
    options = {key: config[key] for key in config if key in taken and config[key] is not None}
    for key, value in options.items():
        if isinstance(value, dict) and value.get("class_name") == "__numpy__":  # a number
            options[key] = value["config"]["value"]
        elif key == "axis" and kind == "BatchNormalization" and isinstance(value, list):
            options[key] = value[0]
        elif value == "softmax_v2":
            options[key] = "softmax"
        # A name alone runs no code; that of hard_sigmoid means something else in Keras 3.
        elif "activation" in key and (not isinstance(value, str) or value == "hard_sigmoid"):
            raise ValueError(f"the activation {value!r:.80} of {name!r}")
    if kind == "LeakyReLU":
        options = {"negative_slope": config.get("alpha", config.get("negative_slope", 0.3))}
    return Layer(kind, sources, options, values)


def convert(path: Path) -> Path:
    """The Keras model in `path`, `.keras` or `.h5`, as a LiteRT file in the cache folder.

    It is converted the first time that a file of this content is seen, in a process of its own: it
    needs TensorFlow, and has limits, because a stranger's file of a few kB may ask for all the
    memory there is. The name holds both files' digests: what was damaged is rebuilt. Raises
    `ModelError` where it is no Keras model, wants more than safe mode allows, or is not converted
    within `MEMORY` and `SECONDS`; `RunError` where the cache folder cannot be written.
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
            if missing := sorted(MEMBERS - set(archive.namelist())):
                raise ValueError(f"without {missing[0]}")
            # What comes out of a member is no more than it declares.
            size = sum(member.file_size for member in archive.infolist())
            if size > MOST:
                raise ValueError(f"{size:,} bytes, unpacked, where at most {MOST:,} are taken")
            return int(json.loads(archive.read("metadata.json"))["keras_version"][0])
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, TypeError) as error:
        rule = f"{path} must be a .keras file"
        raise ModelError(f"{rule}. Received: no whole archive ({error}). Copy it again.") from error

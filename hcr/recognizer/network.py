"""A model's file as a fast function of images, whatever form its numbers have."""

import math
import os
import threading
import warnings
import weakref
from pathlib import Path

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.sources import Scaling, Tensor, kind_of
from hcr.runs import environment

# Images at a time. Each takes as long among 8 as among 256 (`benchmarks/recognizer.py`), and the
# buffers of 64 are small.
BATCH = 64
CONVOLUTIONS = 2  # of which the maps are kept with the features
# What a tensor of an .onnx file says of another file, which would be read from the working folder.
EXTERNAL = b"\x0a\x08location\x12"
ENDS = {"logits": "logits: a softmax is added", "sigmoid": "sigmoids: their odds are normalized"}


class Network:
    """What the model in `path` makes of images: probabilities, float32 (n, n_classes).

    `notes` says what was done for it, in a line each. Raises `ModelError`, under `name`, where the
    file is no such network.
    """

    def __init__(self, path: Path, scaling: Scaling | None = None, name: object = None):
        self.name = name = name or path
        try:
            # In memory: a file that is overwritten beneath its map ends the process.
            self._content = path.read_bytes()
            self._engine = Onnx if kind_of(path) == "onnx" else LiteRT
            first = self._engine(self._content, 1)
            sides = [" and ".join(map(str, side)) for side in (first.inputs, first.outputs)]
            if [len(first.inputs), len(first.outputs)] != [1, 1]:
                raise ValueError(f"{' to '.join(sides)}, where one of each is taken")
            self._gives, self.entry = first.outputs[0], Entry(name, first.inputs[0], scaling)
            self._batch = first.inputs[0].shape[0] or BATCH
            self._fixed = first.inputs[0].shape[0] is not None
            self._interpreters = {(True, False): first}  # by: for one image? with features?
            # The first call is slower, and tells what no description does.
            probes = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)
            probes[0] = 0
            answers = np.concatenate([self._numbers(probe[None]) for probe in probes])
            if len(answers) != len(probes) or not np.isfinite(answers).all():
                raise ValueError(f"{sides[1]}, which is no number per class")
        except ModelError:
            raise
        except Exception as error:  # A stranger's file may break with any.
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise ModelError(
                f"{name} must be a whole LiteRT or ONNX model, from one image to its classes. "
                f"Received: {reason}. Copy or export it again."
            ) from error
        self.n_classes, self.notes, self._ends = answers.shape[1], self.entry.notes, "softmax"
        # Of a quantized softmax each number is off by half a step at most.
        rounding = max(1e-3, self.n_classes * self._gives.scale / 2)
        if answers.min() < 0 or np.abs(answers.sum(axis=1) - 1).max() > rounding:
            self._ends = "sigmoid" if answers.min() >= 0 and answers.max() <= 1 else "logits"
            self.notes.append(f"{name} gives {ENDS[self._ends]}.")
        # An interpreter has one set of buffers: two threads must not fill them at once.
        self._lock = threading.Lock()
        _opened.add(self)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The probabilities, float32 (n, n_classes), of uint8 (n, 28, 28), n from 1 up."""
        return self.probabilities(self._all_numbers(images))

    def with_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same probabilities, and the last dense layer's input, float32 (n, d).

        Of the mean of several networks, that of each side by side. Raises `ModelError` where there
        is no such layer, or the file is no LiteRT.
        """
        numbers, n = self._all_numbers(images, keep=True), self.n_classes
        if numbers.shape[1] == n:
            raise ModelError(
                "Features are those of a LiteRT file that ends in a dense layer. "
                f"Received: {self.name}, which is another model. Take one with them."
            )
        return self.probabilities(numbers[:, :n]), numbers[:, n:]

    def maps(self, image: np.ndarray) -> list[np.ndarray]:
        """What the first convolutions of a LiteRT file make of uint8 (28, 28): (h, w, d) each."""
        with self._lock:
            self._numbers(image[None], keep=True)
            engine = self._interpreters[True, True]
            return [tensor.numbers(engine.get(i)[0]) for i, tensor in engine.maps.items()]

    def probabilities(self, numbers: np.ndarray) -> np.ndarray:
        """The probabilities that the model's numbers, float32 (n, n_classes), mean."""
        if self._ends == "softmax" and not self._gives.scale:
            return numbers
        if self._ends == "sigmoid":  # Of one class alone, the odds are in proportion.
            numbers = np.clip(numbers, 1e-6, 1 - 1e-6)
            numbers = np.log(numbers / (1 - numbers))
        if self._ends != "softmax":
            numbers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
        return numbers / numbers.sum(axis=1, keepdims=True)

    def _all_numbers(self, images: np.ndarray, keep: bool = False) -> np.ndarray:
        starts = range(0, len(images), self._batch)
        with self._lock:
            numbers = [self._numbers(images[i : i + self._batch], keep) for i in starts]
        return np.concatenate(numbers)

    def _numbers(self, images: np.ndarray, keep: bool = False) -> np.ndarray:
        """What the model gives of one batch, float32 (n, n_classes), then what it keeps."""
        n, one = len(images), len(images) == 1
        if self._fixed and n < self._batch:
            images = np.concatenate([images, np.zeros((self._batch - n, 28, 28), np.uint8)])
        if (one, keep) not in self._interpreters:
            # A second thread must be woken and waited for, which one image is not worth.
            threads = 1 if one else environment.cores()
            self._interpreters[one, keep] = self._engine(self._content, threads, keep)
        return self._interpreters[one, keep](self.entry(images))[:n]


_opened: "weakref.WeakSet[Network]" = weakref.WeakSet()
_left: list[dict] = []


def _after_fork() -> None:
    """In the child of a fork, which has none of the parent's threads, open each network anew."""
    for network in _opened:
        _left.append(network._interpreters)  # to close one is to wait for its threads
        network._interpreters, network._lock = {}, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Entry:
    """Images, uint8 (n, 28, 28), ink 255 on 0, as a model's input.

    That is a square image, flat or with axes of size 1 anywhere, or three times for three colors;
    of another side than 28 it is resized by a triangle filter, as Pillow's bilinear one.
    """

    def __init__(self, name: object, takes: Tensor, scaling: Scaling | None):
        self.notes: list[str] = []
        free = 784 if len(takes.shape) == 2 else 28
        self._shape = tuple(free if size is None else size for size in takes.shape[1:])
        sizes = [size for size in self._shape if size != 1]
        self._colors = len(sizes) == 3 and 3 in sizes and (1 if sizes[0] == 3 else 3)
        if self._colors:
            sizes.remove(3)
        side = math.isqrt(math.prod(sizes))
        if sizes not in ([side, side], [side**2]) or not 8 <= side <= 256:
            raise ModelError(
                f"{name} must take square images of one or three colors, as (n, 28, 28, 1), "
                f"(n, 1, 32, 32) or (n, 784). Received: {takes}. Export it so."
            )
        right, remedy = scaling is not None, "'0..1', '-1..1' or '0..255', as it was trained"
        if takes.dtype.kind != "f":
            self._limits = np.iinfo(takes.dtype).min, np.iinfo(takes.dtype).max
            own = Scaling(0, 255)
            if takes.scale:  # It was calibrated on pixels, so that a byte has their range.
                own = Scaling(*((end - takes.zero) * takes.scale for end in self._limits))
            if takes.scale and takes.dtype.itemsize == 1 and scaling is None:
                self.notes.append(f"{name} is quantized: scaling='{own}' is taken from it.")
                scaling = own
            right = scaling is not None and 0.5 < abs(scaling.factor / own.factor) < 2
            right, remedy = right or not (takes.scale or scaling), f"'{own}', or that inverted"
        if not right:
            raise ModelError(
                f"{name} takes {takes}: the scaling must say what ground and ink are in it. "
                f"Received: {scaling or 'none'}. Pass scaling={remedy}."
            )
        self._takes, self._scaling, self._resize = takes, scaling, None
        if side != 28:
            self.notes.append(f"{name} takes {side} pixels: images are resized from 28.")
            at = (np.arange(side) + 0.5)[:, None] * 28 / side - 0.5
            weights = np.maximum(0, 1 - np.abs(at - np.arange(28)) / max(1, 28 / side))
            self._resize = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The input, (n, *shape), of uint8 (n, 28, 28)."""
        scaling, takes = self._scaling, self._takes
        if scaling is not None:
            images = images.transpose(0, 2, 1) if scaling.transposed else images
            images = images * np.float32(scaling.factor) + np.float32(scaling.paper)
        if self._resize is not None:
            images = self._resize @ images.astype(np.float32) @ self._resize.T
        if takes.dtype.kind != "f" and images.dtype.kind == "f":
            stored = images / takes.scale + takes.zero if takes.scale else images
            images = np.clip(np.rint(stored), *self._limits)
        if self._colors:
            images = np.stack([images] * 3, axis=self._colors)
        return images.astype(takes.dtype, copy=False).reshape(len(images), *self._shape)


class LiteRT:
    """LiteRT's interpreter of a file's content, for any number of images; `keep` for features."""

    def __init__(self, content: bytes, threads: int, keep: bool = False):
        # Here and not on top, so that a module can import this one without the interpreter.
        from ai_edge_litert.interpreter import Interpreter

        # Outputs have the same bits. It warns of the memory of what it keeps, which is little.
        options = {"num_threads": threads, "experimental_preserve_all_tensors": keep}
        with environment.quiet_stderr(), warnings.catch_warnings(action="ignore"):
            self._interpreter = Interpreter(model_content=content, **options)
            self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.inputs, self.outputs = ([self._tensor(one) for one in side] for side in details)
        self._in, self._allocated = details[0][0]["index"], tuple(details[0][0]["shape"])
        self.get = self._interpreter.get_tensor
        self._kept = {details[1][0]["index"]: self.outputs[0]} | (self._features() if keep else {})

    def _features(self) -> dict[int, Tensor]:
        """The inputs of the dense layers that have an output for each class, by index."""
        tensors = {each["index"]: each for each in self._interpreter.get_tensor_details()}
        steps = self._interpreter._get_ops_details()
        dense = [step for step in steps if step["op_name"] == "FULLY_CONNECTED"]
        sides = [(tensors[step["inputs"][0]], tensors[step["outputs"][0]]) for step in dense]
        n = self.outputs[0].shape[-1]
        found = [step["outputs"][0] for step in steps if step["op_name"].endswith("CONV_2D")]
        self.maps = {index: self._tensor(tensors[index]) for index in found[:CONVOLUTIONS]}
        return {put["index"]: self._tensor(put) for put, got in sides if got["shape"][-1] == n}

    @staticmethod
    def _tensor(details: dict) -> Tensor:
        sizes = details["shape_signature"]
        sizes = sizes if len(sizes) else details["shape"]  # where it never varies
        shape = tuple(None if size < 0 else int(size) for size in sizes)
        scale, zero = details["quantization"]
        return Tensor(np.dtype(details["dtype"]), shape, float(scale), int(zero))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The output of a batch of inputs, and what is kept: float32 (n, size)."""
        if values.shape != self._allocated:
            self._interpreter.resize_tensor_input(self._in, values.shape)
            self._interpreter.allocate_tensors()
            self._allocated = values.shape
        self._interpreter.set_tensor(self._in, np.ascontiguousarray(values))
        self._interpreter.invoke()
        kept = [
            tensor.numbers(self.get(index)).reshape(len(values), -1)
            for index, tensor in self._kept.items()
        ]
        return np.concatenate(kept, axis=1)


class Onnx:
    """onnxruntime's session of a file's content: the extra `onnx`. It never keeps features."""

    def __init__(self, content: bytes, threads: int, keep: bool = False):
        if EXTERNAL in content:
            raise ValueError(
                "external data, weights in another file, which onnx.save(onnx.load(path), "
                "'whole.onnx') puts inside"
            )
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"An .onnx file must be run by onnxruntime. Received: {error}. Install it: "
                "uv pip install onnxruntime, or pip install onnxruntime."
            ) from None
        options = onnxruntime.SessionOptions()
        self.maps: dict[int, Tensor] = {}
        options.intra_op_num_threads, options.log_severity_level = threads, 4
        self._session = onnxruntime.InferenceSession(content, options)
        sides = self._session.get_inputs(), self._session.get_outputs()
        self.inputs, self.outputs = ([self._tensor(one) for one in side] for side in sides)

    @staticmethod
    def _tensor(details) -> Tensor:
        name = details.type.removeprefix("tensor(").removesuffix(")")
        sizes = (size if isinstance(size, int) and size > 0 else None for size in details.shape)
        # Others' names are NumPy's.
        return Tensor(np.dtype({"float": "f4", "double": "f8"}.get(name, name)), tuple(sizes))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The output of a batch of inputs, float32 (n, size)."""
        numbers = self._session.run(None, {self._session.get_inputs()[0].name: values})[0]
        return self.outputs[0].numbers(numbers).reshape(len(values), -1)

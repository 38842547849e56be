"""A LiteRT file as a fast function of images."""

import os
import threading
import weakref
from pathlib import Path

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.sources import SHAPES, Scaling
from hcr.runs import environment

# Images at a time. Each takes as long among 8 as among 256 (`benchmarks/recognizer.py`), and the
# buffers of 64 are small.
BATCH = 64


class Network:
    """What `path` holds, from uint8 (n, 28, 28) to float32 (n, n_classes).

    A network that takes float32 images gets them as `scaling` says. Raises `ModelError` where the
    file is no such network.
    """

    def __init__(self, path: Path, n_classes: int, scaling: Scaling | None = None):
        try:
            # In memory: a file that is overwritten beneath its map ends the process.
            self._content = path.read_bytes()
            first = _Interpreter(self._content, 1)
            _check_form(path, first, n_classes, scaling)
            self._interpreters = {True: first}  # for one image, and for many
            self._scaling = scaling
            self._shape = tuple(int(size) for size in first.input["shape"][1:])
            self._batch = 1 if int(first.input["shape_signature"][0]) == 1 else BATCH
            # The first call is slower, and tells what no description does.
            answer = self._invoke(np.zeros((1, 28, 28), np.uint8))
        except (OSError, ValueError, RuntimeError, IndexError) as error:
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise ModelError(
                f"{path} must be a LiteRT model. Received: {reason}. Train it again."
            ) from error
        if not (answer.min() >= 0 and abs(answer.sum() - 1) < 1e-3):
            raise ModelError(
                f"{path} must give probabilities, which sum to 1. Received: numbers from "
                f"{answer.min():g} to {answer.max():g}. End the network in a softmax."
            )
        # An interpreter has one set of buffers: two threads must not fill them at once.
        self._lock = threading.Lock()
        _opened.add(self)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The probabilities, float32 (n, n_classes), of uint8 (n, 28, 28), n from 1 up."""
        starts = range(0, len(images), self._batch)
        with self._lock:
            return np.concatenate([self._invoke(images[i : i + self._batch]) for i in starts])

    def _invoke(self, images: np.ndarray) -> np.ndarray:
        if self._scaling is not None:
            images = self._scaling.apply(images, self._shape)
        one = len(images) == 1
        if one not in self._interpreters:
            # A second thread must be woken and waited for, which one image is not worth.
            self._interpreters[one] = _Interpreter(self._content, 1 if one else environment.cores())
        return self._interpreters[one](images)


_opened: "weakref.WeakSet[Network]" = weakref.WeakSet()
_left: list[dict] = []


def _after_fork() -> None:
    """In the child of a fork, which has none of the parent's threads, open each network anew."""
    for network in _opened:
        _left.append(network._interpreters)  # to close one is to wait for its threads
        network._interpreters, network._lock = {}, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Interpreter:
    """LiteRT's interpreter of a file's content, for any number of images."""

    def __init__(self, content: bytes, threads: int):
        # Here and not on top, so that a module can import this one without the interpreter.
        from ai_edge_litert.interpreter import Interpreter

        with environment.quiet_stderr():
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self.inputs = self._interpreter.get_input_details()
        self.outputs = self._interpreter.get_output_details()
        self.input = self.inputs[0]
        self._allocated = int(self.input["shape"][0])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        index = self.input["index"]
        if len(images) != self._allocated:
            self._interpreter.resize_tensor_input(index, images.shape)
            self._interpreter.allocate_tensors()
            self._allocated = len(images)
        self._interpreter.set_tensor(index, np.ascontiguousarray(images))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self.outputs[0]["index"])


def _check_form(path: Path, network: _Interpreter, n_classes: int, scaling: Scaling | None) -> None:
    """Raise `ModelError` where a network takes or gives something else than it should."""

    def form(details: list[dict]) -> str:
        parts = []
        for tensor in details:
            batch, *sizes = tensor["shape_signature"]
            sizes = ["n" if batch in (-1, 1) else str(batch), *map(str, sizes)]
            parts.append(f"{tensor['dtype'].__name__} ({', '.join(sizes)})")
        return " and ".join(parts)

    takes, gives = form(network.inputs), form(network.outputs)
    foreign = [f"float32 (n, {', '.join(map(str, shape))})" for shape in SHAPES]
    known = ["uint8 (n, 28, 28)"] if scaling is None else foreign
    if takes not in known or gives != f"float32 (n, {n_classes})":
        raise ModelError(
            f"{path} must take {' or '.join(known)} {'with' if scaling else 'without'} a scaling, "
            f"and give float32 (n, {n_classes}). Received: {takes} to {gives}. Pass a scaling, as "
            "'0..1', for a model that takes numbers, and for no other; and the model's own labels."
        )

"""A LiteRT file as a fast function of pictures."""

import os
import threading
import weakref
from pathlib import Path

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.scaling import SHAPES, Scaling
from hcr.runs import environment

# Pictures at a time. Each takes as long among 8 as among 256 (`benchmarks/recognizer.py`), and the
# buffers of 64 are small.
BATCH = 64


class Network:
    """What `path` holds, from uint8 (n, 28, 28) to float32 (n, n_classes).

    A network that takes float32 pictures is given them as `scaling` says. Raises `ModelError` where
    the file is no such network.
    """

    def __init__(self, path: Path, n_classes: int, scaling: Scaling | None = None):
        if not path.is_file():
            raise ModelError(f"There is no model file {path}. Train one with 03_train.")
        try:
            # In memory, for a file that is written over beneath its map ends the process.
            self._content = path.read_bytes()
            first = _Interpreter(self._content, 1)
            self._interpreters = {True: first}  # for one picture, and for many
            entries, ends = first.entries, first.ends
            self._scaling = _check_form(path, entries, ends, n_classes, scaling)
            self._shape = tuple(int(each) for each in entries[0]["shape"][1:])
            # Otherwise -1: as many as one likes.
            self._fixed = int(entries[0]["shape_signature"][0]) == 1
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

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """The network's answers, float32 (n, n_classes), to uint8 (n, 28, 28), n from 1 up."""
        step = 1 if self._fixed else BATCH
        with self._lock:
            return np.concatenate(
                [self._invoke(pictures[i : i + step]) for i in range(0, len(pictures), step)]
            )

    def _invoke(self, pictures: np.ndarray) -> np.ndarray:
        if self._scaling is not None:
            pictures = self._scaling.apply(pictures, self._shape)
        one = len(pictures) == 1
        if one not in self._interpreters:
            self._interpreters[one] = _Interpreter(self._content, 1 if one else environment.cores())
        return self._interpreters[one](pictures)


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
    """LiteRT's interpreter of a file's content.

    One picture is answered with one thread: another must be woken first, and waited for where the
    machine has more to do, as while somebody draws. Many pictures are worth them all.
    """

    def __init__(self, content: bytes, threads: int):
        # Here and not on top, so that a module can import this one without the interpreter.
        from ai_edge_litert.interpreter import Interpreter

        with environment.quiet_stderr():
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self.entries = self._interpreter.get_input_details()
        self.ends = self._interpreter.get_output_details()
        self._allocated = int(self.entries[0]["shape"][0])

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        entry = self.entries[0]["index"]
        if len(pictures) != self._allocated:
            self._interpreter.resize_tensor_input(entry, pictures.shape)
            self._interpreter.allocate_tensors()
            self._allocated = len(pictures)
        self._interpreter.set_tensor(entry, np.ascontiguousarray(pictures))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self.ends[0]["index"])


def _check_form(
    path: Path, entries: list[dict], ends: list[dict], n_classes: int, scaling: Scaling | None
) -> Scaling | None:
    """The scaling that the network needs; None where it takes the contract's pictures."""
    if len(entries) != 1 or len(ends) != 1:
        raise ModelError(
            f"{path} must have one input and one output. Received: {len(entries)} and "
            f"{len(ends)}. Train it with 03_train."
        )
    (entry,), (end,) = entries, ends
    shape, answer = [list(map(int, each["shape"])) for each in (entry, end)]
    n = answer[-1] if len(answer) == 2 else 0
    own = entry["dtype"] == np.uint8 and shape[1:] == [28, 28]
    foreign = entry["dtype"] == np.float32 and tuple(shape[1:]) in SHAPES
    form = (own or foreign) and end["dtype"] == np.float32
    if form and int(entry["shape_signature"][0]) not in (-1, 1):
        raise ModelError(
            f"{path} must take any number of pictures, or one. Received: a network for "
            f"{shape[0]} at a time. Export it without a batch size."
        )
    given = f"{entry['dtype'].__name__} (n, {', '.join(map(str, shape[1:]))})"
    if not form or n != n_classes:
        raise ModelError(
            f"{path} must take uint8 (n, 28, 28) and give float32 (n, {n_classes}), so have "
            f"{n_classes} classes. Received: {given} to {end['dtype'].__name__}, and "
            f"{answer[-1] if answer else 0} classes. Are the labels of the same run?"
        )
    if foreign and scaling is None:
        raise ModelError(
            f"{path} takes numbers, so it must be said how pictures become such. Received: a "
            f"network of {given}. Use: Recognizer.load(path, labels=..., scaling='0..1')."
        )
    if own and scaling is not None:
        raise ModelError(
            f"{path} takes pictures as they are, and scales them itself. Received: scaling="
            f"{scaling.text!r}. Leave scaling out."
        )
    return scaling

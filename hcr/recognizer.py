"""A trained model as a fast function of pictures or strokes, without TensorFlow."""

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from hcr import environment, files, images, quiet
from hcr.errors import ModelError, RunError

BATCH = 256


class Recognizer:
    """A LiteRT model and its labels.

        recognizer = Recognizer.load("outputs/quick")
        recognizer.read_strokes(strokes)      # [("7", 0.98), ("1", 0.01), ...]

    Attributes:
        labels: The characters, in the order of the model's outputs.
        path: The LiteRT file.
    """

    def __init__(self, path: Path, labels: Iterable[str]):
        # Here and not on top, so that a module can import this one without the interpreter.
        from ai_edge_litert.interpreter import Interpreter

        self.path, self.labels = Path(path), tuple(labels)
        if not self.path.is_file():
            raise ModelError(f"There is no model file {self.path}. Train one with 03_train.")
        try:
            with quiet.native_stderr():
                self._interpreter = Interpreter(
                    model_path=str(self.path), num_threads=environment.cores()
                )
                self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelError(
                f"{self.path} must be a LiteRT model. Received: {error}. Train it again."
            ) from error
        shape, n = list(self._input["shape"][1:]), int(self._output["shape"][-1])
        if self._input["dtype"] != np.uint8 or shape != [28, 28] or n != len(self.labels):
            raise ModelError(
                f"{self.path} must take uint8 (n, 28, 28) and have {len(self.labels)} classes. "
                f"Received: {self._input['dtype'].__name__} (n, {', '.join(map(str, shape))}) and "
                f"{n} classes. Is labels.json of the same run?"
            )
        # An interpreter has one set of buffers: two threads must not fill them at once.
        self._lock = threading.Lock()
        self._allocated = int(self._input["shape"][0])

    @classmethod
    def load(cls, run: Path | str) -> "Recognizer":
        """The model of a run's folder, which holds `model.tflite` and `labels.json`.

        Raises `ModelError` where it holds none.
        """
        folder = Path(run)
        return cls.from_file(folder / "model.tflite", read_labels(folder / "labels.json"))

    @classmethod
    def from_file(cls, path: Path | str, labels: Iterable[str]) -> "Recognizer":
        """The model in the LiteRT file `path`, with these labels."""
        return cls(Path(path), [str(label) for label in labels])

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """The probabilities of every label.

        Args:
            pictures: uint8 (n, 28, 28), ink 255 on 0, upright.

        Returns:
            float32 (n, n_labels); rows sum to 1.

        Raises:
            DataError: `pictures` break the picture contract.
        """
        pictures = images.check(pictures)
        with self._lock:
            parts = [
                self._invoke(pictures[start : start + BATCH])
                for start in range(0, len(pictures), BATCH)
            ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), np.float32)

    def read_strokes(self, strokes: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        """Every label with its probability, the most probable first; nothing for an empty pad.

        `strokes` are (k, 2) arrays of x to the right and y down, in any pad's pixels.
        """
        picture = images.from_strokes(strokes)
        return self.best(self.predict(picture[None])[0]) if picture.any() else []

    def best(self, probabilities: np.ndarray) -> list[tuple[str, float]]:
        """The labels with `probabilities`, float (n_labels,), the most probable first."""
        order = np.argsort(-probabilities, kind="stable")
        return [(self.labels[i], float(probabilities[i])) for i in order]

    def check_labels(self, characters: Sequence[str]) -> None:
        """Raise `ModelError` where the model's labels are not these `characters`, in order."""
        if self.labels != tuple(characters):
            raise ModelError(
                f"The model must read the data set's {len(characters)} characters, in their order "
                f"({''.join(characters)}). Received: a model for {''.join(self.labels)}. "
                "Use the data set that it was trained on."
            )

    def time_strokes(self, drawings: Sequence[Sequence[np.ndarray]]) -> dict[str, float]:
        """The median milliseconds of each step from strokes to answer, one drawing at a time."""
        steps: dict[str, list[float]] = {"strokes to picture": [], "picture to probabilities": []}
        for strokes in drawings:
            start = time.perf_counter()
            picture = images.from_strokes(strokes)
            middle = time.perf_counter()
            self.predict(picture[None])
            steps["strokes to picture"].append(1000 * (middle - start))
            steps["picture to probabilities"].append(1000 * (time.perf_counter() - middle))
        total = np.sum(list(steps.values()), axis=0)
        medians = {step: float(np.median(times)) for step, times in steps.items()}
        return {**medians, "strokes to answer": float(np.median(total))}

    def _invoke(self, pictures: np.ndarray) -> np.ndarray:
        if len(pictures) != self._allocated:
            self._interpreter.resize_tensor_input(self._input["index"], pictures.shape)
            self._interpreter.allocate_tensors()
            self._allocated = len(pictures)
        self._interpreter.set_tensor(self._input["index"], np.ascontiguousarray(pictures))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])


def read_labels(path: Path | str) -> tuple[str, ...]:
    """The characters in a run's `labels.json`. Raises `ModelError` where it holds none."""
    try:
        found = files.read_json(path)
    except RunError as error:
        raise ModelError(f"{error} Its run's 03_train writes it.") from error
    labels = found.get("characters") if isinstance(found, dict) else None
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise ModelError(
            f"{path} must hold a list of characters. Received: {str(found)[:80]}. Train it again."
        )
    return tuple(labels)

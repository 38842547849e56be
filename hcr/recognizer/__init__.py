"""A trained model as a fast function of pictures or strokes, without TensorFlow."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hcr import runs
from hcr.errors import ModelError
from hcr.preprocessing import check_images, from_picture, from_strokes, read_picture
from hcr.recognizer.network import BATCH, Network
from hcr.recognizer.occlusion import occlusion
from hcr.recognizer.origin import inherited, keras_file, keras_files, located, named
from hcr.recognizer.scaling import Scaling
from hcr.recognizer.sources import (
    SHIPPED,
    check_groups,
    check_labels,
    check_temperature,
    find,
    listed,
    read_labels,
    read_start,
    read_temperature,
)

__all__ = [
    "BATCH",
    "FILES",
    "OWN",
    "SHIPPED",
    "Recognizer",
    "choices",
    "chosen",
    "inherited",
    "keras_file",
    "keras_files",
    "located",
    "named",
    "occlusion",
    "others",
    "read_labels",
    "read_start",
    "read_temperature",
    "start_of",
]

OWN = "run"  # what `chosen` takes for the run's own model
FILES = ("model.tflite", "labels.json")  # what that is


class Recognizer:
    """A LiteRT model and its labels.

        recognizer = Recognizer.load("outputs/quick")
        recognizer.read_strokes(strokes)      # [("7", 0.98), ("1", 0.01), ...]

    Attributes:
        labels: The characters, in the order of the model's outputs.
        path: The LiteRT file.
        temperature: What the logits are divided by, so that probabilities are calibrated. The
            order of the answers does not hang on it.
        groups: Characters that it took for one another on validation, as `(("0", "O"), ...)`.
    """

    def __init__(
        self,
        path: Path,
        labels: Iterable[str],
        temperature: float = 1.0,
        scaling: Scaling | None = None,
        groups: Sequence[Sequence[str]] = (),
    ):
        self.path, self.labels = Path(path), check_labels(labels)
        self.temperature = check_temperature(temperature, str(path))
        self.groups = check_groups(groups, self.labels, str(path))
        self._network = Network(self.path, len(self.labels), scaling)

    @classmethod
    def load(
        cls,
        what: Path | str | None = None,
        labels: Iterable[str] | Path | None = None,
        scaling: Scaling | str | None = None,
    ) -> "Recognizer":
        """Load a model.

        Args:
            what: The name of a shipped one (a key of `SHIPPED`; None is the first of them, 47
                classes), a run's folder, which holds `model.tflite` and `labels.json`, a `.tflite`
                file, a `.keras` file, or an `.h5` file of Keras 2. The last two are converted
                without running code of theirs (Keras' safe mode; layer by layer), which needs
                TensorFlow and some ten seconds once; the result is kept in the cache folder.
            labels: The characters in the order of the outputs, or the path of a `labels.json`. By
                default `labels.json` beside the model; its `temperature`, where it has one, makes
                the probabilities calibrated, and its `groups` tell which characters it confuses.
            scaling: For a model that does not take uint8 (n, 28, 28), ink 255 on 0, upright: the
                numbers that it was trained on for ground and ink, as `"0..1"`, `"-1..1"` or
                `"0..255"`, then `inverted` for dark ink on light ground, and `transposed` for
                pictures as EMNIST's files hold them: `"0..1 transposed"`. It must take floats of
                one of `scaling.SHAPES`. A Keras model that ends in logits gets a softmax.

        Raises:
            ModelError: There is no such model, it is no whole one, or its labels or its scaling do
                not fit.
        """
        found = find(what, labels, scaling)
        return cls(found.path, found.labels, found.temperature, found.scaling, found.groups)

    @classmethod
    def from_file(
        cls, path: Path | str, labels: Iterable[str], temperature: float = 1.0
    ) -> "Recognizer":
        """The model in the LiteRT file `path`, with these labels; raises as `load` does."""
        return cls(Path(path), [str(label) for label in labels], temperature)

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """The probabilities of every label.

        Args:
            pictures: uint8 (n, 28, 28), ink 255 on 0, upright.

        Returns:
            float32 (n, n_labels); rows sum to 1.

        Raises:
            DataError: `pictures` break the picture contract.
        """
        pictures = check_images(pictures)
        if not len(pictures):
            return np.zeros((0, len(self.labels)), np.float32)
        return _tempered(self._network(pictures), self.temperature)

    def occlusion(self, picture: np.ndarray, label: int) -> np.ndarray:
        """How much each pixel of a picture speaks for a label, as `hcr.recognizer.occlusion` says.

        Takes a uint8 (28, 28) `picture` and a label's index; returns float64 (28, 28), in nats.
        """
        return occlusion(self.predict, picture, label)

    def read_strokes(self, strokes: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        """Every label with its probability, the most probable first; nothing for an empty pad.

        `strokes` are (k, 2) arrays of x to the right and y down, in any pad's pixels.
        """
        return self._read(from_strokes(strokes))

    def read_image(self, picture: Any) -> list[tuple[str, float]]:
        """Every label with its probability, the most probable first; nothing for blank paper.

        Args:
            picture: One character, dark on light or light on dark, of any size: a file's path, a
                Pillow image, or an array as `hcr.preprocessing.from_picture` takes it.

        Raises:
            DataError: It is no such picture, or its file cannot be read.
        """
        if isinstance(picture, str | Path):
            picture = read_picture(Path(picture))
        return self._read(from_picture(picture))

    def best(self, probabilities: np.ndarray) -> list[tuple[str, float]]:
        """The labels with `probabilities`, float (n_labels,), the most probable first."""
        order = np.argsort(-probabilities, kind="stable")
        return [(self.labels[i], float(probabilities[i])) for i in order]

    def columns(self, characters: Sequence[str]) -> list[int]:
        """The column of `predict` for each of `characters`, in their order.

        Raises `ModelError` where these are not the characters that the model knows.
        """
        if sorted(self.labels) != sorted(characters):
            self.check_labels(characters)
        place = {label: i for i, label in enumerate(self.labels)}
        return [place[each] for each in characters]

    def answers(self, pictures: np.ndarray, characters: Sequence[str]) -> np.ndarray:
        """`predict` with its columns in the order of `characters`; see `columns`."""
        columns = self.columns(characters)
        return self.predict(pictures)[:, columns]

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
            picture = from_strokes(strokes)
            middle = time.perf_counter()
            self.predict(picture[None])
            steps["strokes to picture"].append(1000 * (middle - start))
            steps["picture to probabilities"].append(1000 * (time.perf_counter() - middle))
        total = np.sum(list(steps.values()), axis=0)
        medians = {step: float(np.median(times)) for step, times in steps.items()}
        return {**medians, "strokes to answer": float(np.median(total))}

    def _read(self, picture: np.ndarray) -> list[tuple[str, float]]:
        return self.best(self.predict(picture[None])[0]) if picture.any() else []


def _tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """`probabilities`, float32 (n, n_classes), as if the logits had been divided by a number.

    A softmax of z / T is proportional to p ** (1 / T), so the logits need not be known.
    """
    if temperature == 1:
        return probabilities
    highest = probabilities.max(axis=1, keepdims=True)
    scaled = (probabilities / highest) ** (1 / temperature)
    return scaled / scaled.sum(axis=1, keepdims=True)


def chosen(
    run: runs.Run, model: str, labels: str | None = None, scaling: str | None = None
) -> Recognizer:
    """What a stage reads with; says so in a line where it is not the run's own model.

    Args:
        run: The stage's run.
        model: `OWN` for the run's own; or the name of a shipped one, a run's folder or a file, a
            relative path counting from the project's top. A notebook that was opened by hand, in a
            run without a model, takes the first shipped one, which knows most classes.
        labels: As `Recognizer.load` takes them.
        scaling: Likewise.

    Raises:
        ModelError: There is no such model, or it is none.
        RunError: The run lacks its model.
    """
    if model == OWN and not (run.by_hand and not run.path("model.tflite").is_file()):
        return Recognizer.load(run.input("model.tflite"), run.input("labels.json"))
    name = next(iter(SHIPPED)) if model == OWN else model
    found = Recognizer.load(name if name in SHIPPED else located(name), labels, scaling)
    kind = "shipped model" if name in SHIPPED else "model"
    print(f"Read by the {kind} {name}, {len(found.labels)} classes.")
    return found


def others(text: str | None) -> dict[str, Recognizer]:
    """The models that `text` names, with commas between; by these names.

    Raises `ModelError` where there is no such model, or one is named twice.
    """
    names = [each.strip() for each in (text or "").split(",") if each.strip()]
    if len(set(names)) < len(names):
        raise ModelError(f"Each model must be named once. Received: {text!r}. Drop the second.")
    return {each: Recognizer.load(each if each in SHIPPED else located(each)) for each in names}


def start_of(labels: Path | str) -> Recognizer | None:
    """The network that the one of the `labels.json` at `labels` began from; None for none.

    One that is not there any more, or reads other characters by now, is told of in a line.
    """
    start = read_start(labels)
    if start is None:
        return None
    if len(named(start)) > 1:
        print(f"Not held against what it began from, which is several networks: {start}")
        return None
    try:
        path = located(start)
        if path.is_dir() and not (path / "model.tflite").is_file():
            path = keras_file(start)
        found = Recognizer.load(path)
        found.check_labels(read_labels(labels))
        return found
    except ModelError as error:
        print(f"Not held against the network that it began from: {error}")
        return None


def choices(first: Recognizer) -> dict[str, Recognizer | Callable[[], Recognizer]]:
    """The models that are there, by name: `first`, the shipped ones, and those of all runs.

    All but `first` are functions that load a model when it is wanted.
    """
    folders = listed()
    own = first.path.resolve().parent
    name = next((name for name, folder in folders.items() if folder.resolve() == own), own.name)
    others = {each: partial(Recognizer.load, folder) for each, folder in folders.items()}
    return {name: first} | {each: load for each, load in others.items() if each != name}

"""A trained model as a function of images, strokes or pictures, without TensorFlow."""

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hcr import preprocessing, runs
from hcr.errors import ModelError, PictureWarning
from hcr.preprocessing import EMNIST, Framing
from hcr.preprocessing.labels import BYCLASS, subset
from hcr.recognizer import familiar, page, sources
from hcr.recognizer.network import Network
from hcr.recognizer.sources import PRETRAINED, About, Scaling, located

Ranked = list[tuple[str, float]]  # characters with their probabilities, best first

COVER, STEP = 6, 2  # px: side of the square that covers, twice a line's width, and its step
# Without thresholds: what the alternatives hold together, and a confusable one at least.
SURE, CONFUSED = 0.9, 0.05


@dataclass(frozen=True)
class Recognition:
    """What a model makes of one character; empty for an empty pad or blank paper."""

    ranked: Ranked = field(default_factory=list)  # all characters, best first
    alternatives: list[str] = field(default_factory=list)  # what it may be; one where it is sure
    # The image that the model saw, uint8 (28, 28).
    image: np.ndarray = field(default_factory=lambda: np.zeros((28, 28), np.uint8))
    # Why it cannot be trusted: code ("blank", "several", "unfamiliar", ...) to one line.
    warnings: dict[str, str] = field(default_factory=dict)

    @property
    def best(self) -> str:
        """The most probable character; empty for nothing drawn."""
        return self.ranked[0][0] if self.ranked else ""


def as_json(answer: Recognition | page.PageCharacter, top: int) -> dict[str, Any]:
    """The likeliest characters of an answer and its alternatives, for JSON."""
    answers = [{"character": label, "probability": p} for label, p in answer.ranked[:top]]
    return {"answers": answers, "alternatives": answer.alternatives}


class Recognizer:
    """A LiteRT file with its labels, the characters in the order of its outputs.

        recognizer = Recognizer.load("outputs/quick")
        recognizer.recognize("scan.png").ranked      # [("7", 0.98), ("1", 0.01), ...]

    `temperature`, `groups`, `thresholds` and `framing` are those of its `About`.
    """

    def __init__(
        self, path: Path, about: About | Iterable[str], scaling: Scaling | None = None, name=None
    ):
        about = about if isinstance(about, About) else About(sources.check_labels(about))
        self.path, self.groups = Path(path), about.groups
        self.temperature, self.thresholds = about.temperature, about.alternatives
        self.framing = about.framing or EMNIST
        self._network = Network(self.path, scaling, name)
        self._familiar = familiar.load(self.path)
        labels = sources.fitting(about.characters, self._network.n_classes, name or path)
        self.labels = tuple(filter(None, labels))  # Outputs without one mean nothing.
        # Of the network's outputs, those of `labels`.
        self._columns = np.array([i for i, label in enumerate(labels) if label])

    @classmethod
    def load(
        cls,
        what: Path | str | None = None,
        labels: Iterable[str] | Mapping | Path | None = None,
        scaling: str | None = None,
        framing: Framing | str | None = None,
        *,
        only: str | Iterable[str] | None = None,
    ) -> "Recognizer":
        """Load a model.

        Args:
            what: A key of `PRETRAINED` (None is the first, of 47 classes), a run's folder, or a
                model's file; one of Keras is converted once, in some ten seconds, by TensorFlow.
            labels: The characters in the order of the outputs, "" for one that means nothing, or
                what has them, a `labels.json`; by default the one beside the model.
            scaling: For a model that does not take uint8 (n, 28, 28), ink 255 on 0: its numbers for
                ground and ink, as `"0..1"`, then `inverted` for dark ink on light ground, and
                `transposed` for images as EMNIST's files hold them.
            framing: How its training images had the ink: a key of `hcr.preprocessing.FRAMINGS` or a
                `Framing`. A foreign model has none by itself: it is EMNIST's, and a line says so.
            only: The characters among which it answers, as `among` takes them; None is all.

        Raises `ModelError` where there is no such model or its labels, scaling or framing do not
        fit, `ParameterError` for characters in `only` that it lacks.
        """
        numbers = sources.parse_scaling(scaling)
        name, known = sources.find(what, labels)
        known = replace(known, framing=sources.framing_of(name, known, framing))
        path = name
        if sources.kind_of(name) in ("keras", "h5"):
            from hcr.recognizer import keras2

            path = keras2.convert(name)
        model = cls(path, known, numbers, name)
        for line in model._network.notes:
            print(line, file=sys.stderr)
        return model if only is None else model.among(only)

    def among(self, only: str | Iterable[str]) -> "Recognizer":
        """The same model for where only some characters are possible: its answers are among these.

        `only` is `"digits"`, `"letters"`, `"capitals"`, `"all"`, or characters such as `"0123"`;
        probabilities sum to 1 over them. Raises `ParameterError` for one that is not there.
        """
        chosen = subset(only, self.labels)
        other = copy(self)
        other.labels, other._columns = tuple(self.labels[i] for i in chosen), self._columns[chosen]
        groups = [tuple(x for x in group if x in other.labels) for group in self.groups]
        other.groups = tuple(group for group in groups if len(group) > 1)
        return other

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The calibrated probabilities of every label.

        Takes uint8 (n, 28, 28), ink 255 on 0, upright; returns float32 (n, n_labels), rows of sum
        1, columns as `labels`. Raises `DataError` where images break the contract.
        """
        if not len(preprocessing.check_images(images)):
            return np.zeros((0, len(self.labels)), np.float32)
        return self._calibrated(self._network(images))

    def _calibrated(self, probabilities: np.ndarray) -> np.ndarray:
        if len(self._columns) < probabilities.shape[1]:
            # Where all of them underflow, none is likelier than another.
            probabilities = np.maximum(probabilities[:, self._columns], np.float32(1e-30))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return apply_temperature(probabilities, self.temperature)

    def features(self, images: np.ndarray) -> np.ndarray:
        """What the network's last dense layer is given, of a pair of networks side by side.

        Takes uint8 (n, 28, 28) as `predict` does; returns float32 (n, d). Raises `DataError` where
        images break the contract, `ModelError` where a foreign model has none.
        """
        n = len(preprocessing.check_images(images))
        images = images if n else np.zeros((1, 28, 28), np.uint8)  # which tells d
        return self._network.with_features(images)[1][:n]

    def feature_maps(self, image: np.ndarray) -> list[np.ndarray]:
        """What the first two convolutions make of uint8 (28, 28): float32 (h, w, d), if any."""
        return self._network.maps(image)

    def recognize(
        self, image: Any = None, *, strokes: Sequence | None = None, top: int | None = None
    ) -> Recognition:
        """What one character is, from a picture that `hcr.preprocessing.from_picture` takes.

        Or from `strokes`, (k, 2) arrays of x to the right and y down, in any unit. `top` characters
        are ranked, by default all. Raises `DataError` where these are no picture or no strokes.
        """
        found: dict[str, str] = {}
        threshold = self.thresholds.get("images")
        if strokes is not None:
            seen = preprocessing.from_strokes(strokes, self.framing)
            threshold = self.thresholds.get("drawings", threshold)
            if familiar.falls_apart(strokes):
                found["several"] = "Two characters? Draw one at a time."
        else:
            from hcr.preprocessing import paper  # imports SciPy

            ink, found = preprocessing.read_ink(image)
            seen = paper.frame(ink, self.framing)
            if (n := page.count_in_row(self, ink)) > 1:
                found["several"] = f"{n} characters: use recognize_page."
        if not seen.any():
            return Recognition(image=seen, warnings=found)
        strange = False
        if self._familiar is None or "several" in found:
            ranked = self._ranked(self.predict(seen[None])[0])
        else:  # both in one pass
            given = self._network.with_features(seen[None])
            ranked = self._ranked(self._calibrated(given[0])[0])
            far = self._familiar.images if strokes is None else self._familiar.drawings
            strange = self._familiar.distances(*given)[0] > far
        # Of other classes, as ä and those that were taught, nobody knows their pieces.
        if strokes is not None and "several" not in found and ranked[0][0] in tuple(BYCLASS):
            strange |= familiar.pieces(strokes) > familiar.PIECES
        if strange:
            found["unfamiliar"] = "This does not look like a character that the model knows."
        return Recognition(ranked[:top], self._alternatives(ranked, threshold), seen, found)

    def recognize_page(self, picture: Any) -> list[list[page.PageCharacter]]:
        """The separate characters of a picture: lines from the top, each from left to right.

        For print, not for joined writing. Characters should be 30 pixels high or more where the
        picture's longer side has 2048, to which a larger one is reduced. Blank paper has no lines.
        Raises `DataError` where it is no picture.
        """
        pixels = preprocessing.pixels_of(picture)
        ink, _ = preprocessing.read_ink(pixels, longest=page.LONGEST)
        if (found := page.lattice(self, ink)) is None:
            return []
        # To pixels of the picture.
        height, width = np.array(pixels.shape[:2]) / ink.shape

        def character(run: page.Run, probabilities: np.ndarray) -> page.PageCharacter:
            box = np.rint(np.multiply(found.pieces.box(*run), [width, height] * 2))
            ranked = self._ranked(probabilities)
            alternatives = self._alternatives(ranked, self.thresholds.get("images"))
            return page.PageCharacter(tuple(box.astype(int).tolist()), ranked, alternatives)

        lines = []
        for path in map(found.path, found.pieces.lines):
            rows = np.array([found.probabilities[run] for run in path])
            lines.append(list(map(character, path, page.in_context(rows, self.labels))))
        return lines

    def read_image(self, picture: Any) -> Ranked:
        """`recognize(picture).ranked`, none of several characters; warns by `PictureWarning`."""
        answer = self.recognize(picture)
        for line in answer.warnings.values():
            warnings.warn(line, PictureWarning, stacklevel=2)
        return [] if "several" in answer.warnings else answer.ranked

    def read_strokes(self, strokes: Sequence[np.ndarray]) -> Ranked:
        """`recognize(strokes=strokes).ranked`: empty for an empty pad."""
        return self.recognize(strokes=strokes).ranked

    def _ranked(self, probabilities: np.ndarray) -> Ranked:
        """The labels with their probabilities, float (n_labels,), best first."""
        order = np.argsort(-probabilities, kind="stable")
        return [(self.labels[i], float(probabilities[i])) for i in order]

    def _alternatives(self, ranked: Ranked, threshold: float | None) -> list[str]:
        """The characters that it may be, likeliest first, the best always."""
        if threshold is not None:
            return [ranked[0][0], *(label for label, p in ranked[1:] if p >= threshold)]
        # Without thresholds: the fewest that hold `SURE`, and those of the best one's group.
        held = np.cumsum([p for _, p in ranked])
        n = 1 + int(np.searchsorted(held, SURE - 1e-6, side="right"))
        names = [label for label, _ in ranked[:n]]
        group = {label for group in self.groups if names[0] in group for label in group}
        return names + [label for label, p in ranked[n:] if label in group and p >= CONFUSED]

    def saliency(self, image: np.ndarray, label: int) -> np.ndarray:
        """How much each pixel of an image speaks for a label, by occlusion.

        A square of paper is moved over the image, uint8 (28, 28): Zeiler and Fergus 2014
        (arXiv:1311.2901), section 4.2. Returns float64 (28, 28): by how much the log-odds of the
        label, an index, fall when the pixel is covered, in nats, the mean over the squares that
        cover it; 0 where there is no ink near.
        """
        ahead = np.arange(len(image)) - np.arange(0, len(image) - COVER + 1, STEP)[:, None]
        sides = (ahead >= 0) & (ahead < COVER)  # where each square is along one side
        squares = (sides[:, None, :, None] & sides[:, None]).reshape(-1, *image.shape)
        inked = squares[(image * squares).any(axis=(1, 2))]
        p = self.predict(np.concatenate([image[None], image * ~inked]))[:, label]
        p = np.clip(p.astype(float), 1e-6, 1 - 1e-6)
        odds = np.log(p / (1 - p))
        return np.tensordot(odds[0] - odds[1:], inked, axes=1) / squares.sum(axis=0)


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """`probabilities`, (n, classes), as if the logits had been divided by `temperature` above 0.

    A softmax of z / T is proportional to p ** (1 / T), so the logits need not be known.
    """
    if temperature == 1:
        return probabilities
    highest = probabilities.max(axis=1, keepdims=True)
    scaled = (probabilities / highest) ** (1 / temperature)
    return scaled / scaled.sum(axis=1, keepdims=True)


def load_for(run: runs.Run, model: str, *options: str | None) -> Recognizer:
    """The model of a stage; a line says which where it is not the run's own.

    `model` is `run` for its own, for a notebook opened by hand else the first pretrained one, or
    what `located` takes, with the labels, scaling and framing of `Recognizer.load` as `options`.
    Raises `ModelError` where there is no such model, `RunError` where the run lacks its own.
    """
    if model == "run":
        path = run.source / "model.tflite" if run.source else None
        if not run.by_hand or (path and path.is_file()):
            return Recognizer.load(run.input("model.tflite"), run.input("labels.json"))
        model = next(iter(PRETRAINED))
    recognizer = Recognizer.load(located(model), *options)
    kind = "pretrained model" if model in PRETRAINED else "model"
    print(f"Predictions by the {kind} {model}, {len(recognizer.labels)} classes.")
    return recognizer


def load_start(labels: Path | str) -> Recognizer | None:
    """The network that the one of this `labels.json` began from; None, or a line, for none."""
    known = sources.about(labels)
    if known.start is None:
        return None
    try:
        start = Recognizer.load(located(known.start))
        if set(start.labels) != set(known.characters):
            raise ModelError(f"{known.start} is for {''.join(start.labels)} by now.")
        return start
    except ModelError as error:
        print(f"Not compared with the network that training began from: {error}")
        return None


def choices(first: Recognizer) -> dict[str, Recognizer | Callable[[], Recognizer]]:
    """`first`, and functions that load the pretrained models and those of runs, by name."""
    top = runs.outputs()
    models = [*top.glob("*/model.tflite"), *top.glob("*/*/model.tflite")]
    models.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    folders = {f"{name} (pretrained)": folder for name, folder in PRETRAINED.items()}
    folders |= {path.parent.relative_to(top).as_posix(): path.parent for path in models}
    own = first.path.resolve().parent
    name = next((name for name, folder in folders.items() if folder.resolve() == own), own.name)
    whole = {name: folder for name, folder in folders.items() if (folder / "labels.json").is_file()}
    return {name: first} | {x: partial(Recognizer.load, whole[x]) for x in whole if x != name}

"""Which model a name, a folder or a file means, and what the `labels.json` beside it says."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hcr.errors import ModelError, RunError, nearest
from hcr.preprocessing import EMNIST, FRAMINGS, Framing
from hcr.runs import environment, files

# The first is what `Recognizer.load()` gives. A folder holds model.tflite and labels.json.
PRETRAINED = {
    name: Path(__file__).resolve().parents[1] / "pretrained" / name
    for name in ("emnist", "mnist", "mnist_nist_all", "mnist_nist_1000")
}
# The framing of those whose labels.json does not say it.
FRAMED = dict.fromkeys(PRETRAINED.values(), EMNIST) | {PRETRAINED["mnist"]: FRAMINGS["mnist"]}
SUFFIXES = {".tflite": "tflite", ".keras": "keras", ".h5": "h5", ".hdf5": "h5"}
BEGINNINGS = {b"\x89HDF": "h5", b"PK\3\4": "keras"}
WEIGHTS = (
    "weights alone. Build the network in Python, then: net.load_weights({0!r}); "
    "net.save('net.keras')"
)
# Others: the ends of their names, what they are, and how {0}, in the folder {1}, is converted.
OTHERS = {
    r"weights\.h5|ckpt.*|checkpoint|index|data-\d.*": WEIGHTS,
    "pkl|pickle|joblib|sav|pt|pth|bin": "a pickle, which may run any code. Where it was trained: "
    "net.save('net.keras') in Keras, or in PyTorch torch.onnx.export(net.eval(), "
    "(torch.zeros(1, 1, 28, 28),), 'net.onnx', external_data=False)",
    "json": "a TensorFlow.js model. Convert it: tensorflowjs_converter "
    "--input_format=tfjs_layers_model --output_format=keras {0} net.h5",
    # from_saved_model leaves the variables of Keras 3 uninitialized; here they become constants.
    "pb": "a SavedModel. Convert it: import tensorflow as tf; net = tf.saved_model.load({1!r}); "
    "lite = tf.lite.TFLiteConverter.from_concrete_functions([net.signatures['serving_default']], "
    "net); open('net.tflite', 'wb').write(lite.convert())",
    "": "another file. docs/recognizer.md says how others are converted",
}
FEW = 1000  # validation images: fewer tell neither how sure a network may be nor what it confuses


@dataclass(frozen=True)
class Scaling:
    """What a foreign model was trained on: the numbers for ground and full ink; rows as columns."""

    paper: float
    ink: float
    transposed: bool = False

    @property
    def factor(self) -> float:
        """What a pixel of 0..255 is multiplied by."""
        return (self.ink - self.paper) / 255

    def __str__(self):
        return f"{self.paper:g}..{self.ink:g}{' transposed' * self.transposed}"


class Tensor(NamedTuple):
    """An input or output of a model: number = scale * (stored - zero) where it is quantized."""

    dtype: np.dtype
    shape: tuple[int | None, ...]  # of a batch; None for a size that is free
    scale: float = 0.0
    zero: int = 0

    def __str__(self):
        sizes = ("n" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} ({', '.join(sizes)})"


def parse_scaling(text: str | None) -> Scaling | None:
    """A scaling from its words, as `Recognizer.load` takes them; None for None.

    Raises `ModelError` for something else.
    """
    if text is None:
        return None
    ends, *words = re.split(r"[\s,]+", str(text).strip())
    try:
        paper, ink = map(float, ends.split(".."))
    except ValueError:
        paper = ink = 0.0
    if not 0 < abs(ink - paper) < np.inf or not {"inverted", "transposed"}.issuperset(words):
        raise ModelError(
            "scaling must be the numbers of ground and ink, as '0..1', '-1..1' or '0..255', and "
            f"then, if it is so, 'inverted', 'transposed'. Received: {str(text)[:80]!r}."
        )
    return Scaling(*((ink, paper) if "inverted" in words else (paper, ink)), "transposed" in words)


@dataclass(frozen=True)
class About:
    """What the `labels.json` beside a model says."""

    characters: tuple[str, ...]  # in the order of the outputs
    temperature: float = 1.0  # what the logits are divided by for calibrated probabilities
    groups: tuple[tuple[str, ...], ...] = ()  # characters that it confused on validation
    # The probability from which a character is an alternative, for images and for drawings.
    alternatives: Mapping[str, float] = field(default_factory=dict)
    framing: Framing | None = None  # of its training images; None where nothing tells
    start: str | None = None  # the network that its training began from
    sha256: Mapping[str, str] = field(default_factory=dict)  # of its files, by name


def about(path: Path | str, model: Path | None = None) -> About:
    """What a `labels.json` says, of `model` where one is named.

    Raises `ModelError` where it is damaged or was changed, or where it holds the digest of another
    model.
    """
    try:
        facts = files.read_sealed(path, required=False)
    except RunError as error:
        reason = str(error).removesuffix(" Delete it.")
        raise ModelError(f"{reason} Copy it again, or pass labels.") from error
    try:
        known = About(
            check_labels(facts["characters"]),
            float(facts.get("temperature", 1)),
            tuple(map(tuple, facts.get("groups", ()))),
            dict(facts.get("alternatives", {})),
            Framing(**facts["framing"]) if "framing" in facts else None,
            facts.get("start"),
            facts.get("sha256", {}),
        )
        right = 0.01 <= known.temperature <= 100
    except (AttributeError, KeyError, TypeError, ValueError):
        right = False
    if not right:
        raise ModelError(
            f"{path} must hold characters, temperature, groups, alternatives and framing as "
            f"03_train writes them. Received: {str(facts)[:200]}. Copy it again, or pass labels."
        )
    if model and known.sha256.get(model.name) not in (None, files.sha256(model)):
        raise ModelError(
            f"{model} must be the model that its labels.json was written for. Received: a changed "
            "file. Run 03_train again, or pass the labels of a model of your own."
        )
    return known


def check_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """`labels` as a tuple, "" for an output that means nothing.

    Raises `ModelError` where they are not strings, or one is there twice.
    """
    checked = tuple(labels) if isinstance(labels, Iterable) else ()
    names = [label for label in checked if label != ""]
    strings = all(isinstance(label, str) for label in checked)
    if not names or not strings or len(set(names)) < len(names):
        raise ModelError(
            "Labels must be the characters in the order of the model's outputs, each once, or the "
            f"path of a labels.json. Received: {str(checked or labels)[:80]}."
        )
    return checked


def fitting(characters: Sequence[str], n: int, name: object) -> tuple[str, ...]:
    """The labels of the `n` outputs of the model `name`. Raises `ModelError` for another number."""
    if len(characters) == n + 1 and not characters[0]:
        characters = characters[1:]  # They count from 1, and the outputs from 0.
    if len(characters) != n:
        raise ModelError(
            f"{name} has {n} outputs, and must have as many labels. Received: {len(characters)}. "
            'Pass its own, with "" for an output that means nothing: labels=["", *"ABC"].'
        )
    return tuple(characters)


def find(what: Path | str | None, labels: Any) -> tuple[Path, About]:
    """The file that `Recognizer.load(what, labels)` means, and what is known of it.

    Raises `ModelError` where there is none, or where nothing tells its labels.
    """
    what = next(iter(PRETRAINED)) if what is None else what
    # A folder of the same name is meant by a `Path`, or by "./mnist".
    path = PRETRAINED[what] if isinstance(what, str) and what in PRETRAINED else Path(what)
    if path.is_dir():
        saved = (path / "saved_model.pb").is_file()
        path = path / ("saved_model.pb" if saved else "model.tflite")
    if not path.is_file() and not path.with_name(f"{path.name}.index").is_file():  # a checkpoint's
        hint = nearest(str(what), PRETRAINED) if not path.suffix else ""
        raise ModelError(f"There is no model {path}.{hint} Train one with: uv run run_all.py")
    kind_of(path)
    beside = path.with_name("labels.json")
    if labels is None and not beside.is_file():
        raise ModelError(
            f"{path} must have a labels.json beside it, or be loaded with labels. "
            'Received: neither. Use: Recognizer.load(path, labels="0123456789").'
        )
    labels = beside if labels is None else labels
    if not isinstance(labels, Path):
        return path, About(check_labels(labels))
    return path, about(labels, path if labels == beside else None)


def kind_of(path: Path) -> str:
    """A file's value of `SUFFIXES`, by its content first. Raises `ModelError` for another kind."""
    start, name = b"", path.name.lower()
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(8)
    if start[4:] == b"TFL3":
        return "tflite"
    other = next(end for end in OTHERS if not end or re.search(rf"(^|\.)({end})$", name))
    kind = BEGINNINGS.get(start[:4]) or SUFFIXES.get(path.suffix.lower())
    if other or not kind:
        what = OTHERS[other].format(str(path), str(path.parent))
        raise ModelError(f"{path} must be a .tflite, .keras or .h5 file. Received: {what}.")
    return kind


def framing_of(path: Path, known: About, framing: Framing | str | None) -> Framing:
    """The framing of a model: what is passed, or its own, or EMNIST's, of which a line tells."""
    if isinstance(framing, str):
        if framing not in FRAMINGS:
            raise ModelError(f"There is no framing {framing!r}.{nearest(framing, FRAMINGS)}")
        return FRAMINGS[framing]
    framing = framing or known.framing or FRAMED.get(path.parent)
    if framing is None:
        print(
            f"How the images were framed that {path} was trained on is not known: EMNIST's framing "
            "is taken. If they were as MNIST's, load it with framing='mnist'.",
            file=sys.stderr,
        )
    return framing or EMNIST


def located(what: str) -> Path:
    """The folder or file, which may not exist, of a pretrained name or a path from the project."""
    return PRETRAINED[what] if what in PRETRAINED else environment.placed(what)


def named(text: str) -> list[str]:
    """The models that `text` names, with commas between: at least one, which may be empty."""
    return [name.strip() for name in text.split(",") if name.strip()] or [text]


def keras_files(text: str | None, characters: Sequence[str] | None = None) -> list[Path]:
    """The `.keras` files of the trained networks that `text` names, with commas between.

    None names none; each is named as `located` takes it. Raises `ModelError` where there is no such
    file, or where it is not for these `characters`, in the order of its labels.
    """
    paths = []
    for name in named(text) if text is not None else []:
        path = located(name)
        path = path / "model.keras" if path.is_dir() else path
        if path.suffix != ".keras" or not path.is_file():
            whole = [key for key, at in PRETRAINED.items() if (at / "model.keras").is_file()]
            raise ModelError(
                "A trained network is a run's folder, a .keras file, or a pretrained one that has "
                f"one. Received: {name!r}.{nearest(name, whole)}"
            )
        beside = path.with_name("labels.json")
        known = about(beside, path) if characters is not None or beside.is_file() else None
        if characters is not None and known.characters != tuple(characters):
            raise ModelError(
                f"A training must begin from a network for the dataset's {len(characters)} "
                f"characters, in their order ({''.join(characters)}). Received: {name}, which is "
                f"for {''.join(known.characters)}. Choose another, or another dataset."
            )
        paths.append(path)
    return paths


def inherited(start: str | None, n: int) -> About | None:
    """The `About` of the (first) network in `start`, where `n` validation images are few."""
    if start is None or n >= FEW:
        return None
    return about(keras_files(start)[0].with_name("labels.json"))

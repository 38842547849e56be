"""Which model a name, a folder or a file means, and what the `labels.json` beside it says."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
KERAS = (".keras", ".h5", ".hdf5")
FEW = 1000  # validation images: fewer tell neither how sure a network may be nor what it confuses
SHAPES = ((28, 28), (28, 28, 1), (1, 28, 28), (784,))  # that a foreign model may take


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

    def apply(self, images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """uint8 (n, 28, 28) images, ink 255 on 0, as the model takes them: float32 (n, *shape)."""
        if self.transposed:
            images = images.transpose(0, 2, 1)
        values = images.astype(np.float32) * np.float32(self.factor) + np.float32(self.paper)
        return values.reshape(len(images), *shape)


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
        raise ModelError(f"{error} Its run's 03_train writes it.") from error
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
            f"03_train writes them. Received: {str(facts)[:200]}. Train the model again."
        )
    if model and known.sha256.get(model.name) not in (None, files.sha256(model)):
        raise ModelError(
            f"{model} must be the model that its labels.json was written for. Received: a changed "
            "file. Run 03_train again, or pass the labels of a model of your own."
        )
    return known


def check_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """`labels` as a tuple. Raises `ModelError` where they are not strings, none of them twice."""
    checked = tuple(labels) if isinstance(labels, Iterable) else ()
    strings = all(isinstance(label, str) for label in checked)
    if not checked or not strings or len(set(checked)) < len(checked):
        raise ModelError(
            "Labels must be the characters in the order of the model's outputs, each once, or the "
            f"path of a labels.json. Received: {str(checked or labels)[:80]}."
        )
    return checked


def find(what: Path | str | None, labels: Iterable[str] | Path | None) -> tuple[Path, About]:
    """The file that `Recognizer.load(what, labels)` means, and what is known of it.

    Raises `ModelError` where there is none, or where nothing tells its labels.
    """
    what = next(iter(PRETRAINED)) if what is None else what
    # A folder of the same name is meant by a `Path`, or by "./mnist".
    path = PRETRAINED[what] if isinstance(what, str) and what in PRETRAINED else Path(what)
    path = path / "model.tflite" if path.is_dir() else path
    suffix = path.suffix.lower()
    if not path.is_file():
        hint = nearest(str(what), PRETRAINED) if not suffix else ""
        raise ModelError(f"There is no model {path}.{hint} Train one with: uv run run_all.py")
    if suffix not in (".tflite", *KERAS):
        raise ModelError(
            f"A model's file must be a .tflite, a .keras or an .h5 file. Received: {path}. "
            "Load its run's folder; docs/recognizer.md says how ONNX and PyTorch's are converted."
        )
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

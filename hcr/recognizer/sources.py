"""Which model a name, a folder or a file means, and what the `labels.json` beside it says."""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from string import punctuation
from typing import Any, NamedTuple

import numpy as np

from hcr.errors import DataError, ModelError, RunError, nearest
from hcr.preprocessing import EMNIST, FRAMINGS, Framing
from hcr.preprocessing.labels import LABEL_SETS, parse_mapping
from hcr.runs import environment, files

# The first is what `Recognizer.load()` gives. A folder holds model.tflite and labels.json.
PRETRAINED = {
    name: Path(__file__).resolve().parents[1] / "pretrained" / name
    for name in ("emnist", "mnist", "mnist_nist_all", "mnist_nist_1000")
}
# The framing of those whose labels.json does not say it.
FRAMED = dict.fromkeys(PRETRAINED.values(), EMNIST) | {PRETRAINED["mnist"]: FRAMINGS["mnist"]}
SUFFIXES = {".tflite": "tflite", ".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".onnx": "onnx"}
BEGINNINGS = {b"\x89HDF": "h5", b"PK\3\4": "keras"}
# Others: the ends of their names, what they are, and how {0}, in the folder {1}, is converted.
OTHERS = tomllib.loads(Path(__file__).with_name("others.toml").read_text("utf-8"))
WEIGHTS = next(iter(OTHERS.values()))
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

    def numbers(self, stored: np.ndarray) -> np.ndarray:
        """What is stored, as float32."""
        numbers = stored.astype(np.float32, copy=False)
        return (numbers - self.zero) * self.scale if self.scale else numbers

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
        if not 0.01 <= known.temperature <= 100:
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} must hold characters, temperature, groups, alternatives and framing as "
            f"03_train writes them. Received: {str(facts)[:200]}. Copy it again, or pass labels."
        ) from error
    if model and known.sha256.get(model.name) not in (None, files.sha256(model)):
        raise ModelError(
            f"{model} must be the model that its labels.json was written for. Received: a changed "
            "file. Run 03_train again, or pass the labels of a model of your own."
        )
    return known


def check_labels(labels: Any, name: str = "Labels") -> tuple[str, ...]:
    """`labels` as a tuple of strings in the order of the outputs, "" for one that means nothing.

    Takes strings and digits, in order or in a dict with their indices, either way round. Raises
    `ModelError` for something else, and for a label twice.
    """
    ordered = _by_index(labels) if isinstance(labels, Mapping) else labels
    ordered = list(ordered) if isinstance(ordered, Iterable) else []
    digits = [i for i in ordered if isinstance(i, Integral) and 0 <= i <= 9]
    checked = tuple("" if label is None else str(label) for label in ordered)
    names = [label for label in checked if label]
    strings = all(isinstance(label, str | None) or label in digits for label in ordered)
    if not names or not strings or len(set(names)) < len(names):
        raise ModelError(
            f"{name} must be the characters in the order of the model's outputs, each once, or the "
            f"path of a labels.json or labels.txt. Received: {str(checked or labels)[:80]}."
        )
    return checked


def _by_index(labels: Mapping) -> list:
    """A dict's labels by its numbers, or else by its keys; "" for an index that it lacks."""
    inverse = all(isinstance(i, Integral) for i in labels.values())
    pairs = ((i, label) for label, i in labels.items()) if inverse else labels.items()
    known = {int(i): label for i, label in pairs if str(i).isdigit()}
    whole = known and len(known) == len(labels) and max(known) < 2 * len(labels)
    return [known.get(i, "") for i in range(max(known) + 1)] if whole else []


def _known(labels: Any, model: Path | None) -> About:
    """What labels in any form tell, or a file of them: JSON, EMNIST's mapping, or one a line."""
    if isinstance(labels, str):
        name = labels.lower().removeprefix("emnist-")
        if name in LABEL_SETS:  # EMNIST Letters counts from 1.
            return About(("",) * (name == "letters") + tuple(LABEL_SETS[name]))
        labels = Path(labels) if labels.lower().endswith((".json", ".txt")) else labels
    path = labels if isinstance(labels, Path) else None
    try:
        text = path.read_text(encoding="utf-8-sig") if path else ""
        if path and path.suffix.lower() == ".json":
            labels = json.loads(text)
            if isinstance(labels, dict) and "characters" in labels:  # as 03_train writes it
                return about(path, model)
        elif path:
            lines = [line.strip() for line in text.strip().splitlines()]
            rows = [re.fullmatch(r"(\d+)[\s,:]+(.+)", line) for line in lines]
            labels = dict(row.groups() for row in rows) if all(rows) else lines
            with suppress(DataError):
                labels = ("",) * int(text[:1] == "1") + parse_mapping(text)
        checked = check_labels(labels, f"Labels in {path}" if path else "Labels")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} must hold labels. Received: {error}. Pass a list.") from error
    # A question mark is a character only among others of its kind.
    if not any(label in punctuation for label in checked if label not in ("", "?")):
        checked = tuple("" if label == "?" else label for label in checked)
    return About(checked)


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
        path /= "saved_model.pb" if (path / "saved_model.pb").is_file() else "model.tflite"
    if not path.is_file() and not path.with_name(f"{path.name}.index").is_file():  # a checkpoint's
        hint = nearest(str(what), PRETRAINED) if not path.suffix else ""
        raise ModelError(f"There is no model {path}.{hint} Train one with: uv run run_all.py")
    kind_of(path)
    beside = [path.with_name(name) for name in ("labels.json", "labels.txt")]
    if labels is None:
        labels = next((name for name in beside if name.is_file()), None)
    if labels is None:
        raise ModelError(
            f"{path} must have a labels.json beside it, or be loaded with labels. "
            'Received: neither. Use: Recognizer.load(path, labels="0123456789").'
        )
    return path, _known(labels, path if str(labels) == str(beside[0]) else None)


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
        raise ModelError(f"{path} must be a .tflite, .keras, .h5 or .onnx file. Received: {what}.")
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

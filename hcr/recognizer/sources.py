"""Which model a name, a folder or a file means, and what the `labels.json` beside it says."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hcr import runs
from hcr.errors import ModelError, RunError, nearest
from hcr.runs import environment, files

# The first is what `Recognizer.load()` gives. A folder holds model.tflite and labels.json.
PRETRAINED = {
    name: Path(__file__).resolve().parents[1] / "pretrained" / name
    for name in ("emnist", "mnist", "mnist_nist_all", "mnist_nist_1000")
}
KERAS = (".keras", ".h5", ".hdf5")
FEW = 1000  # validation images: fewer tell neither how sure a network may be nor what it confuses

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
SHAPES = ((28, 28), (28, 28, 1), (1, 28, 28), (784,))  # that a foreign model may take
# Tried with torch 2.13 and onnx2tf 1.29.
ONNX = (
    "Its way here: onnx2tf -i net.onnx -o net, then "
    "Recognizer.load('net/net_float32.tflite', labels=..., scaling='0..1')."
)
NET = "torch.nn.Sequential(net, torch.nn.Softmax(1)).eval(), (torch.zeros(1, 1, 28, 28),)"
TORCH = f"By ONNX: torch.onnx.export({NET}, 'net.onnx'). {ONNX}"
WAYS = {".onnx": ONNX, ".pt": TORCH, ".pth": TORCH}


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

    @property
    def text(self) -> str:
        """The same in words, as `parse_scaling` takes it."""
        return f"{self.paper:.9g}..{self.ink:.9g}" + (" transposed" if self.transposed else "")

    def apply(self, images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """uint8 (n, 28, 28) images, ink 255 on 0, as the model takes them: float32 (n, *shape)."""
        if self.transposed:
            images = images.transpose(0, 2, 1)
        values = images.astype(np.float32) * np.float32(self.factor) + np.float32(self.paper)
        return values.reshape(len(images), *shape)


def parse_scaling(text: str | Scaling | None) -> Scaling | None:
    """A scaling from its words, as `Recognizer.load` takes them; None for None.

    Raises `ModelError` for something else.
    """
    if text is None or isinstance(text, Scaling):
        return text
    first, *words = re.split(r"[\s,]+", text.strip()) if isinstance(text, str) else [""]
    ends = re.fullmatch(rf"({NUMBER})\.\.({NUMBER})", first, re.IGNORECASE)
    paper, ink = map(float, ends.groups()) if ends else (0, 0)
    if paper == ink or not {"inverted", "transposed"}.issuperset(words):
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
    start: str | None = None  # the network that its training began from
    sha256: Mapping[str, str] = field(default_factory=dict)  # of its files, by name


def about(path: Path | str) -> About:
    """What a `labels.json` says. Raises `ModelError` where it is damaged or was changed."""
    try:
        facts = files.read_sealed(path, required=False)
    except RunError as error:
        raise ModelError(f"{error} Its run's 03_train writes it.") from error

    def check(key: str, right: bool, rule: str) -> None:
        if not right:
            raise ModelError(
                f"{path}: {key} must be {rule}. Received: {facts.get(key)!r:.80}. Train it again."
            )

    characters = facts.get("characters")
    check("characters", _texts(characters), "a list of characters")
    temperature = facts.get("temperature", 1.0)
    check("temperature", _within(temperature, 0.01, 100), "a number from 0.01 to 100")
    groups = facts.get("groups", [])
    right = isinstance(groups, list) and all(_texts(group, characters) for group in groups)
    check("groups", right, "lists of the model's characters")
    alternatives = facts.get("alternatives", {})
    right = isinstance(alternatives, dict) and all(_within(t, 0, 1) for t in alternatives.values())
    check("alternatives", right, "numbers from 0 to 1 by kind of input")
    known = check_labels(characters), float(temperature), tuple(map(tuple, groups))
    return About(*known, alternatives, facts.get("start"), facts.get("sha256", {}))


def _texts(value: object, known: Iterable[str] | None = None) -> bool:
    texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
    return texts and (known is None or set(value) <= set(known))


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def check_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """`labels` as a tuple. Raises `ModelError` where they are not strings, none of them twice."""
    checked = tuple(labels) if isinstance(labels, Iterable) else None
    if checked is None or not all(isinstance(label, str) for label in checked):
        raise ModelError(
            "Labels must be the characters in the order of the model's outputs, or the path of a "
            f"labels.json. Received: {str(labels)[:80]}."
        )
    twice = next((label for label in checked if checked.count(label) > 1), None)
    if twice is not None:
        raise ModelError(f"Labels must hold each character once. Received: {twice!r} twice.")
    return checked


def find(what: Path | str | None, labels: Iterable[str] | Path | None) -> tuple[Path, About]:
    """The file that `Recognizer.load(what, labels)` means, and what is known of it.

    Raises `ModelError` where there is none, or where nothing tells its labels.
    """
    name = next(iter(PRETRAINED)) if what is None else what
    if not isinstance(name, str | Path):
        rule = f"A model is one of {', '.join(PRETRAINED)}, a run's folder or a file"
        raise ModelError(f"{rule}. Received: {type(what).__name__}.")
    # A folder of the same name is meant by a `Path`, or by "./mnist".
    path = PRETRAINED.get(name, Path(name)) if isinstance(name, str) else name
    path = path / "model.tflite" if path.is_dir() else path
    suffix = path.suffix.lower()
    if not path.is_file():
        hint = nearest(str(name), PRETRAINED) if not suffix else ""
        raise ModelError(f"There is no model {path}.{hint} Train one with: uv run run_all.py")
    if suffix not in (".tflite", *KERAS):
        way = WAYS.get(suffix, "Load its run's folder, as outputs/quick.")
        raise ModelError(
            f"A model's file must be a .tflite, a .keras or an .h5 file. Received: {path}. {way}"
        )
    beside = path.with_name("labels.json")
    if labels is None:
        if not beside.is_file() and path.name != "model.tflite":
            raise ModelError(
                f"{path} must have a labels.json beside it, or be loaded with labels. "
                'Received: neither. Use: Recognizer.load(path, labels="0123456789").'
            )
        labels = beside
    if not isinstance(labels, Path):
        return path, About(check_labels(labels))
    known = about(labels)
    if labels == beside:
        _check_digest(path, known)
    return path, known


def _check_digest(path: Path, known: About) -> None:
    """Raise `ModelError` where a model is not the one its `labels.json` holds a digest of."""
    if known.sha256.get(path.name) not in (None, files.sha256(path)):
        raise ModelError(
            f"{path} must be the model that its labels.json was written for. Received: a changed "
            "file. Run 03_train again, or pass the labels of a model of your own."
        )


def listed() -> dict[str, Path]:
    """The folders of all models by name: the pretrained ones, then the runs', newest first."""
    top = runs.outputs()
    models = [*top.glob("*/model.tflite"), *top.glob("*/*/model.tflite")]
    models.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    folders = {f"{name} (pretrained)": folder for name, folder in PRETRAINED.items()}
    folders |= {path.parent.relative_to(top).as_posix(): path.parent for path in models}
    return {
        name: folder
        for name, folder in folders.items()
        if (folder / "model.tflite").is_file() and (folder / "labels.json").is_file()
    }


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
            hint = nearest(name, PRETRAINED) if name not in PRETRAINED and "/" not in name else ""
            raise ModelError(
                "A trained network is a run's folder, a .keras file, or a pretrained one that has "
                f"one ({', '.join(whole) or 'none'}). Received: {name!r}.{hint}"
            )
        beside = path.with_name("labels.json")
        known = about(beside) if characters is not None or beside.is_file() else None
        if known:
            _check_digest(path, known)
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

"""Where a model lies, and what its outputs mean: shipped with the package, a run's, or a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ModelError, RunError, nearest
from hcr.recognizer.conversion import converted
from hcr.recognizer.scaling import Scaling, parse
from hcr.runs import files

# Name to its folder in this package, which holds what a run's folder holds: model.tflite and
# labels.json. The first one is what `Recognizer.load()` gives.
SHIPPED = {
    "emnist": "pretrained/emnist",
    "mnist": "pretrained/mnist",
    "mnist_nist_all": "pretrained/mnist_nist_all",
    "mnist_nist_1000": "pretrained/mnist_nist_1000",
}

PACKAGE = Path(__file__).resolve().parents[1]
KERAS = (".keras", ".h5", ".hdf5")
SUFFIXES = (".tflite", *KERAS)
# From PyTorch, with the way that leads here. Tried with torch 2.13 and onnx2tf 1.29.
ONNX = (
    "onnx2tf -i net.onnx -o net (package onnx2tf), and then "
    "Recognizer.load('net/net_float32.tflite', labels=..., scaling='0..1')."
)
TORCH = (
    "Its way here is ONNX: torch.onnx.export(torch.nn.Sequential(net, torch.nn.Softmax(1)).eval(), "
    f"(torch.zeros(1, 1, 28, 28),), 'net.onnx'), then {ONNX}"
)
FOREIGN = (".onnx", ".pt", ".pth")
OWN = "Train one with: uv run run_all.py, and load its run's folder, as outputs/quick."


@dataclass(frozen=True)
class Source:
    """A model to load.

    Attributes:
        path: The LiteRT file.
        labels: The characters, in the order of the outputs.
        temperature: By what the logits are divided for calibrated probabilities; 1 changes nothing.
        scaling: What the file's network takes; None where it takes the contract's pictures.
        groups: Characters that it confused on validation.
    """

    path: Path
    labels: tuple[str, ...]
    temperature: float = 1.0
    scaling: Scaling | None = None
    groups: tuple[tuple[str, ...], ...] = ()


def find(
    what: Path | str | None,
    labels: Iterable[str] | Path | None,
    scaling: Scaling | str | None = None,
) -> Source:
    """The model that `Recognizer.load(what, labels, scaling)` means.

    Raises `ModelError` where there is none, or where nothing tells its labels.
    """
    scaling = parse(scaling)
    if not isinstance(what, str | Path | None):
        raise ModelError(
            f"A model is named by a shipped one's name ({', '.join(SHIPPED)}), a run's folder, a "
            f".tflite, a .keras or an .h5 file. Received: {type(what).__name__}."
        )
    name = next(iter(SHIPPED)) if what is None else what
    # A folder of the same name is meant by a `Path`, or by "./mnist".
    shipped = isinstance(name, str) and name in SHIPPED
    path = PACKAGE / SHIPPED[name] if shipped else Path(name)
    if shipped and not (path / "model.tflite").is_file():
        raise ModelError(
            f"The model {name!r} must lie in {path}. Received: a package without it. {OWN}"
        )
    if path.is_dir():
        path = path / "model.tflite"
    elif not path.is_file():
        hint = nearest(str(name), SHIPPED) if path.suffix not in SUFFIXES else ""
        raise ModelError(f"There is no model {name}.{hint} {OWN}")
    if path.suffix in FOREIGN:
        raise ModelError(
            f"A model's file must be a .tflite, a .keras or an .h5 file. Received: {path}. "
            + (f"Its way here: {ONNX}" if path.suffix == ".onnx" else TORCH)
        )
    if path.suffix not in SUFFIXES:
        raise ModelError(
            f"A model's file must be a .tflite, a .keras or an .h5 file. Received: {path}. {OWN}"
        )
    if labels is None:
        labels = path.with_name("labels.json")
        if not labels.is_file() and path.name != "model.tflite":
            raise ModelError(
                f"{path} must have its labels in a labels.json beside it, or be given them. "
                'Received: neither. Use: Recognizer.load(path, labels="0123456789").'
            )
    temperature, groups = 1.0, ()
    if isinstance(labels, Path):
        temperature, groups = read_temperature(labels), read_groups(labels)
        if labels == path.with_name("labels.json") and path.is_file():
            check_digest(path)
        labels = read_labels(labels)
    checked = check_labels(labels)
    if path.suffix in KERAS:
        # What is converted scales the pictures itself.
        return Source(converted(path, scaling), checked, temperature, groups=groups)
    return Source(path, checked, temperature, scaling, groups)


def listed() -> dict[str, Path]:
    """The folders of the models that are there, by name: the shipped ones, then the runs'.

    A run's folder holds `model.tflite` and `labels.json`; the newest comes first. A shipped one's
    name says so, for a run may have the same.
    """
    shipped = {f"{name} (shipped)": PACKAGE / folder for name, folder in SHIPPED.items()}
    top = runs.outputs()
    found = [*top.glob("*/model.tflite"), *top.glob("*/*/model.tflite")]
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    own = {path.parent.relative_to(top).as_posix(): path.parent for path in newest}
    return {
        name: folder
        for name, folder in (shipped | own).items()
        if (folder / "model.tflite").is_file() and (folder / "labels.json").is_file()
    }


def check_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """`labels` as a tuple. Raises `ModelError` where they are not strings, each there once."""
    found = tuple(labels) if isinstance(labels, Iterable) else None
    if found is None or not all(isinstance(each, str) for each in found):
        raise ModelError(
            "Labels must be the characters in the order of the model's outputs, or the path of a "
            f"labels.json. Received: {str(labels)[:80]}."
        )
    twice = sorted({each for each in found if found.count(each) > 1})
    if twice:
        raise ModelError(f"Labels must hold each character once. Received: {twice[0]!r} twice.")
    return found


def check_digest(path: Path) -> None:
    """Raise `ModelError` where the `labels.json` beside a model was written for another content.

    That of what ships, or of an earlier version, has no digest: the model is taken as it is.
    """
    known = _read(path.with_name("labels.json")).get("sha256", {})
    if known.get(path.name) not in (None, files.sha256(path)):
        raise ModelError(
            f"{path} must be the model that its labels.json was written for. Received: a changed "
            "file. Run 03_train again, or give the labels of a model of your own."
        )


def read_labels(path: Path | str) -> tuple[str, ...]:
    """The characters in a run's `labels.json`. Raises `ModelError` where it holds none."""
    found = _read(path)
    labels = found.get("characters")
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise ModelError(
            f"{path} must hold a list of characters. Received: {str(found)[:80]}. Train it again."
        )
    return tuple(labels)


def read_temperature(path: Path | str) -> float:
    """The temperature in a run's `labels.json`, 1 where it holds none.

    Raises `ModelError` where it is no number above 0.
    """
    return check_temperature(_read(path).get("temperature", 1.0), str(path))


def read_groups(path: Path | str) -> tuple[tuple[str, ...], ...]:
    """The groups of confused characters in a run's `labels.json`; none where it holds none.

    Raises `ModelError` where they are not lists of its characters.
    """
    return check_groups(_read(path).get("groups", ()), read_labels(path), str(path))


def check_groups(groups: object, labels: Iterable[str], where: str) -> tuple[tuple[str, ...], ...]:
    """`groups` as tuples. Raises `ModelError` where they are not lists of these `labels`."""
    known = set(labels)
    lists = isinstance(groups, list | tuple) and all(
        isinstance(each, list | tuple) for each in groups
    )
    if not lists or not all(
        isinstance(each, str) and each in known for group in groups for each in group
    ):
        raise ModelError(
            "groups must be lists of the model's characters, those that it confuses. "
            f"Received: {str(groups)[:80]} ({where}). 03_train finds them."
        )
    return tuple(tuple(group) for group in groups)


def read_start(path: Path | str) -> str | None:
    """The network that training began from, by a run's `labels.json`; None where it began anew."""
    start = _read(path).get("start")
    return start if isinstance(start, str) else None


def check_temperature(value: float, where: str) -> float:
    """`value` as a float. Raises `ModelError` where it is no number from 0.01 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 100:
        raise ModelError(
            f"temperature must be a number from 0.01 to 100. Received: {value!r} ({where}). "
            "03_train fits it."
        )
    return float(value)


def _read(path: Path | str) -> dict[str, Any]:
    try:
        return files.read_sealed(path, required=False)
    except RunError as error:
        raise ModelError(f"{error} Its run's 03_train writes it.") from error

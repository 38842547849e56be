"""Where a model lies, and what its outputs mean: shipped with the package, a run's, or a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hcr import files, runs
from hcr.errors import ModelError, RunError, nearest
from hcr.recognizer.conversion import converted

# Name to its folder in this package, which holds what a run's folder holds: model.tflite and
# labels.json. The first one is what `Recognizer.load()` gives.
SHIPPED = {
    "emnist": "pretrained/emnist",
    "mnist": "pretrained/mnist",
    "mnist_nist_all": "pretrained/mnist_nist_all",
    "mnist_nist_1000": "pretrained/mnist_nist_1000",
}

PACKAGE = Path(__file__).resolve().parents[1]
OWN = "Train one with: uv run run_all.py, and load its run's folder, as outputs/quick."


@dataclass(frozen=True)
class Source:
    """A model to load.

    Attributes:
        path: The LiteRT file.
        labels: The characters, in the order of the outputs.
        temperature: By what the logits are divided for calibrated probabilities; 1 changes nothing.
        groups: Characters that it confused on validation.
    """

    path: Path
    labels: tuple[str, ...]
    temperature: float = 1.0
    groups: tuple[tuple[str, ...], ...] = ()


def find(what: Path | str | None, labels: Iterable[str] | Path | None) -> Source:
    """The model that `Recognizer.load(what, labels)` means.

    Raises `ModelError` where there is none, or where nothing tells its labels.
    """
    if not isinstance(what, str | Path | None):
        raise ModelError(
            f"A model is named by a shipped one's name ({', '.join(SHIPPED)}), a run's folder, a "
            f".tflite or a .keras file. Received: {type(what).__name__}."
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
        hint = nearest(str(name), SHIPPED) if path.suffix not in (".tflite", ".keras") else ""
        raise ModelError(f"There is no model {name}.{hint} {OWN}")
    if path.suffix not in (".tflite", ".keras"):
        raise ModelError(
            f"A model's file must be a .tflite or a .keras file. Received: {path}. {OWN}"
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
        labels = read_labels(labels)
    checked = check_labels(labels)
    if path.suffix == ".keras":
        path = converted(path)
    return Source(path, checked, temperature, groups)


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


def read_labels(path: Path | str) -> tuple[str, ...]:
    """The characters in a run's `labels.json`. Raises `ModelError` where it holds none."""
    found = _read(path)
    labels = found.get("characters") if isinstance(found, dict) else None
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise ModelError(
            f"{path} must hold a list of characters. Received: {str(found)[:80]}. Train it again."
        )
    return tuple(labels)


def read_temperature(path: Path | str) -> float:
    """The temperature in a run's `labels.json`, 1 where it holds none.

    Raises `ModelError` where it is no number above 0.
    """
    found = _read(path)
    value = found.get("temperature", 1.0) if isinstance(found, dict) else 1.0
    return check_temperature(value, str(path))


def read_groups(path: Path | str) -> tuple[tuple[str, ...], ...]:
    """The groups of confused characters in a run's `labels.json`; none where it holds none.

    Raises `ModelError` where they are no lists of characters.
    """
    found = _read(path)
    return check_groups(found.get("groups", ()) if isinstance(found, dict) else (), str(path))


def check_groups(groups: object, where: str) -> tuple[tuple[str, ...], ...]:
    """`groups` as tuples. Raises `ModelError` where they are no lists of characters."""
    lists = isinstance(groups, list | tuple) and all(
        isinstance(each, list | tuple) for each in groups
    )
    if not lists or not all(isinstance(each, str) for group in groups for each in group):
        raise ModelError(
            "groups must be lists of characters that are confused. "
            f"Received: {str(groups)[:80]} ({where}). 03_train finds them."
        )
    return tuple(tuple(group) for group in groups)


def check_temperature(value: float, where: str) -> float:
    """`value` as a float. Raises `ModelError` where it is no number from 0.01 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 100:
        raise ModelError(
            f"temperature must be a number from 0.01 to 100. Received: {value!r} ({where}). "
            "03_train fits it."
        )
    return float(value)


def _read(path: Path | str) -> object:
    try:
        return files.read_json(path)
    except RunError as error:
        raise ModelError(f"{error} Its run's 03_train writes it.") from error

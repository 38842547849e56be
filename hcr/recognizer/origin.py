"""A trained network to begin from or to learn from: where it lies, and what it reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hcr.errors import ModelError, nearest
from hcr.recognizer import sources
from hcr.recognizer.sources import SHIPPED
from hcr.runs import environment

FEW = 1000
"""With fewer validation pictures nothing can be told of how sure a network may be."""


def located(what: str) -> Path:
    """The folder or file that `what` means, which may not exist.

    `what` is the name of a shipped network, a run's folder, or a file; a relative path counts from
    the project's top.
    """
    return sources.PACKAGE / SHIPPED[what] if what in SHIPPED else environment.placed(what)


def keras_file(what: str, characters: Sequence[str] | None = None) -> Path:
    """The `.keras` file of a trained network.

    Args:
        what: As `located` takes it; a shipped one must have its `model.keras`.
        characters: Those that it must read by the `labels.json` beside it, in the order of their
            labels; None for any.

    Raises:
        ModelError: There is no such file, or it reads other characters.
    """
    path = located(what)
    path = path / "model.keras" if path.is_dir() else path
    if path.suffix != ".keras" or not path.is_file():
        folders = {name: sources.PACKAGE / folder for name, folder in SHIPPED.items()}
        whole = [name for name in folders if (folders[name] / "model.keras").is_file()]
        known = nearest(what, SHIPPED) if what not in SHIPPED and what.isidentifier() else ""
        raise ModelError(
            "A trained network is named by a run's folder or a .keras file, or is one that ships "
            f"with one ({', '.join(whole) or 'none'}). Received: {what!r}.{known}"
        )
    if path.with_name("labels.json").is_file():
        sources.check_digest(path)
    if characters is not None:
        labels = sources.read_labels(path.with_name("labels.json"))
        if labels != tuple(characters):
            raise ModelError(
                f"A training must begin from a network that reads the data set's "
                f"{len(characters)} characters, in their order ({''.join(characters)}). Received: "
                f"{what}, which reads {''.join(labels)}. Choose another, or another data set."
            )
    return path


def keras_files(text: str, characters: Sequence[str] | None = None) -> list[Path]:
    """The `.keras` files of the networks that `text` names, with commas between; see `keras_file`.

    Raises `ModelError` where one is none, or none is named.
    """
    return [keras_file(each, characters) for each in named(text)]


def named(text: str) -> list[str]:
    """The networks that `text` names, with commas between: at least one, which may be empty."""
    return [each.strip() for each in text.split(",") if each.strip()] or [text]


@dataclass(frozen=True)
class Inherited:
    """What a network takes over from the one that its training began from.

    Attributes:
        temperature: As `hcr.evaluation.calibration` fits it.
        groups: The classes that are confused, as `hcr.evaluation.ambiguity.groups` finds them.
    """

    temperature: float
    groups: list[tuple[int, ...]]


def inherited(start: str | None, n: int) -> Inherited | None:
    """The temperature and groups of the network `start`, where `n` validation pictures are few.

    Two dozen drawings of one hand tell neither how sure a network may be nor what it confuses; the
    many that its start was judged by do. None where there is no start, or `n` is `FEW` or more.
    """
    if start is None or n >= FEW:
        return None
    # Of several, which were trained alike, the first speaks for all.
    path = keras_files(start)[0].with_name("labels.json")
    index = {character: i for i, character in enumerate(sources.read_labels(path))}
    groups = [tuple(index[each] for each in group) for group in sources.read_groups(path)]
    return Inherited(sources.read_temperature(path), groups)

"""What must be said of a model that this run did not train."""

from collections.abc import Sequence
from typing import Protocol

from hcr.reports.insights_wording import counted

OWN = "run"  # the reader that is the run's own model


class Model(Protocol):
    """A model, as `hcr.recognizer.Recognizer` is one."""

    temperature: float
    groups: Sequence[Sequence[str]]


def reader(name: str, model: Model) -> str:
    """Of the model that reads: what it has not learned from, and what it carries; or nothing.

    Args:
        name: As the parameter `reader` has it; nothing is said of `OWN`.
        model: The model.
    """
    if name == OWN:
        return ""
    groups = len(model.groups)
    carried = f"{counted(groups, 'group')} of confused characters" if groups else "no groups"
    carried += " and "
    carried += "no temperature" if model.temperature == 1 else f"temperature {model.temperature:g}"
    return (
        f"Read by {name}, which was not trained in this run: it did not learn from this training "
        "split, unless it was elsewhere, and its figures there are those of further pictures. "
        f"It carries {carried}, found elsewhere. {unknown(['it'])}"
    )


def unknown(names: Sequence[str]) -> str:
    """That models may have learned from test pictures; empty where there is no name.

    Args:
        names: Of models that were brought, that ship, or that training began from.
    """
    if not names:
        return ""
    was, its = ("was", "its") if len(names) == 1 else ("were", "their")
    return (
        f"What {_listed(names)} {was} trained on is not checked here: pictures of this test split "
        f"may be among it, and then {its} figures flatter."
    )


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

"""The few exceptions that a user meets: each says the rule, what was received and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class HcrError(Exception):
    """A broken rule. In a notebook it is shown without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ParameterError(HcrError):
    """A parameter, a params file or a command line argument is wrong. The runner exits with 2."""


class DataError(HcrError):
    """A dataset is missing, is cut short, or is not what it says it is."""


class ModelError(HcrError):
    """A network or a model file cannot be built, read or used."""


class RunError(HcrError):
    """A run's folder or files cannot be read, written or locked."""


class TrainingInterrupt(KeyboardInterrupt):
    """A training was stopped by hand, and is saved. In a notebook: one line, no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class PictureWarning(UserWarning):
    """A picture whose answer cannot be trusted; `Recognition.warnings` has the same lines."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The hint ` Did you mean 'x'?` for a misspelled `name`, or the list of `names`.

    Starts with a blank, to be put behind an error's sentence.
    """
    names = list(map(str, names))
    return close(name, names) or f" Known: {', '.join(sorted(names)) or 'none'}."


def close(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """The hint for a misspelled `name`, as `nearest`; empty where none is near (1: equal)."""
    matches = get_close_matches(str(name), map(str, names), n=1, cutoff=cutoff)
    return f" Did you mean {matches[0]!r}?" if matches else ""

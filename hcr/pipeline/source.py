"""YAML 1.2 text becomes plain values; every way to break it becomes one line."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from hcr import runs
from hcr.errors import ParameterError, nearest
from hcr.pipeline import rules


class YamlSyntaxError(Exception):
    """Text that isn't YAML, told without the file; `line` counts from 1, or is None."""

    def __init__(self, text: str, line: int | None = None):
        """Keep the text and the line."""
        super().__init__(text)
        self.line = line


def load(text: str) -> Any:
    """The value of one YAML document; raises `YamlSyntaxError`."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parts = [error.context, error.problem]
        told = ", ".join(" ".join(str(each).split()) for each in parts if each)
        raise YamlSyntaxError(told, mark.line + 1 if mark else None) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlSyntaxError("it holds a control character", line) from error
    except RecursionError as error:
        raise YamlSyntaxError("it is nested too deeply") from error
    # A date without its day, an integer of thousands of digits, `!!bool 3`.
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise YamlSyntaxError(f"a value cannot be read ({' '.join(str(error).split())})") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """The top-level mapping of a params file; raises `ParameterError` naming the file."""
    shown = runs.shown(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParameterError(f"{shown} must be UTF-8. Save it so in your editor.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = nearest(*_neighbours(path))
        raise ParameterError(f"The params file {shown} doesn't exist.{hint}") from error
    except IsADirectoryError as error:
        raise ParameterError(f"{shown} is a folder. Name a params file in it.") from error
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise ParameterError(f"The params file {shown} cannot be read: {told}.") from error
    try:
        value = load(text)
    except YamlSyntaxError as error:
        line = f", line {error.line}" if error.line else ""
        raise ParameterError(f"{shown}{line}: this is not valid YAML: {error}.") from error
    if value is None:
        raise ParameterError(f"{shown} is empty. It needs at least a line as `run: my_run`.")
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else rules.shown(value)
        raise ParameterError(
            f"{shown} must be a mapping, with lines as `run: my_run`. Received: {kind}."
        )
    return value


def _neighbours(path: Path) -> tuple[str, list[str]]:
    """What a misspelt `path` is compared with: params files beside it, or those of `params/`."""
    try:
        beside = [each.name for each in path.parent.glob("*.yaml") if path.parent != Path()]
        others = [f"params/{each.name}" for each in Path("params").glob("*.yaml")]
    except OSError:
        return path.name, []
    if beside:
        return path.name, beside
    return f"params/{path.with_suffix('.yaml').name}", others

"""The command line's `-p STAGE.key=value`."""

from collections.abc import Iterable
from typing import Any

from hcr.errors import ParameterError
from hcr.pipeline.rules import RUN, shown
from hcr.pipeline.source import YamlSyntaxError, load

FORM = "write -p STAGE.key=value or -p shared.key=value"


def parse_overrides(options: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Values by stage (or `shared`) and key; a value is read as YAML 1.2, as `[1, 2]` or `1e-3`.

    Which stages and keys there are, `resolve` knows. Raises `ParameterError`, with one line a
    problem, for an option that hasn't that form or that is given twice.
    """
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for option in options:
        try:
            stage, key, value = _parse(option)
        except ParameterError as error:
            problems.append(str(error))
            continue
        values = found.setdefault(stage, {})
        if key in values:
            problems.append(f"-p {stage}.{key} is given twice. Take one out.")
        values[key] = value
    if problems:
        raise ParameterError("\n".join(problems))
    return found


def _parse(option: str) -> tuple[str, str, Any]:
    target, equals, text = option.partition("=")
    stage, dot, key = (each.strip() for each in target.partition("."))
    if not equals:
        raise ParameterError(f"An override needs a value: {FORM}. Received: {shown(option)}.")
    if key == RUN or (stage == RUN and not dot):
        raise ParameterError(f"The run's name is set with --run NAME. Received: {shown(option)}.")
    if not (stage and dot and key):
        raise ParameterError(f"An override needs a stage and a key: {FORM}. Received: {option!r}.")
    if not text.strip():
        raise ParameterError(
            f"An override needs a value; write null for none and '\"\"' for an empty string. "
            f"Received: {shown(option)}."
        )
    try:
        return stage, key, load(text)
    except YamlSyntaxError as error:
        raise ParameterError(f"-p {stage}.{key}: the value is not valid YAML: {error}.") from error

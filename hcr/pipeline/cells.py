"""Reads the parameters cell of a notebook: its source alone, nothing is run or imported."""

import ast
import io
import json
import re
import tokenize
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError
from hcr.pipeline import comments
from hcr.pipeline.rules import RUN, SCALARS, Parameter

TAG = "parameters"
ANNOTATION = re.compile(rf"(list\[)?({'|'.join(SCALARS)})(?(1)\])")
LINE = "`name: type = literal  # help`"


def read_cell(path: Path | str, root: Path | None = None) -> list[Parameter]:
    """The parameters that a notebook declares, in the cell's order, `run` first.

    Args:
        path: The notebook.
        root: The folder that holds the package `hcr`, whose tables name the choices; by default
            the one that this module lies in.

    Raises `ParameterError`, which names the notebook and the line, for a cell that holds anything
    but annotated literals with comments, and for a notebook without exactly one such cell.
    """
    path = Path(path)
    root = root or Path(__file__).resolve().parents[2]
    source = _source(path)
    tree, notes = _parse(source, path)
    lines = source.splitlines()
    found: dict[str, Parameter] = {}
    used: set[int] = set()
    for node in tree.body:
        try:
            if node.lineno in used:
                raise ParameterError(f"Every line must hold one {LINE}, not two.")
            used.add(node.lineno)
            parameter = _parameter(node, notes.get(node.lineno), root)
            if parameter.name in found:
                raise ParameterError(f"{parameter.name} is declared twice. Take one line out.")
            if parameter.name == RUN or not found:
                _check_run(parameter, first=not found)
        except ParameterError as error:
            text = lines[node.lineno - 1].strip()
            raise _error(path, node.lineno, f"{error} The line is: {text}") from error
        found[parameter.name] = parameter
    alone = sorted(set(notes) - used)
    if alone:
        raise _error(path, alone[0], f"A comment must stand behind its parameter, as {LINE}.")
    if not found:
        raise _error(path, 1, f'The cell must begin with `{RUN}: str = "{runs.LAB}"  # help`.')
    return list(found.values())


def _source(path: Path) -> str:
    """The source of the one cell that is tagged `parameters`."""
    shown = runs.shown(path)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParameterError(f"The notebook {shown} doesn't exist.") from error
    except OSError as error:
        raise ParameterError(f"The notebook {shown} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ParameterError(
            f"A notebook must be JSON in UTF-8. {shown}{line} is not: open and save it in "
            "JupyterLab, or take it from git again."
        ) from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or notebook.get("nbformat") != 4:
        raise ParameterError(
            f"A notebook must have nbformat 4 and cells. {shown} hasn't: save it in JupyterLab."
        )
    tagged = [cell for cell in cells if TAG in _tags(cell) and cell.get("cell_type") == "code"]
    if len(tagged) != 1:
        count = "none" if not tagged else str(len(tagged))
        raise ParameterError(
            f"A notebook must have one code cell tagged `{TAG}`. {shown} has {count}: set the tag "
            "in JupyterLab's property inspector."
        )
    source = tagged[0].get("source", "")
    return source if isinstance(source, str) else "".join(str(line) for line in source)


def _tags(cell: Any) -> list[Any]:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []


def _parse(source: str, path: Path) -> tuple[ast.Module, dict[int, str]]:
    """The cell's syntax tree, and its comments by line without their `#`."""
    try:
        tree = ast.parse(source)
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except SyntaxError as error:
        raise _error(path, error.lineno or 1, f"This is not Python: {error.msg}.") from error
    except (ValueError, tokenize.TokenError, RecursionError) as error:
        raise _error(path, 1, f"This is not Python: {error}.") from error
    notes = {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    return tree, notes


def _parameter(node: ast.stmt, comment: str | None, root: Path) -> Parameter:
    """One line as a parameter; raises `ParameterError` without the place."""
    if not isinstance(node, ast.AnnAssign) or not node.simple or node.value is None:
        raise ParameterError(f"Every line must be {LINE}.")
    name = ast.unparse(node.target)
    if node.end_lineno != node.lineno:
        raise ParameterError(f"{name} must stand on one line, as {LINE}.")
    written = ast.unparse(node.annotation)
    kind = written.removesuffix(" | None")
    if not ANNOTATION.fullmatch(kind):
        raise ParameterError(
            f"The type must be one of {', '.join(SCALARS)}, or a list of one, as list[int]; "
            f"`| None` may follow. Received: {written}."
        )
    try:
        default = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ParameterError(f"The default of {name} must be a literal.") from error
    item = kind.removeprefix("list[").removesuffix("]")
    text, rule = comments.split(comment or "", item, root)
    if not text:
        raise ParameterError(f"{name} must have a help text: a comment on its line.")
    parameter = Parameter(name, kind, kind != written, default, text, **rule)
    value, problem = parameter.check(default, "its default")
    if problem:
        raise ParameterError(problem)
    return Parameter(name, kind, kind != written, value, text, **rule)


def _check_run(parameter: Parameter, first: bool) -> None:
    """The first parameter, and it alone, is the run's name."""
    plain = (parameter.name, parameter.type, parameter.optional, parameter.default)
    if not first or plain != (RUN, "str", False, runs.LAB):
        raise ParameterError(
            f'The first line of the cell, and only it, must be `{RUN}: str = "{runs.LAB}"  # help`.'
        )


def _error(path: Path, line: int, text: str) -> ParameterError:
    return ParameterError(f"{runs.shown(path)}, parameters cell, line {line}: {text}")

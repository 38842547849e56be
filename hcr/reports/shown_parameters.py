"""The parameters of a stage, with their defaults and help, as far as its notebook tells them."""

import ast
import io
import re
import tokenize
from typing import Any

TAG = "parameters"
INJECTED = "injected-parameters"
RULE = re.compile(r"[\[(][^\[\]()]*[\])]\s*")  # `[1..10]` at the start of a help text


def rows(notebook: Any, given: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a parameter, with `name`, `value`, `help`, and `default` where the value differs.

    `given` holds the values that the run used; those that no cell declares come last.
    """
    declared = _declared(notebook)
    found = []
    for name, (default, text) in declared.items():
        value = given.get(name, default)
        row = {"name": name, "value": value, "help": text, "changed": value != default}
        found.append(row | {"default": default})
    for name in given.keys() - declared.keys():
        row = {"name": name, "value": given[name], "help": "", "changed": False, "default": None}
        found.append(row)
    return sorted(found, key=lambda row: row["name"] not in declared)


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    return list(cell.get("metadata", {}).get("tags") or [])


def _declared(notebook: Any) -> dict[str, tuple[Any, str]]:
    """Default and help by name, from the parameters cell; empty where it cannot be read.

    The runner has checked the cell; a page about a notebook that it refused still has to appear.
    """
    cells = [cell for cell in notebook.cells if TAG in tags(cell) and cell.cell_type == "code"]
    if not cells:
        return {}
    try:
        tree = ast.parse(cells[0].source)
        tokens = list(tokenize.generate_tokens(io.StringIO(cells[0].source).readline))
    except (SyntaxError, ValueError, tokenize.TokenError):
        return {}
    notes = {
        token.start[0]: RULE.sub("", token.string.lstrip("# "), count=1)
        if RULE.match(token.string.lstrip("# "))
        else token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    found = {}
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        if not isinstance(target, ast.Name):
            continue
        try:
            found[target.id] = (ast.literal_eval(node.value), notes.get(node.lineno, ""))
        except (ValueError, TypeError):
            continue
    return found

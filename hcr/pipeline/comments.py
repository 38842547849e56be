"""The rule in brackets that may begin a parameter's comment: a range or the choices."""

import ast
import re
from pathlib import Path
from typing import Any

from hcr.errors import ParameterError, nearest

OPEN = re.compile(r"\s+or\s+module:function$")
TABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"([\[(])\s*({NUMBER})?\s*\.\.\s*({NUMBER})?\s*([\])])\s*(.*)", re.DOTALL)
CHOICES = re.compile(r"\[([^\[\]]*)\]\s*(.*)", re.DOTALL)


def split(comment: str, item: str, root: Path) -> tuple[str, dict[str, Any]]:
    """Split a comment into its help text and its rule.

    Args:
        comment: The comment without its `#`.
        item: The type that the rule is for: `int`, `float`, `str` or `bool`.
        root: The folder that the modules of named tables are looked up in.

    Returns the help text and the fields of `Parameter` that the rule sets. Raises `ParameterError`
    without the place, which the caller knows.
    """
    found = RANGE.fullmatch(comment)
    if found:
        return found[5].strip(), _range(found, item)
    if not comment.startswith("["):
        return comment, {}
    found = CHOICES.fullmatch(comment)
    if not found:
        raise ParameterError("The rule in brackets is not closed. Close it with ].")
    text, help_text = found[1].strip(), found[2].strip()
    names = OPEN.sub("", text)
    is_open = names != text
    if is_open and item != "str":
        raise ParameterError("Only a str can be module:function. Take it out of the brackets.")
    if "|" not in names and TABLE.fullmatch(names):
        choices = table(names, root)
    elif "|" in names or is_open:
        choices = tuple(_number(each.strip(), item) for each in names.split("|"))
    else:
        raise ParameterError(
            f"The rule in brackets must be a range as [1..10], choices as [a|b] or a table as "
            f"[hcr.module.TABLE]. Received: [{text}]."
        )
    kinds = (int, float) if item == "float" else {"int": int, "str": str}.get(item, ())
    if any(not isinstance(each, kinds) or each == "" for each in choices):
        raise ParameterError(f"The choices must be of the type {item}. Received: [{text}].")
    if len(set(choices)) < len(choices):
        raise ParameterError(f"The choices must differ. Received: [{text}].")
    return help_text, {"choices": choices, "open_choices": is_open}


def table(dotted: str, root: Path) -> tuple[Any, ...]:
    """The keys (or items) of the literal table `package.module.NAME`, read without importing it.

    A dict's values may be anything, its keys are literals. Raises `ParameterError` where the
    module, the table or its literals cannot be found.
    """
    module, _, name = dotted.rpartition(".")
    base = root.joinpath(*module.split("."))
    files = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
    if not files:
        raise ParameterError(f"The table {dotted} must be in a module of the project: no {module}.")
    try:
        tree = ast.parse(files[0].read_bytes())
    except (SyntaxError, ValueError) as error:
        raise ParameterError(f"The module {module} cannot be read: {error}.") from error
    tables = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and getattr(node, "value", None) is not None:
                tables[target.id] = node.value
    if name not in tables:
        raise ParameterError(
            f"The module {module} assigns no table {name}; name the one that does."
            f"{nearest(name, tables)}"
        )
    literal = tables[name]
    parts = literal.keys if isinstance(literal, ast.Dict) else getattr(literal, "elts", [])
    if not parts or not all(isinstance(each, ast.Constant) for each in parts):
        raise ParameterError(
            f"The table {dotted} must be a dict, tuple or list, not empty, with literal names."
        )
    return tuple(each.value for each in parts)


def _range(found: re.Match[str], item: str) -> dict[str, Any]:
    opening, low, high, closing = found[1], found[2], found[3], found[4]
    text = found[0][: found.end(4)]
    if item not in ("int", "float"):
        raise ParameterError(f"A range needs a type of number, not {item}. Received: {text}.")
    minimum, maximum = (None if each is None else _number(each, item) for each in (low, high))
    if minimum is None and maximum is None:
        raise ParameterError(f"A range needs a bound. Received: {text}.")
    if any(isinstance(each, str) for each in (minimum, maximum)):
        raise ParameterError(f"The bounds must be of the type {item}. Received: {text}.")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ParameterError(f"A range runs from low to high. Received: {text}.")
    above = opening == "(" and minimum is not None
    below = closing == ")" and maximum is not None
    return {"minimum": minimum, "maximum": maximum, "above": above, "below": below}


def _number(text: str, item: str) -> Any:
    """`text` as a number of the type `item` where it is one, or as it is.

    A whole float stays an int, so that messages say 1 rather than 1.0; choices compare equal.
    """
    if item in ("int", "float"):
        try:
            return int(text)
        except ValueError:
            pass
    if item == "float":
        try:
            return float(text)
        except ValueError:
            pass
    return text

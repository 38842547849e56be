"""A notebook's parameters cell: types, ranges, choices, help; the names of earlier releases.

The cell is the only declaration of its parameters, one `name: type = literal  # [rule] help` each.
It is read as text: nothing is run or imported.
"""

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, close, nearest

# Names and values of an earlier release, accepted with a note: `STAGE.key` or `STAGE.key=value` to
# the same. A key may move to another stage, or into a dict (`STAGE.recipe.key`); a value's row may
# have its old or its new key. To "": ignored, because it asks for what is always so now. To a
# sentence (with blanks): refused, and that is the remedy.
RENAMED = {
    **{
        f"{stage}.{key}": f"01_eda.{key}"
        for stage in ("02_balance", "03_train", "04_evaluate")
        for key in ("dataset", "path", "orientation", "limit", "imbalance_factor")
    },
    # 01_eda
    # 02_balance
    # 03_train
    # 04_evaluate
    # 05_draw
    # 06_compare
}

RUN = "run"
TAG = "parameters"
LINE = "`name: type = literal  # help`"
SCALARS = {
    "int": ("an integer", "integers"),
    "float": ("a number", "numbers"),
    "str": ("a string", "strings"),
    "bool": ("true or false", "true or false"),
}
ANNOTATION = re.compile(rf"(list\[)?({'|'.join(SCALARS)})(?(1)\])|dict")
OPEN = re.compile(r"\s+or\s+module:function$")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"[\[(]\s*({NUMBER})?\s*\.\.\s*({NUMBER})?\s*[\])]")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell.

    Attributes:
        name: The parameter's name.
        type: `int`, `float`, `str`, `bool`, one of them in `list[...]`, or `dict`.
        optional: Whether null is allowed.
        default: The value in the cell.
        help: The comment, without the rule in brackets.
        range: The rule where it is a range, as `[0..1)`, for each item of a list.
        choices: The values allowed, for each item of a list; None for any.
        open_choices: Whether `package.module:function` is allowed, too.
        fields: What a dict may hold.
    """

    name: str
    type: str
    optional: bool
    default: Any = field(hash=False)
    help: str
    range: str = ""
    choices: tuple[Any, ...] | None = None
    open_choices: bool = False
    fields: tuple["Parameter", ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether the values are lists."""
        return self.type.startswith("list[")

    @property
    def item(self) -> str:
        """The type of one value: a list's items', or the parameter's own."""
        return self.type.removeprefix("list[").removesuffix("]")

    @property
    def allowed(self) -> str:
        """The range or the choices, as `--list` shows them."""
        names = [*map(str, self.choices or ()), *["module:function"] * self.open_choices]
        return ", ".join(names) or self.range

    @property
    def rule(self) -> str:
        """What a value must be, as a noun phrase."""
        one, many = SCALARS[self.item]
        text = f"a list of {many}" if self.is_list else one
        if self.choices is not None:
            text += f", {'each ' * self.is_list}one of: {self.allowed}"
        elif self.range:
            text += f" in {self.range}"
        return f"{text}, or null" if self.optional else text

    def check(self, value: Any, where: str = "") -> Any:
        """The value as the notebook gets it: an int becomes a float where one is due.

        Raises `ParameterError`, which ends with `where` in brackets, for a value against the rule.
        """
        if value is None and self.optional:
            return None
        items = value if self.is_list else [value]
        kept = [self._item(each) for each in items] if isinstance(items, list) else [None]
        if None not in kept:
            return kept if self.is_list else kept[0]
        hint = ""
        if self.is_list and not isinstance(value, list) and self._item(value) is not None:
            hint = f" Write it in brackets: [{shown(value)}]."
        elif self.item == "str":
            first = items[kept.index(None)] if isinstance(items, list) else items
            if isinstance(first, str):
                hint = close(first, map(str, self.choices or ()))
            elif isinstance(first, int | float):
                hint = " Put it in quotes."
        raise ParameterError(
            f"{self.name} must be {self.rule}. Received: {shown(value)}"
            f"{f' ({where})' if where else ''}.{hint}"
        )

    def _item(self, value: Any) -> Any:
        """One value, converted; None where it breaks the rule."""
        if self.item == "float" and type(value) is int and abs(value) < 1e300:
            value = float(value)
        if type(value).__name__ != self.item or (self.item == "float" and not math.isfinite(value)):
            return None
        # Half a surrogate pair cannot be written to a file.
        if self.item == "str" and any("\ud800" <= letter <= "\udfff" for letter in value):
            return None
        if self.choices is not None and value not in self.choices:
            return value if self.open_choices and FUNCTION.fullmatch(value) else None
        return value if not self.range or _within(value, self.range) else None


def shown(value: Any) -> str:
    """`value` as YAML writes it, in one short line, for messages and tables."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | set):
        return "a mapping" if value else "{}"
    if isinstance(value, list):
        text = f"[{', '.join('[...]' if isinstance(x, list) else shown(x) for x in value[:20])}]"
    else:
        try:
            text = repr(value) if isinstance(value, str) else str(value)
        except ValueError:  # Python refuses to write an integer of thousands of digits.
            return "a very large integer"
    return text if len(text) <= 80 else f"{text[:77]}..."


def read_cell(path: Path | str, root: Path | None = None) -> list[Parameter]:
    """The parameters that a notebook declares, in the cell's order, `run` first.

    Args:
        path: The notebook.
        root: The folder that holds the package `hcr`, whose tables name the choices.

    Raises `ParameterError`, which names the notebook and the line, for a cell that holds anything
    but annotated literals with comments, and for a notebook without exactly one such cell.
    """
    path, root = Path(path), root or Path(__file__).resolve().parents[2]
    place = f"{runs.shown(path)}, parameters cell"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if TAG in cell["metadata"].get("tags", [])]
        (source,) = ["".join(cell["source"]) for cell in tagged if cell["cell_type"] == "code"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ParameterError(
            f"A notebook must be JSON with one code cell tagged `{TAG}`. Received: "
            f"{runs.shown(path)} ({type(error).__name__}: {error}). Save it in JupyterLab."
        ) from error
    try:
        tree, comments = ast.parse(source), _comments(source)
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError) as error:
        raise ParameterError(f"{place}: this is not Python: {error}.") from error
    declared = _declared(tree.body, comments, root, place)
    alone = set(comments) - {line for node in tree.body for line in _lines(node)}
    first = declared[0] if declared else None
    if first is None or (first.name, first.type, first.default) != (RUN, "str", runs.LAB):
        raise ParameterError(f'{place}: it must begin with `{RUN}: str = "{runs.LAB}"  # help`.')
    if alone:
        raise ParameterError(f"{place}, line {min(alone)}: a comment must stand behind {LINE}.")
    return declared


def _comments(source: str) -> dict[int, str]:
    """The comments by line, without their `#`."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, node.end_lineno + 1)


def _declared(
    nodes: Iterable[ast.stmt], comments: dict[int, str], root: Path, place: str
) -> list[Parameter]:
    """The parameters that `nodes` declare, one each."""
    declared: dict[str, Parameter] = {}
    last = 0
    for node in nodes:
        comment = " ".join(comments[line] for line in _lines(node) if line in comments)
        try:
            if node.lineno == last:
                raise ParameterError(f"every line must hold one {LINE}, not two")
            parameter = _parameter(node, comment, root)
            if parameter.name in declared:
                raise ParameterError(f"{parameter.name} is declared twice")
        except ParameterError as error:
            text = f"{place}, line {node.lineno}: {str(error).rstrip('.')}."
            raise ParameterError(f"{text} The line is: {ast.unparse(node)}") from error
        declared[parameter.name], last = parameter, node.end_lineno
    return list(declared.values())


def _parameter(node: ast.stmt, comment: str, root: Path) -> Parameter:
    if not isinstance(node, ast.AnnAssign) or not node.simple or node.value is None:
        raise ParameterError(f"every line must be {LINE}")
    name, written = ast.unparse(node.target), ast.unparse(node.annotation)
    kind = written.removesuffix(" | None")
    if not ANNOTATION.fullmatch(kind):
        raise ParameterError(
            f"the type must be one of {', '.join(SCALARS)}, a list of one, or dict; `| None` may "
            f"follow. Received: {written}"
        )
    try:
        default = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ParameterError(f"the default of {name} must be a literal") from error
    item = kind.removeprefix("list[").removesuffix("]")
    text, rule = _rule(comment, item, root)
    if not text:
        raise ParameterError(f"{name} must have a help text: a comment on its line")
    parameter = Parameter(name, kind, kind != written, default, text, **rule)
    if kind != "dict":
        default = parameter.check(default, "its default")
    return Parameter(name, kind, kind != written, default, text, **rule)


def _rule(comment: str, item: str, root: Path) -> tuple[str, dict[str, Any]]:
    """Split a comment into its help and the fields of `Parameter` that its rule sets."""
    found = RANGE.match(comment)
    if found:
        if item not in ("int", "float") or found[1] is found[2] is None:
            raise ParameterError(
                f"a range needs a type of number and a bound. Received: {found[0]}"
            )
        return comment[found.end() :].strip(), {"range": found[0].replace(" ", "")}
    found = re.match(r"\[([^\[\]]*)\]\s*", comment)
    if not found:
        if comment.startswith("[") or item == "dict":
            raise ParameterError("the rule in brackets must be closed; a dict's names a class")
        return comment, {}
    names, text = OPEN.sub("", found[1].strip()), comment[found.end() :].strip()
    opened = names != found[1].strip()
    if item == "dict":
        return text, {"fields": tuple(_fields(names, root))}
    if DOTTED.fullmatch(names):
        choices = _table(names, root)
    else:
        choices = tuple(_number(each.strip(), item) for each in names.split("|"))
    kinds = {"int": int, "float": (int, float), "str": str}.get(item, ())
    if any(not isinstance(each, kinds) or each == "" for each in choices) or (
        len(set(choices)) < len(choices) or (opened and item != "str")
    ):
        raise ParameterError(
            f"the choices must be of the type {item}, as [a|b] or [hcr.module.TABLE], each once, "
            f"and only a str may be module:function. Received: [{found[1]}]"
        )
    return text, {"choices": choices, "open_choices": opened}


def _module(dotted: str, root: Path) -> tuple[str, str, ast.Module]:
    """The name, the source and the tree of what `package.module.NAME` lies in."""
    module, _, name = dotted.rpartition(".")
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            source = path.read_text(encoding="utf-8")
            return name, source, ast.parse(source)
    raise ParameterError(f"{dotted} must be in a module of the project: there is no {module}")


def _table(dotted: str, root: Path) -> tuple[Any, ...]:
    """The keys, or items, of the literal dict, tuple or list `package.module.NAME`."""
    name, _, tree = _module(dotted, root)
    tables = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        tables |= {each.id: node.value for each in targets if isinstance(each, ast.Name)}
    literal = tables.get(name)
    parts = literal.keys if isinstance(literal, ast.Dict) else getattr(literal, "elts", [])
    if not parts or not all(isinstance(each, ast.Constant) for each in parts):
        raise ParameterError(
            f"{dotted} must be a dict, tuple or list of literal names.{nearest(name, tables)}"
        )
    return tuple(each.value for each in parts)


def _fields(dotted: str, root: Path) -> list[Parameter]:
    """What the class `package.module.NAME` declares, in the grammar of a parameters cell."""
    name, source, tree = _module(dotted, root)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            lines = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            return _declared(lines, _comments(source), root, dotted)
    raise ParameterError(f"{dotted} must be a class")


def _number(text: str, item: str) -> Any:
    """`text` as a number where the type is one; a whole one stays an int, and compares equal."""
    for kind in {"int": (int,), "float": (int, float)}.get(item, ()):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _within(value: float, text: str) -> bool:
    """Whether `value` lies in the range `text`, as `[0..1)`."""
    low, high = RANGE.fullmatch(text).groups()
    low, high = float(low or "-inf"), float(high or "inf")
    above = value > low or (value == low and text[0] == "[")
    return above and (value < high or (value == high and text[-1] == "]"))

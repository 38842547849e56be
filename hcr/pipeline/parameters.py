"""A notebook's parameters cell: types, ranges, choices, help; the names of earlier releases.

The cell is the only declaration of its parameters, one `name: type = literal  # [rule] help` each.
It is read as text, and never run. A rule is a range `[0..1)`, choices `[a|b]`, a table or class of
the package `[hcr.models.MODELS]`, the first two for each item of a list.
"""

import ast
import inspect
import io
import json
import math
import re
import reprlib
import tokenize
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, close
from hcr.runs import environment

# Names of an earlier release, accepted with a note, to those of today.
RENAMED = tomllib.loads(Path(__file__).with_name("renamed.toml").read_text("utf-8"))

RUN = "run"
CELL = "parameters cell"  # where a value stands by hand; there None is written None, not null
TYPES = ("int", "float", "str", "bool")
ANNOTATION = re.compile(rf"(list\[)?({'|'.join(TYPES)})(?(1)\])|dict")
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"[\[(]\s*({NUMBER})?\s*\.\.\s*({NUMBER})?\s*[\])]")

# A YAML file of a few lines can hold lists of lists of lists: what is shown of a value is bounded.
SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxlist, SHORT.maxdict, SHORT.maxstring = 2, 20, 10, 80


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell."""

    name: str
    type: str  # `int`, `float`, `str`, `bool`, one of them in `list[...]`, or `dict`
    optional: bool  # whether null is allowed
    default: Any = field(hash=False)
    help: str
    range: str = ""  # the rule where it is a range, as `[0..1)`
    choices: tuple[str, ...] = ()  # the strings allowed; none for any
    open_choices: bool = False  # whether `package.module:function` is allowed, too
    fields: tuple["Parameter", ...] = ()  # what a dict may hold

    @property
    def item(self) -> str:
        """The type of one value: a list's items', or the parameter's own."""
        return self.type.removeprefix("list[").removesuffix("]")

    @property
    def allowed(self) -> str:
        """The range or the choices, as `--list` shows them."""
        return ", ".join([*self.choices, *["module:function"] * self.open_choices]) or self.range

    def check(self, value: Any, where: str) -> Any:
        """The value as the notebook gets it: an int becomes a float where one is due.

        Raises `ParameterError`, which names `where` it was set, for a value against the rule.
        """
        if value is None and self.optional:
            return None
        is_list = self.item != self.type
        kept = [self._item(each) for each in (value if isinstance(value, list) else [value])]
        if None not in kept and isinstance(value, list) == is_list:
            return kept if is_list else kept[0]
        yaml = where != CELL
        rule = f"{self.type} or {shown(None, yaml)}" if self.optional else self.type
        if self.allowed:
            rule += f", {'one of' if self.choices else 'in'} {self.allowed}"
        rule += f". Received: {shown(value, yaml)} ({where})."
        hint = close(value, self.choices) if isinstance(value, str) else ""
        raise ParameterError(f"{self.name} must be {rule}{hint}")

    def _item(self, value: Any) -> Any:
        """One value, converted; None where it breaks the rule."""
        if self.item == "float" and type(value) is int and abs(value) < 1e300:
            value = float(value)
        if type(value).__name__ != self.item or (self.item == "float" and not math.isfinite(value)):
            return None
        # Half a surrogate pair cannot be written to a file.
        if self.item == "str" and any("\ud800" <= letter <= "\udfff" for letter in value):
            return None
        if self.choices and value not in self.choices:
            return value if self.open_choices and FUNCTION.fullmatch(value) else None
        return value if not self.range or _is_within(value, self.range) else None


def shown(value: Any, yaml: bool = True) -> str:
    """`value` in one short line, for messages and tables, as YAML or as Python has it."""
    if yaml and (value is None or isinstance(value, bool)):
        return json.dumps(value)
    try:
        return f"{SHORT.repr(value):.80}"
    except ValueError:  # Python refuses to write an integer of thousands of digits.
        return "a very large integer"


def read_cell(path: Path | str) -> list[Parameter]:
    """The parameters that the notebook at `path` declares, in the cell's order, `run` first.

    Raises `ParameterError`, which names the notebook and the line, for a cell that holds anything
    but annotated literals with comments, and for a notebook without exactly one such cell.
    """
    path = Path(path)
    try:
        source = _source(path.read_text(encoding="utf-8"))
        ast.parse(source)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError) as error:
        rule = "A notebook must be JSON with one code cell tagged `parameters`"
        raise ParameterError(f"{rule}. Received: {runs.shown(path)} ({error!r}).") from error
    found = declared(source, f"{runs.shown(path)}, {CELL}")
    if [(each.name, each.type, each.default) for each in found[:1]] != [(RUN, "str", runs.LAB)]:
        rule = f'The parameters cell must begin with `{RUN}: str = "{runs.LAB}"  # help`'
        raise ParameterError(f"{rule}. Received: {runs.shown(path)}.")
    return found


def committed(path: Path) -> list[Parameter]:
    """What the notebook at `path` declared in the last commit; empty where it is in none."""
    with suppress(ValueError, LookupError, TypeError):
        text = environment.git(path.parent, "show", f"HEAD:./{path.name}")
        return declared(_source(text))
    return []


def _source(notebook: str) -> str:
    cells = json.loads(notebook)["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    (source,) = ["".join(cell["source"]) for cell in tagged]
    return source


def declared(source: str, place: str = "", nodes: list[ast.stmt] | None = None) -> list[Parameter]:
    """The parameters that a cell's `source` declares, or `nodes` of it.

    Raises `ParameterError` for any other line, and for a default against its rule, where there is a
    `place` to name; else such a line is left out, and the default stays.
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    texts = {each.start[0]: each.string for each in tokens if each.type == tokenize.COMMENT}
    comments = {line: text.lstrip("#").strip() for line, text in texts.items()}
    found: dict[str, Parameter] = {}
    for node in ast.parse(source).body if nodes is None else nodes:
        lines = range(node.lineno, node.end_lineno + 1)
        try:
            parameter = _parameter(node, " ".join(comments[x] for x in lines if x in comments))
            if place and parameter.type != "dict":
                default = parameter.check(parameter.default, "the default")
                parameter = replace(parameter, default=default)
            if place and parameter.name in found:
                raise ValueError("it is there twice")
        except (ValueError, AttributeError, TypeError, RecursionError, ParameterError) as error:
            if not place:
                continue
            raise ParameterError(
                f"{place}, line {node.lineno}: it must hold one `name: type = literal  # [rule] "
                f"help`. Received: {ast.unparse(node)} ({str(error).rstrip('.')})."
            ) from error
        found[parameter.name] = parameter
    return list(found.values())


def _parameter(node: ast.AnnAssign, comment: str) -> Parameter:
    """The parameter of a line; raises `ValueError` where it breaks the form."""
    name, written = ast.unparse(node.target), ast.unparse(node.annotation)
    kind = written.removesuffix(" | None")
    if not ANNOTATION.fullmatch(kind):
        raise ValueError(f"no such type: {written}")
    rule = RANGE.match(comment) or re.match(r"\[([^\[\]]*)\]", comment)
    text = comment[rule.end() :].strip() if rule else comment
    text = re.sub(r"\bNone\b", "null", text)  # a cell is Python, what reads this writes YAML
    if not text or text.startswith("["):
        raise ValueError("no help, or half a rule")
    default = ast.literal_eval(node.value)
    fields = _rule(kind, rule) if rule else {}
    return Parameter(name, kind, kind != written, default, text, **fields)


def _rule(kind: str, rule: re.Match[str]) -> dict[str, Any]:
    """The fields of `Parameter` that the rule in brackets sets."""
    if rule.re is RANGE:
        if not re.search("int|float", kind):
            raise ValueError("a range is of numbers")
        return {"range": rule[0].replace(" ", "")}
    names, *opened = re.split(r"\s+or\s+module:function$", rule[1].strip())
    if re.fullmatch(r"hcr(\.\w+)+", names):
        module, _, name = names.rpartition(".")
        try:
            table = getattr(import_module(module), name)
        except ImportError as error:
            raise ValueError(error) from error
        if kind == "dict":
            source = inspect.getsource(table)
            lines = [x for x in ast.parse(source).body[0].body if isinstance(x, ast.AnnAssign)]
            return {"fields": tuple(declared(source, names, lines))}
        choices = tuple(table)
    else:
        choices = tuple(each.strip() for each in names.split("|"))
    if "str" not in kind or "" in choices:
        raise ValueError("choices are strings, as [a|b]")
    return {"choices": choices, "open_choices": bool(opened)}


def _is_within(value: float, text: str) -> bool:
    """Whether `value` lies in the range `text`, as `[0..1)`."""
    low, high = RANGE.fullmatch(text).groups()
    low, high = float(low or "-inf"), float(high or "inf")
    above = value > low or (value == low and text[0] == "[")
    return above and (value < high or (value == high and text[-1] == "]"))

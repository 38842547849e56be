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
import tokenize
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, close

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
    "01_eda.thin": "01_eda.class_profile",
    "01_eda.neighbour_sample": "01_eda.neighbor_sample",
    "02_balance.thin": "01_eda.class_profile",
    "03_train.thin": "01_eda.class_profile",
    "04_evaluate.thin": "01_eda.class_profile",
    # 02_balance
    # 03_train
    "03_train.plain_epochs": "03_train.final_epochs_without_augmentation",
    "03_train.taught": "03_train.recipe.distillation_weight",
    **{
        f"03_train.{key}": f"03_train.recipe.{key}"
        for key in (
            *("label_smoothing", "clipnorm", "gradient_norms", "plateau_patience"),
            *("plateau_factor", "patience", "teacher", "keep"),
        )
    },
    "03_train.mixing=none": "",
    "03_train.mixing": "Mixup and CutMix are gone: leave it out.",
    "03_train.mixing_alpha": "",
    "03_train.augmentation=elastic": "Choose affine or pen.",
    "03_train.augmentation=strong": "Choose affine or pen.",
    # 04_evaluate
    "04_evaluate.reader": "04_evaluate.pretrained",
    "04_evaluate.beside": "04_evaluate.compare_with",
    "04_evaluate.looked_at": "04_evaluate.saliency_for",
    "04_evaluate.accepted": "04_evaluate.target_accuracy",
    # 05_draw
    "05_draw.reader": "05_draw.pretrained",
    "05_draw.variation": "",
    # 06_compare
}

RUN = "run"
LINE = "`name: type = literal  # help`"
NOUNS = {"int": "an integer", "float": "a number", "str": "a string", "bool": "true or false"}
ANNOTATION = re.compile(rf"(list\[)?({'|'.join(NOUNS)})(?(1)\])|dict")
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"[\[(]\s*({NUMBER})?\s*\.\.\s*({NUMBER})?\s*[\])]")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell.

    Attributes:
        type: `int`, `float`, `str`, `bool`, one of them in `list[...]`, or `dict`.
        optional: Whether null is allowed.
        range: The rule where it is a range, as `[0..1)`.
        choices: The values allowed; None for any.
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
        rule = f"a list, each {NOUNS[self.item]}" if self.is_list else NOUNS[self.item]
        if self.allowed:
            rule += f", one of: {self.allowed}" if self.choices else f" in {self.range}"
        hint, wrong = "", items[kept.index(None)] if isinstance(items, list) else items
        if items is wrong and self._item(value) is not None:
            hint = f" Write it in brackets: [{shown(value)}]."
        elif self.item == "str" and isinstance(wrong, str):
            hint = close(wrong, map(str, self.choices or ()))
        elif self.item == "str" and isinstance(wrong, int | float):
            hint = " Put it in quotes."
        raise ParameterError(
            f"{self.name} must be {rule}{', or null' if self.optional else ''}. Received: "
            f"{shown(value)}{f' ({where})' if where else ''}.{hint}"
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
        return value if not self.range or _is_within(value, self.range) else None


def shown(value: Any) -> str:
    """`value` as YAML writes it, in one short line, for messages and tables."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        text = f"[{', '.join('[...]' if isinstance(x, list) else shown(x) for x in value[:20])}]"
    else:
        try:
            text = repr(value) if isinstance(value, str) else str(value)
        except ValueError:  # Python refuses to write an integer of thousands of digits.
            return "a very large integer"
    return text if len(text) <= 80 else f"{text[:77]}..."


def read_cell(path: Path | str) -> list[Parameter]:
    """The parameters that the notebook at `path` declares, in the cell's order, `run` first.

    Raises `ParameterError`, which names the notebook and the line, for a cell that holds anything
    but annotated literals with comments, and for a notebook without exactly one such cell.
    """
    path = Path(path)
    place = f"{runs.shown(path)}, parameters cell"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
        (source,) = ["".join(cell["source"]) for cell in tagged if cell["cell_type"] == "code"]
        declared = _declared(source, ast.parse(source).body, place)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ParameterError(
            "A notebook must be JSON with one code cell tagged `parameters`. Received: "
            f"{runs.shown(path)} ({type(error).__name__}: {error}). Save it in JupyterLab."
        ) from error
    except (SyntaxError, tokenize.TokenError) as error:
        raise ParameterError(f"{place}: this is not Python: {error}.") from error
    first = declared[0] if declared else None
    if first is None or (first.name, first.type, first.default) != (RUN, "str", runs.LAB):
        raise ParameterError(f'{place}: it must begin with `{RUN}: str = "{runs.LAB}"  # help`.')
    return declared


def _declared(source: str, nodes: list[ast.stmt], place: str) -> list[Parameter]:
    """The parameters that `nodes` of `source` declare, one each."""
    comments = {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    declared: dict[str, Parameter] = {}
    last = 0
    for node in nodes:
        lines = range(node.lineno, node.end_lineno + 1)
        comment = " ".join(comments[line] for line in lines if line in comments)
        try:
            if node.lineno == last or not isinstance(node, ast.AnnAssign) or node.value is None:
                raise ParameterError(f"every line must hold one {LINE}")
            parameter = _parameter(node, comment)
            if parameter.name in declared:
                raise ParameterError(f"{parameter.name} is declared twice")
        except ParameterError as error:
            text = f"{place}, line {node.lineno}: {str(error).rstrip('.')}."
            raise ParameterError(f"{text} The line is: {ast.unparse(node)}") from error
        declared[parameter.name], last = parameter, node.end_lineno
    return list(declared.values())


def _parameter(node: ast.AnnAssign, comment: str) -> Parameter:
    name, written = ast.unparse(node.target), ast.unparse(node.annotation)
    kind = written.removesuffix(" | None")
    if not ANNOTATION.fullmatch(kind):
        raise ParameterError(f"the type must be one of {', '.join(NOUNS)}, a list of one, or dict")
    try:
        default = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ParameterError(f"the default of {name} must be a literal") from error
    parameter = Parameter(name, kind, kind != written, default, comment)
    rule = RANGE.match(comment) or re.match(r"\[([^\[\]]*)\]", comment)
    if rule:
        parameter = replace(parameter, help=comment[rule.end() :].strip(), **_rule(parameter, rule))
    if not parameter.help or parameter.help.startswith("["):
        raise ParameterError(
            f"{name} must have a help text: a comment on its line, as # [rule] help"
        )
    return parameter if kind == "dict" else replace(parameter, default=parameter.check(default))


def _rule(parameter: Parameter, rule: re.Match[str]) -> dict[str, Any]:
    """The fields of `Parameter` that the rule in brackets sets."""
    kinds = {"int": (int,), "float": (int, float), "str": (str,)}.get(parameter.item, ())
    if rule.re is RANGE:
        if int not in kinds:
            raise ParameterError(f"a range needs a type of number. Received: {rule[0]}")
        return {"range": rule[0].replace(" ", "")}
    names = re.sub(r"\s+or\s+module:function$", "", rule[1].strip())
    opened = names != rule[1].strip()
    if re.fullmatch(r"hcr(\.\w+)+", names):
        module, _, name = names.rpartition(".")
        try:
            table = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ParameterError(f"{names} must be a table of the package: {error}") from error
        if parameter.type == "dict":
            source = inspect.getsource(table)
            lines = [x for x in ast.parse(source).body[0].body if isinstance(x, ast.AnnAssign)]
            return {"fields": tuple(_declared(source, lines, names))}
        choices = tuple(table)
    else:
        choices = tuple(_number(each.strip(), kinds) for each in names.split("|"))
    if not choices or any(not isinstance(each, kinds) or each == "" for each in choices):
        raise ParameterError(f"the choices must be of the type {parameter.item}, as [a|b]")
    return {"choices": choices, "open_choices": opened}


def _number(text: str, kinds: tuple[type, ...]) -> Any:
    """`text` as a number where the type is one; a whole one stays an int, and compares equal."""
    for kind in kinds:
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_within(value: float, text: str) -> bool:
    """Whether `value` lies in the range `text`, as `[0..1)`."""
    low, high = RANGE.fullmatch(text).groups()
    low, high = float(low or "-inf"), float(high or "inf")
    above = value > low or (value == low and text[0] == "[")
    return above and (value < high or (value == high and text[-1] == "]"))

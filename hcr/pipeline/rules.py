"""One parameter, the rule that its values obey, and the words for both."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from hcr.errors import close

RUN = "run"
SCALARS = ("int", "float", "str", "bool")
NOUNS = {
    "int": ("an integer", "integers"),
    "float": ("a number", "numbers"),
    "str": ("a string", "strings"),
    "bool": ("true or false", "true or false values"),
}
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell.

    Attributes:
        name: The parameter's name.
        type: `int`, `float`, `str`, `bool`, or one of them in `list[...]`.
        optional: Whether null is allowed.
        default: The value in the cell.
        help: The comment behind it, without the rule in brackets.
        choices: The values allowed (each item's, for a list), or None for any.
        open_choices: Whether `package.module:function` is allowed beside the choices.
        minimum: The lower bound (of each item, for a list), or None.
        maximum: The upper bound, or None.
        above: Whether the lower bound itself is excluded.
        below: Whether the upper bound itself is excluded.
    """

    name: str
    type: str
    optional: bool
    default: Any = field(hash=False)
    help: str
    choices: tuple[Any, ...] | None = None
    open_choices: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: bool = False
    below: bool = False

    @property
    def is_list(self) -> bool:
        """Whether the values are lists."""
        return self.type.startswith("list[")

    @property
    def item(self) -> str:
        """The type of one value: a list's items', or the parameter's own."""
        return self.type.removeprefix("list[").removesuffix("]")

    @property
    def bounds(self) -> str:
        """The range in words, as `from 1 to 1000`; empty where there is none."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and not self.above and not self.below:
            return f"from {low} to {high}"
        parts = []
        if low is not None:
            parts.append(f"above {low}" if self.above else f"at least {low}")
        if high is not None:
            parts.append(f"below {high}" if self.below else f"at most {high}")
        return " and ".join(parts)

    @property
    def known(self) -> str:
        """The choices as one line; empty where there are none."""
        names = [str(each) for each in self.choices or ()]
        return ", ".join([*names, "module:function"] if self.open_choices else names)

    @property
    def rule(self) -> str:
        """What a value must be, to stand behind `must be`."""
        one, many = NOUNS[self.item]
        text = f"a list of {many}" if self.is_list else one
        each = "each " if self.is_list else ""
        if self.choices is not None:
            text += f", {each}one of: {self.known}"
        elif self.bounds:
            of = "of " if self.bounds.startswith("at ") else ""
            text += f", each {self.bounds}" if self.is_list else f" {of}{self.bounds}"
        return f"{text}, or null" if self.optional else text

    def check(self, value: Any, where: str = "") -> tuple[Any, str | None]:
        """Hold `value` against the rule.

        Returns the value as the notebook gets it (an integer becomes a float where one is due, a
        list is copied) and None, or anything and the message, which ends with `where` in brackets.
        """
        if value is None and self.optional:
            return None, None
        items = value if self.is_list else [value]
        if isinstance(items, list):
            kept = [self._item(each) for each in items]
            if all(ok for _, ok in kept):
                values = [each for each, _ in kept]
                return (values if self.is_list else values[0]), None
        place = f" ({where})" if where else ""
        text = f"{self.name} must be {self.rule}. Received: {shown(value)}{place}."
        return value, text + self._hint(value)

    def _item(self, value: Any) -> tuple[Any, bool]:
        """One value, converted, and whether it obeys the rule."""
        kind = self.item
        if kind == "float" and type(value) is int:
            try:
                value = float(value)
            except OverflowError:
                return value, False
        if type(value).__name__ != kind:
            return value, False
        if kind == "float" and not math.isfinite(value):
            return value, False
        if kind == "str" and SURROGATE.search(value):
            return value, False
        return value, self._chosen(value) and self._within(value)

    def _chosen(self, value: Any) -> bool:
        if self.choices is None or value in self.choices:
            return True
        return self.open_choices and FUNCTION.fullmatch(value) is not None

    def _within(self, value: Any) -> bool:
        low, high = self.minimum, self.maximum
        if low is not None and (value < low or (self.above and value == low)):
            return False
        return high is None or not (value > high or (self.below and value == high))

    def _hint(self, value: Any) -> str:
        """The remedy for a mistake that is often made; empty where none is known."""
        if isinstance(value, dict | set):
            return " Keys are flat: write one value."
        if self.is_list:
            if not isinstance(value, list):
                alone = value is not None and self._item(value)[1]
                return f" Write it in brackets: [{shown(value)}]." if alone else ""
            wrong = [each for each in value if not self._item(each)[1]]
            return self._scalar_hint(wrong[0])
        return "" if isinstance(value, list) else self._scalar_hint(value)

    def _scalar_hint(self, value: Any) -> str:
        if self.item == "bool":
            words = ("yes", "no", "on", "off", "y", "n", "0", "1", "true", "false")
            return " Write true or false." if str(value).lower() in words else ""
        if self.item == "str":
            if isinstance(value, str):
                return close(value, map(str, self.choices or ()))
            scalar = value is not None and not isinstance(value, list | dict | set)
            return " Put it in quotes." if scalar else ""
        if self.item == "int" and isinstance(value, float) and value.is_integer():
            return f" Write {int(value)}." if abs(value) < 1e15 else ""
        if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9][0-9.]*(e[-+]?[0-9]+)?", value):
            return " Write it without quotes."
        return ""


def shown(value: Any) -> str:
    """`value` as YAML writes it, in one short line, for messages and tables."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | set):
        return "a mapping" if value else "{}"
    if isinstance(value, list):
        text = ", ".join("[...]" if isinstance(each, list) else shown(each) for each in value[:20])
        return f"[{text}, ...]" if len(value) > 20 else f"[{text}]"
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:  # Python refuses to write an integer of thousands of digits.
        return "a very large integer"
    return text if len(text) <= 80 else f"{text[:77]}..."

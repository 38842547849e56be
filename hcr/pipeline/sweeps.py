"""The runs of a sweep: every combination of a grid, or a sample of it, by readable names."""

import math
import random
import re
from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

from hcr.errors import ParameterError
from hcr.pipeline.parameters import shown
from hcr.runs import files

KEYS = ("grid", "sample", "sample_seed")
MOST = 10_000  # runs without --yes
LONGEST = 80  # letters of a name, behind which comes a seed
RANGE = "{low: 1.0e-4, high: 1.0e-1, log: true}"

Point = dict[str, dict[str, Any]]  # the values of one run, by stage (or `shared`) and key


def points(
    values: Mapping[str, Any], base: str, place: str, seeds: int, fixed: Point, yes: bool
) -> dict[str, Point]:
    """The points of the sweep that the params file at `place` holds in `values`, by name.

    A name says what varies; where nothing does, it is that of the `base`. What is `fixed` by `-p`
    is not varied. Raises `ParameterError` for a wrong form, and for more than `MOST` runs, of as
    many `seeds`, without `yes`; whether a value suits its parameter shows when it is resolved.
    """
    axes, sample, seed = (values.get(key) for key in KEYS)
    if not isinstance(axes, dict) or not axes:
        rule = "grid must be a mapping, as {03_train.learning_rate: [1.0e-3, 1.0e-2]}"
        raise ParameterError(f"{place}: {rule}. Received: {shown(axes)}.")
    for key, number in {"sample": sample, "sample_seed": seed}.items():
        if number is not None and (type(number) is not int or number < (key == "sample")):
            raise ParameterError(f"{place}: {key} must be an integer. Received: {shown(number)}.")
    for name, axis in axes.items():
        if not isinstance(name, str) or not re.fullmatch(r"[^.]+\.[^.].*", name):
            rule = "grid must name STAGE.key, as 03_train.learning_rate"
            raise ParameterError(f"{place}: {rule}. Received: {shown(name)}.")
        if not (_is_range(axis) if sample and isinstance(axis, dict) else _is_list(axis)):
            rule = f"{name} must be a list of different values, or with sample {RANGE}"
            raise ParameterError(f"{rule}. Received: {shown(axis)} ({place}, grid).")
    number = (sample or math.prod(map(len, axes.values()))) * seeds
    if number > MOST and not yes:
        rule = f"a sweep of more than {MOST:,} runs needs --yes"
        raise ParameterError(f"{place}: {rule}. Received: {number:,}.")
    for name in list(axes):
        stage, _, key = name.partition(".")
        if any(key in fixed.get(each, ()) for each in (stage, "shared")):
            del axes[name]
    if sample is None:
        return _named(list(axes), list(product(*axes.values())), base)
    # Of each value its own draw, so that a larger sample keeps what a smaller one has.
    draws = [
        {name: random.Random(f"{seed or 0} {name} {i}") for name in axes} for i in range(sample)
    ]
    rows = [tuple(_drawn(axes[name], draw[name]) for name in axes) for draw in draws]
    return _named(list(axes), list({str(row): row for row in rows}.values()), base)


def _is_list(axis: Any) -> bool:
    """Whether `axis` is a list of different values, none of which holds lists of lists."""
    if not isinstance(axis, list) or not axis:
        return False
    held = [x.values() if isinstance(x, dict) else x for x in axis if isinstance(x, list | dict)]
    nested = any(isinstance(each, list | dict) for values in held for each in values)
    return not nested and len({str(value) for value in axis}) == len(axis)


def _is_range(axis: dict[str, Any]) -> bool:
    """Whether `axis` is `{low, high}`, perhaps with log, of numbers that go with it."""
    low, high, log = axis.get("low"), axis.get("high"), axis.get("log", False)
    known = axis.keys() <= {"low", "high", "log"} and type(log) is bool
    known &= {type(low), type(high)} <= {int, float}
    return known and -math.inf < low < high < math.inf and (low > 0 or not log)


def _drawn(axis: list[Any] | dict[str, Any], draw: random.Random) -> Any:
    """One value of a list or a range: an integer between integers, else of three digits."""
    if isinstance(axis, list):
        return draw.choice(axis)
    low, high = axis["low"], axis["high"]
    if axis.get("log"):
        value = math.exp(draw.uniform(math.log(low), math.log(high)))
    else:
        value = draw.uniform(low, high)
    whole = type(low) is type(high) is int
    return min(max(round(value) if whole else float(f"{value:.3g}"), low), high)


def _named(keys: list[str], rows: list[tuple[Any, ...]], base: str) -> dict[str, Point]:
    """The points by name, as `learning_rate-0.1_optimizer-adam`: what varies, legal as a folder."""
    last = [key.rpartition(".")[2] for key in keys]
    heads = [key if last.count(end) > 1 else end for key, end in zip(keys, last, strict=True)]
    varied = [i for i in range(len(keys)) if any(row[i] != rows[0][i] for row in rows)]
    names = ["_".join(f"{heads[i]}-{_text(row[i])}" for i in varied) or base for row in rows]
    # Windows and macOS take names that differ in case alone for the same folder.
    count = Counter(name.lower() for name in names)
    named: dict[str, Point] = {}
    for name, row in zip(names, rows, strict=True):
        if count[name.lower()] > 1 or len(name) > LONGEST:
            name = f"{name[: LONGEST - 9]}-{files.digest(str(row))[:8]}"
        point = named.setdefault(name, {})
        for key, value in zip(keys, row, strict=True):
            stage, _, own = key.partition(".")
            point.setdefault(stage, {})[own] = value
    return named


def _text(value: Any) -> str:
    """A value as part of a folder's name: 0.001, adam, null."""
    text = f"{value:g}" if type(value) is float and float(f"{value:g}") == value else shown(value)
    return re.sub(r"[^\w.-]+", "-", text.replace("+", ""), flags=re.A).strip(".-") or "-"

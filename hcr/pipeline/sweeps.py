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
    grids, sample, seed = (values.get(key) for key in KEYS)
    grids = grids if isinstance(grids, list) else [grids]
    if not grids or not all(isinstance(axes, dict) and axes for axes in grids):
        rule = "grid must be a mapping, as {03_train.epochs: [1, 2]}, or a list of several"
        raise ParameterError(f"{place}: {rule}. Received: {shown(values.get('grid'))}.")
    for key, number in {"sample": sample, "sample_seed": seed}.items():
        if number is not None and (type(number) is not int or number < (key == "sample")):
            raise ParameterError(f"{place}: {key} must be an integer. Received: {shown(number)}.")
    for name, axis in (entry for axes in grids for entry in axes.items()):
        if not isinstance(name, str) or not re.fullmatch(r"[^.]+\.[^.].*", name):
            rule = "grid must name STAGE.key, as 03_train.learning_rate"
            raise ParameterError(f"{place}: {rule}. Received: {shown(name)}.")
        if not (_is_range(axis) if sample and isinstance(axis, dict) else _is_list(axis)):
            rule = f"{name} must list different values, or with sample be {RANGE}, low below high"
            raise ParameterError(f"{rule}. Received: {shown(axis)} ({place}, grid).")
    number = sample or sum(math.prod(map(len, axes.values())) for axes in grids)
    if number * seeds > MOST and not yes:
        rule = f"a sweep of more than {MOST:,} runs needs --yes"
        raise ParameterError(f"{place}: {rule}. Received: {number * seeds:,}.")
    set_here = {f"{stage}.{key}" for stage, values in fixed.items() for key in values}
    grids = [
        {x: axis for x, axis in axes.items() if not {x, f"shared.{x.split('.', 1)[1]}"} & set_here}
        for axes in grids
    ]
    whole = grids if sample is None else []
    rows = [dict(zip(axes, x, strict=True)) for axes in whole for x in product(*axes.values())]
    for i in range(sample or 0):
        # Of each value its own draw, so that a larger sample keeps what a smaller one has.
        axes = grids[i % len(grids)]
        rows.append({x: _drawn(axes[x], random.Random(f"{seed or 0} {x} {i}")) for x in axes})
    return _named(list({str(row): row for row in rows}.values()), base)


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


def _named(rows: list[dict[str, Any]], base: str) -> dict[str, Point]:
    """The points by name, as `learning_rate-0.1_optimizer-adam`: what varies, legal as a folder."""
    last = {key: key.rpartition(".")[2] for row in rows for key in row}
    unique = Counter(last.values())
    heads = {key: end if unique[end] == 1 else key for key, end in last.items()}
    varied = [key for key in heads if len({str(row.get(key, "")) for row in rows}) > 1]
    names = [
        "_".join(f"{heads[key]}-{_text(row[key])}" for key in varied if key in row) or base
        for row in rows
    ]
    # Windows and macOS take names that differ in case alone for the same folder.
    count = Counter(name.lower() for name in names)
    named: dict[str, Point] = {}
    for name, row in zip(names, rows, strict=True):
        if count[name.lower()] > 1 or len(name) > LONGEST:
            name = f"{name[: LONGEST - 9]}-{files.digest(str(row))[:8]}"
        point = named.setdefault(name, {})
        for key, value in row.items():
            stage, _, own = key.partition(".")
            point.setdefault(stage, {})[own] = value
    return named


def _text(value: Any) -> str:
    """A value as part of a folder's name: 0.001, adam, null."""
    text = f"{value:g}" if type(value) is float and float(f"{value:g}") == value else shown(value)
    return re.sub(r"[^\w.-]+", "-", text.replace("+", ""), flags=re.A).strip(".-") or "-"

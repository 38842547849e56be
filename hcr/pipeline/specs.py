"""Params files: one run, or a suite of several."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, RunError, nearest
from hcr.pipeline.rules import RUN, shown
from hcr.pipeline.source import read_mapping

RUN_KEYS = ("run", "shared", "stages")
SUITE_KEYS = ("suite", "runs", "seeds", "shared", "then")
MOST_RUNS = 10_000  # of a suite: months of training, checked in seconds


@dataclass(frozen=True)
class RunSpec:
    """A params file of one run, not yet held against the notebooks.

    Attributes:
        path: The file, as it was named.
        run: The run's name.
        shared: Values for every stage that has the key.
        stages: Values by stage.
    """

    path: Path
    run: str
    shared: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class SuiteSpec:
    """A params file of several runs.

    Attributes:
        path: The file, as it was named.
        suite: The suite's name.
        runs: The names of params files beside this one, without `.yaml`.
        seeds: Each run is done once a seed; None where the runs' own seed holds.
        shared: Values over the runs' own.
        then: The notebook that ends the suite, as `06_compare`, or None.
    """

    path: Path
    suite: str
    runs: list[str]
    seeds: list[int] | None = None
    shared: dict[str, Any] = field(default_factory=dict)
    then: str | None = None

    @property
    def files(self) -> list[Path]:
        """The params files of the runs, in their order."""
        return [self.path.with_name(f"{name}.yaml") for name in self.runs]


def read_file(path: Path | str) -> RunSpec | SuiteSpec:
    """Read a params file; a suite's runs are read too, so that their errors show at once.

    Raises `ParameterError`, with one line a problem, each naming the file.
    """
    path = Path(path)
    values = read_mapping(path)
    if "suite" in values or ("runs" in values and "run" not in values):
        return _suite(path, values)
    return _run(path, values)


def check_run(name: Any, where: str) -> str:
    """Return `name` where it can name a run; raise `ParameterError` with `where` otherwise."""
    if not isinstance(name, str):
        hint = "" if name is None or isinstance(name, list | dict | set) else " Put it in quotes."
        raise ParameterError(
            f"A run's name must be a string. Received: {shown(name)} ({where}).{hint}"
        )
    try:
        runs.check_name(name)
    except RunError as error:
        raise ParameterError(f"{where}: {error}") from error
    if name.lower() in runs.KEPT:
        raise ParameterError(
            f"{where}: the name {name!r} is kept for {runs.KEPT[name.lower()]}. Choose another."
        )
    return name


class _Problems:
    """Collects what is wrong with one file, to tell it all at once."""

    def __init__(self, path: Path):
        self.where = runs.shown(path)
        self.lines: list[str] = []

    def add(self, text: str, hint: str = "") -> None:
        self.lines.append(f"{self.where}: {text}{hint}")

    def name(self, values: dict[str, Any], key: str) -> str:
        """The name of the run or the suite under `key`."""
        if key not in values:
            self.add(f"`{key}` is missing. Add a line as `{key}: {Path(self.where).stem}`.")
            return ""
        try:
            return check_run(values[key], f"{self.where}, {key}")
        except ParameterError as error:
            self.lines.append(str(error))
            return ""

    def keys(self, values: Iterable[Any], allowed: tuple[str, ...]) -> None:
        for key in values:
            if key not in allowed:
                self.add(f"unknown key {shown(key)}.", nearest(str(key), allowed))

    def mapping(self, value: Any, what: str) -> dict[str, Any]:
        """`value` where it maps names to values; nothing written counts as an empty mapping."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.add(f"{what} must be a mapping, as {{seed: 0}}. Received: {shown(value)}.")
            return {}
        for key in value:
            if not isinstance(key, str):
                self.add(f"the keys of {what} must be strings. Received: {shown(key)}.")
        return {key: each for key, each in value.items() if isinstance(key, str)}

    def end(self) -> None:
        if self.lines:
            raise ParameterError("\n".join(self.lines))


def _run(path: Path, values: dict[str, Any]) -> RunSpec:
    problems = _Problems(path)
    problems.keys(values, RUN_KEYS)
    name = problems.name(values, RUN)
    shared = problems.mapping(values.get("shared"), "shared")
    stages = problems.mapping(values.get("stages"), "stages")
    stages = {stage: problems.mapping(each, stage) for stage, each in stages.items()}
    problems.end()
    return RunSpec(path, name, shared, stages)


def _suite(path: Path, values: dict[str, Any]) -> SuiteSpec:
    problems = _Problems(path)
    problems.keys(values, SUITE_KEYS)
    name = problems.name(values, "suite")
    shared = problems.mapping(values.get("shared"), "shared")
    seeds = _seeds(values.get("seeds"), problems)
    if seeds is not None and "seed" in shared:
        problems.add("seeds and shared.seed contradict each other. Take one out.")
    then = values.get("then")
    if then is not None and not (isinstance(then, str) and runs.NAME.fullmatch(then)):
        problems.add(f"then must be a notebook's name, as 06_compare. Received: {shown(then)}.")
    members = _members(path, values.get("runs"), problems)
    count = len(members) * len(seeds or [None])
    if count > MOST_RUNS:
        problems.add(f"a suite must have at most {MOST_RUNS} runs. Received: {count}. Split it.")
    problems.end()
    return SuiteSpec(path, name, members, seeds, shared, then)


def _seeds(value: Any, problems: _Problems) -> list[int] | None:
    if value is None:
        return None
    whole = isinstance(value, list) and value and all(type(each) is int for each in value)
    if not whole or len(set(value)) < len(value):
        problems.add(
            f"seeds must be a list of integers, each once, as [0, 1]. Received: {shown(value)}."
        )
        return None
    return value


def _members(path: Path, names: Any, problems: _Problems) -> list[str]:
    """Check that each of a suite's runs is a sound params file of one run, with its own name."""
    if not isinstance(names, list) or not names:
        problems.add(
            "runs must be a list of params files beside this one, as [quick]. "
            f"Received: {shown(names)}."
        )
        return []
    used: Counter[str] = Counter()
    for name in names:
        if not isinstance(name, str) or not runs.NAME.fullmatch(name):
            problems.add(f"runs must hold names of files beside this one. Received: {shown(name)}.")
        elif name.endswith((".yaml", ".yml")):
            problems.add(f"runs must hold names without .yaml. Received: {shown(name)}.")
        elif name == path.stem:
            problems.add(f"a suite cannot hold itself. Take {name!r} out of runs.")
        else:
            file = path.with_name(f"{name}.yaml")
            try:
                values = read_mapping(file)
                if "suite" in values:
                    problems.add(f"a suite cannot hold a suite. Take {name!r} out of runs.")
                else:
                    used[_run(file, values).run.lower()] += 1
            except ParameterError as error:
                problems.lines.append(f"{error} (from {problems.where}, runs)")
    for name in [name for name, count in used.items() if count > 1]:
        problems.add(
            f"two of runs write to the run {name!r}. Give each params file its own `run:`."
        )
    return names

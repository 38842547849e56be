"""Params files and the command line's `-p` over the cells' defaults, strictly.

What no cell declares, or what breaks a declared rule, is an error before any kernel starts. A
file is YAML 1.2, and holds one run or a suite of several.
"""

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hcr import runs
from hcr.errors import ParameterError, RunError, nearest
from hcr.pipeline.parameters import RENAMED, RUN, Parameter, shown

SHARED = "shared"
KEYS = {"run": ("run", "shared", "stages"), "suite": ("suite", "runs", "seeds", "shared", "then")}
MOST_RUNS = 10_000  # of a suite: months of training, checked in seconds

Stages = Mapping[str, Sequence[Parameter]]


@dataclass(frozen=True)
class RunSpec:
    """A params file of one run, not yet held against the notebooks."""

    path: Path
    run: str
    shared: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class SuiteSpec:
    """A params file of several runs.

    Attributes:
        runs: The params files beside this one.
        seeds: Each run is done once a seed; None where the runs' own seed holds.
        shared: Values over the runs' own.
        then: The notebook that ends the suite, as `06_compare`, or None.
    """

    path: Path
    suite: str
    runs: list[RunSpec]
    seeds: list[int] | None = None
    shared: dict[str, Any] = field(default_factory=dict)
    then: str | None = None


@dataclass(frozen=True)
class Text:
    """A value as it was written on the command line; the parameter's type says how it is read."""

    text: str

    def read(self, parameter: Parameter, where: str) -> Any:
        """The value as YAML reads it; as it is where a string is due, so that 007 stays one."""
        try:
            value = _load(self.text)
        except ParameterError as error:
            if parameter.type == "str":
                return self.text
            raise ParameterError(f"{where}: {error}") from error
        plain = parameter.type != "str" or value is None or isinstance(value, str)
        return value if plain else self.text


def read_file(path: Path | str) -> RunSpec | SuiteSpec:
    """Read a params file, and those of a suite's runs. Raises `ParameterError`, naming the file."""
    path = Path(path)
    values, place = _read(path), runs.shown(path)
    kind = "suite" if "suite" in values or ("runs" in values and RUN not in values) else RUN
    for key in values:
        if key not in KEYS[kind]:
            raise ParameterError(f"{place}: unknown key {shown(key)}.{nearest(key, KEYS[kind])}")
    if kind not in values:
        raise ParameterError(f"{place}: `{kind}` is missing. Add a line `{kind}: {path.stem}`.")
    name, shared = check_run(values[kind], f"{place}, {kind}"), _mapping(values, SHARED, place)
    if kind == RUN:
        stages = _mapping(values, "stages", place)
        return RunSpec(path, name, shared, {key: _mapping(stages, key, place) for key in stages})
    members, seeds, then = (values.get(key) for key in ("runs", "seeds", "then"))
    if not isinstance(members, list) or not members:
        raise ParameterError(f"{place}: runs must be a list, as [quick]. Received: {members!r}.")
    if seeds is not None and (
        not isinstance(seeds, list)
        or not seeds
        or not all(type(each) is int for each in seeds)
        or len(set(seeds)) < len(seeds)
        or "seed" in shared
    ):
        raise ParameterError(
            f"{place}: seeds must be different integers, as [0, 1], and there must be no "
            f"shared.seed. Received: {shown(seeds)}."
        )
    if len(members) * len(seeds or [0]) > MOST_RUNS:
        raise ParameterError(f"{place}: a suite must have at most {MOST_RUNS} runs. Split it.")
    return SuiteSpec(path, name, _members(path, members, place), seeds, shared, then)


def _members(path: Path, names: list[Any], place: str) -> list[RunSpec]:
    members = []
    for name in names:
        if not isinstance(name, str) or not runs.NAME.fullmatch(name) or name == path.stem:
            raise ParameterError(
                f"{place}: runs must hold names of params files beside it. Received: {shown(name)}."
            )
        try:
            member = read_file(path.with_name(f"{name}.yaml"))
        except ParameterError as error:
            raise ParameterError(f"{error} (from {place}, runs)") from error
        if isinstance(member, SuiteSpec):
            raise ParameterError(f"{place}: a suite cannot hold another. Take out {name!r}.")
        members.append(member)
    (name, count), *_ = Counter(each.run.lower() for each in members).most_common()
    if count > 1:
        raise ParameterError(f"{place}: two of runs write to the run {name!r}. Rename one.")
    return members


def check_run(name: Any, where: str) -> str:
    """Return `name` where it can name a run; raise `ParameterError` with `where` otherwise."""
    try:
        runs.check_name(name)
    except RunError as error:
        raise ParameterError(f"{where}: {error}") from error
    if name.lower() in runs.KEPT:
        raise ParameterError(
            f"{where}: the name {name!r} is kept for {runs.KEPT[name.lower()]}. Choose another."
        )
    return name


def parse_overrides(options: Iterable[str]) -> dict[str, dict[str, Text]]:
    """The command line's `-p STAGE.key=value` by stage (or `shared`) and key.

    Raises `ParameterError`.
    """
    values: dict[str, dict[str, Text]] = {}
    for option in options:
        target, _, text = option.partition("=")
        stage, _, key = (each.strip() for each in target.partition("."))
        if not (stage and key and text.strip()) or key in values.setdefault(stage, {}):
            raise ParameterError(
                "An override must be -p STAGE.key=value or -p shared.key=value, each once; null is "
                f"none, '\"\"' an empty string. Received: {shown(option)}."
            )
        values[stage][key] = Text(text.strip())
    return values


def resolve(
    spec: RunSpec,
    stages: Stages,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    suite: SuiteSpec | None = None,
    seed: int | None = None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Every stage's complete parameters, without `run`; and a note for each key of an old name.

    A cell's default yields to the file's `shared`, that to the file's stage, those to the suite's
    `shared` and `seed`, all of them to `-p shared.key`, and that to `-p STAGE.key`.

    Args:
        spec: The run's params file.
        stages: Every stage's declarations, from `read_cell`; all stages, run or not.
        overrides: The command line's, from `parse_overrides`.
        suite: The suite that the run belongs to.
        seed: The suite's seed for this run.

    Raises `ParameterError`, with one line a problem, each naming the file or the option, the stage
    and the nearest valid name.
    """
    resolver = _Resolver(stages)
    place = runs.shown(spec.path)
    resolver.set(SHARED, spec.shared, f"{place}, {SHARED}")
    for stage, values in spec.stages.items():
        # `shared` below `stages` is a mistake, not the shared values.
        name = f"stages.{stage}" if stage == SHARED else stage
        resolver.set(name, values, f"{place}, {stage}")
    resolver.given.clear()
    if suite is not None:
        place = runs.shown(suite.path)
        resolver.set(SHARED, suite.shared, f"{place}, {SHARED}")
        resolver.set(SHARED, {} if seed is None else {"seed": seed}, f"{place}, seeds")
    for stage, values in sorted((overrides or {}).items(), key=lambda entry: entry[0] != SHARED):
        for key, value in values.items():
            resolver.set(stage, {key: value}, f"-p {stage}.{key}")
    if resolver.problems:
        raise ParameterError("\n".join(resolver.problems))
    return resolver.resolved, list(resolver.notes)


def modernize(recorded: Mapping[str, Mapping[str, Any]], stages: Stages) -> dict[str, Any] | None:
    """Parameters of a run's record in today's names, completed with the defaults.

    A parameter that a notebook got later counts as its default, with which it does as before. None
    where a recorded one has no counterpart.
    """
    resolver = _Resolver(stages)
    for stage, values in recorded.items():
        resolver.set(stage, values, stage)
    return None if resolver.problems else resolver.resolved


class _Resolver:
    """Every stage's parameters, the cells' defaults at first, and what was wrong on the way."""

    def __init__(self, stages: Stages):
        self.known = {
            stage: {each.name: each for each in cell if each.name != RUN}
            | {f"{each.name}.{one.name}": one for each in cell for one in each.fields}
            for stage, cell in stages.items()
        }
        self.resolved = {
            stage: {each.name: copy.copy(each.default) for each in cell if each.name != RUN}
            for stage, cell in stages.items()
        }
        # In order, each once.
        self.problems: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self.given: dict[tuple[str, str], Any] = {}

    def set(self, stage: str, values: Mapping[str, Any], where: str) -> None:
        """Set the `values` of one stage, or of all stages that know the key with `shared`."""
        if stage != SHARED and stage not in self.known:
            self.problems[f"unknown stage {stage!r} ({where}).{nearest(stage, self.known)}"] = None
            return
        stages = list(self.known) if stage == SHARED else [stage]
        for key, value in values.items():
            holders = [each for each in stages if key in self.known[each]] or stages
            try:
                places = dict.fromkeys(self._renamed(each, key, value, where) for each in holders)
                if not places.keys() - {None}:
                    raise ParameterError(self._unknown(stage, key, where))
                for place in places.keys() - {None, ()}:
                    self._put(*place, value, stage, where)
            except ParameterError as error:
                self.problems[str(error)] = None

    def _renamed(self, stage: str, key: str, value: Any, where: str) -> tuple | None:
        """Today's stage and key of `key`, and the value where that changes, too.

        () for what is ignored; None where there is no such key.
        """
        old, changed = (stage, key), None
        text = value.text if isinstance(value, Text) else shown(value)
        while key not in self.known[stage] or f"{stage}.{key}={text.strip(chr(39))}" in RENAMED:
            target = RENAMED.get(f"{stage}.{key}={text.strip(chr(39))}")
            target = RENAMED.get(f"{stage}.{key}") if target is None else target
            if target is None:
                return None
            if " " in target:
                raise ParameterError(f"{key} is gone ({where}). {target}")
            if not target:
                self.notes[f"Note: {key} is gone, and was ignored ({where})."] = None
                return ()
            target, equals, new = target.partition("=")
            stage, _, key = target.partition(".")
            if equals:
                text = changed = new
        if (stage, key) != old or changed is not None:
            new = f"{stage}.{key}" + (f"={changed}" if changed is not None else "")
            self.notes[f"Note: {old[1]} is now {new} ({where})."] = None
        return stage, key, changed

    def _put(self, stage: str, key: str, new: Any, value: Any, given: str, where: str) -> None:
        parameter = self.known[stage][key]
        value = value if new is None else new
        if isinstance(value, Text):
            value = value.read(parameter, where)
        if parameter.type == "dict":
            if not isinstance(value, dict):
                raise ParameterError(
                    f"{key} must be a mapping. Received: {shown(value)} ({where})."
                )
            self.set(stage, {f"{key}.{name}": each for name, each in value.items()}, where)
            return
        value = parameter.check(value, where)
        if given != SHARED and self.given.setdefault((stage, key), value) != value:
            raise ParameterError(
                f"{stage}.{key} holds for all stages. Received: two values ({where}). Give it once."
            )
        head, dot, name = key.partition(".")
        if dot:
            # The notebook gets what differs from the defaults of the class behind the dict.
            values = {**self.resolved[stage][head], name: value}
            if value == parameter.default:
                del values[name]
            value = values
        self.resolved[stage][head] = value

    def _unknown(self, stage: str, key: str, where: str) -> str:
        if key == RUN:
            return f"{RUN} is set by the params file's line `{RUN}:` or with --run NAME ({where})."
        holders = [other for other, cell in self.known.items() if key in cell]
        hint = f" It belongs to {' and '.join(holders)}." if holders else ""
        names = {
            each for name in self.known for each in self.known[name] if stage in (name, SHARED)
        }
        who = "no stage has it" if stage == SHARED else f"{stage} has no such"
        return f"unknown parameter {key!r}: {who} ({where}).{hint or nearest(key, names)}"


def _load(text: str) -> Any:
    """The value of one YAML document; raises `ParameterError`, in one line without the file."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    # Control characters, a date without its day, an integer of thousands of digits, `!!bool 3`.
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ParameterError(f"{line}this is not valid YAML: {problem}.") from error


def _read(path: Path) -> dict[str, Any]:
    """The top-level mapping of a params file; raises `ParameterError` naming the file."""
    place = runs.shown(path)
    try:
        values = _load(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        beside = path.parent if path.parent != Path() else Path("params")
        names = [str(each) for each in beside.glob("*.yaml")] if beside.is_dir() else []
        reason = getattr(error, "strerror", None) or error
        hint = nearest(str(beside / path.with_suffix(".yaml").name), names) if names else ""
        raise ParameterError(f"The params file {place} cannot be read: {reason}.{hint}") from error
    except ParameterError as error:
        raise ParameterError(f"{place}, {error}") from error
    if not isinstance(values, dict):
        raise ParameterError(
            f"{place} must be a mapping, with lines as `run: my_run`. Received: {shown(values)}."
        )
    return values


def _mapping(values: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    """`values[key]` where it maps names to values; nothing written counts as an empty mapping."""
    value = values.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ParameterError(
            f"{place}: {key} must map names to values, as {{seed: 0}}. Received: {shown(value)}."
        )
    return value

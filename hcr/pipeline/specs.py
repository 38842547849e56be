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
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from hcr import runs
from hcr.errors import ParameterError, RunError, nearest
from hcr.pipeline.parameters import RENAMED, RUN, Parameter, shown

SHARED = "shared"
RUN_KEYS = ("run", "shared", "stages")
SUITE_KEYS = ("suite", "runs", "seeds", "shared", "then")
FORM = "Write -p STAGE.key=value or -p shared.key=value."
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


@dataclass(frozen=True)
class Text:
    """A value as it was written on the command line; the parameter's type says how it is read."""

    text: str

    def read(self, parameter: Parameter | None, where: str) -> Any:
        """The value as YAML reads it; as it is where a string is due, so that 007 stays one."""
        string = parameter is not None and parameter.type == "str"
        try:
            value = _load(self.text)
        except ParameterError as error:
            if string:
                return self.text
            raise ParameterError(f"{where}: {error}") from error
        return value if not string or value is None or isinstance(value, str) else self.text


def read_file(path: Path | str) -> RunSpec | SuiteSpec:
    """Read a params file; a suite's runs are read too, so that their errors show at once.

    Raises `ParameterError`, with one line a problem, each naming the file.
    """
    path = Path(path)
    values = _read(path)
    if "suite" in values or ("runs" in values and "run" not in values):
        return _suite(path, values)
    return _run(path, values)


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

    Raises `ParameterError`, with one line a problem.
    """
    values: dict[str, dict[str, Text]] = {}
    problems = []
    for option in options:
        target, equals, text = option.partition("=")
        stage, _, key = (each.strip() for each in target.partition("."))
        if not (stage and key and equals and text.strip()):
            problems.append(
                f"An override needs a stage, a key and a value. Received: {shown(option)}. {FORM} "
                "null is none, '\"\"' an empty string."
            )
        elif key == RUN:
            problems.append(f"The run's name is set with --run NAME. Received: {shown(option)}.")
        elif key in values.setdefault(stage, {}):
            problems.append(f"-p {stage}.{key} is given twice. Take one out.")
        else:
            values[stage][key] = Text(text.strip())
    if problems:
        raise ParameterError("\n".join(problems))
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
    resolver.set(SHARED, spec.shared, f"{runs.shown(spec.path)}, {SHARED}")
    for stage, values in spec.stages.items():
        # `shared` below `stages` is a mistake, not the shared values.
        name = f"stages.{stage}" if stage == SHARED else stage
        resolver.set(name, values, f"{runs.shown(spec.path)}, {stage}")
    resolver.moved.clear()
    if suite is not None:
        resolver.set(SHARED, suite.shared, f"{runs.shown(suite.path)}, {SHARED}")
        if seed is not None:
            resolver.set(SHARED, {"seed": seed}, f"{runs.shown(suite.path)}, seeds")
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
            stage: {each.name: each for each in cell}
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
        self.moved: dict[tuple[str, str], Any] = {}

    def set(self, stage: str, values: Mapping[str, Any], where: str) -> None:
        """Set the `values` of one stage, or of all stages that know the key with `shared`."""
        if stage != SHARED and stage not in self.known:
            self.problems[f"unknown stage {stage!r} ({where}).{nearest(stage, self.known)}"] = None
            return
        for key, value in values.items():
            try:
                self._set(stage, key, value, where)
            except ParameterError as error:
                self.problems[str(error)] = None

    def _set(self, stage: str, key: str, value: Any, where: str) -> None:
        if key == RUN:
            raise ParameterError(
                f"{RUN} is set by the params file's top line `{RUN}:` or by --run NAME ({where})."
            )
        targets = list(self.known) if stage == SHARED else [stage]
        if stage == SHARED and any(key in self.known[each] for each in targets):
            targets = [each for each in targets if key in self.known[each]]
        places = dict.fromkeys(self._renamed(each, key, value, where) for each in targets)
        places.pop(None, None)
        for place in places:
            if place[0] is not None:
                self._put(*place, value if place[2] is None else place[2], stage, where)
        if not places:
            raise ParameterError(self._unknown(stage, key, where))

    def _renamed(self, stage: str, key: str, value: Any, where: str) -> tuple | None:
        """Today's stage and key of `key`, and the value where it changes; None: there is none.

        The stage is None for what is ignored.
        """
        new_stage, new_key, text = stage, key, value.text if isinstance(value, Text) else value
        text, changed = shown(text).strip("'\""), None
        for _ in range(3):
            target = RENAMED.get(f"{new_stage}.{new_key}={text}")
            if target is None and new_key not in self.known[new_stage]:
                target = RENAMED.get(f"{new_stage}.{new_key}")
            if target is None:
                break
            if " " in target:
                raise ParameterError(f"{key} is gone ({where}). {target}")
            if not target:
                self.notes[f"Note: {key} is gone and was ignored ({where})."] = None
                return None, None, None
            path, equals, new_text = target.partition("=")
            path_stage, _, path_key = path.partition(".")
            if path_key not in self.known.get(path_stage, {}):
                break
            new_stage, new_key = path_stage, path_key
            if equals:
                text = changed = new_text
        if new_key not in self.known[new_stage]:
            return None
        if (new_stage, new_key) != (stage, key) or changed is not None:
            name = f"{new_stage}." * (new_stage != stage) + new_key
            name += f"={changed}" if changed is not None else ""
            self.notes[f"Note: {key} is now {name} ({where})."] = None
        return new_stage, new_key, changed

    def _put(self, stage: str, key: str, changed: Any, value: Any, given: str, where: str) -> None:
        parameter = self.known[stage][key]
        value = changed if changed is not None else value
        if isinstance(value, Text):
            value = value.read(parameter, where)
        if parameter.type == "dict":
            if not isinstance(value, dict):
                raise ParameterError(
                    f"{key} must be a mapping. Received: {shown(value)} ({where})."
                )
            for name, each in value.items():
                self._set(stage, f"{key}.{name}", each, where)
            return
        value = parameter.check(value, where)
        if given != SHARED:
            before = self.moved.setdefault((stage, key), value)
            if before != value:
                raise ParameterError(
                    f"{stage}.{key} is one for all stages. Received: {shown(before)} and "
                    f"{shown(value)} ({where}). Give it once."
                )
        head, dot, name = key.partition(".")
        if not dot:
            self.resolved[stage][key] = value
        elif value != parameter.default:
            self.resolved[stage][head] = {**self.resolved[stage][head], name: value}
        else:
            self.resolved[stage][head] = {
                each: old for each, old in self.resolved[stage][head].items() if each != name
            }

    def _unknown(self, stage: str, key: str, where: str) -> str:
        if stage == SHARED:
            names = {name for cell in self.known.values() for name in cell} - {RUN}
            return f"unknown parameter {key!r}: no stage has it ({where}).{nearest(key, names)}"
        others = [other for other, cell in self.known.items() if key in cell]
        hint = f" It belongs to {' and '.join(others)}." if others else ""
        names = [name for name in self.known[stage] if name != RUN]
        text = f"unknown parameter {key!r}: {stage} has no such ({where})."
        return text + (hint or nearest(key, names))


def _load(text: str) -> Any:
    """The value of one YAML document; raises `ParameterError`, in one line without the file."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(f"{error.context or ''} {error.problem or ''}".split())
        line = f"line {mark.line + 1}: " if mark else ""
        raise ParameterError(f"{line}this is not valid YAML: {problem}.") from error
    # Control characters, a date without its day, an integer of thousands of digits, `!!bool 3`.
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ParameterError(f"this is not valid YAML: {problem}.") from error


def _read(path: Path) -> dict[str, Any]:
    """The top-level mapping of a params file; raises `ParameterError` naming the file."""
    place = runs.shown(path)
    try:
        values = _load(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ParameterError(f"{place} must be UTF-8. Save it so in your editor.") from error
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


class _Problems(list):
    """Collects what is wrong with one file, to say it all at once."""

    def __init__(self, path: Path):
        self.path, self.where = path, runs.shown(path)

    def add(self, text: str) -> None:
        self.append(f"{self.where}: {text}")

    def name(self, values: dict[str, Any], key: str) -> str:
        """The name of the run or the suite under `key`; holds the keys against the known ones."""
        for each in values:
            allowed = RUN_KEYS if key == RUN else SUITE_KEYS
            if each not in allowed:
                self.add(f"unknown key {shown(each)}.{nearest(str(each), allowed)}")
        if key not in values:
            self.add(f"`{key}` is missing. Add a line as `{key}: {self.path.stem}`.")
            return ""
        try:
            return check_run(values[key], f"{self.where}, {key}")
        except ParameterError as error:
            self.append(str(error))
            return ""

    def mapping(self, value: Any, what: str) -> dict[str, Any]:
        """`value` where it maps names to values; nothing written counts as an empty mapping."""
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            self.add(f"{what} must map names to values, as {{seed: 0}}. Received: {shown(value)}.")
            return {}
        return value

    def end(self) -> None:
        if self:
            raise ParameterError("\n".join(self))


def _run(path: Path, values: dict[str, Any]) -> RunSpec:
    problems = _Problems(path)
    name = problems.name(values, RUN)
    shared = problems.mapping(values.get("shared"), "shared")
    stages = problems.mapping(values.get("stages"), "stages")
    stages = {stage: problems.mapping(each, stage) for stage, each in stages.items()}
    problems.end()
    return RunSpec(path, name, shared, stages)


def _suite(path: Path, values: dict[str, Any]) -> SuiteSpec:
    problems = _Problems(path)
    name = problems.name(values, "suite")
    shared = problems.mapping(values.get("shared"), "shared")
    seeds, then, members = values.get("seeds"), values.get("then"), values.get("runs")
    if seeds is not None:
        whole = isinstance(seeds, list) and seeds and all(type(each) is int for each in seeds)
        if not whole or len(set(seeds)) < len(seeds):
            problems.add(f"seeds must be different integers, as [0, 1]. Received: {shown(seeds)}.")
            seeds = None
        elif "seed" in shared:
            problems.add("seeds and shared.seed contradict each other. Take one out.")
    if then is not None and not isinstance(then, str):
        problems.add(f"then must be a notebook's name, as 06_compare. Received: {shown(then)}.")
    if not isinstance(members, list) or not members:
        problems.add(f"runs must be a list, as [quick]. Received: {shown(members)}.")
        members = []
    used: Counter[str] = Counter()
    for member in members:
        if not isinstance(member, str) or not runs.NAME.fullmatch(member) or member == path.stem:
            problems.add(
                f"runs must hold names of params files beside this one. Received: {shown(member)}."
            )
            continue
        try:
            file = path.with_name(f"{member}.yaml")
            used[_run(file, _read(file)).run.lower()] += 1
        except ParameterError as error:
            problems.append(f"{error} (from {problems.where}, runs)")
    for member in (member for member, count in used.items() if count > 1):
        problems.add(f"two of runs write to the run {member!r}. Give each file its own `run:`.")
    if len(members) * len(seeds or [0]) > MOST_RUNS:
        problems.add(f"a suite must have at most {MOST_RUNS} runs. Split it.")
    problems.end()
    return SuiteSpec(path, name, members, seeds, shared, then)

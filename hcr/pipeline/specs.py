"""Params files and the command line's `-p` over the cells' defaults, strictly.

What no cell declares, or what breaks a declared rule, is an error before any kernel starts. A
file is YAML 1.2, and holds one run, a suite of several, or a sweep.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, RunError, nearest
from hcr.pipeline import sweeps
from hcr.pipeline.parameters import RENAMED, RUN, Parameter, shown
from hcr.pipeline.stages import STAGES, load_stages

SHARED = "shared"
SUITE, SWEEP = "suite", "sweep"
KEYS = {RUN: (RUN, SHARED, "stages"), SUITE: (SUITE, "runs", "seeds", SHARED, "then")}
KEYS[SWEEP] = (SWEEP, "base", *sweeps.KEYS, SHARED, "stages", "seeds", "from", "to", "then")

Stages = Mapping[str, Sequence[Parameter]]


@dataclass(frozen=True)
class Spec:
    """A params file of a run, a suite or a sweep, not yet held against the notebooks."""

    path: Path
    name: str  # the run's, the suite's or the sweep's
    shared: dict[str, Any] = field(default_factory=dict)  # of all stages; a suite's go first
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)  # values by stage; so do these
    runs: tuple["Spec", ...] = ()  # a suite's, whose files lie beside its own; a run has none
    seeds: list[int] | None = None  # each run is done once a seed; None: the runs' own seed
    then: str | None = None  # the notebook that ends the suite, as `06_compare`
    point: dict[str, dict[str, Any]] = field(default_factory=dict)  # what a sweep varies, of a run
    base: "Spec | None" = None  # a sweep's, whose points are its runs
    first: str | None = None  # a sweep's first and last stage; None: those of all
    last: str | None = None
    page: dict[str, Any] = field(default_factory=dict)  # the parameters of a sweep's `then`

    @cached_property
    def place(self) -> str:
        """Its file, for messages."""
        return runs.shown(self.path)

    def expand(self) -> list[tuple[str, "Spec", int | None]]:
        """The runs: each one's name below `outputs/`, its params, and its seed or None."""
        return [
            (f"{self.name}/{run.name}" + ("" if seed is None else f"-s{seed}"), run, seed)
            for run in self.runs
            for seed in self.seeds or [None]
        ] or [(self.name, self, None)]


class Text(str):
    """A value as it was written on the command line; the parameter's type says how it is read."""


def read_file(
    path: Path | str, member: bool = False, fixed: sweeps.Point | None = None, yes: bool = False
) -> Spec:
    """Read a params file, and those of a suite's runs or of a sweep's base.

    A sweep varies nothing that `fixed`, as `parse_overrides` gives it, sets; with `yes` it may
    have more than `sweeps.MOST` runs. Raises `ParameterError`, naming the file.
    """
    path = Path(path)
    values, place = _read(path), runs.shown(path)
    kind = next((each for each in (SUITE, SWEEP) if each in values and not member), RUN)
    for key in values:
        if key not in KEYS[kind]:
            hint = nearest(shown(key), KEYS[kind])
            raise ParameterError(f"{place}: unknown key {shown(key)}.{hint}")
    name = check_run(values.get(kind), f"{place}, {kind}")
    shared, stages = (_mapping(values, key, place) for key in (SHARED, "stages"))
    stages = {key: _mapping(stages, key, place) for key in stages}
    if kind == RUN:
        return Spec(path, name, shared, stages)
    seeds = values.get("seeds")
    if seeds is not None and (
        not isinstance(seeds, list)
        or {type(seed) for seed in seeds} != {int}
        or len(set(seeds)) < len(seeds)
        or "seed" in shared
    ):
        rule = f"{place}: seeds must be different integers, as [0, 1], without shared.seed"
        raise ParameterError(f"{rule}. Received: {shown(seeds)}.")
    suite = Spec(path, name, shared, stages, (), seeds, values.get("then"))
    if kind == SWEEP:
        base = _beside(path, values.get("base"), "base")
        first, last = values.get("from"), values.get("to")
        for stage in (first, last):
            if stage not in (None, *STAGES):
                hint = nearest(shown(stage), STAGES)
                raise ParameterError(f"{place}: unknown stage {shown(stage)}.{hint}")
        page = stages.pop(suite.then, {}) if isinstance(suite.then, str) else {}
        points = sweeps.points(values, base.name, place, len(seeds or [0]), fixed or {}, yes)
        members = tuple(replace(base, name=name, point=point) for name, point in points.items())
        return replace(suite, runs=members, base=base, first=first, last=last, page=page)
    names = values.get("runs")
    if not isinstance(names, list) or not names:
        raise ParameterError(f"{place}: runs must be a list, as [quick]. Received: {shown(names)}.")
    return replace(suite, runs=tuple(_beside(path, each, "runs") for each in names))


def _beside(path: Path, name: Any, key: str) -> Spec:
    """The run `name`, which `key` of the params file at `path` names; its file lies beside that."""
    place = f"{runs.shown(path)}, {key}"
    file = path.with_name(f"{check_run(name, place)}.yaml")
    try:
        return read_file(file, member=True)
    except ParameterError as error:
        raise ParameterError(f"{error} ({place})") from error


def check_run(name: Any, where: str) -> str:
    """Return `name` where it can name a run; raise `ParameterError` with `where` otherwise."""
    if not isinstance(name, str):
        raise ParameterError(f"A name must be a string. Received: {shown(name)} ({where}).")
    try:
        runs.check_name(name)
    except RunError as error:
        raise ParameterError(f"{error} ({where})") from error
    if name.lower() in (runs.LAB, runs.COMPARE):
        raise ParameterError(f"The folder {name!r} is no run's: choose another name ({where}).")
    return name


def parse_overrides(options: Iterable[str]) -> dict[str, dict[str, Text]]:
    """The options `-p STAGE.key=value` by stage (or `shared`) and key. Raises `ParameterError`."""
    values: dict[str, dict[str, Text]] = {}
    for option in options:
        target, _, text = option.partition("=")
        stage, _, key = (each.strip() for each in target.partition("."))
        if not (stage and key and text.strip()) or key in values.setdefault(stage, {}):
            names = (f"{x.name}.{y.name}" for x in load_stages().values() for y in x.parameters)
            places = [name for name in names if name.endswith(f".{target.strip()}")]
            places = f"={text} or ".join(places) + f"={text}" if places else "03_train.epochs=3"
            raise ParameterError(
                f"Write -p STAGE.key=value, as {places}, or -p shared.key=value, once; "
                f"null is none, '\"\"' an empty string. Received: {shown(option)}."
            )
        values[stage][key] = Text(text.strip())
    return values


def resolve(
    spec: Spec,
    stages: Stages,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    suite: Spec | None = None,
    seed: int | None = None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Every stage's complete parameters, without `run`; and a note for each key of an old name.

    A cell's default yields to the file's `shared`, that to the file's stage, those to the suite's
    `shared`, its stages, `seed` and a sweep's point, all of them to `-p shared.key`, and that to
    `-p STAGE.key`. `stages` are all, run or not, as `read_cell` declares them; `overrides` as
    `parse_overrides` gives them. The params file that names the run is its `suite`'s, or its own.

    Raises `ParameterError`, naming the file or the option, the stage and the nearest valid name.
    """
    resolver = Resolver(stages)
    for each in (spec, suite) if suite is not None and suite is not spec else (spec,):
        place = each.place
        resolver.set(SHARED, each.shared, f"{place}, {SHARED}")
        for stage, values in each.stages.items():
            # `shared` below `stages` is a mistake, not the shared values.
            name = f"stages.{stage}" if stage == SHARED else stage
            resolver.set(name, values, f"{place}, {stage}")
    resolver.set(SHARED, {} if seed is None else {"seed": seed}, f"{place}, seeds")
    for stage, values in spec.point.items():
        resolver.set(stage, values, f"{place}, grid")
    for stage, values in sorted((overrides or {}).items(), key=lambda entry: entry[0] != SHARED):
        for key, value in values.items():
            resolver.set(stage, {key: value}, f"-p {stage}.{key}")
    return resolver.resolved, list(resolver.notes)


def modernize(recorded: Mapping[str, Mapping[str, Any]], stages: Stages) -> dict[str, Any] | None:
    """Parameters of a run's record in today's names, completed with the defaults.

    A parameter that a notebook got later counts as its default, with which it does as before. None
    where a recorded one has no counterpart.
    """
    resolver = Resolver(stages)
    try:
        for stage, values in recorded.items():
            resolver.set(stage, values, stage)
    except ParameterError:
        return None
    return resolver.resolved


class Resolver:
    """Every stage's parameters, the cells' defaults at first; `notes` on old names, each once."""

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
        self.notes: dict[str, None] = {}

    def set(self, stage: str, values: Mapping[str, Any], where: str) -> None:
        """Set the `values` of one stage, or of all stages that know the key with `shared`."""
        if stage not in (SHARED, *self.known):
            raise ParameterError(f"unknown stage {stage!r} ({where}).{nearest(stage, self.known)}")
        stages = list(self.known) if stage == SHARED else [stage]
        for key, value in values.items():
            holders = [each for each in stages if key in self.known[each]] or stages
            places = dict.fromkeys(self._today(each, key, value, where) for each in holders)
            if places.keys() == {None}:
                owners = [other for other, cell in self.known.items() if key in cell]
                names = {x for name in self.known for x in self.known[name] if name in stages}
                hint = f" It belongs to {' and '.join(owners)}." if owners else nearest(key, names)
                hint = " It is set by the line `run:` or by --run NAME." if key == RUN else hint
                raise ParameterError(f"unknown parameter {key!r} ({where}).{hint}")
            for place in places.keys() - {None, ()}:
                self._put(*place, value, where)

    def _today(self, stage: str, key: str, value: Any, where: str) -> tuple | None:
        """Today's stage and key of `key`; () for what is ignored, None where there is no such."""
        old, given = key, stage
        while key not in self.known.get(stage, ()):
            name = f"{stage}.{key}"
            target = RENAMED.get(name)
            if target is None and isinstance(value, str):
                target = RENAMED.get(f"{name}={value}")
            if target is None:
                return None
            if not target:
                self.notes[f"Note: {old} is gone, and was ignored ({where})."] = None
                return ()
            stage, _, key = target.partition(".")
        if (stage, key) != (given, old):
            self.notes[f"Note: {old} is now {stage}.{key} ({where})."] = None
        return stage, key

    def _put(self, stage: str, key: str, value: Any, where: str) -> None:
        """Set one value under its name of today."""
        parameter = self.known[stage][key]
        if isinstance(value, Text):
            value = _typed(value, parameter, where)
        if parameter.type == "dict":
            values = _mapping({key: value}, key, where)
            self.set(stage, {f"{key}.{name}": each for name, each in values.items()}, where)
            return
        value = parameter.check(value, where)
        head, dot, name = key.partition(".")
        if dot:
            # The notebook gets what differs from the defaults of the class behind the dict.
            values = {**self.resolved[stage][head], name: value}
            if value == parameter.default:
                del values[name]
            value = values
        self.resolved[stage][head] = value


def _typed(text: Text, parameter: Parameter, where: str) -> Any:
    """`text` as YAML reads it; as it is where a string is due, so that 007 stays one."""
    try:
        value = _load(text)
    except ParameterError as error:
        if parameter.type == "str":
            return str(text)
        raise ParameterError(f"{where}: {error}") from error
    plain = parameter.type != "str" or value is None or isinstance(value, str)
    return value if plain else str(text)


def _load(text: str) -> Any:
    """The value of one YAML document; raises `ParameterError`, in one line without the file."""
    # Here, because a notebook opened by hand needs none.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    # Control characters, a date without its day, an integer of thousands of digits, `!!bool 3`.
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ParameterError(f"this is not valid YAML: {problem[:200]}.") from error


def _read(path: Path) -> dict[str, Any]:
    """The top-level mapping of a params file; raises `ParameterError` naming the file."""
    place = runs.shown(path)
    try:
        values = _load(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        names = [str(each) for each in Path("params").glob("*.yaml")]
        hint = nearest(f"params/{path.stem}.yaml", names) if names else ""
        raise ParameterError(f"The params file {place} cannot be read: {problem}.{hint}") from error
    except ParameterError as error:
        raise ParameterError(f"{place}, {error}") from error
    if not isinstance(values, dict):
        rule = f"{place} must be a mapping, with lines as `run: my_run`"
        raise ParameterError(f"{rule}. Received: {shown(values)}.")
    return values


def _mapping(values: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    """`values[key]` where it maps names to values; nothing written counts as an empty mapping."""
    value = {} if values.get(key) is None else values[key]
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        rule = f"{key} must be a mapping, as {{seed: 0}}"
        raise ParameterError(f"{rule}. Received: {shown(value)} ({place}).")
    return value

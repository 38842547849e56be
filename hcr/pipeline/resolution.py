"""Params files and overrides over the cells' defaults: every stage's complete parameters."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, nearest
from hcr.pipeline.rules import RUN, Parameter
from hcr.pipeline.specs import RunSpec, SuiteSpec

SHARED = "shared"
Stages = Mapping[str, Sequence[Parameter]]


@dataclass(frozen=True)
class _Layer:
    """Values for one stage, or for all under `shared`; `where` names a key's origin."""

    stage: str
    values: Mapping[str, Any]
    where: Callable[[str], str]


def resolve(
    spec: RunSpec,
    stages: Stages,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    suite: SuiteSpec | None = None,
    seed: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Every stage's complete parameters, without `run`, in the cells' order.

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
    known = {stage: {each.name: each for each in cell} for stage, cell in stages.items()}
    resolved = {
        stage: {each.name: copy.copy(each.default) for each in cell if each.name != RUN}
        for stage, cell in stages.items()
    }
    problems: dict[str, None] = {}  # in order, each once
    for layer in _layers(spec, overrides or {}, suite, seed):
        if layer.stage != SHARED and layer.stage not in known:
            where = layer.where(next(iter(layer.values), ""))
            problems[f"unknown stage {layer.stage!r} ({where}).{nearest(layer.stage, known)}"] = (
                None
            )
            continue
        for key, value in layer.values.items():
            targets = list(known) if layer.stage == SHARED else [layer.stage]
            holders = [stage for stage in targets if key in known[stage]]
            if key == RUN or not holders:
                problems[_unknown(key, layer, known)] = None
                continue
            for stage in holders:
                resolved[stage][key], problem = known[stage][key].check(value)
                if problem:
                    problems[known[stage][key].check(value, layer.where(key))[1]] = None
    if problems:
        raise ParameterError("\n".join(problems))
    return resolved


def shared_conflicts(stages: Stages) -> list[str]:
    """One line for each key that two stages declare differently; empty where all agree."""
    first: dict[str, tuple[str, Parameter]] = {}
    conflicts = []
    for stage, cell in stages.items():
        for each in cell:
            other, same = first.setdefault(each.name, (stage, each))
            fields = [name for name in vars(each) if _differs(vars(each)[name], vars(same)[name])]
            if fields:
                conflicts.append(f"{each.name}: {other} and {stage} differ in {', '.join(fields)}")
    return conflicts


def _differs(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or one != other


def _layers(
    spec: RunSpec,
    overrides: Mapping[str, Mapping[str, Any]],
    suite: SuiteSpec | None,
    seed: int | None,
) -> list[_Layer]:
    """All values, the weakest first."""

    def within(path: Any, part: str) -> Callable[[str], str]:
        return lambda key: f"{runs.shown(path)}, {part}"

    def option(stage: str) -> Callable[[str], str]:
        return lambda key: f"-p {stage}.{key}"

    layers = [_Layer(SHARED, spec.shared, within(spec.path, SHARED))]
    for stage, values in spec.stages.items():
        # `shared` under `stages` is a mistake, not the shared values.
        name = f"stages.{stage}" if stage == SHARED else stage
        layers.append(_Layer(name, values, within(spec.path, stage)))
    if suite is not None:
        layers.append(_Layer(SHARED, suite.shared, within(suite.path, SHARED)))
        if seed is not None:
            layers.append(_Layer(SHARED, {"seed": seed}, within(suite.path, "seeds")))
    ranked = sorted(overrides.items(), key=lambda entry: entry[0] != SHARED)
    return layers + [_Layer(stage, values, option(stage)) for stage, values in ranked]


def _unknown(key: str, layer: _Layer, known: Mapping[str, Mapping[str, Parameter]]) -> str:
    where = layer.where(key)
    if key == RUN:
        return f"{RUN} is set by the params file's top line `{RUN}:` or by --run NAME ({where})."
    if layer.stage == SHARED:
        names = {name for cell in known.values() for name in cell} - {RUN}
        return f"unknown parameter {key!r}: no stage has it ({where}).{nearest(key, names)}"
    others = [stage for stage, cell in known.items() if key in cell]
    hint = f" It belongs to {' and '.join(others)}." if others else ""
    names = [name for name in known[layer.stage] if name != RUN]
    told = f"unknown parameter {key!r}: {layer.stage} has no such ({where})."
    return told + (hint or nearest(key, names))

"""What is to be run, held against what there is before any kernel starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hcr import datasets, evaluation, recognizer, runs
from hcr.datasets import choice
from hcr.errors import DataError, ModelError, ParameterError, nearest
from hcr.models import Recipe
from hcr.pipeline.specs import Spec, modernize, resolve
from hcr.pipeline.stages import ACROSS, Stage, load_stages
from hcr.preprocessing import labels

DATA = "01_eda"  # declares the choice of data
COMPARE = "06_compare"
NEW_SEEDS = 3  # of the winner of a sweep and of its base, beyond those of the search
Overrides = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class RunPlan:
    """What is to be run."""

    name: str  # the run's; a suite's name and a slash may stand before it
    parameters: dict[str, dict[str, Any]]  # every parameter of every stage, without `run`
    stages: dict[str, Stage]  # all stages
    chosen: tuple[str, ...]  # the names of those that are to run now
    command: str  # what a reader types to have this run again
    params_file: str  # the file that it comes from, for the record
    force: bool = False  # run the chosen stages even where their results stand
    accept_code: bool = False  # keep finished stages though the code has changed
    apart: bool = False  # one process of many: others make the page of all runs
    sweep: bool = False  # whether it is the page of a sweep, for which there is more to be run
    kind: str = ""  # `runs.COMPARISON`, or the name of a notebook that stands alone; no run's

    def __post_init__(self) -> None:
        """Hold what is named against what there is, before any kernel starts."""
        name = DATA
        try:
            if self.data is not None:
                self.data.check()
            for name in self.chosen:
                _check(self.parameters[name], self.data)
        except (ParameterError, ModelError) as error:
            raise ParameterError(f"{error} ({self.params_file}, {name})") from error

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return runs.outputs() / self.name

    @property
    def data(self) -> choice.DataChoice | None:
        """The choice of data; None where no stage declares one."""
        options = runs.parameters(choice.DataChoice, self.parameters.get(DATA, {}))
        return choice.DataChoice(**options) if "dataset" in options else None

    @property
    def page(self) -> Path:
        """The page to open; a page across runs is all there is of it."""
        return self.folder / ("index.html" if not self.kind else f"{self.chosen[-1]}.html")

    @property
    def suite(self) -> str:
        """The suite's name; empty where the run belongs to none."""
        return self.name.rpartition("/")[0]

    def recorded(self, record: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a run's `record` in today's names; empty where they have none."""
        entries = record.get("stages", {}).items()
        parameters = {name: each["parameters"] for name, each in entries if "parameters" in each}
        declared = {name: each.parameters for name, each in self.stages.items()}
        return modernize(parameters, declared) or {}


def follow_up(
    spec: Spec, searched: Sequence[RunPlan], overrides: Overrides, across: Overrides
) -> list[RunPlan]:
    """What follows from the runs of the sweep `spec` that are finished, of those `searched`.

    That is the point with the highest mean class-balanced accuracy on validation, of those with all
    seeds, trained again with new seeds beside the base as it is; and the page of the sweep.
    """
    declared = {name: stage.parameters for name, stage in searched[0].stages.items()}
    there = runs.finished(runs.outputs() / spec.name, trained=True)
    folders = {plan.name: plan.folder for plan in searched if plan.folder in there}
    groups = evaluation.compare_runs(folders).groups
    recipes = [recipe for group in groups[:1] for recipe in group.recipes]
    whole = [recipe for recipe in recipes if len(recipe.runs) == len(spec.seeds or [0])]
    base, members = replace(spec.base, name="default"), spec.expand()
    default, _ = resolve(base, declared, overrides, suite=spec, seed=members[0][2])
    baseline = next((plan.name for plan in searched if plan.parameters == default), None)
    # Runs that the sweep had with another grid are left out.
    names = list(folders) if 0 < len(folders) < len(there) else [spec.name]
    first = [run["run"] for run in whole[0].runs] if whole else []
    winner = [each for name, each, _ in members if [name] == first[:1] and baseline not in first]
    known = [values for plan in searched for values in plan.parameters.values()]
    last = max((values["seed"] for values in known if "seed" in values), default=0)
    seeds = [last + i for i in range(1, NEW_SEEDS + 1)]
    again = replace(spec, name=confirmed(spec), runs=(base, *winner), seeds=seeds)
    plans = []
    for name, each, seed in again.expand() if whole else []:
        parameters, _ = resolve(each, declared, overrides, suite=again, seed=seed)
        plans.append(replace(searched[0], name=name, parameters=parameters))
    given = {"confirmed": [plan.name for plan in plans] or None, "baseline": baseline}
    page = comparison(names, across, searched[0].command, searched[0].params_file, spec, **given)
    return [*plans, page]


def confirmed(sweep: Spec) -> str:
    """The suite of a sweep's winner and its base, with new seeds: it is ranked with no other."""
    return f"{sweep.name}-confirmed"


def comparison(
    names: Sequence[str],
    overrides: Overrides,
    command: str,
    file: str,
    suite: Spec | None = None,
    **given: Any,
) -> RunPlan:
    """The plan of the page that compares the runs or suites `names`, by default all finished ones.

    `file` asks for it: a suite's params file, or the option; the page of a `suite` lies in its
    folder. `given` are further parameters. Raises `ParameterError` for a wrong parameter, or where
    no run is finished.
    """
    if suite is not None and suite.then not in ACROSS:
        raise ParameterError(f"then must be {' or '.join(ACROSS)}, or missing ({file}).")
    name = f"{suite.name}/{runs.COMPARE}" if suite else runs.COMPARE
    values = {"names": list(names) or None, **given, **(suite.page if suite else {})}
    spec = Spec(Path(file), name, stages={COMPARE: values})
    plan = _apart(COMPARE, spec, overrides, command, runs.COMPARISON)
    plan = replace(plan, sweep=suite is not None and suite.base is not None)
    given = plan.parameters[COMPARE]
    if suite is None and not evaluation.find_runs(given["names"], given["published"]):
        rule, place = "There must be a finished run to compare", runs.shown(runs.outputs())
        raise ParameterError(f"{rule}. Received: none in {place}. Make one with: uv run run_all.py")
    return plan


def alone(name: str, overrides: Overrides, command: str) -> RunPlan:
    """The plan of a notebook that needs no other; its folder in `outputs/` has its name."""
    return _apart(name, Spec(Path(f"--only {name}"), name), overrides, command, name)


def _apart(name: str, spec: Spec, overrides: Overrides, command: str, kind: str) -> RunPlan:
    """The plan of a notebook that is no stage."""
    notebooks = load_stages((name,))
    resolved, _ = resolve(spec, {name: notebooks[name].parameters}, overrides)
    place, options = spec.path.as_posix(), {"force": True, "kind": kind}
    return RunPlan(spec.name, resolved, notebooks, (name,), command, place, **options)


def _check(given: dict[str, Any], data: choice.DataChoice | None) -> None:
    """Raise `ModelError` or `ParameterError` where a model or a character is named wrongly."""
    if "optimizer" in given:
        Recipe(**runs.parameters(Recipe, given), **given["recipe"])
    start, saliency = given.get("start"), given.get("saliency_for")
    if data is not None and (start or saliency is not None):
        try:
            characters = datasets.info(data.dataset, **data.source).characters
        except DataError:
            return  # Data that are not there are reported where they are read.
        # A model that is not there yet may be what a run before this one makes.
        for model in recognizer.named(start) if start else ():
            if recognizer.located(model).exists():
                recognizer.keras_files(model, characters)
        if saliency is not None:
            labels.parse_characters(saliency, characters)
    name = given.get("pretrained") or "run"
    if name != "run" and name.isidentifier() and not recognizer.located(name).exists():
        known = ("run", *recognizer.PRETRAINED)
        raise ModelError(f"There is no model or folder {name!r}.{nearest(name, known)}")

"""What is to be run, held against what there is before any kernel starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def comparison(
    names: Sequence[str], overrides: Overrides, command: str, file: str, suite: Spec | None = None
) -> RunPlan:
    """The plan of the page that compares the runs or suites `names`, by default all finished ones.

    `file` asks for it: a suite's params file, or the option; the page of a `suite` lies in its
    folder. Raises `ParameterError` for a wrong parameter, or where no run is finished.
    """
    if suite is not None and suite.then not in ACROSS:
        raise ParameterError(f"then must be {' or '.join(ACROSS)}, or missing ({file}).")
    name = f"{suite.name}/{runs.COMPARE}" if suite else runs.COMPARE
    spec = Spec(Path(file), name, stages={COMPARE: {"names": list(names) or None}})
    plan = _apart(COMPARE, spec, overrides, command, runs.COMPARISON)
    given = plan.parameters[COMPARE]
    if suite is None and not evaluation.find_runs(given["names"], given["published"]):
        raise ParameterError(
            "There must be a finished run to compare. Received: none in "
            f"{runs.shown(runs.outputs())}. Make one with: uv run run_all.py"
        )
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

"""A suite: several params files, each once a seed, a table, and a page that compares the runs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, nearest
from hcr.pipeline import specs
from hcr.pipeline.runner import Outcome, RunPlan
from hcr.pipeline.stages import ACROSS, load_stages
from hcr.runs import files

COMPARE = "06_compare"
# What the table takes from the stages' figures, and the record's facts around it.
TRAINED = ("training_seconds", "parameters", "multiply_adds")
EVALUATED = ("accuracy", "balanced_accuracy", "n")
SCATTERED = ("accuracy", "balanced_accuracy", "training_seconds", "seconds")  # over the seeds
COLUMNS = ("run", "data", "status", *EVALUATED, *TRAINED, "seconds", "date", "commit")


def expand(suite: specs.SuiteSpec) -> list[tuple[str, specs.RunSpec, int | None]]:
    """The runs of `suite`: each one's name below `outputs/`, its params, and its seed or None."""
    members = []
    for spec in suite.runs:
        for seed in suite.seeds or [None]:
            ending = "" if seed is None else f"-s{seed}"
            members.append((f"{suite.suite}/{spec.run}{ending}", spec, seed))
    return members


def comparison(
    names: Sequence[str],
    overrides: Mapping[str, Mapping[str, Any]],
    command: str,
    file: str,
    suite: specs.SuiteSpec | None = None,
) -> RunPlan:
    """The plan of the page that compares the runs or suites `names`, by default all finished ones.

    `file` asks for it: a suite's params file, or the option; the page of a `suite` lies in its
    folder. Raises `ParameterError` for a wrong parameter, or where no run is finished.
    """
    if suite is not None and suite.then not in ACROSS:
        raise ParameterError(
            f"then must be a notebook across runs. Received: {suite.then!r} "
            f"({runs.shown(suite.path)}).{nearest(suite.then, ACROSS)}"
        )
    notebooks = load_stages(ACROSS)
    name = f"{suite.suite}/{runs.COMPARE}" if suite else runs.COMPARE
    spec = specs.RunSpec(Path(file), name, stages={COMPARE: {"names": list(names) or None}})
    declared = {key: each.parameters for key, each in notebooks.items()}
    resolved, _ = specs.resolve(spec, declared, overrides)
    if suite is None:
        from hcr.evaluation import find_runs

        given = resolved[COMPARE]
        if not find_runs(given["names"], given["published"]):
            raise ParameterError(
                "There must be a finished run to compare. Received: none in "
                f"{runs.shown(runs.outputs())}. Make one with: uv run run_all.py"
            )
    return RunPlan(
        name=name,
        parameters=resolved,
        stages={COMPARE: notebooks[COMPARE]},
        chosen=(COMPARE,),
        command=command,
        params_file=file,
        force=True,
        kind=runs.COMPARISON,
    )


def published(plan: RunPlan) -> Outcome | None:
    """The published result of the very same parameters; None where there is none."""
    folder = runs.results() / plan.name
    record = runs.read(folder)
    recorded = {name: each["parameters"] for name, each in record.get("stages", {}).items()}
    declared = {name: stage.parameters for name, stage in plan.stages.items()}
    if record.get("status") != "done" or plan.force or recorded.keys() != declared.keys():
        return None
    if specs.modernize(recorded, declared) != plan.parameters:
        return None
    return Outcome(plan.name, 0, folder / "run.json", folder=folder, record=record)


def write_summary(suite: str, outcomes: list[Outcome]) -> str:
    """Write `<suite>.csv` into the suite's folder and return its rows as a table to print.

    A row a run; then, of each run that several seeds have finished, a row with the means and one
    with the standard deviations over the seeds.
    """
    rows, by_run = [], {}
    for outcome in outcomes:
        scores, record = runs.read_metrics(outcome.folder), outcome.record
        trained, evaluated = scores.get("03_train", {}), scores.get("04_evaluate", {})
        data = record.get("data") or {}
        caveat = f" ({data['caveat']})" if data.get("caveat") else ""
        row = {
            "run": outcome.name,
            "data": f"{data.get('name', '')}{caveat}",
            "status": record.get("status", "failed"),
            **{key: evaluated.get(key, "") for key in EVALUATED},
            **{key: trained.get(key, "") for key in TRAINED},
            "seconds": record.get("seconds", ""),
            "date": (record.get("finished") or "")[:10],
            "commit": (record.get("commit") or "")[:10],
        }
        rows.append(row)
        run, _, seed = row["run"].rpartition("-s")
        if run and seed.isdigit() and row["status"] == "done" and row["accuracy"] != "":
            by_run.setdefault(run, []).append(row)
    for run, seeds in by_run.items():
        for kind, of in (("mean", mean), ("standard deviation", stdev)) if seeds[1:] else ():
            row = seeds[0] | {"run": f"{run} ({kind} of {len(seeds)} seeds)"}
            row |= dict.fromkeys(("status", "date", "commit"), "")
            for key in SCATTERED:
                values = [each[key] for each in seeds]
                row[key] = of(map(float, values)) if "" not in values else ""
            rows.append(row)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = runs.outputs() / suite / f"{suite}.csv"
    files.write_text(path, text.getvalue())
    lines = [
        f"  {row['run']}: {row['status']}"
        + (f", accuracy {row['accuracy']:.4f}, class-balanced {row['balanced_accuracy']:.4f}"
           if row["accuracy"] != "" else "")
        for row in rows
    ]  # fmt: skip
    return "\n".join([*lines, runs.shown(path)])

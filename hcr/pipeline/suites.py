"""A suite: several params files, each once a seed, and a table at the end."""

import csv
import io
from collections.abc import Callable
from statistics import mean, stdev
from typing import Any

from hcr import runs
from hcr.pipeline import params
from hcr.pipeline.plan import DONE, Outcome, RunPlan
from hcr.runs import files

# What the table takes from the stages' figures, and the record's facts around it.
TRAINED = ("training_seconds", "parameters", "multiply_adds")
EVALUATED = ("accuracy", "balanced_accuracy", "n")
SCATTERED = ("accuracy", "balanced_accuracy", "training_seconds", "seconds")  # over the seeds
COLUMNS = ("run", "data", "status", *EVALUATED, *TRAINED, "seconds", "date", "commit")


def expand(suite: params.SuiteSpec) -> list[tuple[str, params.RunSpec, int | None]]:
    """The runs of `suite`: each one's name below `outputs/`, its params, and its seed or None."""
    found = []
    for file in suite.files:
        spec = params.read_file(file)
        for seed in suite.seeds or [None]:
            ending = "" if seed is None else f"-s{seed}"
            found.append((f"{suite.suite}/{spec.run}{ending}", spec, seed))
    return found


def published(plan: RunPlan) -> Outcome | None:
    """The published result of the very same parameters; None where there is none.

    A parameter that a notebook got later is missing in the record: it counts as the same where the
    plan has it at its declared default, with which a notebook does as it did before.
    """
    folder = runs.results() / plan.name
    record = runs.read(folder)
    stages = record.get("stages", {})
    same = {
        stage: _completed(entry.get("parameters"), plan, stage) for stage, entry in stages.items()
    }
    if same != plan.parameters or record.get("status") != "done" or plan.force:
        return None
    return Outcome(plan.name, DONE, folder / "run.json", folder=folder, record=record)


def write_summary(suite: str, outcomes: list[Outcome]) -> str:
    """Write `<suite>.csv` into the suite's folder and return its rows as a table to print.

    A row a run; then, of each run that several seeds have finished, a row with the means and one
    with the standard deviations over the seeds.
    """
    rows = []
    for outcome in outcomes:
        found = runs.read_metrics(outcome.folder)
        trained, evaluated = found.get("03_train", {}), found.get("04_evaluate", {})
        record = outcome.record
        rows.append(
            {
                "run": outcome.name,
                "data": _data(record.get("data") or {}),
                "status": record.get("status", "failed"),
                **{key: evaluated.get(key, "") for key in EVALUATED},
                **{key: trained.get(key, "") for key in TRAINED},
                "seconds": record.get("seconds", ""),
                "date": (record.get("finished") or "")[:10],
                "commit": (record.get("commit") or "")[:10],
            }
        )
    rows += _over_seeds(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = runs.outputs() / suite / f"{suite}.csv"
    files.write_text(path, text.getvalue())
    return _table(rows) + f"\n{runs.shown(path)}"


def _completed(recorded: dict[str, Any] | None, plan: RunPlan, stage: str) -> dict[str, Any] | None:
    """The parameters `recorded` of a stage, with the defaults of those that it did not have yet."""
    if recorded is None or stage not in plan.stages:
        return recorded
    declared = {each.name: each.default for each in plan.stages[stage].parameters}
    asked = plan.parameters.get(stage, {})
    return {key: declared[key] for key in declared if key in asked} | recorded


def _over_seeds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and spread of the finished runs that differ in the seed alone; none for one seed."""
    by_run: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        run, _, seed = row["run"].rpartition("-s")
        if run and seed.isdigit() and row["status"] == "done" and row["accuracy"] != "":
            by_run.setdefault(run, []).append(row)
    found = []
    kinds: dict[str, Callable] = {"mean": mean, "standard deviation": stdev}
    for run, own in by_run.items():
        for kind, of in kinds.items() if len(own) > 1 else ():
            row = own[0] | {"run": f"{run} ({kind} of {len(own)} seeds)"}
            row |= dict.fromkeys(("status", "date", "commit"), "")
            for key in SCATTERED:
                values = [each[key] for each in own]
                known = all(isinstance(each, int | float) for each in values)
                row[key] = of(map(float, values)) if known else ""
            found.append(row)
    return found


def _data(facts: dict[str, Any]) -> str:
    caveat = f" ({facts['caveat']})" if facts.get("caveat") else ""
    return f"{facts.get('name', '')}{caveat}"


def _table(rows: list[dict[str, Any]]) -> str:
    cells = [list(COLUMNS)]
    for row in rows:
        cells.append(
            [
                f"{row[key]:.4f}" if isinstance(row[key], float) and "seconds" not in key
                else str(row[key])
                for key in COLUMNS
            ]
        )  # fmt: skip
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )

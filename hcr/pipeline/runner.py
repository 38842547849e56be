"""Runs one run's stages in their order and keeps its record."""

import copy
import os
import shutil
import time
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock, Timeout

from hcr import reports, runs
from hcr.errors import HcrError, RunError
from hcr.pipeline import fingerprint as prints
from hcr.pipeline import kernel
from hcr.pipeline.plan import DONE, FAILED, Outcome, RunPlan
from hcr.pipeline.progress import Reporter, clock
from hcr.pipeline.stages import Stage, producers
from hcr.runs import environment, files

# The digest of a file that is not there, and of a section of metrics.json that is not or is empty.
NOTHING = (None, files.digest(None), files.digest({}))


def run(plan: RunPlan, reporter_stream=None) -> Outcome:
    """Run the chosen stages whose results do not stand.

    Returns:
        How it ended. A failed notebook ends the run; nothing that was written before is lost.

    Raises:
        KeyboardInterrupt: After the kernel was ended and the record was written.
    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(plan.folder / ".lock", timeout=0):
            return _Runner(plan, reporter_stream).run()
    except Timeout:
        problem = (
            f"{runs.shown(plan.folder)} is being written by another run_all.py. "
            "Wait until that ends, or choose another name with --run NAME."
        )
    except HcrError as error:
        problem = str(error)
    except OSError as error:
        # Others, as a terminal that was closed, are no fault of a disk.
        disk = error.filename or error.errno in files.REMEDY
        problem = f"{plan.name} was stopped by {type(error).__name__}: {error}"
        problem = str(files.disk_error(error, error.filename or plan.folder)) if disk else problem
    return Outcome(plan.name, FAILED, problem=problem, folder=plan.folder)


class _Runner:
    """One run in progress."""

    def __init__(self, plan: RunPlan, stream) -> None:
        self.plan, self.folder = plan, plan.folder
        prints.quarantine(self.folder)
        before = runs.read(self.folder).get("stages", {})
        seconds = {name: before.get(name, {}).get("seconds") for name in plan.chosen}
        self.reporter = Reporter(seconds, stream)
        self.aside = self.folder / ".executing"
        self.facts, self.made = environment.facts(), False
        self.before: dict[str, Any] = {}
        self.ran: list[str] = []
        self.variables = {
            runs.RUN_VARIABLE: plan.name,
            runs.OUTPUTS_VARIABLE: str(runs.outputs()),
            # The package, also where it isn't installed.
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(environment.root()), os.environ.get("PYTHONPATH")])
            ),
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        }
        if os.environ.get("HCR_DATA"):
            # Kernels work in notebooks/: a relative folder would be another one there.
            self.variables["HCR_DATA"] = str(Path(os.environ["HCR_DATA"]).expanduser().resolve())

    def run(self) -> Outcome:
        """All chosen stages, one after the other."""
        self._begin()
        outcome = Outcome(self.plan.name, DONE, self.plan.page, folder=self.folder)
        status = "failed"
        try:
            for name in self.plan.chosen:
                problem = self._stage(self.plan.stages[name])
                if problem is not None:
                    outcome.code, outcome.problem = FAILED, problem
                    outcome.page = self.folder / f"{name}.html"
                    break
            if not outcome.code:
                status = "done" if self._complete() else "partial"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self.reporter.close()
            shutil.rmtree(self.aside, ignore_errors=True)
            record = self._end(status)
        outcome.record = record
        return outcome

    def _begin(self) -> None:
        """Take up the record that is there; what was running when it was left is interrupted."""
        shutil.rmtree(self.aside, ignore_errors=True)

        def change(record: dict[str, Any]) -> None:
            before = record.get("stages", {})
            self.before = copy.deepcopy(record) if before else {}
            record.update(schema=1, run=self.plan.name, status="running", **self.plan.mark)
            record["stages"] = {}
            for name, stage in self.plan.stages.items():
                entry = {"status": "waiting", **before.get(name, {})}
                if entry["status"] == "running":
                    entry["status"] = "interrupted"
                # What a stage has run with stays, until it runs with something else.
                if entry["status"] == "waiting":
                    entry["parameters"] = self.plan.parameters[name]
                entry.update(title=stage.title, reads=list(stage.reads), writes=list(stage.writes))
                record["stages"][name] = entry

        runs.update(self.folder, change)

    def _made_now(self) -> None:
        """Before the first stage that runs: the record is of this command, here and now.

        Where every stage is kept, it stays that of the command that made them.
        """
        if self.made:
            return
        self.made = True
        seeds = {values["seed"] for values in self.plan.parameters.values() if "seed" in values}
        entries = {
            "command": self.plan.command,
            "params_file": self.plan.params_file,
            **({"seed": seeds.pop() if len(seeds) == 1 else sorted(seeds)} if seeds else {}),
            "started": runs.now(),
            "finished": None,
            "seconds": None,
            **self.facts,
        }
        runs.update(self.folder, lambda record: record.update(entries))

    def _stage(self, stage: Stage) -> str | None:
        """Run `stage` where its result does not stand; return what went wrong, or None."""
        self._check_inputs(stage)
        now = prints.fingerprint(stage, self.plan.parameters[stage.name], self.folder)
        reason = prints.why(self._record()["stages"][stage.name], now, stage, self.folder)
        if self.plan.force:
            reason = self.plan.why
            if stage.name == "03_train":
                shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        if reason is None:
            self._note(stage, kept=True)
            self.reporter.say(f"{stage.name}: up to date, kept")
            self._write_page(stage)
            return None

        self.reporter.begin(stage.name, reason, prints.caveat(self.plan.parameters[stage.name]))
        started = time.monotonic()
        self._made_now()
        self.ran.append(stage.name)
        self._note(
            stage,
            **{key: self.facts[key] for key in ("commit", "dirty")},
            **{"status": "running", "parameters": self.plan.parameters[stage.name]},
            **{"started": runs.now(), "finished": None, "seconds": None, "data_also": []},
            **{"kept": False, "error": None, "headline": [], "figures": [], "tables": []},
            warnings=[],
        )
        try:
            # What stands there at the end is of now: no time says so where a clock is behind.
            if prints.outputs(stage, self.folder).get("metrics.json") not in NOTHING:
                runs.Run(self.plan.name, stage.name, self.folder, by_hand=False).clear_metrics()
            failure = self._execute(stage)
        except BaseException as error:
            failed = {"error": {"exception": f"{type(error).__name__}: {error}"}}
            interrupted = isinstance(error, KeyboardInterrupt)
            status = {"status": "interrupted"} if interrupted else {"status": "failed", **failed}
            self._note(stage, **status)
            raise
        seconds = round(time.monotonic() - started, 1)
        finished = {"finished": runs.now(), "seconds": seconds}
        wrote = prints.outputs(stage, self.folder)
        missing = [file for file, digest in wrote.items() if digest in NOTHING]
        if failure is None and missing:
            failure = kernel.Failure(
                "", 0, f"RunError: it says that it writes {', '.join(missing)}, and did not", ""
            )
        if failure is not None:
            self._note(stage, status="failed", error=vars(failure), **finished)
            self._write_page(stage, again=True)
            self.reporter.end(f"FAILED after {clock(seconds)}")
            return self._problem(stage, failure)
        self._forget_old(stage)
        self._note(stage, status="done", fingerprint=now, outputs=wrote, **finished)
        self._write_page(stage, again=True)
        self.reporter.end(f"done in {clock(seconds)}")
        return None

    def _execute(self, stage: Stage) -> kernel.Failure | None:
        """Execute the notebook aside and put it into its place, whether it failed or not."""
        self.aside.mkdir(exist_ok=True)
        output = self.aside / f"{stage.name}.ipynb"
        defaults = {each.name: each.default for each in stage.parameters}
        values = {"run": self.plan.name, **self.plan.parameters[stage.name]}
        changed = {key: value for key, value in values.items() if defaults.get(key) != value}
        failure = kernel.execute(
            stage.path,
            output,
            changed,
            self.variables,
            self.aside / f"{stage.name}.log",
            kernel.Listener(cell=self.reporter.cell, line=self.reporter.line),
        )
        notebook = nbformat.read(output, as_version=4)
        # Paths of this machine say nothing to a reader.
        notebook.metadata.papermill["input_path"] = f"notebooks/{stage.name}.ipynb"
        notebook.metadata.papermill["output_path"] = f"{self.plan.name}/{stage.name}.ipynb"
        files.write_text(self.folder / f"{stage.name}.ipynb", nbformat.writes(notebook) + "\n")
        return failure

    def _check_inputs(self, stage: Stage) -> None:
        reads = self.plan.reads(stage)
        missing = [file for file in reads if not (self.folder / file).is_file()]
        if not missing:
            return
        writers = producers(self.plan.stages.values())
        first, waiting = stage.name, list(missing)
        while waiting:
            writer = writers.get(waiting.pop())
            if writer is not None and writer < first:
                first = writer
                reads = self.plan.stages[writer].reads
                waiting += [file for file in reads if not (self.folder / file).is_file()]
        raise RunError(
            f"{stage.name} reads {', '.join(missing)}, which "
            f"{writers.get(missing[0], 'an earlier stage')} writes; there is none in "
            f"{runs.shown(self.folder)}. Run again with --from {first}."
        )

    def _forget_old(self, stage: Stage) -> None:
        """Delete the figures and tables that the stage wrote the last time, but not now."""
        number = stage.name.split("_")[0]
        current = prints.shown(self._record()["stages"][stage.name])
        for kind in ("figures", "tables"):
            for path in (self.folder / kind).glob(f"{number}_*"):
                if f"{kind}/{path.name}" not in current:
                    path.unlink()

    def _problem(self, stage: Stage, failure: kernel.Failure) -> str:
        where = f" under “{failure.heading}”" if failure.heading else ""
        source = f"\n    {failure.source}" if failure.source else ""
        page = runs.shown(self.folder / f"{stage.name}.html")
        return f"{stage.name} failed{where}:{source}\n    {failure.exception}\n{page}"

    def _write_page(self, stage: Stage, again: bool = False) -> None:
        """Write the stage's HTML where it is missing, or `again`, or the report's code changed."""
        page, source = self.folder / f"{stage.name}.html", self.folder / f"{stage.name}.ipynb"
        look = prints.look()
        record = self._record()
        if not again and page.is_file() and record["stages"][stage.name].get("look") == look:
            return
        notebook = nbformat.read(source, as_version=4)
        html = reports.notebook_html(notebook, record, stage.name, stage.parameters)
        files.write_text(page, html)
        self._note(stage, html=page.name, notebook=source.name, look=look)

    def _complete(self) -> bool:
        """Whether the results of all stages stand, and stand for this command's parameters."""
        entries = self._record()["stages"]
        for name, stage in self.plan.stages.items():
            if name not in self.plan.chosen:
                now = prints.fingerprint(stage, self.plan.parameters[name], self.folder)
                if prints.why(entries[name], now, stage, self.folder) is not None:
                    return False
        return all(entry["status"] == "done" for entry in entries.values())

    def _end(self, status: str) -> dict[str, Any]:
        """Close the record and write the index."""
        if status == "failed" and not self.made:
            # Nothing was started, so nothing has changed.
            if self.before:
                return runs.update(self.folder, lambda record: _replace(record, self.before))
            (self.folder / "run.json").unlink(missing_ok=True)
            return {}

        def change(record: dict[str, Any]) -> None:
            record["status"] = status
            if self.made or not record.get("finished"):
                seconds = [entry.get("seconds") or 0 for entry in record["stages"].values()]
                record.update(finished=runs.now(), seconds=round(sum(seconds), 1))

        record = runs.update(self.folder, change)
        if status != "done":
            # Pages written before the stop lead to pages that will not come.
            for name in self.ran:
                if (self.folder / f"{name}.ipynb").is_file():
                    self._write_page(self.plan.stages[name], again=True)
        if not self.plan.kind:
            files.write_text(self.plan.page, reports.index_html(record, self.folder))
        return record

    def _record(self) -> dict[str, Any]:
        return runs.read(self.folder)

    def _note(self, stage: Stage, **entries: Any) -> None:
        runs.update(self.folder, lambda record: record["stages"][stage.name].update(entries))


def _replace(record: dict[str, Any], other: dict[str, Any]) -> None:
    record.clear()
    record.update(other)

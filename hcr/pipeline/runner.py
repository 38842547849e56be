"""Runs one run's stages in their order and keeps its record."""

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hcr import datasets, runs
from hcr.datasets import choice
from hcr.errors import HcrError, RunError
from hcr.pipeline import fingerprints
from hcr.pipeline.plans import RunPlan
from hcr.pipeline.stages import Stage
from hcr.runs import environment, files

EXHIBITS = ("figures", "tables")


@dataclass
class Outcome:
    """How a run ended: its folder, the page to open, what went wrong, its record."""

    name: str
    folder: Path
    page: Path | None = None
    problem: str = ""
    record: dict[str, Any] = field(default_factory=dict)


def published(plan: RunPlan) -> Outcome | None:
    """The published result of the very same parameters; None where there is none."""
    folder = runs.results() / plan.name
    record = runs.read(folder)
    same = record.get("status") == "done" and record["stages"].keys() == plan.stages.keys()
    if not same or plan.force or plan.recorded(record) != plan.parameters:
        return None
    return Outcome(plan.name, folder, folder / "run.json", record=record)


def run(plan: RunPlan) -> Outcome:
    """Run the chosen stages whose results do not stand, and print how far it is.

    Returns how it ended. A failed notebook ends the run; nothing that was written before is lost.
    Raises `KeyboardInterrupt` after the kernel was ended and the record was written.
    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        # The process that had it may have been killed, and be about to end.
        with FileLock(plan.folder / ".lock", timeout=60 if plan.apart else 0):
            return _Runner(plan).run()
    except Timeout:
        remedy = "Wait until that ends, or choose another name with --run NAME."
        problem = f"{runs.shown(plan.folder)} is being written by another run_all.py. {remedy}"
    except HcrError as error:
        problem = str(error)
    except OSError as error:
        problem = str(files.disk_error(error, error.filename or plan.folder))
    return Outcome(plan.name, plan.folder, problem=problem)


class _Runner:
    """One run in progress."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan, self.folder = plan, plan.folder
        self.aside = self.folder / ".executing"
        self.begun = False
        self.standing: set[str] = set()  # stages whose results are this command's
        # What takes a second to import, and is not needed where everything is up to date.
        self.kernel: Any = None
        self.reporter: Any = None
        self.facts = environment.facts()
        fingerprints.quarantine(self.folder)
        self.before = runs.read(self.folder)
        if self.before.get("params_file") == runs.BY_HAND:
            place = runs.shown(self.folder)
            raise RunError(f"{place} was made by hand, and stays. Choose another: --run NAME.")

    def run(self) -> Outcome:
        """All chosen stages, one after the other."""
        shutil.rmtree(self.aside, ignore_errors=True)
        outcome = Outcome(self.plan.name, self.folder, self.plan.page)
        status = "failed"
        try:
            data = self.plan.data
            if data is not None and not choice.is_resolved(data, self.folder):
                choice.resolve(data, self.folder)
            for name in self.plan.chosen:
                outcome.problem = self._stage(self.plan.stages[name])
                if outcome.problem:
                    break
                self.standing.add(name)
            else:
                status = "partial" if self._stale() else "done"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            shutil.rmtree(self.aside, ignore_errors=True)
            if self.begun:
                outcome.record = self._end(status)
        return outcome

    def _begin(self, record: dict[str, Any]) -> None:
        """Take up the record that is there; what was running when it was left is interrupted."""
        before = record.get("stages", {})
        record.update(run=self.plan.name, status="running", stages={})
        if self.plan.kind:
            record["kind"] = self.plan.kind
        for name, stage in self.plan.stages.items():
            entry = {"status": "waiting", **before.get(name, {})}
            if entry["status"] == "running":
                entry["status"] = "interrupted"
            # What a stage has run with stays, until it runs with something else.
            if entry["status"] == "waiting":
                entry["parameters"] = self.plan.parameters[name]
            entry.update(title=stage.title, reads=list(stage.reads), writes=list(stage.writes))
            record["stages"][name] = entry
        self.begun = True

    def _start(self) -> None:
        """Before the first stage that runs: the record is of this command, and the run is listed.

        Where every stage is kept, it stays that of the command that made them.
        """
        from hcr.pipeline import kernel

        self.kernel, self.reporter = kernel, kernel.Reporter(self.plan.chosen)
        entries = {"command": self.plan.command, "params_file": self.plan.params_file}
        entries |= {"started": runs.now(), "finished": None, "seconds": None} | self.facts
        seeds = {values["seed"] for values in self.plan.parameters.values() if "seed" in values}
        if seeds:
            entries["seed"] = seeds.pop() if len(seeds) == 1 else sorted(seeds)
        runs.update(self.folder, lambda record: record.update(entries))
        self._list()

    def _stage(self, stage: Stage) -> str:
        """Run `stage` where its results do not stand; return what went wrong, or nothing."""
        parameters, entry = self.plan.parameters[stage.name], self._entry(stage)
        view = runs.Run(self.plan.name, stage.name, self.folder, by_hand=False)
        # Where another model predicts, the run needs none.
        other = parameters.get("pretrained", "run") != "run"
        for file in stage.reads:
            if not (other and file in ("model.tflite", "labels.json")):
                view.input(file)
        now = fingerprints.fingerprint(stage, parameters, self.folder)
        reason = fingerprints.why(entry, now, stage, self.folder)
        if not self.begun:
            runs.update(self.folder, self._begin)
        given = self.plan.recorded(self.before).get(stage.name) if self.plan.accept_code else None
        same = given == parameters
        if reason and same and not fingerprints.why(entry, now, stage, self.folder, accept=True):
            accepted = {key: self.facts[key] for key in ("commit", "dirty")}
            accepted |= {"when": runs.now(), "why": reason}
            stands = {"parameters": parameters, "outputs": fingerprints.outputs(stage, self.folder)}
            stands["accepted"] = [*entry.get("accepted", []), accepted]
            self._note(stage, fingerprint=now, **stands)
            reason = None
        if self.plan.force:
            reason = "it is to run again"
            if stage.name == "03_train":
                shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        if reason is None:
            self._note(stage, kept=True)
            print(f"{stage.name}: up to date, kept", flush=True)
            self._write_page(stage)
            return ""

        if self.reporter is None:
            self._start()
        if not self.plan.suite or self.plan.kind or self.plan.force:
            return self._run(stage, view, now, reason)
        # What the runs of a suite or a sweep have in common one of them does.
        key = self.folder.parent / ".stages" / files.digest(stage.name, now)
        key.parent.mkdir(exist_ok=True)
        lock = FileLock(key.with_suffix(".lock"))
        try:
            held = lock.acquire(timeout=0)
        except Timeout:
            print(f"{stage.name}: another process runs it, waiting", flush=True)
            held = lock.acquire()
        with held:
            if self._take(stage, view, now, key):
                return ""
            problem = self._run(stage, view, now, reason)
            if not problem:
                files.write_text(key, self.folder.name)
        return problem

    def _take(self, stage: Stage, view: runs.Run, now: dict[str, Any], key: Path) -> bool:
        """Take the results of `stage` from the run that `key` names, if they stand there.

        The record comes last: a stage that was taken by half has not run yet.
        """
        source = self.folder.with_name(key.read_text("utf-8") if key.is_file() else ".none")
        try:
            record, metrics = runs.read(source), runs.read_metrics(source)
        except RunError:
            return False
        entry = record.get("stages", {}).get(stage.name, {})
        if source == self.folder or fingerprints.why(entry, now, stage, source):
            return False
        paths = [source / file for file in (*stage.writes, f"{stage.name}.ipynb")]
        paths += [path for kind in EXHIBITS for path in (source / kind).glob(f"{view.number}_*")]
        self._clear(view)
        for path in paths:
            if path.name != "metrics.json":
                files.link(path, self.folder / path.relative_to(source))
        view.metrics(metrics[stage.name], clear=True)
        if fingerprints.outputs(stage, self.folder) != entry["outputs"]:
            return False  # another process replaces them
        opened = [x for x in record.get("test_openings", []) if x["stage"] == stage.name]

        def change(own: dict[str, Any]) -> None:
            maker = entry.get("taken_from") or source.name
            made = {"kept": False, "taken_from": maker, "command": self.plan.command}
            own["stages"][stage.name] = entry | made
            own["data"] = record.get("data") or {}
            if opened:
                own.setdefault("test_openings", []).extend(opened)

        runs.update(self.folder, change)
        self._write_page(stage, again=True)
        print(f"{stage.name}: taken from {source.name}", flush=True)
        return True

    def _clear(self, view: runs.Run) -> None:
        """Remove what the stage left: no time says what is of now where a clock is behind."""
        view.metrics({}, clear=True)
        for kind in EXHIBITS:
            for path in (self.folder / kind).glob(f"{view.number}_*"):
                path.unlink()

    def _run(self, stage: Stage, view: runs.Run, now: dict[str, Any], reason: str) -> str:
        """Run `stage`, because of `reason`; return what went wrong, or nothing."""
        data, parameters = self.plan.data, self.plan.parameters[stage.name]
        caveat = datasets.info(data.dataset, **data.source).caveat if data is not None else ""
        self.reporter.begin(stage.name, reason, caveat)
        started = time.monotonic()
        begun = {key: self.facts[key] for key in ("commit", "dirty")}
        begun |= {"status": "running", "parameters": parameters, "started": runs.now()}
        begun["command"] = self.plan.command
        begun |= dict.fromkeys(("finished", "seconds", "error", "taken_from"))
        lists = "data_also headline figures tables verdict"
        begun |= {key: [] for key in lists.split()}
        begun["warnings"] = [{"text": text} for text in stage.edits(parameters)]
        self._note(stage, **begun, kept=False, accepted=[])
        try:
            self._clear(view)
            failure = self._execute(stage)
        except BaseException as error:
            problem = {"exception": f"{type(error).__name__}: {error}"}
            interrupted = isinstance(error, KeyboardInterrupt)
            self._note(stage, status="interrupted" if interrupted else "failed", error=problem)
            raise
        seconds = round(time.monotonic() - started, 1)
        wrote = fingerprints.outputs(stage, self.folder)
        missing = ", ".join(file for file, digest in wrote.items() if digest is None)
        if failure is None and missing:
            text = f"RunError: it says that it writes {missing}, and did not"
            failure = {"heading": "", "exception": text, "source": ""}
        ended = {"status": "done", "fingerprint": now, "outputs": wrote}
        if failure is not None:
            ended = {"status": "failed", "error": failure}
        self._note(stage, finished=runs.now(), seconds=seconds, **ended)
        self._write_page(stage, again=True)
        for warning in self._entry(stage)["warnings"]:
            self.reporter.say(f"warning: {' '.join(warning['text'].split())}")
        self.reporter.say(f"{'FAILED after' if failure else 'done in'} {runs.clock(seconds)}")
        if failure is None:
            return ""
        where = f" under “{failure['heading']}”" if failure["heading"] else ""
        lines = [f"{stage.name} failed{where}:", failure["source"], failure["exception"]]
        page = runs.shown(self.folder / f"{stage.name}.html")
        return "\n    ".join(filter(None, lines)) + f"\n{page}"

    def _execute(self, stage: Stage) -> dict[str, str] | None:
        """Execute the notebook aside, put it into its place, and return how it failed, or None."""
        import nbformat

        self.aside.mkdir(exist_ok=True)
        output, log = self.aside / f"{stage.name}.ipynb", self.aside / f"{stage.name}.log"
        defaults = {each.name: each.default for each in stage.parameters}
        values = {"run": self.plan.name, **self.plan.parameters[stage.name]}
        changed = {key: value for key, value in values.items() if defaults.get(key) != value}
        # The package's folder, because it may not be installed.
        paths = [str(environment.root()), os.environ.get("PYTHONPATH")]
        variables = {
            runs.RUN_VARIABLE: self.plan.name,
            runs.OUTPUTS_VARIABLE: str(runs.outputs()),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        }
        # The order in which numbers are added, and so the bits, follow from the number of threads.
        threads = environment.THREADS_VARIABLE, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
        variables |= dict.fromkeys(threads, str(environment.cores()))
        engine = {"variables": variables, "log": log, "reporter": self.reporter}
        failure = self.kernel.execute(stage.path, output, changed, **engine)
        notebook = nbformat.read(output, as_version=4)
        # Paths of this machine say nothing to a reader.
        notebook.metadata.papermill["input_path"] = f"notebooks/{stage.name}.ipynb"
        notebook.metadata.papermill["output_path"] = f"{self.plan.name}/{stage.name}.ipynb"
        files.write_text(self.folder / f"{stage.name}.ipynb", nbformat.writes(notebook) + "\n")
        return failure

    def _write_page(self, stage: Stage, again: bool = False) -> None:
        """Write the stage's page where it is missing, or `again`, or the pages' code changed."""
        look, entry = fingerprints.look(), self._entry(stage)
        if again or not (self.folder / f"{stage.name}.html").is_file() or entry.get("look") != look:
            from hcr import reports

            reports.write_page(self.folder, stage.name, stage.parameters, look=look)

    def _stale(self) -> dict[str, dict[str, Any]]:
        """Of each other stage why its results do not stand; `same` where only code has changed."""
        stale = {}
        for name, stage in self.plan.stages.items():
            if name in self.standing:
                continue
            entry, reason, same = self._entry(stage), "a file that it names is missing", False
            with suppress(HcrError):
                now = fingerprints.fingerprint(stage, self.plan.parameters[name], self.folder)
                reason = fingerprints.why(entry, now, stage, self.folder)
                same = entry.get("parameters") == self.plan.parameters[name]
                same &= fingerprints.why(entry, now, stage, self.folder, accept=True) is None
            if reason:
                stale[name] = {"why": reason, "same": same}
        return stale

    def _end(self, status: str) -> dict[str, Any]:
        """Close the record and write the run's front page, and that of all runs."""
        look, stale = fingerprints.look(), self._stale()

        def change(record: dict[str, Any]) -> None:
            record.update(status=status, look=look, stale=stale)
            if self.reporter is not None or not record.get("finished"):
                seconds = [entry.get("seconds") or 0 for entry in record["stages"].values()]
                record.update(finished=runs.now(), seconds=round(sum(seconds), 1))

        record = runs.update(self.folder, change)
        same = all(self.before.get(key) == record[key] for key in ("look", "status", "stale"))
        pages = self.plan.page, runs.outputs() / "index.html"
        stands = same and self.reporter is None and all(page.exists() for page in pages)
        if not stands:
            from hcr import reports

            if not self.plan.kind:
                files.write_text(self.plan.page, reports.index_html(record, self.folder))
            self._list()
        return record

    def _list(self) -> None:
        """Write the page of all runs; one process of many leaves that to the next command."""
        if self.plan.apart:
            (runs.outputs() / "index.html").unlink(missing_ok=True)
        else:
            from hcr import reports

            reports.write_overview(runs.outputs())

    def _entry(self, stage: Stage) -> dict[str, Any]:
        return runs.read(self.folder).get("stages", {}).get(stage.name, {})

    def _note(self, stage: Stage, **entries: Any) -> None:
        runs.update(self.folder, lambda record: record["stages"][stage.name].update(entries))

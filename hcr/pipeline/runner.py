"""Runs one run's stages in their order and keeps its record."""

import copy
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hcr import datasets, recognizer, runs
from hcr.datasets import choice
from hcr.errors import DataError, HcrError, ModelError, ParameterError, RunError, nearest
from hcr.pipeline import fingerprints, specs
from hcr.pipeline.stages import Stage
from hcr.preprocessing import labels
from hcr.runs import environment, files

DATA = "01_eda"  # declares the choice of data


@dataclass(frozen=True)
class RunPlan:
    """What is to be run.

    Attributes:
        name: The run's name; a suite's name and a slash may stand before it.
        parameters: Every parameter of every stage, without `run`.
        stages: All stages.
        chosen: The names of those that are to run now.
        command: What a reader types to have this run again.
        params_file: The file that it comes from, for the record.
        force: Run the chosen stages even where their results stand.
        accept_code: Keep finished stages though the code has changed.
        kind: `runs.COMPARISON` where it is a page across runs; empty for a run.
    """

    name: str
    parameters: dict[str, dict[str, Any]]
    stages: dict[str, Stage]
    chosen: tuple[str, ...]
    command: str
    params_file: str
    force: bool = False
    accept_code: bool = False
    kind: str = ""

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
        given, names = self.parameters.get(DATA, {}), choice.DataChoice.__dataclass_fields__
        options = {key: value for key, value in given.items() if key in names}
        return choice.DataChoice(**options) if "dataset" in options else None

    @property
    def page(self) -> Path:
        """The page to open; a page across runs is all there is of it."""
        return self.folder / ("index.html" if not self.kind else f"{self.chosen[-1]}.html")


@dataclass
class Outcome:
    """How a run ended: its name, the exit code, the page to open, what went wrong, its record."""

    name: str
    code: int
    page: Path | None = None
    problem: str = ""
    folder: Path = Path()
    record: dict[str, Any] = field(default_factory=dict)


def _check(given: dict[str, Any], data: choice.DataChoice | None) -> None:
    """Raise `ModelError` or `ParameterError` where a model or a character is named wrongly."""
    start, saliency = given.get("start"), given.get("saliency_for")
    if data is not None and (start or saliency is not None):
        try:
            characters = datasets.info(data.dataset, **data.source).characters
        except DataError:
            return  # Data that are not there are reported where they are read.
        # A model that is not there yet may be what a run before this one makes.
        for model in filter(_is_there, recognizer.named(start) if start else ()):
            recognizer.keras_files(model, characters)
        if saliency is not None:
            labels.parse_characters(saliency, characters)
    name = given.get("pretrained") or "run"
    if name != "run" and name.isidentifier() and not _is_there(name):
        known = ("run", *recognizer.PRETRAINED)
        raise ModelError(
            f"pretrained must be one of {', '.join(known)}, a run's folder or a model's file. "
            f"Received: {name!r}.{nearest(name, known)}"
        )


def _is_there(model: str) -> bool:
    return model in recognizer.PRETRAINED or recognizer.located(model).exists()


def run(plan: RunPlan, stream=None) -> Outcome:
    """Run the chosen stages whose results do not stand; progress goes to `stream`.

    Returns how it ended. A failed notebook ends the run; nothing that was written before is lost.
    Raises `KeyboardInterrupt` after the kernel was ended and the record was written.
    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(plan.folder / ".lock", timeout=0):
            return _Runner(plan, stream).run()
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
    return Outcome(plan.name, 1, problem=problem, folder=plan.folder)


class _Runner:
    """One run in progress."""

    def __init__(self, plan: RunPlan, stream) -> None:
        self.plan, self.folder, self.stream = plan, plan.folder, stream
        self.aside = self.folder / ".executing"
        # What takes a second to import, and is not needed where everything is up to date.
        self.kernel: Any = None
        self.reporter: Any = None
        fingerprints.quarantine(self.folder)
        self.before = copy.deepcopy(runs.read(self.folder))

    def run(self) -> Outcome:
        """All chosen stages, one after the other."""
        shutil.rmtree(self.aside, ignore_errors=True)
        runs.update(self.folder, self._begin)
        outcome = Outcome(self.plan.name, 0, self.plan.page, folder=self.folder)
        status = "failed"
        try:
            data = self.plan.data
            if data is not None and not choice.is_resolved(data, self.folder):
                choice.resolve(data, self.folder)
            for name in self.plan.chosen:
                problem = self._stage(self.plan.stages[name])
                if problem is not None:
                    outcome.code, outcome.problem = 1, problem
                    outcome.page = self.folder / f"{name}.html"
                    break
            else:
                status = "done" if self._is_complete() else "partial"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            if self.reporter is not None:
                self.reporter.close()
            shutil.rmtree(self.aside, ignore_errors=True)
            outcome.record = self._end(status)
        return outcome

    def _begin(self, record: dict[str, Any]) -> None:
        """Take up the record that is there; what was running when it was left is interrupted."""
        before = record.get("stages", {})
        kind = {"kind": self.plan.kind} if self.plan.kind else {}
        record.update(run=self.plan.name, status="running", **kind)
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

    def _start(self) -> None:
        """Before the first stage that runs: the record is of this command, here and now.

        Where every stage is kept, it stays that of the command that made them.
        """
        from hcr.pipeline import kernel

        before = self.before.get("stages", {})
        seconds = {name: before.get(name, {}).get("seconds") for name in self.plan.chosen}
        self.kernel, self.reporter = kernel, kernel.Reporter(seconds, self.stream)
        self.facts = environment.facts()
        seeds = {values["seed"] for values in self.plan.parameters.values() if "seed" in values}
        entries = {
            "command": self.plan.command,
            "params_file": self.plan.params_file,
            **({"seed": seeds.pop() if len(seeds) == 1 else sorted(seeds)} if seeds else {}),
            **{"started": runs.now(), "finished": None, "seconds": None},
            **self.facts,
        }
        runs.update(self.folder, lambda record: record.update(entries))

    def _stage(self, stage: Stage) -> str | None:
        """Run `stage` where its results do not stand; return what went wrong, or None."""
        self._check_inputs(stage)
        parameters, entry = self.plan.parameters[stage.name], self._entry(stage)
        now = fingerprints.fingerprint(stage, parameters, self.folder)
        reason = fingerprints.why(entry, now, stage, self.folder)
        if reason and self.plan.accept_code and self._is_accepted(stage, entry, now):
            facts = environment.facts()
            accepted = {key: facts[key] for key in ("commit", "dirty")}
            accepted |= {"when": runs.now(), "why": reason}
            self._note(
                stage,
                **{"fingerprint": now, "parameters": parameters},
                outputs=fingerprints.outputs(stage, self.folder),
                accepted=[*entry.get("accepted", []), accepted],
            )
            reason = None
        if self.plan.force:
            reason = "it reads the runs as they are" if self.plan.kind else "as --force asks"
            if stage.name == "03_train":
                shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        if reason is None:
            self._note(stage, kept=True)
            print(f"{stage.name}: up to date, kept", file=self.stream, flush=True)
            self._write_page(stage)
            return None

        if self.reporter is None:
            self._start()
        data = self.plan.data
        caveat = datasets.info(data.dataset, **data.source).caveat if data is not None else ""
        self.reporter.begin(stage.name, reason, caveat)
        started = time.monotonic()
        self._note(
            stage,
            **{key: self.facts[key] for key in ("commit", "dirty")},
            **{"status": "running", "parameters": parameters, "started": runs.now()},
            **dict.fromkeys(("finished", "seconds", "error")),
            **{key: [] for key in ("data_also", "headline", "figures", "tables", "warnings")},
            **{"kept": False, "accepted": []},
        )
        try:
            # What stands there at the end is of now: no time says so where a clock is behind.
            runs.Run(self.plan.name, stage.name, self.folder, by_hand=False).clear_metrics()
            failure = self._execute(stage)
        except BaseException as error:
            problem = {"exception": f"{type(error).__name__}: {error}"}
            interrupted = isinstance(error, KeyboardInterrupt)
            self._note(stage, status="interrupted" if interrupted else "failed", error=problem)
            raise
        seconds = round(time.monotonic() - started, 1)
        finished = {"finished": runs.now(), "seconds": seconds}
        wrote = fingerprints.outputs(stage, self.folder)
        missing = ", ".join(file for file, digest in wrote.items() if digest is None)
        if failure is None and missing:
            text = f"RunError: it says that it writes {missing}, and did not"
            failure = self.kernel.Failure("", 0, text, "")
        if failure is None:
            self._forget_old(stage)
            self._note(stage, status="done", fingerprint=now, outputs=wrote, **finished)
        else:
            self._note(stage, status="failed", error=vars(failure), **finished)
        self._write_page(stage, again=True)
        ended = "done in" if failure is None else "FAILED after"
        self.reporter.end(f"{ended} {runs.clock(seconds)}")
        if failure is None:
            return None
        where = f" under “{failure.heading}”" if failure.heading else ""
        source = f"\n    {failure.source}" if failure.source else ""
        page = runs.shown(self.folder / f"{stage.name}.html")
        return f"{stage.name} failed{where}:{source}\n    {failure.exception}\n{page}"

    def _execute(self, stage: Stage) -> Any:
        """Execute the notebook aside and put it into its place, whether it failed or not."""
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
        if os.environ.get("HCR_DATA"):
            # Kernels work in notebooks/: a relative folder would be another one there.
            variables["HCR_DATA"] = str(Path(os.environ["HCR_DATA"]).expanduser().resolve())
        failure = self.kernel.execute(stage.path, output, changed, variables, log, self.reporter)
        notebook = nbformat.read(output, as_version=4)
        # Paths of this machine say nothing to a reader.
        notebook.metadata.papermill["input_path"] = f"notebooks/{stage.name}.ipynb"
        notebook.metadata.papermill["output_path"] = f"{self.plan.name}/{stage.name}.ipynb"
        files.write_text(self.folder / f"{stage.name}.ipynb", nbformat.writes(notebook) + "\n")
        return failure

    def _check_inputs(self, stage: Stage) -> None:
        """Raise `RunError` where a file is missing that an earlier stage writes."""
        other = self.plan.parameters[stage.name].get("pretrained", "run") != "run"
        # Where another model predicts, the run needs none.
        spared = ("model.tflite", "labels.json") if other else ()
        missing = [x for x in stage.reads if not (self.folder / x).is_file() and x not in spared]
        if missing:
            first = next(
                name
                for name, each in self.plan.stages.items()
                if each is stage or not all((self.folder / x).is_file() for x in each.writes)
            )
            raise RunError(
                f"{stage.name} reads {', '.join(missing)}; there is none in "
                f"{runs.shown(self.folder)}. Run again with --from {first}."
            )

    def _is_accepted(self, stage: Stage, entry: dict[str, Any], now: dict[str, Any]) -> bool:
        """Whether the stage's results stand but for the code and the names of parameters."""
        stages = self.before.get("stages", {})
        recorded = {k: v["parameters"] for k, v in stages.items() if "parameters" in v}
        declared = {name: each.parameters for name, each in self.plan.stages.items()}
        modern = specs.modernize(recorded, declared) or {}
        same = modern.get(stage.name) == self.plan.parameters[stage.name]
        return same and fingerprints.why(entry, now, stage, self.folder, accept=True) is None

    def _forget_old(self, stage: Stage) -> None:
        """Delete the figures and tables that the stage wrote the last time, but not now."""
        current = fingerprints.exhibits(self._entry(stage))
        for kind in ("figures", "tables"):
            for path in (self.folder / kind).glob(f"{stage.name.split('_')[0]}_*"):
                if f"{kind}/{path.name}" not in current:
                    path.unlink()

    def _write_page(self, stage: Stage, again: bool = False) -> None:
        """Write the stage's page where it is missing, or `again`, or the pages' code changed."""
        page, source = self.folder / f"{stage.name}.html", self.folder / f"{stage.name}.ipynb"
        look, record = fingerprints.look(), runs.read(self.folder)
        if not again and page.is_file() and record["stages"][stage.name].get("look") == look:
            return
        import nbformat

        from hcr import reports

        notebook = nbformat.read(source, as_version=4)
        html = reports.notebook_html(notebook, record, stage.name, stage.parameters)
        files.write_text(page, html)
        self._note(stage, html=page.name, notebook=source.name, look=look)

    def _is_complete(self) -> bool:
        """Whether the results of all stages stand, and stand for this command's parameters."""
        for name, stage in self.plan.stages.items():
            if name not in self.plan.chosen:
                now = fingerprints.fingerprint(stage, self.plan.parameters[name], self.folder)
                if fingerprints.why(self._entry(stage), now, stage, self.folder) is not None:
                    return False
        return True

    def _end(self, status: str) -> dict[str, Any]:
        """Close the record and write the run's front page."""
        if status == "failed" and self.reporter is None:
            # Nothing was started, so nothing has changed.
            if self.before:
                return runs.update(self.folder, lambda r: (r.clear(), r.update(self.before)))
            (self.folder / "run.json").unlink(missing_ok=True)
            return {}
        look = fingerprints.look()

        def change(record: dict[str, Any]) -> None:
            record.update(status=status, look=look)
            if self.reporter is not None or not record.get("finished"):
                seconds = [entry.get("seconds") or 0 for entry in record["stages"].values()]
                record.update(finished=runs.now(), seconds=round(sum(seconds), 1))

        record = runs.update(self.folder, change)
        stands = (self.before.get("look"), self.before.get("status")) == (look, status)
        if not self.plan.kind and not (
            stands and self.reporter is None and self.plan.page.exists()
        ):
            from hcr import reports

            files.write_text(self.plan.page, reports.index_html(record, self.folder))
        return record

    def _entry(self, stage: Stage) -> dict[str, Any]:
        return runs.read(self.folder)["stages"][stage.name]

    def _note(self, stage: Stage, **entries: Any) -> None:
        runs.update(self.folder, lambda record: record["stages"][stage.name].update(entries))

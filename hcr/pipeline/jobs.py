"""Executes plans: one after the other, as processes beside each other, on a Dask cluster, again."""

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError
from hcr.pipeline import fingerprints, runner
from hcr.pipeline.plans import RunPlan
from hcr.pipeline.stages import STAGES, Stage, load_stages
from hcr.runs import environment, files

WATCHED = "HCR_JOB"  # set for a process that is to end when the one that started it does
PROGRESS = re.compile(r"\[\d+/\d+\] .*: (running|done in|FAILED|warning)")
TIMES = ("_seconds", "_ms")  # how the names of metrics end that differ each time
COMPARED = (".npz", ".tflite", "data.json")  # other files hold times, or a digest of one that does

Pool = tuple[Executor, int, Callable[[], Any]]  # the threads of a run, and how to end all of them
_processes: set[subprocess.Popen] = set()  # that this one has started


def execute(
    plans: Sequence[RunPlan], words: Sequence[str] = (), jobs: int = 1, scheduler: str = ""
) -> list[runner.Outcome]:
    """Run everything; a run that fails does not stop the next.

    With several `jobs`, or a Dask `scheduler`, each run is a process, this command of the `words`
    for it alone; the pages across runs come last.
    """
    outcomes: list[runner.Outcome] = []
    if jobs > 1 or scheduler:
        # Processes on this machine share its cores.
        here = ThreadPoolExecutor(jobs), max(1, environment.cores() // jobs), end
        with _on_cluster(scheduler) if scheduler else nullcontext(here) as pool:
            outcomes += _together([plan for plan in plans if not plan.kind], words, *pool)
        plans = [plan for plan in plans if plan.kind]
    for plan in plans:
        done = {x.name.rpartition("/")[0] for x in outcomes if x.record.get("status") == "done"}
        trained = plan.suite in done or runs.finished(runs.outputs() / plan.suite, trained=True)
        if plan.kind and plan.suite and not trained:
            print(f"{plan.name}: skipped, no run of {plan.suite} is finished")
            continue
        print(f"{plan.name}: {plan.params_file} into {runs.shown(plan.folder)}", flush=True)
        outcome = runner.published(plan) if plan.suite and not plan.kind else None
        if outcome:
            print(f"{plan.name}: finished before, taken from {runs.shown(outcome.folder)}")
        outcomes.append(_report(outcome or runner.run(plan)))
    return outcomes


def _report(outcome: runner.Outcome) -> runner.Outcome:
    """Print how a run ended, with its headline figures."""
    if outcome.problem:
        print(f"{outcome.name}: failed", flush=True)
        return outcome
    for name, entry in outcome.record.get("stages", {}).items():
        for each in entry.get("headline", []):
            note = f" ({each['note']})" if each.get("note") else ""
            print(f"  {name}: {each['label']}: {each['text']}{note}")
    print(f"{outcome.name}: done, open {runs.shown(outcome.page)}", flush=True)
    return outcome


def _together(
    plans: Sequence[RunPlan], words: Sequence[str], pool: Executor, threads: int, end: Callable
) -> list[runner.Outcome]:
    """Run each plan as a process of the `pool`; they all `end` with this one."""
    from hcr import reports

    variables = {key: value for key, value in os.environ.items() if key.startswith("HCR_")}
    variables |= {environment.THREADS_VARIABLE: str(threads), WATCHED: "1"}
    command = [str(environment.root() / "run_all.py"), *words, "--jobs=1", "--scheduler="]
    outcomes, futures, due = [], {}, 0.0
    try:
        for plan in plans:
            own = [*command, f"--run-index=name:{plan.name}"]
            futures[pool.submit(_process, plan.name, own, str(Path.cwd()), variables)] = plan
        for future in as_completed(futures):
            plan, error = futures[future], future.exception()
            # An error is that of a run that has cost several workers.
            problem = f"{plan.name}: {error}" if error else future.result()
            ended = plan.name, plan.folder, plan.page, problem, runs.read(plan.folder)
            before = None if problem else runner.published(plan)
            outcomes.append(_report(before or runner.Outcome(*ended)))
            if time.monotonic() > due:  # to list thousands takes a while
                reports.write_overview(runs.outputs())
                due = time.monotonic() + 60
    except BaseException:
        for future in futures:
            future.cancel()
        end()
        raise
    reports.write_overview(runs.outputs())
    return outcomes


def _process(name: str, words: list[str], folder: str, variables: dict[str, str]) -> str:
    """Run Python with `words` in `folder`, and pass on where it is; returns what went wrong."""
    how = {"cwd": folder, "env": os.environ | variables, "text": True, "stdin": subprocess.PIPE}
    how |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    # A session of its own, because Ctrl+C is passed on by the process that started it.
    how["start_new_session"], last = True, []
    with subprocess.Popen([sys.executable, *words], **how) as process:
        _processes.add(process)
        for line in process.stdout:
            last = [*last, line] if line != f"{name}: failed\n" else []
            if PROGRESS.match(line):
                print(f"{name} {line}", end="", flush=True)
    _processes.discard(process)
    ending = f"{name}: ended with exit code {process.returncode}"
    return ("".join(last[-9:]).strip() or ending) if process.returncode else ""


def end() -> None:
    """End the processes that this one has started."""
    for process in list(_processes):
        process.terminate()


def follow() -> None:
    """End, as by Ctrl+C, with the process that has started this one, however that ends."""

    def wait() -> None:
        os.read(0, 1)  # nothing comes before its end
        os.kill(os.getpid(), signal.SIGTERM)

    if WATCHED in os.environ:
        threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _on_cluster(scheduler: str) -> Iterator[Pool]:
    """The workers of a Dask cluster. A run has one thread, or as many as `OMP_NUM_THREADS` says.

    Raises `ParameterError` where the scheduler does not answer, has no workers, or one of them has
    another version of a package.
    """
    rule = "--scheduler must name a Dask scheduler with workers, as tcp://HOST:8786"
    if not re.fullmatch(r"\w+://.+:\d+", scheduler):
        raise ParameterError(f"{rule}. Received: {scheduler}.")
    try:
        from distributed import Client

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        client = Client(scheduler, timeout="10 s", set_as_default=False)
    except (ImportError, OSError, ValueError) as error:
        remedy = "It needs the extra: uv sync --extra cluster"
        remedy = remedy if isinstance(error, ImportError) else "Nothing answers there."
        raise ParameterError(f"{rule}. Received: {scheduler}. {remedy}") from error
    with client:
        here, workers = _packages(), client.run(_packages, on_error="return")
        if not workers:
            raise ParameterError(f"{rule}. Received: {scheduler}, which has none.")
        for name, there in workers.items():
            there = there if isinstance(there, set) else {str(there)}  # or the error of it
            if there != here:
                missing, other = (", ".join(sorted(each)) for each in (here - there, there - here))
                rule = f"A worker must have the same packages: {missing}"
                raise ParameterError(f"{rule}. Received: {other} on {name}. Update it there.")
        threads = int(os.environ.get(environment.THREADS_VARIABLE) or 1)
        yield client.get_executor(pure=False), threads, partial(client.run, end)


def _packages() -> set[str]:
    """The packages that results follow from, with their versions and a digest of this one's."""
    versions = environment.facts()["versions"] | {"code": files.code_digest(".")[:8]}
    return {f"{name} {version}" for name, version in versions.items()}


def verify(name: str) -> int:
    """Run the recorded run `name` again in an empty folder, and print the first difference.

    Parameters and threads are those of its record. Returns the exit code: 1 where it differs.
    Raises `ParameterError` where it is no run of `run_all.py`, or no stage is finished.
    """
    folder = runs.outputs() / name
    record = runs.read(folder)
    entries, stale = record.get("stages", {}), record.get("stale", {})
    ended = [stage for stage in STAGES if entries.get(stage, {}).get("status") == "done"]
    stages = [*takewhile(lambda stage: stage in ended and stage not in stale, STAGES)]
    if not stages or record["params_file"] == runs.BY_HAND:
        rule = "--verify needs a run that run_all.py has made"
        raise ParameterError(f"{rule}. Received: {name!r}. Choose one, as quick.")
    with tempfile.TemporaryDirectory(prefix="hcr-") as top:
        params, outputs = Path(top, "params.yaml"), Path(top, "outputs")
        values = {stage: entries[stage]["parameters"] for stage in stages}
        files.write_json(params, {"run": folder.name, "stages": values})
        variables = {environment.OUTPUTS_VARIABLE: str(outputs)}
        variables[environment.THREADS_VARIABLE] = str(record["hardware"]["cores"])
        command = [sys.executable, str(environment.root() / "run_all.py"), str(params)]
        command += ["--to", stages[-1]]
        if subprocess.run(command, env=os.environ | variables, check=False).returncode:
            print(f"{name}: cannot be run again", file=sys.stderr)
            return 1
        for stage in load_stages(tuple(stages)).values():
            results = [_results(stage, place) for place in (folder, outputs / folder.name)]
            changed, causes = (_changes(*each) for each in zip(*results, strict=True))
            if changed:
                print(f"{name}: {stage.name} differs: {changed[0]}")
                print(f"  why: {'; '.join(causes) or 'nothing that is recorded differs'}")
                return 1
    print(f"{name}: identical, all numbers and files of {', '.join(stages)}")
    return 0


def _results(stage: Stage, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers and digests of files that `stage` left in `folder`; what they follow from."""
    record, numbers = runs.read(folder), runs.read_metrics(folder).get(stage.name)
    entry, written = record["stages"][stage.name], fingerprints.outputs(stage, folder)
    digests = {file: digest for file, digest in written.items() if file.endswith(COMPARED)}
    origin = record["hardware"] | record["versions"] | entry["fingerprint"]
    origin |= {"data": record.get("data"), "commit": entry["commit"], "dirty": entry["dirty"]}
    return _flat((numbers or {}) | digests), _flat(origin)


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """The numbers and texts in `value`, each by its place; no times."""
    if not isinstance(value, dict | list):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if not str(key).endswith(TIMES):
            flat |= _flat(each, f"{name}.{key}" if name else str(key))
    return flat


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What has another value now, in the order of `before`."""
    keys = [key for key in before | now if before.get(key) != now.get(key)]
    return [f"{key} was {before.get(key)!s:.24}, is {now.get(key)!s:.24}" for key in keys]

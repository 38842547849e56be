"""Run the notebooks, one after the other, and leave a report of each: `uv run run_all.py`."""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

try:
    from hcr import pipeline, runs
    from hcr.errors import HcrError, ParameterError
    from hcr.pipeline import params
    from hcr.runs import environment
except ModuleNotFoundError as error:
    sys.exit(f"{error}. Its packages must be installed: start it with uv run run_all.py")

DEFAULT = "params/quick.yaml"
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="run_all.py",
        description="Run the notebooks of the workbench with papermill and write HTML reports.",
        epilog="Exit codes: 0 done, 1 a notebook failed, 2 the arguments or parameters are wrong, "
        "130 interrupted.",
    )
    parser.add_argument(
        "files", nargs="*", metavar="params/NAME.yaml", help=f"runs or suites (default: {DEFAULT})"
    )
    parser.add_argument("--run", metavar="NAME", help="name the run differently")
    parser.add_argument(
        "-p", dest="overrides", action="append", default=[], metavar="STAGE.key=value",
        help="set a parameter of one stage, or of all that have it with shared.key=value",
    )  # fmt: skip
    parser.add_argument("--from", dest="first", metavar="STAGE", help="begin with this stage")
    parser.add_argument("--to", dest="last", metavar="STAGE", help="end with this stage")
    parser.add_argument("--only", metavar="STAGE", help="this stage alone")
    parser.add_argument("--force", action="store_true", help="run what is up to date, too")
    parser.add_argument(
        "--compare", nargs="*", metavar="RUN",
        help="a page that compares these runs or suites, by default all finished ones; runs none",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print every stage's parameters")
    parser.add_argument("--check", action="store_true", help="check the parameters, run nothing")
    return parser


def plans(options: argparse.Namespace) -> list[tuple[str | None, pipeline.RunPlan]]:
    """Everything that is to be run, each with its suite's name or None; all of it checked.

    The page that a suite ends in comes behind its runs.
    """
    stages = pipeline.load_stages()
    chosen = pipeline.selected(options.first, options.last, options.only)
    overrides = params.parse_overrides(options.overrides)
    across = {name: overrides.pop(name) for name in pipeline.ACROSS if name in overrides}
    declared = {name: list(stage.parameters) for name, stage in stages.items()}
    found: list[tuple[str | None, pipeline.RunPlan]] = []

    def add(name, spec, file, suite=None, seed=None) -> None:
        resolved = params.resolve(spec, declared, overrides, suite=suite, seed=seed)
        plan = pipeline.RunPlan(
            name=name,
            parameters=resolved,
            stages=stages,
            chosen=chosen,
            command=command(file, options),
            params_file=Path(file).as_posix(),
            force=options.force,
        )
        found.append((suite.suite if suite else None, plan))

    for file in options.files or [default()]:
        spec = params.read_file(file)
        if isinstance(spec, params.RunSpec):
            name = spec.run
            if options.run is not None:
                name = params.check_run(options.run, "--run")
            add(name, spec, file)
        elif options.run is not None:
            raise ParameterError(f"--run names one run. Received: a suite, {file}. Drop --run.")
        else:
            pipeline.check_then(spec)
            for name, each, seed in pipeline.expand(spec):
                add(name, each, file, spec, seed)
            if spec.then:
                asked = [spec.suite], across, command(file, options), Path(file).as_posix()
                found.append((spec.suite, pipeline.comparison(*asked, suite=spec.suite)))
    if across and not any(plan.kind for _, plan in found):
        raise ParameterError(
            "A parameter of a notebook across runs goes with --compare, or with a suite that ends "
            f"in it. Received: -p {next(iter(across))}. Drop it."
        )
    # Windows and macOS take names that differ in case alone for the same folder.
    names = Counter(plan.name.lower() for _, plan in found)
    again = [plan for _, plan in found if names[plan.name.lower()] > 1]
    if again:
        first = [plan for plan in again if plan.name.lower() == again[0].name.lower()]
        told = ", ".join(f"{plan.name!r} ({plan.params_file})" for plan in first)
        raise ParameterError(
            f"Each run must have a name of its own, whatever its case. Received: {told}. "
            "Change one, or run them one at a time with --run NAME."
        )
    return found


def compared(options: argparse.Namespace) -> pipeline.RunPlan:
    """The page that `--compare` asks for, checked."""
    others = [options.files, options.run, options.first, options.last, options.only, options.force]
    if any(others):
        raise ParameterError(
            "--compare runs nothing and stands alone, but for -p. Received: a params file, --run, "
            "--from, --to, --only or --force with it. Give two commands."
        )
    words = ["uv run run_all.py --compare", *map(shlex.quote, options.compare)]
    words += [f"-p {shlex.quote(each)}" for each in options.overrides]
    overrides = params.parse_overrides(options.overrides)
    return pipeline.comparison(options.compare, overrides, " ".join(words), "--compare")


def default() -> str:
    """The params file that is meant where none is named."""
    return DEFAULT if Path(DEFAULT).is_file() else str(environment.root() / DEFAULT)


def command(file: str, options: argparse.Namespace) -> str:
    """What a reader types to have this run again."""
    words = ["uv run run_all.py", shlex.quote(Path(file).as_posix())]
    if options.run:
        words += ["--run", shlex.quote(options.run)]
    for override in options.overrides:
        words += ["-p", shlex.quote(override)]
    return " ".join(words)


def own_code(plans: Iterable[pipeline.RunPlan]) -> dict[str, list[Path]]:
    """Each `module:function` that the parameters name, and the files that are run for it."""
    found = {}
    for plan in plans:
        for stage in plan.chosen:
            found |= plan.stages[stage].own_code(plan.parameters[stage])
    return found


def listing() -> str:
    """Every stage's parameters."""
    stages = pipeline.load_stages() | pipeline.load_across()
    declared = {name: list(stage.parameters) for name, stage in stages.items()}
    return params.listing(declared, {name: stage.title for name, stage in stages.items()})


def run_all(found: list[tuple[str | None, pipeline.RunPlan]]) -> int:
    """Run everything; a run that fails does not stop the next. Returns the exit code."""
    outcomes: list[tuple[str | None, pipeline.Outcome]] = []
    for suite, plan in found:
        own = [each for name, each in outcomes if name == suite]
        if plan.kind and suite and not any(each.record.get("status") == "done" for each in own):
            print(f"{plan.name}: left out, no run of {suite} is finished")
            continue
        print(f"{plan.name}: {plan.params_file} into {runs.shown(plan.folder)}", flush=True)
        before = pipeline.published(plan) if suite and not plan.kind else None
        if before is not None:
            print(f"{plan.name}: finished before, taken from {runs.shown(before.folder)}")
        outcome = before or pipeline.run(plan)
        # A page across runs is none of its suite's.
        outcomes.append((None if plan.kind else suite, outcome))
        if outcome.code == 0:
            for line in outcome.headline():
                print(line)
            print(f"{plan.name}: done, open {runs.shown(outcome.page)}", flush=True)
        elif len(found) > 1:
            print(outcome.problem, flush=True)
    for suite in dict.fromkeys(suite for suite, _ in outcomes if suite):
        print(pipeline.write_summary(suite, [each for name, each in outcomes if name == suite]))
    failed = [outcome for _, outcome in outcomes if outcome.code]
    if failed and len(found) > 1:
        print(f"{len(failed)} of {len(found)} runs failed: {', '.join(e.name for e in failed)}")
    if failed:
        # The path of the failed notebook's page is the last thing printed.
        print(failed[-1].problem, file=sys.stderr, flush=True)
    return 1 if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # A sign that the terminal lacks is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return dispatch(options)
    except ParameterError as error:
        print(error, file=sys.stderr)
        return 2
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nInterrupted: the kernels are ended and the files are whole. "
            "Go on with the same command.",
            file=sys.stderr,
        )
        return INTERRUPTED


def dispatch(options: argparse.Namespace) -> int:
    """List, check or run, as `options` say; returns the exit code."""
    if options.list:
        try:
            print(listing(), flush=True)
        except BrokenPipeError:
            # `| head` has seen enough. What is still in the buffer must not be tried at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    found = plans(options) if options.compare is None else [(None, compared(options))]
    for name, paths in own_code(plan for _, plan in found).items():
        place = runs.shown(paths[-1]) if paths else "a module that is not found here"
        print(f"{name}: runs the code of {place}")
    if options.check:
        for _, plan in found:
            print(f"{plan.name}: {plan.params_file} is right: {', '.join(plan.chosen)}")
        return 0
    return run_all(found)


if __name__ == "__main__":
    sys.exit(main())

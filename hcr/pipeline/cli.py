"""The command lines: `run_all.py`, which runs the notebooks, and `python -m hcr COMMAND`."""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import HcrError, ParameterError, nearest
from hcr.pipeline import specs
from hcr.pipeline.parameters import RUN, shown
from hcr.pipeline.stages import ACROSS, STAGES, load_stages, selected
from hcr.runs import environment

DEFAULT = "params/quick.yaml"
COMMANDS = {
    "serve": "answer over HTTP what a drawing or an image shows",
    "drawings": "count, merge or delete the drawings that you keep",
    "publish": "copy a suite's finished runs to docs/results/, for git",
}


def main(arguments: list[str] | None = None) -> int:
    """`python -m hcr COMMAND ...`; returns the exit code."""
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if command not in COMMANDS:
        lines = [f"  {name:10}{text}" for name, text in COMMANDS.items()]
        print("usage: python -m hcr COMMAND ...", *lines, sep="\n")
        print("The notebooks are run by: uv run run_all.py")
        if command not in ("-h", "--help"):
            hint = nearest(command, COMMANDS)
            print(f"COMMAND must be one of these. Received: {command!r}.{hint}", file=sys.stderr)
            return 2
        return 0
    # Here, because each needs other packages, and the pipeline none of them.
    if command == "serve":
        from hcr.recognizer.service import main as run
    elif command == "drawings":
        from hcr.datasets.drawings_command import main as run
    else:
        from hcr.pipeline.publish import main as run
    return guarded(run, rest)


def run_all(arguments: list[str] | None = None) -> int:
    """`run_all.py`: run the notebooks, one after the other; returns the exit code."""
    options = parser().parse_args(arguments)
    return guarded(_dispatch, options)


def guarded(function: Callable[[Any], int], argument: Any) -> int:
    """What `function` returns, with errors of a user's in a line and their exit code."""
    if hasattr(sys.stdout, "reconfigure"):
        # A sign that the terminal lacks is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return function(argument)
    except HcrError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ParameterError) else 1
    except BrokenPipeError:
        # `| head` has seen enough. What is still in the buffer must not be tried at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(
            "\nInterrupted: the kernels are ended and the files are whole. "
            "Go on with the same command.",
            file=sys.stderr,
        )
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line of `run_all.py`."""
    parser = argparse.ArgumentParser(
        prog="run_all.py",
        description="Run the notebooks of the workbench with papermill and write HTML reports.",
        epilog="Exit codes: 0 done, 1 a notebook failed, 2 the arguments or parameters are wrong, "
        "130 interrupted.",
    )
    texts = {
        "--run NAME": "name the run differently",
        "--from STAGE": "begin with this stage",
        "--to STAGE": "end with this stage",
        "--only STAGE": "this stage alone",
        "--force": "run what is up to date, too",
        "--accept-code": "after an update, keep finished stages whose parameters and files are the "
        "same",
        "--list": "print every stage's parameters",
        "--check": "check the parameters, run nothing",
    }
    parser.add_argument(
        "files", nargs="*", metavar="params/NAME.yaml", help=f"runs or suites (default: {DEFAULT})"
    )
    text = "set a parameter of one stage, or of all that have it with shared.key=value"
    parser.add_argument("-p", action="append", default=[], metavar="STAGE.key=value", help=text)
    for option, text in texts.items():
        name, _, value = option.partition(" ")
        kind = {"metavar": value} if value else {"action": "store_true"}
        parser.add_argument(name, help=text, **kind)
    text = "a page that compares these runs or suites, by default all finished ones; runs none"
    parser.add_argument("--compare", nargs="*", metavar="RUN", help=text)
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    """List, check or run, as `options` say."""
    if options.list:
        _print_parameters()
        return 0
    plans = _plans(options)
    for _, plan in plans:
        for stage in plan.chosen:
            for name, paths in plan.stages[stage].user_code(plan.parameters[stage]).items():
                place = runs.shown(paths[-1]) if paths else "a module that is not there"
                print(f"{name}: runs the code of {place}")
    if options.check:
        for _, plan in plans:
            print(f"{plan.name}: {plan.params_file} is right: {', '.join(plan.chosen)}")
        return 0
    return _run(plans)


def _plans(options: argparse.Namespace) -> list[tuple[str | None, Any]]:
    """Everything that is to be run, each with its suite's name or None; all of it checked.

    The page that a suite ends in comes behind its runs.
    """
    # Here, because --help and --list need no dataset.
    from hcr.pipeline import runner, suites

    overrides = specs.parse_overrides(options.p)
    words = [word for each in options.p for word in ("-p", each)]
    if options.compare is not None:
        apart = ("files", "run", "from", "to", "only", "force", "accept_code")
        if any(vars(options)[name] for name in apart):
            raise ParameterError("--compare runs nothing and stands alone, but for -p and --check.")
        command = shlex.join(["uv", "run", "run_all.py", "--compare", *options.compare, *words])
        return [(None, suites.comparison(options.compare, overrides, command, "--compare"))]
    stages = load_stages()
    chosen = selected(vars(options)["from"], options.to, options.only)
    across = {name: overrides.pop(name) for name in ACROSS if name in overrides}
    declared = {name: stage.parameters for name, stage in stages.items()}
    plans: list[tuple[str | None, Any]] = []
    default = DEFAULT if Path(DEFAULT).is_file() else str(environment.root() / DEFAULT)
    notes: dict[str, None] = {}
    words = ["--run", options.run, *words] if options.run else words
    for file in options.files or [default]:
        spec, place = specs.read_file(file), Path(file).as_posix()
        command = shlex.join(["uv", "run", "run_all.py", place, *words])
        suite = spec if isinstance(spec, specs.SuiteSpec) else None
        if options.run and suite:
            raise ParameterError(f"--run names one run. Received: a suite, {file}. Drop --run.")
        name = specs.check_run(options.run, "--run") if options.run else None
        members = suites.expand(suite) if suite else [(name or spec.run, spec, None)]
        for name, each, seed in members:
            resolved, more = specs.resolve(each, declared, overrides, suite=suite, seed=seed)
            notes |= dict.fromkeys(more)
            plan = runner.RunPlan(
                name, resolved, stages, chosen, command, place, options.force, options.accept_code
            )
            plans.append((suite.suite if suite else None, plan))
        if suite and suite.then:
            page = suites.comparison([suite.suite], across, command, place, suite)
            plans.append((suite.suite, page))
    print(*notes, sep="\n", end="\n" if notes else "")
    if across and not any(plan.kind for _, plan in plans):
        raise ParameterError(
            "A parameter of a notebook across runs goes with --compare, or with a suite that ends "
            f"in it. Received: -p {next(iter(across))}. Drop it."
        )
    # Windows and macOS take names that differ in case alone for the same folder.
    names = Counter(plan.name.lower() for _, plan in plans)
    again = [f"{p.name!r} ({p.params_file})" for _, p in plans if names[p.name.lower()] > 1]
    if again:
        raise ParameterError(
            f"Each run must have another name, whatever its case. Received: {', '.join(again)}. "
            "Change one, or run them one at a time with --run NAME."
        )
    return plans


def _run(plans: list[tuple[str | None, Any]]) -> int:
    """Run everything; a run that fails does not stop the next. Returns the exit code."""
    from hcr.pipeline import runner, suites

    outcomes: list[tuple[str | None, Any]] = []
    for suite, plan in plans:
        siblings = [each for name, each in outcomes if name == suite]
        if plan.kind and suite and not any(x.record.get("status") == "done" for x in siblings):
            print(f"{plan.name}: skipped, no run of {suite} is finished")
            continue
        print(f"{plan.name}: {plan.params_file} into {runs.shown(plan.folder)}", flush=True)
        before = suites.published(plan) if suite and not plan.kind else None
        if before is not None:
            print(f"{plan.name}: finished before, taken from {runs.shown(before.folder)}")
        outcome = before or runner.run(plan)
        # A page across runs is none of its suite's.
        outcomes.append((None if plan.kind else suite, outcome))
        if outcome.code == 0:
            for name, entry in outcome.record.get("stages", {}).items():
                for each in entry.get("headline", []):
                    note = f" ({each['note']})" if each.get("note") else ""
                    print(f"  {name}: {each['label']}: {each['text']}{note}")
            print(f"{plan.name}: done, open {runs.shown(outcome.page)}", flush=True)
        elif len(plans) > 1:
            print(outcome.problem, flush=True)
    for suite in dict.fromkeys(suite for suite, _ in outcomes if suite):
        print(suites.write_summary(suite, [each for name, each in outcomes if name == suite]))
    failed = [outcome for _, outcome in outcomes if outcome.code]
    if failed and len(plans) > 1:
        print(f"{len(failed)} of {len(plans)} runs failed: {', '.join(e.name for e in failed)}")
    if failed:
        # The path of the failed notebook's page is the last thing printed.
        print(failed[-1].problem, file=sys.stderr, flush=True)
    return 1 if failed else 0


def _print_parameters() -> None:
    """Print a table of every stage's parameters."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=100, highlight=False)
    for name, stage in load_stages((*STAGES, *ACROSS)).items():
        console.print(f"\n{name}  {stage.title}", markup=False)
        table = Table("name", "type", "default", "allowed", "help", box=None, pad_edge=False)
        rows = [(each.name, each) for each in stage.parameters if each.name != RUN]
        rows += [(f"{x.name}.{one.name}", one) for x in stage.parameters for one in x.fields]
        for key, each in rows:
            kind = f"{each.type} | None" if each.optional else each.type
            default = each.default if isinstance(each.default, str) else shown(each.default)
            cells = (key, kind, default or '""', each.allowed, each.help)
            table.add_row(*map(escape, cells))
        console.print(table)

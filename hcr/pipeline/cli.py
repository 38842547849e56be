"""The command lines: `run_all.py`, which runs the notebooks, and `python -m hcr COMMAND`."""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import HcrError, ParameterError, nearest
from hcr.pipeline import specs
from hcr.pipeline.parameters import RUN, Parameter, shown
from hcr.pipeline.stages import ACROSS, STAGES, load_stages, selected
from hcr.runs import environment

DEFAULT = "params/quick.yaml"
COMMANDS = {
    "serve": "answer over HTTP what a drawing or an image shows",
    "drawings": "list, merge, export or delete the drawings that you keep",
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
    parser.add_argument(
        "files", nargs="*", metavar="params/NAME.yaml", help=f"runs or suites (default: {DEFAULT})"
    )
    add = parser.add_argument
    add("--run", metavar="NAME", help="name the run differently")
    add(
        "-p", dest="overrides", action="append", default=[], metavar="STAGE.key=value",
        help="set a parameter of one stage, or of all that have it with shared.key=value",
    )  # fmt: skip
    add("--from", dest="first", metavar="STAGE", help="begin with this stage")
    add("--to", dest="last", metavar="STAGE", help="end with this stage")
    add("--only", metavar="STAGE", help="this stage alone")
    add("--force", action="store_true", help="run what is up to date, too")
    add(
        "--accept-code", action="store_true",
        help="after an update, keep finished stages whose parameters and files are the same",
    )  # fmt: skip
    add(
        "--compare", nargs="*", metavar="RUN",
        help="a page that compares these runs or suites, by default all finished ones; runs none",
    )  # fmt: skip
    add("--list", action="store_true", help="print every stage's parameters")
    add("--check", action="store_true", help="check the parameters, run nothing")
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    """List, check or run, as `options` say."""
    if options.list:
        _print_parameters()
        return 0
    plans = _plans(options) if options.compare is None else [(None, _compared(options))]
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

    stages = load_stages()
    chosen = selected(options.first, options.last, options.only)
    overrides = specs.parse_overrides(options.overrides)
    across = {name: overrides.pop(name) for name in ACROSS if name in overrides}
    declared = {name: stage.parameters for name, stage in stages.items()}
    plans: list[tuple[str | None, Any]] = []
    default = DEFAULT if Path(DEFAULT).is_file() else str(environment.root() / DEFAULT)
    notes: dict[str, None] = {}
    for file in options.files or [default]:
        spec = specs.read_file(file)
        command, place = _command(file, options), Path(file).as_posix()
        suite = spec if isinstance(spec, specs.SuiteSpec) else None
        if suite is not None and options.run is not None:
            raise ParameterError(f"--run names one run. Received: a suite, {file}. Drop --run.")
        if suite is None and options.run is not None:
            specs.check_run(options.run, "--run")
        members = suites.expand(suite) if suite else [(options.run or spec.run, spec, None)]
        for name, each, seed in members:
            resolved, told = specs.resolve(each, declared, overrides, suite=suite, seed=seed)
            notes |= dict.fromkeys(told)
            plan = runner.RunPlan(
                name, resolved, stages, chosen, command, place, options.force, options.accept_code
            )
            plans.append((suite.suite if suite else None, plan))
        if suite and suite.then:
            page = suites.comparison([suite.suite], across, command, place, suite)
            plans.append((suite.suite, page))
    for note in notes:
        print(note)
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


def _compared(options: argparse.Namespace) -> Any:
    """The page that `--compare` asks for, checked."""
    from hcr.pipeline import suites

    others = [options.files, options.run, options.first, options.last, options.only, options.force]
    if any(others):
        raise ParameterError(
            "--compare runs nothing and stands alone, but for -p. Received: a params file, --run, "
            "--from, --to, --only or --force with it. Give two commands."
        )
    words = ["uv run run_all.py --compare", *map(shlex.quote, options.compare)]
    words += [f"-p {shlex.quote(each)}" for each in options.overrides]
    overrides = specs.parse_overrides(options.overrides)
    return suites.comparison(options.compare, overrides, " ".join(words), "--compare")


def _command(file: str, options: argparse.Namespace) -> str:
    """What a reader types to have this run again."""
    words = ["uv run run_all.py", shlex.quote(Path(file).as_posix())]
    words += ["--run", shlex.quote(options.run)] if options.run else []
    words += [f"-p {shlex.quote(override)}" for override in options.overrides]
    return " ".join(words)


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
    """Print every stage's parameters: a table of those that several share, and one a stage."""
    from rich.console import Console
    from rich.table import Table

    stages = load_stages((*STAGES, *ACROSS))
    users = defaultdict(list)
    rows: dict[str, dict[str, Parameter]] = {"shared": {}, **{name: {} for name in stages}}
    for stage, each in ((name, each) for name in stages for each in stages[name].parameters):
        users[each.name].append(stage.split("_")[0])
        place = "shared" if len(users[each.name]) > 1 else stage
        if place == "shared":
            for row in rows.values():
                row.pop(each.name, None)
        rows[place][each.name] = each
        rows[place] |= {f"{each.name}.{one.name}": one for one in each.fields}
    console = Console(width=100, highlight=False)
    for stage, cells in rows.items():
        title = stages[stage].title if stage in stages else "-p shared.key=value; of these stages"
        console.print(f"\n{stage}  {title}", markup=False)
        table = Table("name", "type", "default", "allowed", "help", box=None, pad_edge=False)
        for name, each in cells.items():
            if name == RUN:
                continue
            kind = f"{each.type} | None" if each.optional else each.type
            default = each.default if isinstance(each.default, str) else shown(each.default)
            text = each.help + (f" ({', '.join(users[name])})" if stage == "shared" else "")
            cell = [name, kind, default or '""', each.allowed, text]
            table.add_row(*(value.replace("[", r"\[") for value in cell))
        console.print(table if table.rows else "(no parameters that no other stage has)")

"""The command lines: `run_all.py`, which runs the notebooks, and `python -m hcr COMMAND`."""

import argparse
import os
import shlex
import signal
import sys
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import HcrError, ParameterError
from hcr.pipeline import specs
from hcr.pipeline.parameters import RUN, shown
from hcr.pipeline.stages import ACROSS, ALONE, STAGES, load_stages, selected
from hcr.runs import environment

DEFAULT = "params/quick.yaml"
COMMANDS = {"recognize": "hcr.recognizer.command", "serve": "hcr.recognizer.service"}
COMMANDS["drawings"] = "hcr.datasets.drawings_command"


def main(arguments: list[str] | None = None) -> int:
    """`python -m hcr COMMAND ...`; returns the exit code."""
    end = "The notebooks are run by: uv run run_all.py"
    parser = argparse.ArgumentParser("python -m hcr", epilog=end)
    text = "recognize: pictures; serve: a model over HTTP; drawings: yours, as kept in the pad"
    parser.add_argument("command", choices=COMMANDS, help=text)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of the command; see its --help")
    given = parser.parse_args(arguments)
    # Here, because each needs other packages, and the pipeline none of them.
    return guarded(import_module(COMMANDS[given.command]).main, given.options)


def run_all(arguments: list[str] | None = None) -> int:
    """`run_all.py`: run the notebooks, one after the other; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(words, argparse.Namespace(words=words))
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
            "\nInterrupted: kernels are ended and files are whole. Go on with the same command.",
            file=sys.stderr,
        )
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line of `run_all.py`."""
    about = "Run the notebooks of the workbench with papermill and write HTML reports."
    codes = "Exit codes: 0 done, 1 a notebook failed, 2 wrong arguments or values, 130 interrupted."
    parser = argparse.ArgumentParser("run_all.py", description=about, epilog=codes)
    parser.register("type", "int", int)
    table = Path(__file__).with_name("cli.toml").read_text("utf-8")
    for name, option in tomllib.loads(table).items():
        stages = {"choices": (*STAGES, *ALONE)} if option.get("metavar") == "STAGE" else {}
        parser.add_argument(name, **option, **stages)
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    """List, check or run, as `options` say."""
    if options.list:
        _print_parameters()
        return 0
    if options.verify is not None:
        from hcr.pipeline import jobs

        return jobs.verify(options.verify)
    if options.jobs is not None and (options.jobs < 1 or (options.jobs > 1 and options.scheduler)):
        rule = "--jobs must be at least 1, and goes without --scheduler"
        raise ParameterError(f"{rule}. Received: {options.jobs}.")
    plans = _plans(options)
    if options.list_runs:
        members = enumerate(_members(options, plans))
        print(*(f"{i} {plan.name}" for i, plan in members), sep="\n")
        return 0
    if options.run_index is not None:
        plans = [_indexed(options, plans)]
    notes: dict[str, None] = {}
    for plan in plans:
        for stage in plan.chosen:
            for name, paths in plan.stages[stage].user_code(plan.parameters[stage]).items():
                if not paths:
                    rule = f"{stage} must find the module of module:function"
                    raise ParameterError(f"{rule}. Received: {name}. Is it on PYTHONPATH?")
                notes[f"{name}: runs the code of {runs.shown(paths[-1])}"] = None
            notes |= dict.fromkeys(plan.stages[stage].edits(plan.parameters[stage]))
    print(*notes, sep="\n", end="\n" if notes else "")
    if options.check:
        for plan in plans:
            print(f"{plan.name}: {plan.params_file} is right: {', '.join(plan.chosen)}")
        return 0
    code = _run([plan for plan in plans if not plan.sweep], options)
    if any(plan.sweep for plan in plans):
        code = max(code, _run(_plans(options, after=True), options))
    return code


def _members(options: argparse.Namespace, plans: list[Any]) -> Iterator[Any]:
    """The runs that have an index; then those that confirm a sweep, once its others have ended."""
    members, ended = [plan for plan in plans if not plan.kind], ("done", "partial", "failed")
    yield from members
    if any(plan.sweep for plan in plans) and all(
        runs.read(plan.folder).get("status") in ended for plan in members
    ):
        yield from (plan for plan in _plans(options, after=True) if not plan.kind)


def _indexed(options: argparse.Namespace, plans: list[Any]) -> Any:
    """The plan of an index, for a process that is one of many, or by `name:` and its name."""
    from hcr.pipeline import jobs

    i = -1
    for i, plan in enumerate(_members(options, plans)):
        if options.run_index in (str(i), f"name:{plan.name}"):
            jobs.follow()
            return replace(plan, apart=True)
    rule = f"--run-index must be 0 to {i}, as --list-runs prints them"
    raise ParameterError(f"{rule}. Received: {options.run_index}.")


def _plans(options: argparse.Namespace, after: bool = False) -> list[Any]:
    """Everything that is to be run, the page that a suite ends in behind its runs; all checked.

    With `after` only what the finished runs of sweeps lead to: their confirmation, and their pages.
    """
    # Here, because --help and --list need no dataset.
    from hcr.pipeline.plans import RunPlan, alone, comparison, confirmed, follow_up

    overrides = specs.parse_overrides(options.p)
    words = [word for each in options.p for word in ("-p", each)]
    if options.compare is not None or options.only in ALONE:
        own = ["--only", options.only] if options.only else ["--compare", *options.compare]
        apart = ["files", "run", "from", "to"]
        apart += ["only", "force", "accept_code"] if options.compare is not None else []
        if any(vars(options)[name] for name in apart):
            raise ParameterError(f"{own[0]} stands alone here, but for -p and --check.")
        command = shlex.join(["uv", "run", "run_all.py", *own, *words])
        if options.only:
            return [alone(options.only, overrides, command)]
        return [comparison(options.compare, overrides, command, "--compare")]
    stages = load_stages()
    declared = {name: stage.parameters for name, stage in stages.items()}
    default = DEFAULT if Path(DEFAULT).is_file() else str(environment.root() / DEFAULT)
    read = {"fixed": overrides, "yes": options.yes}
    files = [specs.read_file(file, **read) for file in options.files or [default]]
    pages = [name for name in ACROSS if name in overrides and any(spec.then for spec in files)]
    across = {name: overrides.pop(name) for name in pages}
    words = ["--run", options.run, *words] if options.run else words
    plans: list[RunPlan] = []
    later, notes = [], {}
    for spec in files:
        place = spec.path.as_posix()
        command = shlex.join(["uv", "run", "run_all.py", place, *words])
        if options.run and spec.runs:
            raise ParameterError(f"--run names one run, and {place} is several. Drop --run.")
        if spec.runs and (runs.outputs() / spec.name / "run.json").is_file():
            rule = "A suite or sweep must not have the name of a run"
            raise ParameterError(f"{rule}. Received: {spec.name} ({place}). Choose another.")
        first, last = vars(options)["from"], options.to
        if not options.only:
            first, last = first or spec.first, last or spec.last
        chosen = selected(first, last, options.only)
        for name, each, seed in spec.expand():
            name = specs.check_run(options.run, "--run") if options.run else name
            resolved, more = specs.resolve(each, declared, overrides, suite=spec, seed=seed)
            notes |= dict.fromkeys(more)
            flags = options.force, options.accept_code
            plans.append(RunPlan(name, resolved, stages, chosen, command, place, *flags))
        if spec.then and after and spec.base:
            later += follow_up(spec, plans[-len(spec.expand()) :], overrides, across)
        elif spec.then:
            plans.append(comparison([spec.name], across, command, place, spec))
    if after:
        return later
    print(*notes, sep="\n", end="\n" if notes else "")
    # Windows and macOS take names that differ in case alone for the same folder.
    names = [plan.name for plan in plans] + [spec.name for spec in files if spec.runs]
    names += [confirmed(spec) for spec in files if spec.base]
    for name, count in Counter(name.lower() for name in names).items():
        if count > 1:
            raise ParameterError(f"Each run must have another name. Received: {name!r} twice.")
    return plans


def _run(plans: list[Any], options: argparse.Namespace) -> int:
    """Run everything, and print what failed. Returns the exit code."""
    from hcr.pipeline import jobs

    outcomes = jobs.execute(plans, options.words, options.jobs or 1, options.scheduler or "")
    failed = [outcome for outcome in outcomes if outcome.problem]
    if failed:
        if len(plans) > 1:
            print(f"{len(failed)} of {len(plans)} runs failed: {', '.join(e.name for e in failed)}")
        # The path of a failed notebook's page is the last thing printed.
        print(*(each.problem for each in failed), sep="\n", file=sys.stderr, flush=True)
    return 1 if failed else 0


def _print_parameters() -> None:
    """Print a table of every stage's parameters."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    console = Console(width=100, highlight=False)
    for name, stage in load_stages((*STAGES, *ACROSS, *ALONE)).items():
        console.print(f"\n{name}  {stage.title}", markup=False)
        columns = Column("name", no_wrap=True), "type", "default", "allowed", "help"
        table = Table(*columns, box=None, pad_edge=False)
        rows = [(each.name, each) for each in stage.parameters if each.name != RUN]
        rows += [(f"{x.name}.{one.name}", one) for x in stage.parameters for one in x.fields]
        for key, each in rows:
            kind = f"{each.type} | None" if each.optional else each.type
            default = each.default if isinstance(each.default, str) else shown(each.default)
            cells = (key, kind, default or '""', each.allowed, each.help)
            table.add_row(*map(escape, cells))
        console.print(table)

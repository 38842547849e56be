"""A notebook opened by hand: its variables are held against its parameters cell; it is a run."""

import os
import re
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import HcrError, ParameterError, RunError, close
from hcr.pipeline import specs, stages
from hcr.pipeline.parameters import CELL, RUN, Parameter, committed, declared
from hcr.runs import environment, files

_copies: list[Path] = []  # by `save_as`, in this kernel
SET = re.compile(r"^(\w+)\s*(?::[^=\n]*)?=(?!=)", re.M)  # a line that sets a variable


def open_stage(stage: str, values: Mapping[str, Any], needs: Sequence[str] = ()) -> runs.Run:
    """Open the run of `stage`, whose notebook's variables, `globals()`, are `values`.

    `needs` as in `runs.open`. By hand the variables are checked as the command line's values are:
    raises `ParameterError` where one breaks its rule, or is no parameter and its name is like one.
    """
    entry: dict[str, Any] = {}
    if os.environ.get(runs.RUN_VARIABLE) != values.get(RUN, ""):
        with suppress(ParameterError):  # the file may hold a wrong value, or not be there
            known = stages.load_stages((stage,))[stage]
            entry = {key: getattr(known, key) for key in ("title", "reads", "writes", "parameters")}
        try:
            entry["parameters"] = check(stage, values, entry.get("parameters", ()))
        except (ParameterError, SyntaxError) as error:
            remedy = "Change it, run that cell again, and then this one."
            raise ParameterError(f"{error}\n{remedy}") from None
    run = runs.open(values[RUN], stage, needs, **entry)
    if run.by_hand:
        _watch(stage)
    return run


def check(stage: str, values: Mapping[str, Any], saved: Sequence[Parameter] = ()) -> dict[str, Any]:
    """The complete parameters of `stage`, without `run`, as its notebook's variables have them.

    In IPython the cell is the one that was run last: the notebook's file may be older, or newer.
    What that cell does not declare has the rule of the commit, or else of the file, as `saved`.
    """
    if RUN not in values:
        raise ParameterError(f"The {CELL} must be run first. Received: no variable {RUN!r}.")
    ran = list(values.get("In", ()))
    known = {each.name: each for each in committed(_path(stage)) or saved}
    source = next((each for each in reversed(ran) if SET.findall(each)[:1] == [RUN]), "")
    # A line of one's own counts, unless it stands where a known one did.
    gone = known.keys() - SET.findall(source)
    own = {each.name: each for each in declared(source)}
    known |= {name: each for name, each in own.items() if name in known or not close(name, gone)}
    resolver = specs.Resolver({stage: list(known.values())})
    for name in dict.fromkeys([*known, *SET.findall(source)]):
        if name in values and name != RUN:
            resolver.set(stage, {name: values[name]}, CELL)
    for note in resolver.notes:  # an old name, which sets nothing here
        raise ParameterError(note)
    return resolver.resolved[stage]


@cache
def _watch(stage: str) -> None:
    """From now on write the page of `stage` whenever its notebook is saved, beside what it runs."""

    def watch() -> None:
        while True:
            time.sleep(1)
            for folder in (runs.outputs() / runs.LAB, *_copies):
                with suppress(HcrError, LookupError, OSError, ValueError):  # a file is changing
                    write_page(stage, folder)

    threading.Thread(target=watch, daemon=True).start()


def write_page(stage: str, folder: Path) -> None:
    """Write the page of a notebook that came to its end by hand, if it was saved after that.

    Until then only Jupyter knows what it shows. A copy gets it while it has the lab's results.
    """
    path, entry = _path(stage), runs.read(folder)["stages"][stage]
    saved = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    ended = runs.read(runs.outputs() / runs.LAB)["stages"][stage]["finished"]
    if ended == entry["finished"] <= saved != entry.get("saved"):
        from hcr import reports

        files.write_text(folder / path.name, path.read_text(encoding="utf-8"))
        # The saved cell has what it ran with: what that differs from are the commit's defaults.
        known = committed(path) or stages.load_stages((stage,))[stage].parameters
        reports.write_page(folder, stage, known, saved=saved)
        reports.write_front(folder)


def _path(stage: str) -> Path:
    return environment.root() / "notebooks" / f"{stage}.ipynb"


def save_as(name: str) -> None:
    """Copy the run that notebooks opened by hand write to; the copy is the new run `name`.

    Raises `ParameterError` for a wrong name, `RunError` where there is such a run.
    """
    from hcr import reports

    target = runs.outputs() / specs.check_run(name, "save_as")
    if target.exists():
        raise RunError(f"Save it under a new name. Received: {name!r}, which exists. Use another.")
    aside = target.with_name(f".{os.getpid()}-{name}")
    try:
        kept = shutil.ignore_patterns(".*", "checkpoints")
        shutil.copytree(runs.outputs() / runs.LAB, aside, ignore=kept)
        runs.update(aside, lambda record: record.update(run=name, status="done"))
        aside.rename(target)
    except OSError as error:
        raise files.disk_error(error, target) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    reports.write_front(target)
    _copies.append(target)
    print(f"Saved: {runs.shown(target)}")

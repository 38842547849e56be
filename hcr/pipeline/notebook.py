"""A notebook opened by hand: its variables are held against its parameters cell; it is a run."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, RunError, close
from hcr.pipeline import specs, stages
from hcr.pipeline.parameters import CELL, RUN, Parameter, committed, declared
from hcr.runs import environment, files

SETUP = "pipeline.open("  # stands in the cell that calls `open_stage`
SET = re.compile(r"^(\w+)\s*(?::[^=\n]*)?=(?!=)", re.M)  # a line that sets a variable
LIKE = 0.8  # how like a parameter's name another is that may be a slip; `close` takes 0.6


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
    return runs.open(values[RUN], stage, needs, **entry)


def check(stage: str, values: Mapping[str, Any], saved: Sequence[Parameter] = ()) -> dict[str, Any]:
    """The complete parameters of `stage`, without `run`, as its notebook's variables have them.

    In IPython the cell is the one that was run last: the notebook's file may be older, or newer.
    What that cell does not declare has the rule of the commit, or else of the file, as `saved`.
    """
    if RUN not in values:
        raise ParameterError(f"The {CELL} must be run first. Received: no variable {RUN!r}.")
    ran, path = list(values.get("In", ())), environment.root() / "notebooks" / f"{stage}.ipynb"
    known = {each.name: each for each in committed(path) or saved}
    cells = [i for i, source in enumerate(ran) if SET.findall(source)[:1] == [RUN]]
    source = ran[cells[-1]] if cells else ""
    # A line of one's own counts, unless it stands where a known one did.
    gone = known.keys() - SET.findall(source)
    own = {each.name: each for each in declared(source)}
    known |= {name: each for name, each in own.items() if name in known or not close(name, gone)}
    places = dict.fromkeys([*known, *SET.findall(source)], CELL)
    # A name that nothing reads may be a slip in any cell since the last such call, too.
    text, setups = "\n".join(ran), [i for i, each in enumerate(ran[:-1]) if SETUP in each]
    read = Counter(re.findall(r"\w+", text)) - Counter(SET.findall(text))
    for i in {*range(*setups[-1:], len(ran) - 1)} - {*cells}:
        slips = [x for x in SET.findall(ran[i]) if x not in read and close(x, known, LIKE)]
        places = dict.fromkeys(slips, "another cell") | places
    resolver = specs.Resolver({stage: list(known.values())})
    for name, place in places.items():
        if name in values and name != RUN:
            resolver.set(stage, {name: values[name]}, place)
    for note in resolver.notes:  # an old name, which sets nothing here
        raise ParameterError(note)
    return resolver.resolved[stage]


def save_as(name: str) -> None:
    """Copy the run that notebooks opened by hand write to; the copy is the new run `name`.

    Raises `ParameterError` for a wrong name, `RunError` where there is such a run.
    """
    from hcr import reports

    target = runs.outputs() / specs.check_run(name, "save_as")
    if target.exists():
        raise RunError(f"A run is saved under a new name. Received: {name!r}. Choose another.")
    aside = target.with_name(f".{os.getpid()}-{name}")
    try:
        kept = shutil.ignore_patterns(".*", "checkpoints")
        shutil.copytree(runs.outputs() / runs.LAB, aside, ignore=kept)
        record = runs.update(aside, lambda record: record.update(run=name, status="done"))
        files.write_text(aside / "index.html", reports.index_html(record, aside))
        aside.rename(target)
    except OSError as error:
        raise files.disk_error(error, target) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    reports.write_overview(runs.outputs())
    print(f"Saved: {runs.shown(target)}")

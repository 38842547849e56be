"""A notebook opened by hand: its variables are held against its parameters cell."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, close
from hcr.pipeline import specs
from hcr.pipeline.parameters import CELL, RUN, cell_source, read_lines
from hcr.runs import environment

SETUP = "pipeline.open("  # stands in the cell that calls this
LIKE = 0.8  # how like a parameter's name another must be to be a slip; `close` takes 0.6


def open_stage(stage: str, values: Mapping[str, Any], needs: Sequence[str] = ()) -> runs.Run:
    """Open the run of `stage`, whose notebook's variables, its `globals()`, are `values`.

    `needs` as in `runs.open`. By hand the variables are checked as the command line's values are:
    raises `ParameterError` where one breaks its rule, or is no parameter and its name is like one.
    """
    if RUN not in values:
        raise ParameterError(f"The {CELL} must be run first. Received: no variable {RUN!r}.")
    if not runs.is_by_hand(values[RUN]):
        return runs.open(values[RUN], stage, needs)
    try:
        given = check(stage, values)
    except ParameterError as error:
        remedy = "Change it, run that cell again, and then this one."
        raise ParameterError(f"{error}\n{remedy}") from None
    out = runs.open(values[RUN], stage, needs)
    out.record(parameters=given)
    return out


def check(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The complete parameters of `stage`, without `run`, as its notebook's variables have them.

    In IPython the cell is the one that was run last: the notebook's file may be older, or newer.
    What that cell does not declare has the rule of the commit, or else of the file.
    """
    path = environment.root() / "notebooks" / f"{stage}.ipynb"
    saved = cell_source(environment.committed(path) or path.read_text(encoding="utf-8"))
    ran = [(source, _names(source, ast.Store)) for source in values.get("In", ())]
    cells = [i for i, (_, names) in enumerate(ran) if names[:1] == [RUN]]
    source, names = ran[cells[-1]] if cells else (saved, _names(saved, ast.Store))
    known = {each.name: each for each in read_lines(saved)}
    # A line of one's own counts, unless it stands where a known one did.
    gone = known.keys() - names
    own = {each.name: each for each in read_lines(source)}
    known |= {name: each for name, each in own.items() if name in known or not close(name, gone)}
    given = {name: values[name] for name in (*known, *names) if name in values and name != RUN}
    resolved = specs.check(stage, list(known.values()), given, CELL)
    # A name that nothing reads may be a slip in any cell since the last such call, too.
    read = {*known, *(name for source, _ in ran for name in _names(source, ast.Load))}
    setups = [i for i, (source, _) in enumerate(ran[:-1]) if SETUP in source]
    for i in sorted({*range(*setups[-1:], len(ran) - 1)} - {*cells}):
        slips = [name for name in ran[i][1] if name not in read and close(name, known, LIKE)]
        specs.check(stage, list(known.values()), dict.fromkeys(slips), "another cell")
    return resolved


def _names(source: str, how: type) -> list[str]:
    """The variables that a cell's `source` sets or reads, in order; none where it is not Python."""
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):
        return []
    return [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, how)]

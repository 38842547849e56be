"""The stages: a notebook each, with what its first cell says it reads and writes."""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcr.errors import ParameterError
from hcr.pipeline.parameters import Parameter, committed, read_cell, shown
from hcr.runs import environment

# What each stage's results follow from: a change there runs it again. Not of plots, reports and
# pad: these make pages, which are rendered again from the executed notebook.
BASE = ("errors", "runs", "preprocessing", "datasets")
STAGES: dict[str, tuple[str, ...]] = {
    "01_eda": (*BASE, "recognizer", "evaluation"),
    "02_balance": (*BASE, "recognizer", "evaluation"),
    "03_train": (*BASE, "recognizer", "evaluation", "models"),
    "04_evaluate": (*BASE, "recognizer", "evaluation"),
    "05_draw": (*BASE, "recognizer", "evaluation"),
}
PAGES = ("plots", "reports", "pad")

# Notebooks across runs. They are no stages: each has a folder of its own, and a suite may end in
# one of them, which it names under `then`.
ACROSS = ("06_compare",)
# Notebooks that need no data and no other stage: `--only` runs one, in a folder of its own.
ALONE = ("07_pictures",)


@dataclass(frozen=True)
class Stage:
    """One notebook: what its first cell says that it reads and writes, and its cells' sources."""

    name: str
    path: Path
    title: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    cells: tuple[tuple[str, str], ...]
    committed: dict[str, Any] = field(default_factory=dict)  # other defaults, in the last commit

    def edits(self, values: dict[str, Any]) -> list[str]:
        """A sentence on each default that counts in `values`, where the last commit has another."""
        return [
            f"{self.name} as edited has the default {each.name}={shown(each.default)}, the last "
            f"commit {shown(self.committed[each.name])}."
            for each in self.parameters
            if self.committed.get(each.name, each.default) != each.default == values[each.name]
        ]

    def user_code(self, values: dict[str, Any]) -> dict[str, list[Path]]:
        """The files that importing each `module:function` in `values` runs; none is run here."""
        code = {}
        for top in self.parameters:
            values = values | (values.get(top.name) or {} if top.fields else {})
        for each in (one for top in self.parameters for one in (top, *top.fields)):
            value = values.get(each.name)
            for name in value if isinstance(value, list) else [value]:
                if each.open_choices and name is not None and name not in (each.choices or ()):
                    code[name] = _imported(name.partition(":")[0], [self.path.parent, *sys.path])
        return code


def load_stages(names: tuple[str, ...] = tuple(STAGES)) -> dict[str, Stage]:
    """Read the project's notebooks `names`.

    Raises `ParameterError` where one is missing or is no notebook, has no parameters cell, or its
    first cell has no title or no table of what it reads and writes.
    """
    folder = environment.root() / "notebooks"
    edited = environment.git(folder, "diff", "--name-only", "--relative", "HEAD", "--", ".")
    return {name: _load(folder / f"{name}.ipynb", edited.splitlines()) for name in names}


def selected(first: str | None, last: str | None, only: str | None) -> tuple[str, ...]:
    """The stages from `first` to `last`, or `only` one. Raises `ParameterError`."""
    names = list(STAGES)
    start, stop = names.index(only or first or names[0]), names.index(only or last or names[-1])
    if start > stop or (only and (first or last)):
        rule = "--from must not come after --to, and --only stands alone"
        raise ParameterError(f"{rule}. Received: --from {first} --to {last} --only {only}.")
    return tuple(names[start : stop + 1])


def _load(path: Path, edited: list[str]) -> Stage:
    parameters = read_cell(path)
    before = {each.name: each.default for each in committed(path)} if path.name in edited else {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    cells = tuple((cell["cell_type"], "".join(cell["source"])) for cell in cells)
    head = cells[0][1]
    title = re.search(r"^# (.+)$", head, re.M)
    rows = re.findall(r"^\|\s*\**(Reads|Writes)\**\s*\|(.*)\|\s*$", head, re.M)
    rows = {key: tuple(re.findall(r"`([^`]+)`", row)) for key, row in rows}
    if title is None or "Reads" not in rows or not rows.get("Writes"):
        rule = f"The first cell of {path.name} must hold '# Title' and a table of Reads and Writes"
        raise ParameterError(f"{rule}. Received: {head[:60]!r}.")
    reads, writes = rows["Reads"], rows["Writes"]
    return Stage(path.stem, path, title[1].strip(), reads, writes, tuple(parameters), cells, before)


def _imported(module: str, folders: list[Path | str]) -> list[Path]:
    """The files of a module's packages and of itself, in the first of `folders` that has it."""
    parts = module.split(".")
    for folder in folders:
        top = Path(folder)
        paths = [top.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
        paths.append(top.joinpath(*parts).with_suffix(".py"))
        if any(path.is_file() for path in paths[-2:]):
            return [path for path in paths if path.is_file()]
    return []

"""The stages: a notebook each, with what its first cell says it reads and writes."""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcr.errors import ParameterError, nearest
from hcr.pipeline import params
from hcr.runs import environment

STAGES = ("01_eda", "02_balance", "03_train", "04_evaluate", "05_draw")

# Notebooks across runs. They are no stages: each has a folder of its own, and a suite may end in
# one of them, which it names under `then`.
ACROSS = ("06_compare",)


@dataclass(frozen=True)
class Stage:
    """One notebook.

    Attributes:
        name: As `"01_eda"`.
        path: The notebook.
        title: Its first heading.
        reads: The files that it reads from the run's folder.
        writes: The files that it writes there.
        parameters: What its parameters cell declares.
        cells: Type and source of each cell.
    """

    name: str
    path: Path
    title: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: tuple[params.Parameter, ...]
    cells: tuple[tuple[str, str], ...]

    @property
    def code(self) -> str:
        """The source of the code cells, one behind the other."""
        return "\n".join(source for kind, source in self.cells if kind == "code")

    def own_code(self, values: dict[str, Any]) -> dict[str, list[Path]]:
        """The files that importing each `module:function` in `values` runs; none is run here."""
        found = {}
        for each in self.parameters:
            given = values.get(each.name)
            for name in given if isinstance(given, list) else [given]:
                if each.open_choices and name is not None and name not in (each.choices or ()):
                    module, folders = name.partition(":")[0], [self.path.parent, *sys.path]
                    found[name] = _imported(module, folders)
        return found


def load_stages(folder: Path | None = None) -> dict[str, Stage]:
    """Read the notebooks of all stages, in their order.

    Args:
        folder: That holds the notebooks; by default the project's `notebooks/`.

    Raises:
        ParameterError: A notebook is missing, is no notebook, has no parameters cell, or its first
            cell has no title or no table of what it reads and writes.
    """
    folder = folder or environment.root() / "notebooks"
    return {name: _load(name, folder / f"{name}.ipynb") for name in STAGES}


def load_across(folder: Path | None = None) -> dict[str, Stage]:
    """Read the notebooks across runs; see `load_stages`."""
    folder = folder or environment.root() / "notebooks"
    return {name: _load(name, folder / f"{name}.ipynb") for name in ACROSS}


def selected(
    first: str | None = None, last: str | None = None, only: str | None = None
) -> tuple[str, ...]:
    """The stages from `first` to `last`, or `only` one. Raises `ParameterError`."""
    if only is not None and (first is not None or last is not None):
        raise ParameterError("--only stands alone. Received: --only with --from or --to. Drop one.")
    for option, name in (("--from", first), ("--to", last), ("--only", only)):
        if name is not None and name not in STAGES:
            raise ParameterError(
                f"{option} must be the name of a stage. Received: {name!r}.{nearest(name, STAGES)}"
            )
    start = STAGES.index(only or first or STAGES[0])
    stop = STAGES.index(only or last or STAGES[-1])
    if start > stop:
        raise ParameterError(
            f"--from must not come after --to. Received: --from {first} --to {last}."
        )
    return STAGES[start : stop + 1]


def _load(name: str, path: Path) -> Stage:
    parameters = params.read_cell(path)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = tuple((cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"])
    head = cells[0][1]
    title = re.search(r"^# (.+)$", head, re.M)
    reads, writes = _row(head, "Reads"), _row(head, "Writes")
    if title is None or reads is None or not writes:
        raise ParameterError(
            f"The first cell of {path.name} must hold a title, '# ...', and a table with the rows "
            "Reads and Writes, which name files in `backticks`. Received: "
            f"{head[:60]!r}. See CONTRIBUTING.md."
        )
    return Stage(name, path, title[1].strip(), reads, writes, tuple(parameters), cells)


def _imported(module: str, folders: Iterable[Path | str]) -> list[Path]:
    """The files of a module's packages and of itself, in the first of `folders` that has it."""
    parts = module.split(".")
    for folder in folders:
        top = Path(folder)
        known = [top.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
        known.append(top.joinpath(*parts).with_suffix(".py"))
        if any(path.is_file() for path in known[-2:]):
            return [path for path in known if path.is_file()]
    return []


def _row(text: str, key: str) -> tuple[str, ...] | None:
    """The names in backticks in the table's row `key`; None where there is no such row."""
    found = re.search(rf"^\|\s*\**{key}\**\s*\|(.*)\|\s*$", text, re.M)
    return tuple(re.findall(r"`([^`]+)`", found[1])) if found else None


def producers(stages: Iterable[Stage]) -> dict[str, str]:
    """The stage that writes each file."""
    return {file: stage.name for stage in stages for file in stage.writes}

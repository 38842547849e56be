"""What a stage's result hangs on, so that a stage whose result stands is not run again."""

import ast
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import hcr
from hcr import datasets, recognizer, runs
from hcr.datasets import drawings_file as drawings
from hcr.errors import RunError
from hcr.pipeline.stages import Stage
from hcr.runs import files

PACKAGE = Path(hcr.__file__).parent

# What the pages are made of.
PAGES = (".py", ".j2", ".css", ".js", ".html")

# What `run.json` holds of each time that a stage read the test split.
OPENING = {"stage": str, "dataset": str, "n": int, "digest": str, "when": str}

REASONS = {
    "notebook": "its notebook changed",
    "parameters": "its parameters changed",
    "modules": "a module that it imports changed",
    "inputs": "a file that it reads changed",
    "data": "the data set's files changed",
}


def fingerprint(stage: Stage, parameters: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Digests of all that `stage` hangs on; `REASONS` has their keys.

    Raises `DataError` where a file of the data set, or of drawings, is missing, and `ModelError`
    where the network is that training shall begin from or learn from.
    """
    name = parameters.get("dataset")
    return {
        "notebook": files.digest([list(cell) for cell in stage.cells]),
        "parameters": files.digest(parameters),
        "modules": files.digest(
            {key: _source(key) for key in modules(stage.code)},
            {k: [*map(files.sha256, v)] for k, v in stage.own_code(parameters).items()},
        ),
        "inputs": {
            file: files.sha256(folder / file) for file in stage.reads if (folder / file).is_file()
        }
        | _networks(parameters)
        | _drawings(parameters),
        "data": files.digest(
            [content_digest(path) for path in datasets.sources(name, **_options(parameters))]
        )
        if name
        else None,
    }


def caveat(parameters: dict[str, Any]) -> str:
    """What must stand beside every figure of the data that `parameters` name; mostly empty."""
    name = parameters.get("dataset")
    return datasets.info(name, **_options(parameters)).caveat if name else ""


def outputs(stage: Stage, folder: Path) -> dict[str, str | None]:
    """The digest of each file that `stage` left; of `metrics.json` its own section only."""
    written = (*stage.writes, f"{stage.name}.ipynb")
    return {file: _output(folder / file, stage.name) for file in written}


def why(record: dict[str, Any], now: dict[str, Any], stage: Stage, folder: Path) -> str | None:
    """Why `stage` has to run, by its last `record`; None where its result stands."""
    if record.get("status") != "done":
        return {"failed": "it failed before", "interrupted": "it was interrupted"}.get(
            record.get("status", ""), "it has not run yet"
        )
    before = record.get("fingerprint", {})
    for key, reason in REASONS.items():
        if before.get(key) != now[key]:
            return reason
    if record.get("outputs") != outputs(stage, folder):
        return "a file that it wrote is missing or changed"
    if not all((folder / each).is_file() for each in shown(record)):
        return "a figure or table that it wrote is missing"
    return None


def quarantine(folder: Path) -> None:
    """Rename what cannot be believed of a run, and say so, so that its stages run again.

    That is a record that `runs.read` or `runs.read_metrics` refuses, and an executed notebook that
    is not as its stage left it. Openings of the test split stay on the record.
    """
    refused = {}
    for name, read in {"run.json": runs.read, "metrics.json": runs.read_metrics}.items():
        try:
            read(folder)
        except RunError as error:
            refused[folder / name] = str(error).removesuffix(" Delete it.")
    stages = {} if folder / "run.json" in refused else runs.read(folder).get("stages", {})
    for path in folder.glob("*.ipynb"):
        entry = stages.get(path.stem, {})
        left = entry.get("outputs", {}).get(path.name)
        if entry.get("status") == "done" and left not in (None, files.sha256(path)):
            refused[path] = f"{path} must be as its stage left it. Received: a changed file."
    for path, why in refused.items():
        names = (f"{path.stem}.quarantined-{i}{path.suffix}" for i in count(1))
        aside = next(each for each in map(path.with_name, names) if not each.exists())
        path.rename(aside)
        print(f"{why} Renamed to {aside.name}; its stages run again.", flush=True)
        with suppress(RunError, TypeError, LookupError, AttributeError):
            entries = files.read_json(aside)["test_openings"]
            kept = [x for x in entries if {k: type(v) for k, v in x.items()} == OPENING]
            runs.update(folder, lambda record, kept=kept: record.update(test_openings=kept))


def shown(record: dict[str, Any]) -> list[str]:
    """The files of a stage's figures and tables, by its `record`, relative to the run's folder."""
    entries = [*record.get("figures", []), *record.get("tables", [])]
    return [each[key] for each in entries for key in ("file", "latex") if each.get(key)]


def modules(code: str) -> list[str]:
    """The modules of `hcr` that `code` imports, directly or through others; sorted."""
    found: set[str] = set()
    waiting = _imports(code)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting |= _imports(_source(module))
        file = _file(module)
        if file.name == "__init__.py" and file.parent != PACKAGE:
            # Tables name builders and readers as text: a package counts as a whole.
            waiting |= {f"{module}.{each.stem}" for each in file.parent.glob("*.py")}
            waiting = {each for each in waiting if not each.endswith(".__init__")}
    return sorted(found)


@cache
def look() -> str:
    """A digest of the code and templates that make the HTML pages."""
    found = sorted((PACKAGE / "report").rglob("*"))
    return files.digest({path.name: files.sha256(path) for path in found if path.suffix in PAGES})


def content_digest(path: Path) -> str:
    """The SHA-256 of a file, remembered while its size and time stay."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: Path, size: int, time: int) -> str:
    return files.sha256(path)


def _imports(code: str) -> set[str]:
    """The modules of `hcr` named in import statements anywhere in `code`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_plain(code))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("hcr.") and _file(name) is not None}


def _plain(code: str) -> str:
    """`code` without IPython's magics, which are no Python."""
    lines = code.splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def _networks(parameters: dict[str, Any]) -> dict[str, str | list[str]]:
    """The digests of the networks that training begins from and learns from, or that read."""
    given = {key: parameters.get(key) for key in ("start", "teacher")}
    found = {
        key: [content_digest(path) for path in recognizer.keras_files(what)]
        for key, what in given.items()
        if what
    }
    named = f"{parameters.get('reader') or ''},{parameters.get('beside') or ''}".split(",")
    for what in {each.strip() for each in named} - {"", recognizer.OWN}:
        # One that is missing or broken is the notebook's to tell.
        path = recognizer.located(what)
        own = [path / "model.tflite", path / "labels.json"] if path.is_dir() else [path]
        found |= {f"{what}/{each.name}": content_digest(each) for each in own if each.is_file()}
    return found


def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _source(module: str) -> str:
    return _file(module).read_text(encoding="utf-8")


def _drawings(parameters: dict[str, Any]) -> dict[str, str]:
    """The digests of the files of pen drawings that are read besides the data set."""
    which = parameters.get("drawings")
    paths = datasets.sources("unipen") if which == "unipen" else []
    paths = [drawings.path()] if which == "own" else paths
    return {path.name: content_digest(path) for path in paths if path.is_file()}


def _options(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: parameters[key] for key in ("path", "orientation") if key in parameters}


def _output(path: Path, stage: str) -> str | None:
    if not path.is_file():
        return None
    if path.name == "metrics.json":
        return files.digest(runs.read_metrics(path.parent).get(stage))
    return files.sha256(path)

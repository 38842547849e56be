"""What a stage's results follow from, so that a stage whose results stand is not run again."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hcr import datasets, recognizer, runs
from hcr.datasets import drawings_file
from hcr.errors import RunError
from hcr.pipeline.stages import PAGES, STAGES, Stage
from hcr.runs import files

# What `run.json` holds of each time that a stage read the test split.
OPENING = {"stage": str, "dataset": str, "n": int, "digest": str, "when": str}

ENDED = {"failed": "it failed before"}
ENDED |= dict.fromkeys(("interrupted", "running"), "it was interrupted")
REASONS = {
    "notebook": "its notebook changed",
    "parameters": "its parameters changed",
    "code": "the code that it runs changed",
    "inputs": "a file that it reads changed",
}


def fingerprint(stage: Stage, parameters: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Digests of all that `stage` follows from; `REASONS` has their keys.

    Raises `DataError` or `ModelError` where a file that is named is missing.
    """
    user_code = stage.user_code(parameters).items()
    reads = [file for file in stage.reads if (folder / file).is_file()]
    return {
        "notebook": files.digest([list(cell) for cell in stage.cells]),
        "parameters": files.digest(parameters),
        "code": files.digest(
            [files.code_digest(name) for name in STAGES.get(stage.name, ())],
            {name: [files.sha256(path) for path in paths] for name, paths in user_code},
        ),
        "inputs": {file: _content(folder / file, stage.name) for file in reads}
        | {str(name): files.sha256(path) for name, path in _named_files(parameters)},
    }


def outputs(stage: Stage, folder: Path) -> dict[str, str | None]:
    """The digest of each file that `stage` left; of `metrics.json` its own section only."""
    written = (*stage.writes, f"{stage.name}.ipynb")
    return {file: _content(folder / file, stage.name) for file in written}


def why(
    record: dict[str, Any], now: dict[str, Any], stage: Stage, folder: Path, accept: bool = False
) -> str | None:
    """Why `stage` has to run, by its last `record`; None where its results stand.

    With `accept` they stand where notebook and code have changed, though no file has; that the
    parameters are the same the caller knows.
    """
    if record.get("status") != "done":
        return ENDED.get(record.get("status"), "it has not run yet")
    before = record.get("fingerprint", {})
    for key, reason in REASONS.items() if not accept else ():
        if before.get(key) != now[key]:
            return reason
    # Files that an earlier release did not know cannot have changed.
    for file, digest in before.get("inputs", {}).items():
        if now["inputs"].get(file, digest) != digest:
            return REASONS["inputs"]
    left, there = record.get("outputs") or {}, outputs(stage, folder)
    there = {file: there.get(file) for file in left} if accept else there
    if left != there or None in there.values():
        return "a file that it wrote is missing or changed"
    exhibits = [*record.get("figures", []), *record.get("tables", [])]
    if not all((folder / each["file"]).is_file() for each in exhibits):
        return "a figure or table that it wrote is missing"
    return None


def quarantine(folder: Path) -> None:
    """Rename a record of a run that cannot be believed, and say so, so that its stages run again.

    That is one that `runs.read` or `read_metrics` refuses. Openings of the test split are kept.
    """
    for name, read in (("run.json", runs.read), ("metrics.json", runs.read_metrics)):
        path = folder / name
        try:
            read(folder)
        except RunError as error:
            reason = str(error).removesuffix(" Delete it.")
        else:
            continue
        number = len(list(folder.glob(f"{path.stem}.quarantined-*"))) + 1
        aside = path.rename(path.with_name(f"{path.stem}.quarantined-{number}{path.suffix}"))
        print(f"{reason} Renamed to {aside.name}; its stages run again.", flush=True)
        with suppress(RunError, TypeError, LookupError, AttributeError):
            entries = files.read_json(aside)["test_openings"]
            kept = [x for x in entries if {k: type(v) for k, v in x.items()} == OPENING]
            runs.update(folder, lambda record, kept=kept: record.update(test_openings=kept))


def look() -> str:
    """A digest of the code that makes the HTML pages."""
    return files.digest([files.code_digest(name) for name in PAGES])


def _content(path: Path, stage: str) -> str | None:
    """The digest of a file's content; of `metrics.json` the stage's own section's only."""
    if not path.is_file():
        return None
    if path.name == "metrics.json":
        section = runs.read_metrics(path.parent).get(stage)
        return files.digest(section) if section else None
    if path.name == "data.json":
        # It names the code that made it, too, which is not what it says of the data.
        record = files.read_json(path)
        return files.digest([record.get(key) for key in ("choice", "data", "splits")])
    return files.sha256(path)


def _named_files(parameters: dict[str, Any]) -> list[tuple[str, Path]]:
    """The files outside the run's folder that `parameters` name: models and pen drawings."""
    parameters = {**parameters, **parameters.get("recipe", {})}
    named = []
    for key in ("start", "teacher"):
        paths = recognizer.keras_files(parameters[key]) if parameters.get(key) else []
        named += [(f"{key} {i}", path) for i, path in enumerate(paths)]
    for key in ("pretrained", "compare_with"):
        for model in {*recognizer.named(parameters.get(key) or "")} - {"", "run"}:
            # One that is missing or broken is reported by the notebook.
            path = recognizer.located(model)
            inside = [path / "model.tflite", path / "labels.json"] if path.is_dir() else [path]
            named += [(f"{model} {each.name}", each) for each in inside]
    which = parameters.get("drawings")
    paths = datasets.sources("unipen") if which == "unipen" else []
    paths += [drawings_file.path()] if which == "own" else []
    return [each for each in [*named, *((x.name, x) for x in paths)] if each[1].is_file()]

"""Names, writes and reads the files of one run, and keeps the record of it in `run.json`."""

import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from hcr.errors import RunError
from hcr.runs import environment, files

LAB = "lab"
COMPARE = "compare"
# Folders that are no run's, and whose they are.
KEPT = {LAB: "notebooks opened by hand", COMPARE: "the page that compares runs"}
# The kind of a page across runs, in its record; a run's record has none.
COMPARISON = "comparison"
# Windows has devices for names, whatever their ending, and drops a last dot.
NAME = re.compile(r"(?!(?i:con|prn|aux|nul|(com|lpt)[1-9])(\.|$))[^\W_]([\w.-]{0,98}[\w-])?", re.A)

# What `run_all.py` tells the kernels that it starts.
RUN_VARIABLE = "HCR_RUN"
OUTPUTS_VARIABLE = environment.OUTPUTS_VARIABLE

# The stage that writes a file, for the remedy where the file is missing.
WRITER = {
    "balance.npz": "02_balance",
    "model.keras": "03_train",
    "model.tflite": "03_train",
    "labels.json": "03_train",
    "history.csv": "03_train",
    "predictions.npz": "04_evaluate",
}

SCHEMA = 1  # of `run.json`


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_name(name: str) -> str:
    """Return `name` where it can name a run's folder; raise `RunError` otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RunError(
            "A run's name must be letters, digits, '.', '_' or '-', at most 100, with a letter or "
            "digit first, no '.' last, and no device of Windows as CON. "
            f"Received: {name!r}. Choose another name."
        )
    return name


def outputs() -> Path:
    """The folder that holds the runs: `HCR_OUTPUTS`, or `outputs/` at the project's top.

    A relative `HCR_OUTPUTS` counts from the project's top wherever in it one works, so that it
    means the same to `run_all.py` and to a notebook.
    """
    return environment.outputs_folder()


class Run:
    """One stage's view of a run's folder.

    Attributes:
        name: The run's name; a suite's runs have their suite's name and a slash before it.
        stage: The stage, as `"01_eda"`.
        folder: The run's folder, `outputs/<name>`.
        by_hand: Whether the notebook was opened by hand rather than by `run_all.py`.
        caveat: What must stand beside every figure of this run's data, as `"synthetic"`; or empty.
    """

    def __init__(self, name: str, stage: str, folder: Path, by_hand: bool):
        self.name, self.stage, self.folder, self.by_hand = name, stage, folder, by_hand
        self.number = stage.split("_")[0]
        self.started = datetime.now(UTC)
        self.match: dict[str, Any] = {}
        # A stage that reads no data shows figures of the data of those before it.
        self.caveat = "" if by_hand else (read(folder).get("data") or {}).get("caveat", "")

    def path(self, file: str) -> Path:
        """Where to write `file`, a path relative to the run's folder."""
        return self.folder / file

    def input(self, file: str) -> Path:
        """Where to read `file`.

        By hand, a file that the run `lab` lacks comes from the newest finished run that had the
        same values of the parameters in `match`. Raises `RunError` where there is none.
        """
        own = self.folder / file
        if own.is_file() and (not self.by_hand or _fits(read(self.folder), file, self.match)):
            return own
        for folder in finished() if self.by_hand else []:
            if (folder / file).is_file() and _fits(read(folder), file, self.match):
                return folder / file
        writer = WRITER.get(file, "an earlier stage")
        where = "no finished run has one" if self.by_hand else "it is missing"
        same = ", ".join(f"{key}={value}" for key, value in self.match.items() if value is not None)
        raise RunError(
            f"{self.stage} reads {file}, which {writer} writes; {where}"
            f"{f' with {same}' if self.by_hand and same else ''}. Make it with: "
            f"uv run run_all.py{_options(self.match) if self.by_hand else f' --to {writer}'}"
        )

    def record(self, **entries: Any) -> None:
        """Put `entries` into this stage's part of `run.json`."""
        update(self.folder, lambda record: _stage(record, self.stage).update(entries))

    def append(self, key: str, value: dict[str, Any], same: str) -> None:
        """Append `value` to this stage's list `key`, in place of one whose `same` is equal."""

        def change(record: dict[str, Any]) -> None:
            entries = _stage(record, self.stage).setdefault(key, [])
            entries[:] = [each for each in entries if each.get(same) != value[same]] + [value]

        update(self.folder, change)

    def record_data(self, facts: dict[str, Any]) -> None:
        """Put what is known of the data set into `run.json`."""
        self.caveat = facts.get("caveat", "")
        update(self.folder, lambda record: record.update(data=facts))

    def also(self, credit: dict[str, Any]) -> None:
        """Record a further data set that this stage shows; the run's pages then credit it, too.

        `credit` has its name, title, licence, citation and url.
        """
        self.append("data_also", credit, same="name")

    def test_opened(self, dataset: str, n: int, digest: str) -> None:
        """Record in `run.json` that this stage read the test split's pictures, and which."""
        entry = {"stage": self.stage, "dataset": dataset, "n": n, "digest": digest, "when": now()}
        update(self.folder, lambda record: record.setdefault("test_openings", []).append(entry))

    def metrics(self, section: dict[str, Any]) -> None:
        """Add `section` to this stage's section of `metrics.json`; the other stages' stay."""
        self._write_metrics(lambda before: before | section)

    def clear_metrics(self) -> None:
        """Take this stage's section out of `metrics.json`."""
        self._write_metrics(lambda before: {})

    def _write_metrics(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        path = self.path("metrics.json")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".metrics.lock"):
                metrics = read_metrics(self.folder)
                metrics[self.stage] = change(metrics.get(self.stage, {}))
                files.write_json(path, dict(sorted(metrics.items())))
        except OSError as error:
            raise files.disk_error(error, path) from error


def open(name: str, stage: str, needs: Sequence[str] = (), **match: Any) -> Run:
    """Open the run that a notebook writes to.

    Under `run_all.py` that is the run `name`. A notebook opened by hand always writes to the run
    `lab`, and reads what is not there from the newest finished run whose parameters equal `match`;
    it prints one line that says so.

    Args:
        name: The notebook's parameter `run`.
        stage: The notebook's name, as `"03_train"`.
        needs: The files of earlier stages that it reads.
        match: The values that those stages' parameters must have had.

    Raises:
        RunError: A needed file is nowhere, or a notebook opened by hand names another run.
    """
    for part in str(name).split("/"):
        check_name(part)
    if os.environ.get(RUN_VARIABLE) == name:
        run = Run(name, stage, outputs() / name, by_hand=False)
        run.match = match
        return run
    if name != LAB:
        raise RunError(
            f"A notebook opened by hand writes to the run {LAB!r}. Received: run={name!r}. "
            f"Use: uv run run_all.py --run {name}"
        )
    run = Run(LAB, stage, outputs() / LAB, by_hand=True)
    run.match = match
    found = {file: run.input(file) for file in needs}
    _begin_by_hand(run)
    sources = [
        f"; {file} is taken from {shown(path.parent)}{_measured(path.parent)}"
        for file, path in found.items()
        if path.parent != run.folder
    ]
    print(f"Opened by hand: writing to {shown(run.folder)}{''.join(sources)}.")
    return run


def shown(path: Path) -> str:
    """`path` relative to the project's top where it lies in it, for messages."""
    try:
        return str(path.relative_to(environment.root()))
    except ValueError:
        return str(path)


def read(folder: Path) -> dict[str, Any]:
    """A run's `run.json`, or an empty record where there is none.

    Raises `RunError` where it was changed (earlier versions sealed none) or has another schema.
    """
    path = folder / "run.json"
    record = files.read_sealed(path, required=False) if path.is_file() else {}
    schema = record.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise RunError(f"{path} must have schema {SCHEMA}. Received: {schema!r}. Delete it.")
    _check_sections(path, record.get("stages", {}))
    return record


def read_metrics(folder: Path) -> dict[str, dict[str, Any]]:
    """The sections of a run's `metrics.json` by stage, none without it. Raises `RunError`."""
    path = folder / "metrics.json"
    return _check_sections(path, files.read_json(path) if path.is_file() else {})


def update(folder: Path, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Read `run.json`, let `change` alter it, write it, and return it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".record.lock"):
            record = read(folder) or {"schema": SCHEMA, "run": folder.name}
            change(record)
            files.write_sealed(folder / "run.json", record)
    except OSError as error:
        raise files.disk_error(error, folder) from error
    return record


def results() -> Path:
    """The folder that holds published runs: `docs/results/` at the project's top."""
    return environment.root() / "docs" / "results"


def finished(folder: Path | None = None) -> list[Path]:
    """The folders of the finished runs, the newest first.

    They are looked for in `folder`, by default `outputs()`, and in its folders, which are suites.
    """
    folder = folder or outputs()
    found = []
    for path in [*folder.glob("*/run.json"), *folder.glob("*/*/run.json")]:
        try:
            record = read(path.parent)
        except RunError:
            continue
        kept = path.parent.name != LAB and "kind" not in record
        if record.get("status") == "done" and kept:
            found.append((str(record.get("finished") or ""), path.parent))
    return [path for _, path in sorted(found, reverse=True)]


def _check_sections(path: Path, found: Any) -> dict[str, dict[str, Any]]:
    """`found` in `path`, where it maps each stage to a mapping. Raises `RunError`."""
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise RunError(
            f"{path} must map each stage to a mapping. Received: {str(found)[:60]}. Delete it."
        )
    return found


def _stage(record: dict[str, Any], stage: str) -> dict[str, Any]:
    return record.setdefault("stages", {}).setdefault(stage, {})


def _fits(record: dict[str, Any], file: str, match: dict[str, Any]) -> bool:
    """Whether the stage that wrote `file` had the parameters in `match`."""
    parameters = record.get("stages", {}).get(WRITER.get(file, ""), {}).get("parameters", {})
    return all(parameters.get(key, value) == value for key, value in match.items())


def _measured(folder: Path) -> str:
    """The accuracy of a run, so that a trial run is not taken for a good one."""
    entries = read(folder).get("stages", {}).get("04_evaluate", {}).get("headline") or []
    return f" ({entries[0]['label'].lower()} {entries[0]['text']})" if entries else ""


def _options(match: dict[str, Any]) -> str:
    """`match` for the command line; None is the default of what may be None."""
    given = {key: value for key, value in match.items() if value is not None}
    return "".join(f" -p shared.{key}={value}" for key, value in given.items())


def _begin_by_hand(run: Run) -> None:
    """Make the run `lab`'s record what a pipeline's would be, but for the stage's results."""

    def change(record: dict[str, Any]) -> None:
        record.update(environment.facts(), run=LAB, status="by hand", started=now())
        stage = {"status": "by hand", "started": now(), "parameters": dict(run.match)}
        record.setdefault("stages", {})[run.stage] = stage

    update(run.folder, change)
    run.clear_metrics()

"""One run's folder as its stages see it, and the sealed record of the run, `run.json`."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from hcr.errors import RunError
from hcr.runs import environment, files

__all__ = ["BY_HAND", "COMPARE", "COMPARISON", "LAB", "RUN_VARIABLE", "Run", "check_name", "clock"]
__all__ += ["finished", "now", "open", "parameters", "read", "read_metrics", "results", "shown"]
__all__ += ["update"]

LAB = "lab"
BY_HAND = "by hand"  # the params file, and at first the status, of what a person runs in Jupyter
COMPARE = "compare"
COMPARISON = "comparison"  # the kind of a page across runs in its record; a run's has none
# Windows has devices for names, whatever their ending, and drops a last dot.
NAME = re.compile(r"(?!(?i:con|prn|aux|nul|(com|lpt)[1-9])(\.|$))[^\W_]([\w.-]{0,98}[\w-])?", re.A)
RUN_VARIABLE = "HCR_RUN"  # which run a kernel of `run_all.py` belongs to
SCHEMA = 1  # of `run.json`


class Run:
    """One stage's view of a run's folder, `outputs/<name>`.

    A suite's runs have its name and a slash before theirs. `by_hand` says whether the notebook was
    opened by hand rather than by `run_all.py`; `source` is the folder that the files of earlier
    stages are read from, or None; `caveat` must stand beside every figure, as `"synthetic"`.
    """

    def __init__(self, name: str, stage: str, folder: Path, by_hand: bool):
        self.name, self.stage, self.folder, self.by_hand = name, stage, folder, by_hand
        self.number = stage.split("_")[0]
        self.source: Path | None = folder
        # A stage that reads no data shows figures of the data of those before it.
        self.caveat = "" if by_hand else (read(folder).get("data") or {}).get("caveat", "")

    def path(self, file: str) -> Path:
        """Where to write `file`, a path relative to the run's folder."""
        return self.folder / file

    def input(self, file: str) -> Path:
        """Where to read `file`. Raises `RunError` where it is missing."""
        if self.source is not None and (self.source / file).is_file():
            return self.source / file
        maker = {"data.json": "01_eda", "balance.npz": "02_balance"}.get(file, "03_train")
        remedy = f"Run {maker} first." if self.by_hand else "Run them all with: uv run run_all.py"
        rule = f"{self.stage} reads {file}, which a stage before it writes"
        raise RunError(f"{rule}. Received: none. {remedy}")

    def say(self, text: str) -> None:
        """Print `text` in a notebook opened by hand: what takes a while, and what it does."""
        if self.by_hand:
            print(text, flush=True)

    def record(self, **entries: Any) -> None:
        """Put `entries` into this stage's part of `run.json`."""
        update(self.folder, lambda record: _stage(record, self.stage).update(entries))

    def append(self, key: str, value: dict[str, Any], same: str) -> None:
        """Append `value` to this stage's list `key`, in place of one whose `same` is equal.

        `data_also` lists further datasets that the stage shows, which the run's pages credit.
        """

        def change(record: dict[str, Any]) -> None:
            entries = _stage(record, self.stage).setdefault(key, [])
            entries[:] = [entry for entry in entries if entry.get(same) != value[same]] + [value]

        update(self.folder, change)

    def record_data(self, facts: dict[str, Any]) -> None:
        """Put what is known of the dataset into `run.json`."""
        self.caveat = facts.get("caveat", "")
        update(self.folder, lambda record: record.update(data=facts))

    def test_opened(self, dataset: str, n: int, digest: str) -> None:
        """Record that this stage predicts on the test split's `n` images, and on which."""
        entry = {"stage": self.stage, "dataset": dataset, "n": n, "digest": digest, "when": now()}
        update(self.folder, lambda record: record.setdefault("test_openings", []).append(entry))

    def finish(self) -> dict[str, Any]:
        """Record, by hand, that this stage's last cell was reached; returns the run's record.

        The results of stages that had other inputs than there are now are `stale`.
        """

        def change(record: dict[str, Any]) -> None:
            _stage(record, self.stage).update(status="done", finished=now())
            stale = {
                name: {"why": "a file that it reads changed", "same": False}
                for name, entry in record["stages"].items()
                for file, digest in entry.get("inputs", {}).items()
                if self.path(file).is_file() and files.sha256(self.path(file)) != digest
            }
            record.update(finished=now(), stale=stale)

        return update(self.folder, change)

    def metrics(self, section: dict[str, Any], clear: bool = False) -> None:
        """Add `section` to this stage's section of `metrics.json`, or replace it with `clear`."""
        with _locked(self.folder, ".metrics.lock"):
            metrics = read_metrics(self.folder)
            before = {} if clear else metrics.get(self.stage, {})
            metrics[self.stage] = before | section
            files.write_json(self.path("metrics.json"), dict(sorted(metrics.items())))


def open(name: str, stage: str, needs: Sequence[str] = (), **entries: Any) -> Run:
    """Open the run that a notebook writes to.

    Under `run_all.py` that is the run `name`. A notebook opened by hand writes to the run `lab`,
    and reads the files that it `needs` from one folder: `lab` where it has all of them, else the
    newest finished run that has; it prints one line that says so. Without such a folder
    `Run.source` is None. The `entries` are recorded, of which `reads` names files that it reads.

    Raises `RunError` where a notebook opened by hand names another run in `name`, its parameter
    `run`.
    """
    for part in str(name).split("/"):
        check_name(part)
    by_hand = os.environ.get(RUN_VARIABLE) != name
    if by_hand and name != LAB:
        raise RunError(
            f"A notebook opened by hand writes to the run {LAB!r}. Received: run = {name!r}. "
            f"Leave it, and keep the run when it is done: pipeline.save_as({name!r})."
        )
    run = Run(name, stage, environment.outputs_folder() / name, by_hand)
    if not by_hand:
        return run
    note = ""
    if needs:
        folders = [run.folder, *finished()]
        run.source = next((f for f in folders if all((f / file).is_file() for file in needs)), None)
        if run.source not in (None, run.folder):
            note = f"; {', '.join(needs)} taken from {shown(run.source)}"
            stages = read(run.source).get("stages", {}).items()
            entries["before"] = {key: x.get("parameters", {}) for key, x in stages if key < stage}

    reads = [(file, (run.source or run.folder) / file) for file in entries.get("reads", ())]
    inputs = {file: files.sha256(path) for file, path in reads if path.is_file()}
    seed = entries.get("parameters", {}).get("seed")

    def begin(record: dict[str, Any]) -> None:
        record.update(environment.facts(), run=LAB, status=BY_HAND, params_file=BY_HAND)
        record.update({"started": now()} | ({} if seed is None else {"seed": seed}))
        entry = {"status": BY_HAND, "started": now(), "inputs": inputs, **entries}
        record["stages"] = dict(sorted((record.get("stages", {}) | {stage: entry}).items()))

    update(run.folder, begin)
    run.metrics({}, clear=True)
    print(f"Opened by hand: writing to {shown(run.folder)}{note}.")
    return run


def parameters(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a notebook's variables, `globals()`, that a dataclass has fields for, by name."""
    return {each.name: values[each.name] for each in fields(kind) if each.name in values}


def check_name(name: str) -> str:
    """Return `name` where it can name a run's folder; raise `RunError` otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RunError(
            "A run's name must be at most 100 letters, digits, '.', '_' or '-', no blank, a letter "
            f"or digit first, no '.' last, no Windows device. Received: {name!r}. Choose another."
        )
    return name


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def clock(seconds: float) -> str:
    """`seconds` for people: `8 s`, `2:05 min`, `1:02:03 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"


def shown(path: Path) -> str:
    """`path` relative to the project's top where it lies in it, for messages."""
    root = environment.root()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def results() -> Path:
    """The folder that holds published runs: `docs/results/` at the project's top."""
    return environment.root() / "docs" / "results"


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
    with _locked(folder, ".record.lock"):
        record = read(folder) or {"schema": SCHEMA, "run": folder.name}
        change(record)
        files.write_sealed(folder / "run.json", record)
    return record


def finished(folder: Path | None = None, trained: bool = False) -> list[Path]:
    """The folders of the finished runs in `folder`, by default all, and in its suites.

    The newest comes first; a damaged record is no finished run. With `trained` also those that
    ended with their training, and what notebooks opened by hand wrote.
    """
    folder = folder or environment.outputs_folder()
    runs = []
    for path in [*folder.glob("*/run.json"), *folder.glob("*/*/run.json")]:
        with suppress(RunError):
            record = read(path.parent)
            stands = record.get("status") == "done" and path.parent.name != LAB
            if trained and record.get("status") in ("partial", BY_HAND):
                stage = record.get("stages", {}).get("03_train", {})
                stands = stage.get("status") in ("done", BY_HAND)
            if stands and "kind" not in record:
                runs.append((str(record.get("finished") or ""), path.parent))
    return [path for _, path in sorted(runs, reverse=True)]


def _check_sections(path: Path, sections: Any) -> dict[str, dict[str, Any]]:
    """`sections` of `path`, where they map each stage to a mapping. Raises `RunError`."""
    if isinstance(sections, dict) and all(isinstance(each, dict) for each in sections.values()):
        return sections
    text = str(sections)[:60]
    raise RunError(f"{path} must map each stage to a mapping. Received: {text}. Delete it.")


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    """Keep other processes from writing; what the disk refuses is a `RunError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / name):
            yield
    except OSError as error:
        raise files.disk_error(error, folder) from error


def _stage(record: dict[str, Any], stage: str) -> dict[str, Any]:
    return record.setdefault("stages", {}).setdefault(stage, {})

"""What is to be run, and how it ended."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcr import datasets, recognizer, runs
from hcr.errors import DataError, ModelError, ParameterError, nearest
from hcr.pipeline.stages import Stage
from hcr.preprocessing import labels

DONE, FAILED = 0, 1

# The options of a data set that can be checked without reading it.
CHECKED = ("thin", "path", "orientation")


@dataclass(frozen=True)
class RunPlan:
    """What is to be run.

    Attributes:
        name: The run's name; a suite's name and a slash may stand before it.
        parameters: Every parameter of every stage, without `run`.
        stages: All stages.
        chosen: The names of those that are to run now.
        command: What a reader types to have this run again.
        params_file: The file that it comes from, for the record.
        force: Run the chosen stages even where their results stand.
        why: The reason of `force`, as the progress tells it.
        kind: `runs.COMPARISON` where it is a page across runs; empty for a run.
    """

    name: str
    parameters: dict[str, dict[str, Any]]
    stages: dict[str, Stage]
    chosen: tuple[str, ...]
    command: str
    params_file: str
    force: bool = False
    why: str = "as --force asks"
    kind: str = ""

    def __post_init__(self) -> None:
        """Hold the data's options against the data set, before any kernel starts."""
        for name in self.chosen:
            given = self.parameters[name]
            try:
                if given.get("dataset"):
                    options = {key: given[key] for key in CHECKED if key in given}
                    datasets.check(given["dataset"], **options)
                _check_start(given)
                _check_looked_at(given)
                _check_reader(given)
            except (ParameterError, ModelError) as error:
                raise ParameterError(f"{error} ({self.params_file}, {name})") from error

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return runs.outputs() / self.name

    def reads(self, stage: Stage) -> list[str]:
        """The files that `stage` needs in the run's folder: no model where another one reads."""
        reader = self.parameters[stage.name].get("reader", recognizer.OWN)
        spared = recognizer.FILES if reader != recognizer.OWN else ()
        return [file for file in stage.reads if file not in spared]

    @property
    def mark(self) -> dict[str, str]:
        """What the record of a page across runs has, and a run's has not."""
        return {"kind": self.kind} if self.kind else {}

    @property
    def page(self) -> Path:
        """The page to open; a page across runs is all there is of it."""
        return self.folder / ("index.html" if not self.kind else f"{self.chosen[-1]}.html")


def _check_start(given: dict[str, Any]) -> None:
    """Raise `ModelError` where what training begins from is there and does not fit the data."""
    start = given.get("start")
    for each in recognizer.named(start) if start else []:
        # One that is not there yet may be what a run before this one makes.
        if each in recognizer.SHIPPED or recognizer.located(each).exists():
            options = {key: given[key] for key in ("path", "orientation") if key in given}
            recognizer.keras_file(each, datasets.info(given["dataset"], **options).characters)


def _check_looked_at(given: dict[str, Any]) -> None:
    """Raise `ParameterError` where a character that shall be looked at is none of the data's."""
    if given.get("looked_at") is None:
        return
    options = {key: given[key] for key in ("path", "orientation") if key in given}
    try:
        known = datasets.info(given["dataset"], **options).characters
    except DataError:
        return  # Data that are not there are told of where they are read.
    labels.parse_characters(given["looked_at"], known)


def _check_reader(given: dict[str, Any]) -> None:
    """Raise `ModelError` where the model that reads is none of those that there are."""
    reader = given.get("reader") or recognizer.OWN
    known = (recognizer.OWN, *recognizer.SHIPPED)
    # One that has the form of a path may be what a run before this one makes.
    if reader not in known and reader.isidentifier() and not recognizer.located(reader).exists():
        raise ModelError(
            f"reader must be one of {', '.join(known)}, a run's folder or a model's file. "
            f"Received: {reader!r}.{nearest(reader, known)}"
        )


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        name: The run's name.
        code: `DONE` or `FAILED`.
        page: The page to open.
        problem: What went wrong; the last line is the failed notebook's page where there is one.
        folder: Where its files lie.
        record: Its `run.json`.
    """

    name: str
    code: int
    page: Path | None = None
    problem: str = ""
    folder: Path = Path()
    record: dict[str, Any] = field(default_factory=dict)

    def headline(self) -> list[str]:
        """The run's headline figures, a line each."""
        lines = []
        for name, entry in self.record.get("stages", {}).items():
            for each in entry.get("headline", []):
                note = f" ({each['note']})" if each.get("note") else ""
                after = ":" if "," in each["label"] else ""
                lines.append(f"  {name}: {each['label']}{after} {each['text']}{note}")
        return lines

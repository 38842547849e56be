"""Tells in the terminal how far a run is: a bar on a terminal, plain lines in a log."""

import re
import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

# One of the epochs of a training, or of the trainings of a study.
EPOCH = re.compile(r"(?:epoch|training) (\d+)/(\d+)\b.*?(?:\(([\d.]+) s\))?$")
FOUND = re.compile(r"found (?:epoch )?\d")
HEARTBEAT = 30.0  # seconds
MANY = 100  # epochs; where there are more, a log gets one line in MANY_PAUSE seconds
MANY_PAUSE = 2.0


class Reporter:
    """Prints a run's progress.

    Args:
        names: The stages that are going to run, in their order, with the seconds that each took
            the last time, or None.
        stream: Where to print; a bar is drawn where it is a terminal.
    """

    def __init__(self, names: dict[str, float | None], stream: TextIO | None = None):
        self.names = names
        self.stream = stream or sys.stdout
        self.console = Console(file=self.stream, highlight=False, soft_wrap=True)
        self.bar: Progress | None = None
        self.stage = ""

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)
        self.stream.flush()

    def begin(self, stage: str, why: str, caveat: str = "") -> None:
        """A stage starts, because of `why`; every line of it names the `caveat` of its data."""
        self.stage, self.started, self.spoken = stage, time.monotonic(), time.monotonic()
        self.cells, self.note, self.left = (0, 0), "", self.names.get(stage)
        self.left_at = self.started
        number = list(self.names).index(stage) + 1
        self.prefix = f"[{number}/{len(self.names)}] {stage}{f' ({caveat})' if caveat else ''}"
        if not self.console.is_terminal:
            self.say(f"{self.prefix}: running, {why}")
            return
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20 if self.console.width >= 120 else 6),
            _State(self),
            console=self.console,
            transient=True,
            refresh_per_second=4,
        )
        self.task = self.bar.add_task(self.prefix, total=1)
        self.bar.start()

    def cell(self, done: int, total: int) -> None:
        """`done` of the stage's `total` code cells are done."""
        self.cells = (done, total)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total)
        elif time.monotonic() - self.spoken > HEARTBEAT:
            self._line("")

    def line(self, text: str) -> None:
        """The notebook printed `text`; what it says of epochs and trainings is passed on."""
        found = EPOCH.match(text)
        if found is None:
            if FOUND.match(text):
                self.say(f"{self.prefix}: {text}")
            return
        epoch, epochs, seconds = int(found[1]), int(found[2]), float(found[3] or 0)
        self.left, self.left_at = (epochs - epoch) * seconds, time.monotonic()
        self.note = text
        if self.bar is not None:
            # The cell that trains is most of the stage: its bar moves with the epochs.
            self.bar.update(self.task, completed=self.cells[0] + epoch / epochs)
        # Hundreds of short epochs would bury the log.
        silent = time.monotonic() - self.spoken
        if self.bar is None and (epochs <= MANY or silent > MANY_PAUSE or epoch == epochs):
            self._line(text)

    def end(self, text: str) -> None:
        """The stage ended; `text` says how."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        self.say(f"{self.prefix}: {text}")

    def close(self) -> None:
        """Take the bar away, whatever happened."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def state(self) -> str:
        """Cells, time and epoch, as they stand behind the bar."""
        now = time.monotonic()
        parts = [f"cells {self.cells[0]}/{self.cells[1]}"] if self.cells[1] else ["starting"]
        parts.append(f"{clock(now - self.started)} elapsed")
        left = (self.left or 0) - (now - self.left_at)
        if left >= 1:
            parts.append(f"about {clock(left)} left")
        if self.bar is not None and self.note:
            # First, because a narrow terminal cuts the end.
            parts.insert(0, self.note.split("  val_")[0])
        return ", ".join(parts)

    def _line(self, text: str) -> None:
        self.spoken = time.monotonic()
        self.say(f"{self.prefix}: {self.state()}{'; ' if text else ''}{text}")


class _State(ProgressColumn):
    """The words behind the bar, made anew at each redraw, so that the clock goes on."""

    def __init__(self, reporter: Reporter):
        super().__init__()
        self.reporter = reporter

    def render(self, task: Task) -> Text:
        return Text(self.reporter.state(), no_wrap=True, overflow="ellipsis")


def clock(seconds: float) -> str:
    """`seconds` for people: `8 s`, `2:05 min`, `1:02:03 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"

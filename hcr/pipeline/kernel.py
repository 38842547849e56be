"""Executes a notebook with papermill in a kernel of this very interpreter, and shows progress."""

import logging
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from rich.console import Console
from rich.markup import escape

from hcr import runs
from hcr.errors import RunError

ENGINE = "hcr"
START_TIMEOUT = 120  # s
# s: how much later than a cell's end its outputs may come. nbclient's 4 are over where a cell
# prints faster than one listens, or where the machine stalls.
OUTPUT_TIMEOUT = 120

# One of the epochs of a training, or of the trainings of a study.
EPOCH = re.compile(r"(?:epoch|training) (\d+)/(\d+)\b.*?(?:\(([\d.]+) s\))?$")
RESUMED = re.compile(r"found (?:epoch )?\d")
HEARTBEAT = 30.0  # s
MANY = 100  # epochs; where there are more, a log gets one line in MANY_PAUSE seconds
MANY_PAUSE = 2.0


@dataclass(frozen=True)
class Failure:
    """How a notebook failed: the nearest heading, the cell's index, error and source line."""

    heading: str
    cell: int
    exception: str
    source: str


class Reporter:
    """Prints a run's progress: a line that changes on a terminal, plain lines in a log.

    Args:
        names: The stages that may run, with the seconds that each took the last time, or None.
        stream: Where to print.
    """

    def __init__(self, names: dict[str, float | None], stream: TextIO | None = None):
        self.names = names
        self.console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
        self.status = self.console.status("")

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)
        self.console.file.flush()

    def begin(self, stage: str, why: str, caveat: str = "") -> None:
        """A stage starts, because of `why`; every line of it names the `caveat` of its data."""
        self.started = self.spoken = self.left_at = time.monotonic()
        self.cells, self.left = "starting", self.names.get(stage) or 0
        number = list(self.names).index(stage) + 1
        self.prefix = f"[{number}/{len(self.names)}] {stage}{f' ({caveat})' if caveat else ''}"
        if self.console.is_terminal:
            self.status.update(escape(f"{self.prefix}: {why}"))
            self.status.start()
        else:
            self.say(f"{self.prefix}: running, {why}")

    def cell(self, done: int, total: int) -> None:
        """`done` of the stage's `total` code cells are done."""
        self.cells = f"cells {done}/{total}"
        self._show("", HEARTBEAT)

    def line(self, text: str) -> None:
        """The notebook printed `text`; what it says of epochs and trainings is passed on."""
        progress = EPOCH.match(text)
        if progress is not None:
            epoch, epochs, seconds = int(progress[1]), int(progress[2]), float(progress[3] or 0)
            self.left, self.left_at = (epochs - epoch) * seconds, time.monotonic()
            # Hundreds of short epochs would bury the log.
            self._show(f"; {text}", MANY_PAUSE if epochs > MANY and epoch < epochs else 0)
        elif RESUMED.match(text):
            self.say(f"{self.prefix}: {text}")

    def end(self, text: str) -> None:
        """The stage ended; `text` says how."""
        self.close()
        self.say(f"{self.prefix}: {text}")

    def close(self) -> None:
        """Take the changing line away, whatever happened."""
        self.status.stop()

    def _show(self, note: str, pause: float) -> None:
        """Change the line, or print one where the last one is `pause` seconds old."""
        now = time.monotonic()
        left = self.left - (now - self.left_at)
        text = f"{self.prefix}: {self.cells}, {runs.clock(now - self.started)} elapsed"
        text += f", about {runs.clock(left)} left{note}" if left >= 1 else note
        if self.console.is_terminal:
            self.status.update(escape(text))
        elif now - self.spoken >= pause:
            self.spoken = now
            self.say(text)


class Kernel(AsyncKernelManager):
    """A kernel of the interpreter that runs this, whatever kernelspecs there are."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started."""
        options = [
            # Native libraries chatter on file descriptor 2: that goes to the log.
            "--IPKernelApp.capture_fd_output=False",
            "--HistoryManager.enabled=False",
        ]
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command + options, display_name="Python 3", language="python")


class _Client(PapermillNotebookClient):
    """Papermill's client, which also tells a `Reporter`."""

    reporter: Reporter
    cell = None  # the one that runs

    def begin(self, cell, cell_index) -> None:
        """Note what is needed to explain an end of the kernel."""
        self.cell, self.process = cell, self.km.provisioner.process
        self.heard, self.when = "none", time.monotonic()

    def process_message(self, msg, cell, cell_index):
        """Pass on what the notebook prints, as it prints it."""
        content, self.heard, self.when = msg["content"], msg["msg_type"], time.monotonic()
        if self.heard == "stream" and content.get("name") == "stdout":
            for line in filter(None, map(str.strip, content["text"].splitlines())):
                self.reporter.line(line)
        return super().process_message(msg, cell, cell_index)


class _Engine(NBClientEngine):
    """Papermill's engine with our kernel, environment and reporter."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **options):
        """Execute; see papermill."""
        reporter, log = options["reporter"], options["log"]
        # Where it is set, each kernel would compile TensorFlow again: ten seconds.
        env = {**os.environ, **options["variables"], "PYTHONDONTWRITEBYTECODE": ""}
        code = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]

        def executed(cell, cell_index, execute_reply) -> None:
            reporter.cell(sum(each.execution_count is not None for each in code), len(code))

        # A second time, because the ports that were free when they were chosen may be taken by now.
        for last in (False, True):
            client = _Client(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=Kernel,
                startup_timeout=START_TIMEOUT,
                timeout=None,
                iopub_timeout=OUTPUT_TIMEOUT,
                # All is written by now, and a kernel in the midst of training hears nothing.
                shutdown_kernel="immediate",
                on_cell_executed=executed,
            )
            client.on_cell_execute = client.begin
            client.reporter = reporter
            client.log.disabled = True
            try:
                with open(log, "ab") as stream:
                    client.execute(env=env, stderr=stream, stdout=stream)
                break
            except Exception as error:
                if client.cell is not None:
                    # As if the cell had raised it: the notebook and its page show where.
                    client.cell.outputs.append(_death(client, error, log))
                    break
                if last:
                    raise RunError(
                        f"A kernel must start with {sys.executable} -m ipykernel_launcher. "
                        f"Received: {(_words(log) or ['none'])[-1]} ({error}). "
                        "Install it again with: uv sync"
                    ) from error


papermill_engines.register(ENGINE, _Engine)
# Its inspector drops annotations as `int | None` and then warns; they have been checked by now.
logging.getLogger("papermill").setLevel(logging.ERROR)


def execute(
    notebook: Path,
    output: Path,
    parameters: dict[str, Any],
    variables: dict[str, str],
    log: Path,
    reporter: Reporter,
) -> Failure | None:
    """Execute `notebook` in its own folder and write the result to `output`, whether it fails.

    The `parameters` go into a cell behind the parameters cell, the `variables` into the kernel's
    environment, and what native libraries print into the file `log`. Returns how it failed, or
    None. Raises `RunError` where the kernel cannot be started.
    """
    try:
        execute_notebook(
            str(notebook),
            str(output),
            parameters=parameters,
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            cwd=str(notebook.parent),
            reporter=reporter,
            variables=variables,
            log=log,
        )
    except PapermillExecutionError as error:
        cells = nbformat.read(output, as_version=4).cells
        kinds = [[each.output_type for each in cell.get("outputs", [])] for cell in cells]
        index = next((i for i, kind in enumerate(kinds) if "error" in kind), 0)
        prose = "\n".join(cell.source for cell in cells[:index] if cell.cell_type == "markdown")
        headings = re.findall(r"^#+ (.+)$", prose, re.M) or [""]
        text = str(error.evalue).strip().splitlines()
        exception = f"{error.ename}: {text[0] if text else ''}".rstrip(": ")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
        arrows = re.findall(r"^-+> *\d+ (.*)$", plain, re.M) or [""]
        return Failure(headings[-1], index, exception, arrows[0].strip())
    return None


def _death(client: _Client, error: Exception, log: Path) -> nbformat.NotebookNode:
    """The output of a cell that was ended by something else than its code."""
    text, words = str(error), _words(log)
    if isinstance(error, DeadKernelError):
        text = f"the kernel died with exit code {client.process.poll()}. Did memory run out?"
    elif isinstance(error, CellTimeoutError):
        text = f"the cell ended, and its outputs did not come within {OUTPUT_TIMEOUT} s."
    text += (
        f" Last message: {client.heard}, {time.monotonic() - client.when:.1f} s before; "
        f"load {psutil.getloadavg()[0]:.1f}; "
        f"{psutil.virtual_memory().available / 2**30:.1f} GiB free; "
        f"last words: {(words or ['none'])[-1]}"
    )
    return new_output(
        "error", ename=type(error).__name__, evalue=text, traceback=[text, *words[-20:]]
    )


def _words(log: Path) -> list[str]:
    """The lines of the kernel's log that say something of this kernel."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and "[IPKernelApp] W" not in line]

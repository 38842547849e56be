"""Executes a notebook with papermill in a kernel of this very interpreter, and shows progress."""

import logging
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat.v4 import new_output
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from hcr import runs
from hcr.errors import RunError

ENGINE = "hcr"
START_TIMEOUT = 120  # s
# s: how much later than a cell's end its outputs may come. nbclient's 4 are over where a cell
# prints faster than one listens, or where the machine stalls.
OUTPUT_TIMEOUT = 120

# What a training prints of an epoch.
EPOCH = re.compile(r"epoch (\d+)/(\d+)\b.*?(?:\(([\d.]+) s\))?$")
HEARTBEAT = 30.0  # s


class Reporter:
    """Prints the progress of the stages `names`; a file, too, for what the notebook prints."""

    def __init__(self, names: Sequence[str]):
        self.names = names

    def begin(self, stage: str, why: str, caveat: str = "") -> None:
        """A stage starts, because of `why`; every line of it names the `caveat` of its data."""
        self.started = self.spoken = self.left_at = time.monotonic()
        self.cells, self.left = "starting", 0.0
        number = self.names.index(stage) + 1
        self.prefix = f"[{number}/{len(self.names)}] {stage}{f' ({caveat})' if caveat else ''}"
        self.say(f"running, {why}")

    def cell(self, done: int, total: int) -> None:
        """`done` of the stage's `total` code cells are done."""
        self.cells = f"cells {done}/{total}"
        self._show("", HEARTBEAT)

    def write(self, text: str) -> None:
        """The notebook printed `text`; what it says of epochs is passed on."""
        for line in map(str.strip, text.splitlines()):
            progress = EPOCH.match(line)
            if progress is not None:
                epoch, epochs, seconds = int(progress[1]), int(progress[2]), float(progress[3] or 0)
                self.left, self.left_at = (epochs - epoch) * seconds, time.monotonic()
                # Hundreds of short epochs would bury the log.
                self._show(f"; {line}", 2.0 if 100 < epochs > epoch else 0)

    def flush(self) -> None:
        """Nothing is held back."""

    def say(self, text: str) -> None:
        """Print a line of the stage."""
        print(f"{self.prefix}: {text}", flush=True)

    def _show(self, note: str, pause: float) -> None:
        """Say how far it is, unless the last line is younger than `pause` seconds."""
        now = time.monotonic()
        if now - self.spoken >= pause:
            self.spoken, left = now, self.left - (now - self.left_at)
            rest = f", about {runs.clock(left)} left" if left >= 1 else ""
            self.say(f"{self.cells}, {runs.clock(now - self.started)} elapsed{rest}{note}")


class Kernel(AsyncKernelManager):
    """A kernel of the interpreter that runs this, whatever kernelspecs there are."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started."""
        # Native libraries chatter on file descriptor 2: that goes to the log.
        options = ["--IPKernelApp.capture_fd_output=False", "--HistoryManager.enabled=False"]
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command + options, display_name="Python 3", language="python")


class _Engine(NBClientEngine):
    """Papermill's engine with our kernel, environment and reporter."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **options):
        reporter, log = options["reporter"], options["log"]
        # Where it is set, each kernel would compile TensorFlow again: ten seconds.
        env = {**os.environ, **options["variables"], "PYTHONDONTWRITEBYTECODE": ""}
        code = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]
        running: dict[str, Any] = {}  # the cell, and its kernel's process

        def begun(cell, cell_index) -> None:
            running.update(cell=cell, process=client.km.provisioner.process)

        def executed(cell, cell_index, execute_reply) -> None:
            reporter.cell(sum(each.execution_count is not None for each in code), len(code))

        # A second time, because the ports that were free when they were chosen may be taken by now.
        for last in (False, True):
            client = PapermillNotebookClient(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=Kernel,
                startup_timeout=START_TIMEOUT,
                timeout=None,
                iopub_timeout=OUTPUT_TIMEOUT,
                # All is written by now, and a kernel in the midst of training hears nothing.
                shutdown_kernel="immediate",
                stdout_file=reporter,
                on_cell_execute=begun,
                on_cell_executed=executed,
            )
            client.log.disabled = True
            try:
                with open(log, "ab") as stream:
                    client.execute(env=env, stderr=stream, stdout=stream)
                break
            except Exception as error:
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                words = [each for each in lines if each.strip() and "[IPKernelApp] W" not in each]
                last_words = (words or ["none"])[-1].strip()
                text = f"{str(error).splitlines()[0]}; last words: {last_words}"
                if running:
                    # As if the cell had raised it: the notebook and its page show where.
                    ending = f"exit code {running['process'].poll()} (-9: memory may have run out)"
                    text = f"{ending}. {text}"
                    raised = {"ename": type(error).__name__, "evalue": text}
                    raised["traceback"] = [text, *words[-20:]]
                    running["cell"].outputs.append(new_output("error", **raised))
                    break
                if last:
                    rule = f"A kernel must start with {sys.executable} -m ipykernel_launcher"
                    raise RunError(f"{rule}. Received: {text}. Mend it with: uv sync") from error


papermill_engines.register(ENGINE, _Engine)
# Its inspector drops annotations as `int | None` and then warns; they have been checked by now.
logging.getLogger("papermill").setLevel(logging.ERROR)


def execute(
    notebook: Path, output: Path, parameters: dict[str, Any], **engine: Any
) -> dict[str, str] | None:
    """Execute `notebook` in its own folder and write the result to `output`, whether it fails.

    The `parameters` go into a cell behind the parameters cell. The `engine` takes a `reporter`, the
    `variables` of the kernel's environment, and a file `log` for what native libraries print.
    Returns how it failed, the nearest heading, the exception and the source line, or None. Raises
    `RunError` where the kernel cannot be started.
    """
    options = {"engine_name": ENGINE, "kernel_name": "python3", "language": "python"}
    options |= {"progress_bar": False, "request_save_on_cell_execute": False}
    options |= {"cwd": str(notebook.parent)} | engine
    try:
        execute_notebook(str(notebook), str(output), parameters, **options)
    except PapermillExecutionError as error:
        # Papermill puts a cell of its own at the top.
        before = nbformat.read(output, as_version=4).cells[: error.cell_index + 1]
        prose = "\n".join(cell.source for cell in before if cell.cell_type == "markdown")
        headings = re.findall(r"^#+ (.+)$", prose, re.M) or [""]
        lines = str(error.evalue).strip().splitlines() or [""]
        trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
        arrows = re.findall(r"^-+> *\d+ (.*)$", trace, re.M) or [""]
        exception = f"{error.ename}: {lines[0]}".rstrip(": ")
        return {"heading": headings[-1], "exception": exception, "source": arrows[0].strip()}
    return None

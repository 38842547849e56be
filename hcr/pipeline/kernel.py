"""Executes a notebook with papermill in a kernel of this very interpreter."""

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from hcr.errors import RunError

ENGINE = "hcr"
START_TIMEOUT = 120  # s
# s: how much later than a cell's end its outputs may come. nbclient's 4 are over where a cell
# prints faster than one listens, or where the machine stalls.
OUTPUT_TIMEOUT = 120


class OwnKernel(AsyncKernelManager):
    """A kernel of the interpreter that runs this, whatever kernelspecs lie about."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started."""
        return KernelSpec(
            argv=[
                sys.executable,
                "-m",
                "ipykernel_launcher",
                "-f",
                "{connection_file}",
                # Native libraries chatter on file descriptor 2: that goes to the log.
                "--IPKernelApp.capture_fd_output=False",
                "--HistoryManager.enabled=False",
            ],
            display_name="Python 3",
            language="python",
        )


@dataclass(frozen=True)
class Listener:
    """What is told while a notebook is executed.

    Attributes:
        cell: Called with the number of code cells done and the number of all.
        line: Called with each line that the notebook prints.
    """

    cell: Callable[[int, int], None]
    line: Callable[[str], None]


@dataclass(frozen=True)
class Failure:
    """How a notebook failed.

    Attributes:
        heading: The nearest heading above the cell.
        cell: The cell's index in the executed notebook.
        exception: Name and message, one line.
        source: The line of the cell that raised, where it is known.
    """

    heading: str
    cell: int
    exception: str
    source: str


class _Client(PapermillNotebookClient):
    """Papermill's client, which also tells a `Listener`."""

    listener: Listener
    cell = None  # the one that runs

    def begin(self, cell, cell_index) -> None:
        """Note what is needed to explain an end of the kernel."""
        self.cell, self.process = cell, self.km.provisioner.process
        self.heard, self.when = "none", time.monotonic()

    def process_message(self, msg, cell, cell_index):
        """Pass on what the notebook prints, as it prints it."""
        content, self.heard, self.when = msg["content"], msg["msg_type"], time.monotonic()
        if msg["msg_type"] == "stream" and content.get("name") == "stdout":
            for line in content["text"].splitlines():
                if line.strip():
                    self.listener.line(line.strip())
        return super().process_message(msg, cell, cell_index)


class _Engine(NBClientEngine):
    """Papermill's engine with our kernel, environment and listener."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **options):
        """Execute; see papermill."""
        listener, log = options["listener"], options["log"]
        # Else, where it is set, each kernel would compile TensorFlow anew: ten seconds.
        env = {**os.environ, **options["variables"], "PYTHONDONTWRITEBYTECODE": ""}
        total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
        done = 0

        def executed(cell, cell_index, execute_reply) -> None:
            nonlocal done
            done += 1
            listener.cell(done, total)

        # A second time, because the ports that were free when they were chosen may be taken by now.
        for last in (False, True):
            client = _Client(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=OwnKernel,
                startup_timeout=START_TIMEOUT,
                timeout=None,
                iopub_timeout=OUTPUT_TIMEOUT,
                # All is written by now, and a kernel in the midst of training hears nothing.
                shutdown_kernel="immediate",
                on_cell_executed=executed,
            )
            client.on_cell_execute = client.begin
            client.listener = listener
            client.log.disabled = True
            try:
                with open(log, "ab") as stream:
                    client.execute(env=env, stderr=stream, stdout=stream)
                break
            except Exception as error:
                if client.cell is not None:
                    # As if the cell had raised it: the notebook and its page show where.
                    client.cell.outputs.append(_ended(client, error, log))
                    break
                if last:
                    raise RunError(
                        f"A kernel must start with {sys.executable} -m ipykernel_launcher. "
                        f"Received: {_tail(log)} ({error}). Install it again with: uv sync"
                    ) from error


papermill_engines.register(ENGINE, _Engine)
# Its inspector drops annotations as `int | None` and then warns; `params` has checked by now.
logging.getLogger("papermill").setLevel(logging.ERROR)


def execute(
    notebook: Path,
    output: Path,
    parameters: dict[str, Any],
    variables: dict[str, str],
    log: Path,
    listener: Listener,
) -> Failure | None:
    """Execute `notebook` in its own folder and write the result to `output`.

    Args:
        notebook: The notebook.
        output: Where the executed one goes; it is written when the notebook failed, too.
        parameters: Go into a cell behind the parameters cell.
        variables: For the kernel's environment.
        log: A file that takes what native libraries print.
        listener: Told about the progress.

    Returns:
        How it failed, or None.

    Raises:
        RunError: The kernel cannot be started.
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
            listener=listener,
            variables=variables,
            log=log,
        )
    except PapermillExecutionError as error:
        return _failure(nbformat.read(output, as_version=4), error)
    return None


def _failure(notebook: nbformat.NotebookNode, error: PapermillExecutionError) -> Failure:
    heading, failed = "", 0
    for index, cell in enumerate(notebook.cells):
        found = re.findall(r"^#+ (.+)$", cell.source, re.M)
        if cell.cell_type == "markdown" and found:
            heading = found[-1]
        if any(each.output_type == "error" for each in cell.get("outputs", [])):
            failed = index
            break
    text = str(error.evalue).strip().splitlines()
    exception = f"{error.ename}: {text[0] if text else ''}".rstrip(": ")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    arrow = re.findall(r"^-+> *\d+ (.*)$", plain, re.M)
    return Failure(heading, failed, exception, arrow[0].strip() if arrow else "")


def _ended(client: _Client, error: Exception, log: Path) -> nbformat.NotebookNode:
    """The output of a cell that something else than its code has ended."""
    told = str(error)
    if isinstance(error, DeadKernelError):
        told = f"the kernel died with exit code {client.process.poll()}. Did memory run out?"
    elif isinstance(error, CellTimeoutError):
        told = f"the cell ended, and its outputs did not come within {OUTPUT_TIMEOUT} s."
    free = psutil.virtual_memory().available / 2**30
    told += (
        f" Last message: {client.heard}, {time.monotonic() - client.when:.1f} s before; "
        f"load {psutil.getloadavg()[0]:.1f}; {free:.1f} GiB free; last words: {_tail(log)}"
    )
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return new_output(
        "error", ename=type(error).__name__, evalue=told, traceback=[told, *lines[-20:]]
    )


def _tail(log: Path) -> str:
    """The last line of the kernel's log that says something of this kernel."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = (line.strip() for line in reversed(lines) if "[IPKernelApp] W" not in line)
    return next(filter(None, told), "none")

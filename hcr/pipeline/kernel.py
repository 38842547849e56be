"""Executes a notebook with papermill in a kernel of this very interpreter."""

import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from hcr.errors import RunError

ENGINE = "hcr"
START_TIMEOUT = 120


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

    def process_message(self, msg, cell, cell_index):
        """Pass on what the notebook prints, as it prints it."""
        content = msg["content"]
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
        listener, variables, log = options["listener"], options["variables"], options["log"]
        total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
        done = 0

        def executed(cell, cell_index, execute_reply) -> None:
            nonlocal done
            done += 1
            listener.cell(done, total)

        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=OwnKernel,
            startup_timeout=START_TIMEOUT,
            timeout=None,
            # Everything is written by now, and a kernel in the midst of training hears nothing.
            shutdown_kernel="immediate",
            on_cell_executed=executed,
        )
        client.listener = listener
        client.log.disabled = True
        with open(log, "ab") as stream:
            return client.execute(env={**os.environ, **variables}, stderr=stream, stdout=stream)


papermill_engines.register(ENGINE, _Engine)
# Its inspector drops annotations as `int | None` and then warns; `hcr.params` has checked by now.
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
        RunError: The kernel cannot be started, or died.
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
    except DeadKernelError as error:
        raise RunError(
            f"The kernel of {notebook.stem} died. Did memory run out? It last said: {_tail(log)}"
        ) from error
    except RuntimeError as error:
        raise RunError(
            f"A kernel must start with {sys.executable} -m ipykernel_launcher. Received: "
            f"{_tail(log) or error}. Install the packages again with: uv sync"
        ) from error
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


def _tail(log: Path) -> str:
    """The last line of the kernel's log that says something."""
    if not log.is_file():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")

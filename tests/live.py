"""A real JupyterLab and a real Voilà on loopback, with a token, for the browser tests."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
WAIT = 60  # s: for a server to answer
LAB = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--ServerApp.open_browser=False",
)


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        address: `http://127.0.0.1:port`.
        token: What it asks for.
        log: The file that both its streams go to.
    """

    address: str
    token: str
    log: Path

    def url(self, path: str) -> str:
        """The address of `path`, with the token."""
        return f"{self.address}/{path}?token={self.token}"


@contextmanager
def lab(folder: Path, **variables: str) -> Iterator[Server]:
    """JupyterLab with the files of `folder` in its file browser."""
    with _served("jupyterlab", folder, "lab", *LAB, **variables) as server:
        yield server


@contextmanager
def voila(notebook: Path, **variables: str) -> Iterator[Server]:
    """Voilà, which serves one notebook as a page of its own."""
    arguments = "--no-browser", "--show_tracebacks=True", str(notebook)
    with _served("voila", notebook.parent, "", *arguments, **variables) as server:
        yield server


@contextmanager
def _served(module: str, folder: Path, ready: str, *arguments: str, **variables: str):
    port, token = _free_port(), secrets.token_hex(16)
    home = folder.parent / f".{module}"
    home.mkdir(exist_ok=True)
    options = {
        "jupyterlab": [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"],
        "voila": [f"--port={port}", f"--token={token}"],
    }[module]
    log = home / "log.txt"
    command = [sys.executable, "-m", module, "--ip=127.0.0.1", *options, *arguments]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and module == "jupyterlab":
        command.append("--allow-root")
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(home, JUPYTER_TOKEN=token, **variables),
            stdout=stream,
            stderr=subprocess.STDOUT,
            # A group of its own: its kernels end with it.
            start_new_session=True,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", token, log)
        _wait_for(process, server, ready)
        yield server
    finally:
        _end(process)


def _environment(home: Path, **variables: str) -> dict[str, str]:
    """Nothing of the user's own settings, and a kernel of the interpreter that runs the tests."""
    shares = [str(Path(prefix) / "share" / "jupyter") for prefix in dict.fromkeys(_prefixes())]
    own = {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PATH": os.pathsep.join(shares),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    return {**os.environ, **own, **variables}


def _prefixes() -> Iterator[str]:
    """Where packages that this interpreter imports have their browser parts."""
    import ipycanvas

    yield sys.prefix
    for parent in Path(ipycanvas.__file__).parents:
        if (parent / "share" / "jupyter").is_dir():
            yield str(parent)
            break


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(process: subprocess.Popen, server: Server, ready: str) -> None:
    """Wait until the server accepts connections; Voilà's page itself takes a kernel's start."""
    until = time.monotonic() + WAIT
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    path = "api/status" if ready else "static/favicon.ico"
    while process.poll() is None and time.monotonic() < until:
        try:
            opener.open(server.url(path), timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"The server did not answer:\n{server.log.read_text()[-3000:]}")


def _end(process: subprocess.Popen) -> None:
    """End the server and the kernels that it started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()

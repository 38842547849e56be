"""A real JupyterLab and a real Voilà on loopback, with a token, and the pad on their pages."""

import json
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

PROJECT = Path(__file__).resolve().parents[1]
WAIT = 120  # s: for a server to answer
LAB = (
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    # For what a test must be able to do without a menu: another theme.
    "--LabApp.expose_app_in_browser=True",
    "--ServerApp.open_browser=False",
    "--ServerApp.ip=127.0.0.1",
)
# Nothing that is asked of a user lies over the page: no news, and not whether a file that changed
# on disk may be written, which an autosave asks where the disk's clock disagrees.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
SIZE = 280  # px: the pad's side


@dataclass(frozen=True)
class Server:
    """A server that answers at `address`, asks for `token`, and whose kernels are its children."""

    address: str
    token: str
    log: Path
    pid: int

    def url(self, path: str) -> str:
        """The address of `path`, with the token."""
        return f"{self.address}/{path}?token={self.token}"

    def kernels(self) -> int:
        """The memory that its kernels hold, in bytes."""
        found = 0
        for each in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.Error):
                if any("ipykernel" in word for word in each.cmdline()):
                    found += each.memory_info().rss
        return found


@contextmanager
def lab(folder: Path, **variables: str) -> Iterator[Server]:
    """JupyterLab with the files of `folder` in its file browser."""
    with _served("jupyterlab", folder, *LAB, **variables) as server:
        yield server


@contextmanager
def voila(folder: Path, **variables: str) -> Iterator[Server]:
    """Voilà, which serves each notebook of `folder` as a page that asks nothing of the network."""
    config = f"--Voila.config_file_paths={PROJECT / 'docs'}"
    arguments = "--no-browser", "--show_tracebacks=True", config, str(folder)
    with _served("voila", folder, *arguments, **variables) as server:
        yield server


@contextmanager
def _served(module: str, folder: Path, *arguments: str, **variables: str):
    port, token = _free_port(), secrets.token_hex(16)
    home = folder.parent / f".{module}"
    settings = home / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(SETTINGS))
    options, log = [f"--port={port}", *arguments], home / "log.txt"
    if module == "jupyterlab" and hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    command = [sys.executable, "-m", module, *options]
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
        server = Server(f"http://127.0.0.1:{port}", token, log, process.pid)
        _wait_for(process, server)
        yield server
    finally:
        _end(process)


def _environment(home: Path, **variables: str) -> dict[str, str]:
    """Nothing of the user's own settings, and a kernel of the interpreter that runs the tests."""
    own = {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    return {**os.environ, **own, **variables}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(process: subprocess.Popen, server: Server) -> None:
    """Wait until the server answers, be it with an error: Voilà's page takes a kernel's start."""
    until = time.monotonic() + WAIT
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < until:
        try:
            opener.open(server.url("api/status"), timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"The server did not answer:\n{server.log.read_text()[-3000:]}")


def _end(process: subprocess.Popen) -> None:
    """End the server and the kernels that it started."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, kind)
            process.wait(timeout=10)


# What is on a page


def write(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells to `path`."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)
    return path


def run_all(page: Any, server: Server, name: str) -> None:
    """Open a notebook from JupyterLab's file browser, and run all its cells."""
    page.goto(f"{server.url('lab')}&reset")
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    # A kernel must be there, or JupyterLab asks for one.
    page.wait_for_function(
        "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'",
        timeout=60_000,
    )
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()


class PadPage:
    """The pad on a page, as a person uses it."""

    def __init__(self, page: Any):
        self.page = page
        self.root = page.locator(".hcr-pad").last
        self.canvas = self.root.locator("canvas")
        self.answers = self.root.locator(".hcr-answers")
        self.canvas.wait_for(timeout=60_000)
        self._session = page.context.new_cdp_session(page)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the pad is on the page, all of which is in view."""
        box = self.canvas.bounding_box()
        return box["x"] + x * box["width"] / SIZE, box["y"] + y * box["height"] / SIZE

    def draw(self, strokes: Any) -> None:
        """Draw strokes, in pixels of the pad, with the mouse."""
        self.canvas.scroll_into_view_if_needed()
        for stroke in strokes:
            places = [self.place(float(x), float(y)) for x, y in stroke]
            self.page.mouse.move(*places[0])
            self.page.mouse.down()
            for place in places[1:]:
                self.page.mouse.move(*place)
            self.page.mouse.up()

    def touch(self, strokes: Any) -> None:
        """Draw strokes, in pixels of the pad, with one finger."""
        self.canvas.scroll_into_view_if_needed()
        for stroke in strokes:
            kinds = ["touchStart", *["touchMove"] * (len(stroke) - 1)]
            for kind, (x, y) in zip(kinds, stroke, strict=True):
                self.fingers(kind, self.place(float(x), float(y)))
            self.fingers("touchEnd")

    def fingers(self, kind: str, *places: tuple[float, float]) -> None:
        """Tell the page where fingers are, in its own pixels."""
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def pen(self, strokes: Any) -> None:
        """Draw strokes, in pixels of the pad, with a pen."""
        for stroke in strokes:
            for index, (x, y) in enumerate([*stroke, stroke[-1]]):
                kinds = {0: "mousePressed", len(stroke): "mouseReleased"}
                event = {"type": kinds.get(index, "mouseMoved"), "button": "left", "buttons": 1}
                event |= dict(zip("xy", self.place(float(x), float(y)), strict=True))
                self._session.send("Input.dispatchMouseEvent", event | {"pointerType": "pen"})

    def best(self, which: int = 0) -> str:
        """The character that the first (or the second) model has as its best."""
        return self.answers.locator(".hcr-bars").nth(which).locator("strong").first.inner_text()

    def wait_for(self, character: str, which: int = 0) -> None:
        """Wait until `character` is the best answer."""
        bars = self.answers.locator(".hcr-bars").nth(which)
        bars.locator("li:first-child strong", has_text=character).wait_for()

    def wait_for_points(self, n: int) -> None:
        """Wait until the answer is for a drawing of `n` points."""
        self.root.locator(f'.hcr-answers[data-points="{n}"]').wait_for()

    def empty(self) -> None:
        """Take away what is drawn, as a person does."""
        if self.answers.get_attribute("data-points") != "0":
            self.button("Clear").click()
        self.wait_for_points(0)

    def dark(self, x: float, y: float) -> bool:
        """Whether the pad is dark at a place in its pixels."""
        return self.canvas.evaluate(
            """(canvas, [x, y, size]) => {
                const scale = canvas.width / size;
                const at = [Math.round(x * scale), Math.round(y * scale), 1, 1];
                const [red, , , alpha] = canvas.getContext("2d").getImageData(...at).data;
                return red < 128 && alpha > 0;
            }""",
            [float(x), float(y), SIZE],
        )

    def keep(self, label: str) -> None:
        """Keep what is drawn as `label`."""
        self.control("You meant").fill(label)
        self.button("Keep").and_(self.page.locator(":enabled")).click()

    def button(self, name: str) -> Any:
        """The button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def control(self, label: str) -> Any:
        """The control with that label."""
        return self.root.get_by_label(label, exact=True)

    def overflow(self) -> float:
        """By how many pixels something of the pad lies beyond its right edge, or the window's."""
        return self.root.evaluate(
            """root => {
                const edge = Math.min(root.getBoundingClientRect().right, innerWidth) + 0.5;
                const seen = [...root.querySelectorAll("*")].map(e => e.getBoundingClientRect());
                return Math.max(...seen.filter(r => r.width).map(r => r.right)) - edge;
            }"""
        )

    def contrasts(self) -> list[str]:
        """The texts whose colour has too little contrast to what is behind: WCAG 2.1, 4.5 to 1."""
        return self.root.evaluate(CONTRAST)


CONTRAST = """
root => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = element => {
        for (let e = element; e; e = e.parentElement) {
            const found = numbers(getComputedStyle(e).backgroundColor);
            if (found.length == 3 || found[3] == 1) return found;
        }
        return [255, 255, 255];
    };
    const texts = [...root.querySelectorAll(".hcr-answers *, .hcr-note, label")].filter(e =>
        [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()) && e.offsetWidth);
    return texts.filter(e => {
        const [a, b] = [numbers(getComputedStyle(e).color), behind(e)].map(light);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
    }).map(e => e.className + " " + e.textContent.slice(0, 40));
}
"""

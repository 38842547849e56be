"""What the package gives Jupyter Server and Voilà, in a real server with a real kernel."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("server_sockets.py")
VOILA = """
import sys
from voila.app import Voila

app = Voila()
app.initialize(sys.argv[1:])
print(app.kernel_websocket_connection_class.__module__)
"""


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What a process prints that is configured by nothing but the installed packages."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.mark.slow
def test_a_server_holds_nothing_back(said):
    assert said(str(SCRIPT)) == "TCP_NODELAY 1"


@pytest.mark.slow
def test_without_the_extension_it_does(said):
    off = "--ServerApp.jpserver_extensions={'hcr.nodelay': False}"
    assert said(str(SCRIPT), off) == "TCP_NODELAY 0"


def test_voila_takes_the_same_connection(said, tmp_path):
    pytest.importorskip("voila", reason="it is an extra: uv run --extra voila pytest")
    notebook = tmp_path / "empty.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    assert said("-c", VOILA, "--no-browser", str(notebook)) == "hcr.nodelay"

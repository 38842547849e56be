"""What all tests share: who may run, where they write, and the runs that several look at."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import MagicMock

import nbformat
import numpy as np
import pandas as pd
import pytest
from browser import find_chromium, launched

from hcr import evaluation
from hcr.recognizer import PRETRAINED

PROJECT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """At most four workers; none for a single file, which one worker would run."""
    alone = len(config.args) == 1 and ".py" in config.args[0]
    return 0 if alone else min(4, len(os.sched_getaffinity(0)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine lacks, with its reason; begin with slow files, which end last."""
    reasons = {}
    if not os.environ.get("HCR_DATA"):
        reasons["data"] = "HCR_DATA is not set: no datasets beside the one that is installed"
    if find_chromium() is None:
        reasons["browser"] = "no Chromium found: install Debian's package chromium"
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """One cache of datasets for all tests and workers; never the user's, nor their drawings."""
    top = tmp_path_factory.getbasetemp()
    top = top.parent if "PYTEST_XDIST_WORKER" in os.environ else top
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_CACHE", str(top / "cache"))
        patch.setenv("HCR_DRAWINGS", str(tmp_path_factory.mktemp("drawings")))
        yield


@pytest.fixture(autouse=True)
def _own_outputs(tmp_path, monkeypatch):
    """No test writes into the project's `outputs/`, and none is taken for a stage of a run."""
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "outputs"))
    # Beside the folder of the test, which may be that of its runs.
    monkeypatch.setenv("HCR_DRAWINGS", f"{tmp_path}-drawings")
    # No test asks a real server for anything: nothing listens there.
    monkeypatch.setattr("hcr.datasets.emnist.URLS", ("http://127.0.0.1:9/gzip.zip",))
    monkeypatch.setattr("hcr.datasets.mnist.URLS", ("http://127.0.0.1:9",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HCR_RUN", raising=False)


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """The folder of published runs: the test's own."""
    monkeypatch.setattr("hcr.runs.results", lambda: tmp_path / "results")
    return tmp_path / "results"


@dataclass(frozen=True)
class Finished:
    """A command that ended: exit code, standard output, standard error, the runs' folder."""

    code: int
    out: str
    err: str
    outputs: Path

    @property
    def text(self) -> str:
        """Both streams."""
        return self.out + self.err


def environment(outputs: Path, **variables: str) -> dict[str, str]:
    """The variables of a process whose runs go to `outputs`."""
    return {**os.environ, "HCR_OUTPUTS": str(outputs), **variables}


def run_all(*arguments: str, outputs: Path, cwd: Path = PROJECT, **variables: str) -> Finished:
    """Run `run_all.py` of the folder `cwd` as a person would, with its runs in `outputs`."""
    done = subprocess.run(
        [sys.executable, "run_all.py", *arguments],
        cwd=cwd,
        env=environment(outputs, **variables),
        capture_output=True,
        text=True,
        timeout=900,
    )
    return Finished(done.returncode, done.stdout, done.stderr, outputs)


def start(outputs: Path, cwd: Path, *arguments: str) -> subprocess.Popen:
    """Start `run_all.py` of the folder `cwd`; both its streams come through `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-u", "run_all.py", *arguments],
        cwd=cwd,
        env=environment(outputs),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Jobs in a shell's background ignore it, and all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(process: subprocess.Popen, text: str) -> str:
    """Read until a line holds `text`; returns all that was read."""
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    raise AssertionError(f"{text!r} was never printed:\n{read}")


SMALL = ("-p", "shared.limit=500", "-p", "03_train.epochs=4", "--run", "small")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Finished:
    """The whole quick run on 500 digits and four epochs: real notebooks, real kernels."""
    return run_all(*SMALL, outputs=tmp_path_factory.mktemp("small"))


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Path:
    """A project whose five notebooks hold a cell or two each; the working folder."""
    import tiny_project

    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(PROJECT / "run_all.py", folder)
    (folder / "hcr").symlink_to(PROJECT / "hcr", target_is_directory=True)
    tiny_project.write(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(capsys, tmp_path) -> Callable[..., Finished]:
    """`run_all.py` in this very process, which spares its imports."""
    from hcr.pipeline import cli

    def run(*arguments: str) -> Finished:
        capsys.readouterr()
        try:
            code = cli.run_all(list(arguments))
        except SystemExit as error:
            code = error.code
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err, tmp_path / "outputs")

    return run


@pytest.fixture(scope="module")
def chromium():
    with launched() as running:
        yield running


@pytest.fixture
def run(tmp_path) -> Path:
    """A copy of a model's folder, for breaking."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("model.tflite", "labels.json"):
        shutil.copy(PRETRAINED["mnist"] / name, folder)
    return folder


@contextmanager
def one_line(kind: type[Exception], match: str, *words: object) -> Iterator[pytest.ExceptionInfo]:
    """An error of this kind is raised, whose message is a line of bearable length, with `words`."""
    with pytest.raises(kind, match=match) as error:
        yield error
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 700
    assert all(str(word) in text for word in words), text


def run_cells(stage, word, **space):
    """The variables, once the cells of a notebook that hold `word` ran with `space`, unseen."""
    cells = nbformat.read(PROJECT / "notebooks" / f"{stage}.ipynb", as_version=4).cells
    space |= {"np": np, "pd": pd, "evaluation": evaluation, "seed": 0, "out": None}
    space |= {"plots": MagicMock(), "reports": MagicMock()}
    for cell in (each for each in cells if each.cell_type == "code" and word in each.source):
        exec(cell.source, space)
    return space

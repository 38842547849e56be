"""What all tests share: who may run, and runs that several files look at."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import find_chromium

PROJECT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine lacks, with its reason; run fast files first."""
    reasons = {}
    if not os.environ.get("HCR_DATA"):
        reasons["data"] = "HCR_DATA is not set: no data sets beside the one that is installed"
    if find_chromium() is None:
        reasons["browser"] = "no Chromium found: install Debian's package chromium"
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """One cache of data sets for all tests, so that each set is made once; never the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Nobody's drawings are read, or added to, by a test.
        patch.setenv("HCR_DRAWINGS", str(tmp_path_factory.mktemp("drawings")))
        yield


@pytest.fixture(autouse=True)
def _own_outputs(tmp_path, monkeypatch):
    """No test writes into the project's `outputs/`, and none is taken for a stage of a run."""
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "outputs"))
    # Beside the folder of the test, which may be that of its runs.
    monkeypatch.setenv("HCR_DRAWINGS", f"{tmp_path}-drawings")
    # No test asks a real server for anything: nothing listens there.
    monkeypatch.setattr("hcr.datasets.download.URLS", ("http://127.0.0.1:9/gzip.zip",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HCR_RUN", raising=False)


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


def run_all(*arguments: str, outputs: Path, cwd: Path = PROJECT, **variables: str) -> Finished:
    """Run `run_all.py` of the folder `cwd` as a person would, with its runs in `outputs`."""
    done = subprocess.run(
        [sys.executable, "run_all.py", *arguments],
        cwd=cwd,
        env=environment(outputs, **variables),
        capture_output=True,
        text=True,
        timeout=600,
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
    )


def wait_for(process: subprocess.Popen, text: str) -> str:
    """Read until a line holds `text`; returns all that was read."""
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    raise AssertionError(f"{text!r} was never printed:\n{read}")


def environment(outputs: Path, **variables: str) -> dict[str, str]:
    """The variables of a process whose runs go to `outputs`."""
    return {**os.environ, "HCR_OUTPUTS": str(outputs), **variables}


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Finished:
    """The whole quick run on 500 digits and two epochs: real notebooks, real kernels."""
    outputs = tmp_path_factory.mktemp("small")
    return run_all(*SMALL, outputs=outputs)


SMALL = (
    "-p",
    "shared.limit=500",
    "-p",
    "03_train.epochs=4",
    "--run",
    "small",
)


@pytest.fixture
def tiny(tmp_path) -> Path:
    """A project whose five notebooks hold a cell or two each, so that the runner can be tried."""
    import tiny_project

    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(PROJECT / "run_all.py", folder)
    (folder / "hcr").symlink_to(PROJECT / "hcr", target_is_directory=True)
    tiny_project.write(folder)
    return folder

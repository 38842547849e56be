"""Google Colab: the project from where it lies, packages beside Colab's own, a run in a cell."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from conftest import PROJECT

from hcr.errors import RunError
from hcr.pipeline import colab

STAND_IN = Path(__file__).resolve().parent / "stand_in"
RUN_ALL = """
import os, sys, time
try:
    print("héllo", sys.argv[1:], flush=True)
    print("to the other stream", file=sys.stderr, flush=True)
    time.sleep(float(os.environ.get("SLEEPS", 0)))
except KeyboardInterrupt:
    sys.exit("Interrupted once.")
sys.exit(int(os.environ.get("CODE", 0)))
"""
# In place of pip: it notes what it was asked for, and installs the package or fails.
PIP = """
import json, os, pathlib, shutil, sys
site = pathlib.Path(os.environ["SITE"])
held = pathlib.Path(sys.argv[sys.argv.index("--constraint") + 1]).read_text()
(site / "asked.json").write_text(json.dumps([sys.argv[1:], held]))
if os.environ.get("REASON"):
    sys.exit("WARNING: no.\\n" + os.environ["REASON"] + "\\nERROR: ResolutionImpossible: see there")
shutil.copytree(site / "store", site, dirs_exist_ok=True)
"""


def write_package(site: Path, name: str, version: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def write_project(folder: Path, python: str) -> None:
    wanted = '["brought>=1", "lacked>=2", "jupyterlab>=4"]'
    text = f'[project]\nrequires-python = "{python}"\ndependencies = {wanted}\n'
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def test_what_is_lacking_is_installed_beside_the_rest(tmp_path, monkeypatch, capsys):
    site = tmp_path / "site"
    write_package(site, "Brought", "1.5")
    write_package(site / "store", "lacked", "2.0")
    (site / "pip").mkdir()
    (site / "pip" / "__main__.py").write_text(PIP)
    (site / "pip" / "__init__.py").touch()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("SITE", str(site))
    write_project(tmp_path, ">=3.11,<3.99")
    colab.install(tmp_path)
    arguments, held = json.loads((site / "asked.json").read_text())
    assert arguments[0] == "install"
    assert arguments[-2:] == ["brought>=1", "lacked>=2"]  # Colab takes JupyterLab's place
    assert "--upgrade" not in arguments
    assert "brought==1.5\n" in held
    assert "lacked 2.0" in capsys.readouterr().out
    monkeypatch.setenv("REASON", "ERROR: Cannot install lacked beside brought.")
    with pytest.raises(RunError, match="pip said: Cannot install lacked beside brought"):
        colab.install(tmp_path)
    write_project(tmp_path, ">=3.98,<3.99")
    with pytest.raises(RunError, match="Python"):
        colab.install(tmp_path)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """The least that looks like the project."""
    folder = tmp_path / "checkout"
    (folder / "hcr").mkdir(parents=True)
    (folder / "hcr" / "__init__.py").touch()
    (folder / "run_all.py").write_text(RUN_ALL, encoding="utf-8")
    return folder


def test_a_runs_lines_are_shown_and_its_failure_stops_the_notebook(checkout, monkeypatch, capsys):
    monkeypatch.chdir(checkout)
    colab.run("params/quick.yaml", "-p", "shared.seed=1")
    machine, *lines = capsys.readouterr().out.splitlines()
    assert "GiB" in machine
    assert lines == ["héllo ['params/quick.yaml', '-p', 'shared.seed=1']", "to the other stream"]
    monkeypatch.setenv("CODE", "2")
    with pytest.raises(RunError, match="Received: 2"):
        colab.run("params/quick.yaml")


def test_an_interrupt_reaches_the_run_once(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("SLEEPS", "60")
    process = subprocess.Popen(
        [sys.executable, "-c", "from hcr.pipeline import colab; colab.run('quick.yaml')"],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONSAFEPATH": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Jobs in a shell's background ignore it, and all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "other stream" not in process.stdout.readline():
        assert process.poll() is None
    # As a terminal does it: to all of the kernel's processes.
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert rest.count("Interrupted once.") == 1
    assert rest.rstrip().endswith("KeyboardInterrupt")


def visit(content: Path, code: str, **variables: str):
    """Run `code` in the folder `content`, where `google.colab` is the stand-in's."""
    calls = content.parent / "calls"
    calls.touch()
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    own |= {"PYTHONPATH": str(STAND_IN), "PYTHONSAFEPATH": "1", "COLAB_CALLS": str(calls)}
    own |= {"COLAB_DRIVE": str(content.parent / "drive"), **variables}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=content, env=own, capture_output=True, text=True)
    return done, [json.loads(line)[0] for line in calls.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["clone", "zip", "upload", "drive", "none"])
def test_the_notebook_gets_the_project_from_where_it_lies(kind, checkout, tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    variables, project, calls = {}, "nothing.zip", []
    if kind == "clone":
        git = ["git", "-C", str(checkout), "-c", "user.name=n", "-c", "user.email=e@example.org"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
            subprocess.run([*git, *command], check=True)
        project = checkout.as_uri()
    elif kind in ("zip", "upload"):
        path = tmp_path / "hcr.zip" if kind == "upload" else content / "hcr.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for each in checkout.rglob("*"):
                archive.write(each, f"hcr-main/{each.relative_to(checkout)}")
        project, variables = ("hcr.zip", {}) if kind == "zip" else ("", {"COLAB_UPLOAD": str(path)})
        calls = ["files.upload"] if kind == "upload" else []
    elif kind == "drive":
        (tmp_path / "drive" / "deep").mkdir(parents=True)
        checkout.rename(tmp_path / "drive" / "deep" / "hcr")
        project, calls = "deep/hcr", ["drive.mount"]
    notebook = nbformat.read(PROJECT / "notebooks" / "colab.ipynb", as_version=4)
    parameters, get, find, *_ = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    code = [parameters, f"project = {project!r}", get, find, "import hcr; print(hcr.__file__)"]
    done, asked = visit(content, "\n".join(code), **variables)
    assert asked == calls
    if kind == "none":
        assert "UsageError" in done.stderr
        assert project in done.stderr
    else:
        assert Path(done.stdout.strip()).is_relative_to(content), done.stderr


@pytest.mark.parametrize("kept", [True, False])
def test_results_and_drawings_are_kept_in_drive_or_end_with_the_runtime(kept, tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    (tmp_path / "drive").mkdir()
    code = (
        "import os; from hcr import runs; from hcr.pipeline import colab\n"
        f"{'colab.keep(chr(109))' if kept else 'pass'}\ncolab.keep_drawings()\n"
        "print(runs.outputs(), os.environ['HCR_DRAWINGS'], sep='\\n')"
    )
    paths = os.pathsep.join([str(STAND_IN), str(PROJECT), *sys.path])
    empty = {"HCR_DRAWINGS": "", "HCR_OUTPUTS": ""}
    done, _ = visit(content, code, PYTHONPATH=paths, **empty)
    said, outputs, drawings = done.stdout.splitlines()
    folder = content / "drive" / "MyDrive" / "m" if kept else content
    assert drawings == str(folder / "drawings")
    assert ("end with this runtime" in said) != kept
    assert not kept or Path(outputs) == (folder / "outputs").resolve()

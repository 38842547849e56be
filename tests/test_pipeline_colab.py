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
# In place of pip: it lists what the site has, and notes what it is asked to install or fails.
PIP = """
import json, os, pathlib, sys
site = pathlib.Path(os.environ["SITE"])
if "list" in sys.argv:
    print((site / "listed.txt").read_text())
    sys.exit()
held = pathlib.Path(sys.argv[sys.argv.index("--constraint") + 1]).read_text()
(site / "asked.json").write_text(json.dumps([sys.argv[1:], held]))
if os.environ.get("REASON"):
    sys.exit("WARNING: no.\\n" + os.environ["REASON"] + "\\nERROR: ResolutionImpossible: see there")
with (site / "listed.txt").open("a") as file:
    file.write("lacked==2.0")
"""


def test_what_is_lacking_is_installed_beside_the_rest(tmp_path, monkeypatch, capsys):
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text(PIP)
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "listed.txt").write_text("brought==1.5\nodd===2 of 3\n")
    wanted = '["brought>=1", "lacked>=2", "jupyterlab>=4"]'
    (tmp_path / "pyproject.toml").write_text(f"[project]\ndependencies = {wanted}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SITE", str(tmp_path))
    colab.install(tmp_path)
    arguments, held = json.loads((tmp_path / "asked.json").read_text())
    assert "install" in arguments
    assert arguments[-2:] == ["brought>=1", "lacked>=2"]  # Colab takes JupyterLab's place
    assert "--upgrade" not in arguments
    assert "brought==1.5" in held.splitlines()
    assert "lacked==2.0" in capsys.readouterr().out
    monkeypatch.setenv("REASON", "ERROR: Cannot install lacked beside brought.")
    with pytest.raises(RunError, match="Cannot install lacked beside brought"):
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


@pytest.mark.parametrize("kind", ["clone", "upload", "drive", "none"])
def test_the_notebook_gets_the_project_from_where_it_lies(kind, checkout, tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    variables, project, calls = {}, "nothing.zip", []
    if kind == "clone":
        git = ["git", "-C", str(checkout), "-c", "user.name=n", "-c", "user.email=e@example.org"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
            subprocess.run([*git, *command], check=True)
        project = checkout.as_uri()
    elif kind == "upload":
        with zipfile.ZipFile(tmp_path / "hcr.zip", "w") as archive:
            for each in checkout.rglob("*"):
                archive.write(each, f"hcr-main/{each.relative_to(checkout)}")
        project, variables = "", {"COLAB_UPLOAD": str(tmp_path / "hcr.zip")}
        calls = ["files.upload"]
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


@pytest.mark.parametrize("folder", ["m", ""])
def test_results_and_drawings_are_kept_in_drive_or_end_with_the_runtime(folder, tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    (tmp_path / "drive").mkdir()
    code = (
        "import os; from hcr import runs; from hcr.pipeline import colab\n"
        f"colab.keep({folder!r})\nprint(runs.outputs(), os.environ['HCR_DRAWINGS'], sep='\\n')"
    )
    paths = os.pathsep.join([str(STAND_IN), str(PROJECT), *sys.path])
    done, _ = visit(content, code, PYTHONPATH=paths, HCR_DRAWINGS="", HCR_OUTPUTS="")
    said, outputs, drawings = done.stdout.splitlines()
    place = content / "drive" / "MyDrive" / folder if folder else PROJECT.parent
    assert Path(drawings) == place / "drawings"
    assert Path(outputs) == ((place if folder else PROJECT) / "outputs").resolve()
    assert drawings in said

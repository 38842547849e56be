"""Google Colab, as far as it can be had elsewhere: a stand-in for it, and for pip."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from hcr import pipeline
from hcr.errors import RunError
from hcr.pipeline import colab

PROJECT = Path(__file__).resolve().parents[1]
STAND_IN = PROJECT / "tests" / "stand_in"


def wanted(*texts: str) -> list[Requirement]:
    return [Requirement(text) for text in texts]


def names(found: list[Requirement]) -> list[str]:
    return [each.name for each in found]


# What is lacking


def test_only_what_is_not_there_is_lacking():
    there = {"numpy": "2.1.3", "ruamel-yaml": "0.18.6", "keras": "3.14.0rc1"}
    asked = wanted("numpy>=2.0", "ruamel.yaml>=0.18", "Hershey-Fonts>=2.1", "keras>=3.13,<4")
    assert names(colab.lacking(asked, there)) == ["Hershey-Fonts"]


def test_what_colab_brings_is_not_replaced_but_complained_of():
    there = {"keras": "3.10.0", "numpy": "1.26.4", "pandas": "2.2.2"}
    with pytest.raises(RunError) as caught:
        colab.lacking(wanted("keras>=3.13,<4", "numpy>=2.0", "pandas>=2.2", "papermill"), there)
    message = str(caught.value)
    assert "keras<4,>=3.13 (here: 3.10.0), numpy>=2.0 (here: 1.26.4)" in message
    assert "pandas" not in message
    assert "\n" not in message


def test_requirements_are_the_projects_but_for_what_colab_is_itself():
    found = names(colab.requirements(PROJECT))
    assert {"ipycanvas", "papermill", "tensorflow", "packaging"} <= set(found)
    assert "jupyterlab" not in found


def test_requirements_of_other_systems_are_left_out(tmp_path):
    write_project(tmp_path, "here", 'there; sys_platform == "nowhere"')
    assert names(colab.requirements(tmp_path)) == ["here"]


def test_another_python_is_told_in_a_line(tmp_path):
    write_project(tmp_path, python=">=4")
    with pytest.raises(RunError, match=r"^hcr needs Python >=4\. Received: Python 3\.\d+\.\d+\. "):
        colab.requirements(tmp_path)


def test_every_version_is_held_that_pip_can_read():
    there = {"torch": "2.11.0+cpu", "distro-info": "1.1ubuntu0.2", "numpy": "2.1.3"}
    assert colab.constraints(there) == "torch==2.11.0+cpu\nnumpy==2.1.3\n"


def test_the_first_on_the_path_is_what_python_takes(tmp_path, monkeypatch):
    for folder, version in (("second", "2.0"), ("first", "1.0")):
        write_package(tmp_path / folder, "A_package.there", version)
        monkeypatch.syspath_prepend(tmp_path / folder)
    assert colab.installed()["a-package-there"] == "1.0"


# Installing


def write_project(folder: Path, *dependencies: str, python: str = ">=3.11") -> None:
    text = f'[project]\nrequires-python = "{python}"\ndependencies = {json.dumps(dependencies)}\n'
    (folder / "pyproject.toml").write_text(text.replace('\\"', "'"), encoding="utf-8")


def write_package(site: Path, name: str, version: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


PIP = """
import json, os, pathlib, shutil, sys

site = pathlib.Path(os.environ["SITE"])
arguments = sys.argv[1:]
held = pathlib.Path(arguments[arguments.index("--constraint") + 1]).read_text()
(site / "asked.json").write_text(json.dumps([arguments, held]))
if os.environ.get("REASON"):
    sys.exit("WARNING: no.\\n" + os.environ["REASON"] + "\\nERROR: ResolutionImpossible: see there")
if os.environ.get("REPLACES"):
    (site / "brought-1.5.dist-info").rename(site / "brought-1.6.dist-info")
    path = site / "brought-1.6.dist-info" / "METADATA"
    path.write_text(path.read_text().replace("1.5", "1.6"))
shutil.copytree(site / "store", site, dirs_exist_ok=True)
"""


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder of packages on Python's path, and a pip that installs there what is asked for."""
    found = tmp_path / "site"
    write_package(found, "brought", "1.5")
    write_package(found / "store", "lacked", "2.0")
    (found / "pip").mkdir()
    (found / "pip" / "__main__.py").write_text(PIP)
    (found / "pip" / "__init__.py").touch()
    monkeypatch.syspath_prepend(found)
    monkeypatch.setenv("PYTHONPATH", str(found))
    monkeypatch.setenv("SITE", str(found))
    write_project(tmp_path, "brought>=1", "lacked>=2")
    return found


def test_what_is_lacking_is_installed_beside_the_rest(site, tmp_path, capsys):
    colab.install(tmp_path)
    arguments, held = json.loads((site / "asked.json").read_text())
    assert arguments[0] == "install"
    assert arguments[-1] == "lacked>=2"
    assert "--upgrade" not in arguments
    assert "brought==1.5\n" in held
    assert f"packaging=={colab.installed()['packaging']}\n" in held
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Installing lacked ..."
    assert second.endswith(" stays as it is: lacked 2.0.")


def test_the_second_time_nothing_is_asked_of_pip(site, tmp_path, capsys):
    colab.install(tmp_path)
    (site / "asked.json").unlink()
    capsys.readouterr()
    colab.install(tmp_path)
    assert capsys.readouterr().out == "Every package that is needed is here.\n"
    assert not (site / "asked.json").exists()


def test_what_pip_cannot_do_is_told_in_a_line(site, tmp_path, monkeypatch):
    monkeypatch.setenv("REASON", "ERROR: Cannot install lacked beside brought.")
    with pytest.raises(RunError) as caught:
        colab.install(tmp_path)
    assert "pip said: Cannot install lacked beside brought. Choose another" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pip_that_replaces_something_is_caught(site, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLACES", "1")
    with pytest.raises(RunError, match=r"It replaced: brought 1\.5\. "):
        colab.install(tmp_path)


# The run


RUN_ALL = """
import os, sys, time

print("héllo", sys.argv[1:], flush=True)
try:
    print("to the other stream", file=sys.stderr, flush=True)
    time.sleep(float(os.environ.get("SLEEPS", 0)))
except KeyboardInterrupt:
    print("Interrupted once.", flush=True)
    sys.exit(130)
sys.exit(int(os.environ.get("CODE", 0)))
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """The least that looks like the project."""
    folder = tmp_path / "checkout"
    (folder / "hcr").mkdir(parents=True)
    (folder / "hcr" / "__init__.py").touch()
    (folder / "run_all.py").write_text(RUN_ALL, encoding="utf-8")
    return folder


def test_a_runs_lines_are_shown(checkout, monkeypatch, capsys):
    monkeypatch.chdir(checkout)
    colab.run("params/quick.yaml", "-p", "shared.seed=1")
    machine, *lines = capsys.readouterr().out.splitlines()
    assert re.search(r"^\d+ cores, [\d.]+ GiB, .+\.$", machine)
    assert lines == ["héllo ['params/quick.yaml', '-p', 'shared.seed=1']", "to the other stream"]


@pytest.mark.parametrize(("gpu", "said"), [("Tesla T4", ", Tesla T4."), (None, ", no GPU (")])
def test_a_gpu_is_named(checkout, monkeypatch, capsys, gpu, said):
    hardware = {"cores": 2, "memory_gib": 12.7, "gpu": gpu}
    monkeypatch.setattr(colab.environment, "hardware", lambda: hardware)
    monkeypatch.chdir(checkout)
    colab.run("params/quick.yaml")
    assert said in capsys.readouterr().out.splitlines()[0]


def test_a_run_that_fails_stops_the_notebook(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("CODE", "2")
    with pytest.raises(RunError, match=r"must end with 0\. Received: 2\. "):
        colab.run("params/quick.yaml")


def test_an_interrupt_reaches_the_run_once(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("SLEEPS", "60")
    process = subprocess.Popen(
        [sys.executable, "-c", "from hcr import colab; colab.run('quick.yaml')"],
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
    rest, _ = process.communicate(timeout=30)
    assert rest.count("Interrupted once.") == 1
    assert rest.rstrip().endswith("KeyboardInterrupt")


# The notebook


def cells(name: str) -> list[str]:
    notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def content(tmp_path) -> Path:
    """The folder that Colab works in."""
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


def visit(content: Path, code: str, **variables: str):
    """Run `code` in the folder `content`, where `google.colab` is the stand-in's."""
    calls = content.parent / "calls"
    calls.touch()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=content,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            "PYTHONPATH": str(STAND_IN),
            "PYTHONSAFEPATH": "1",
            "COLAB_CALLS": str(calls),
            "COLAB_DRIVE": str(content.parent / "drive"),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    asked = [json.loads(line)[0] for line in calls.read_text().splitlines()]
    return done, asked


SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell

for name in %r:
    sys.modules[name] = None  # it is not installed

def answer(shell, etype, value, tb, tb_offset=None):
    print("NOTE: If your import is failing due to a missing package ...")

shell = InteractiveShell.instance()
# Colab answers every ImportError itself, with a traceback and advice of its own.
shell.set_custom_exc((ImportError,), answer)
for source in %r:
    if not shell.run_cell(source).success:
        sys.exit(1)
"""


def shown(content: Path, *sources: str, lacking: str = "hcr") -> tuple[int, str]:
    """Run cells in IPython where the package `lacking` is not; the exit code and what is shown."""
    home = str(content.parent / "ipython")
    done, _ = visit(content, SHELL % ([lacking], sources), IPYTHONDIR=home)
    return done.returncode, done.stdout + done.stderr


def up_to_the_path(project: str) -> list[str]:
    """The cells of `colab.ipynb` that get the `project`."""
    parameters, *following = cells("colab")
    last = next(i for i, source in enumerate(following) if "sys.path" in source)
    return [parameters, f"project = {project!r}", *following[: last + 1]]


def got(content: Path, project: str, **variables: str):
    """What the cells up to the packages find as the project, what they say, what they ask for."""
    code = "\n".join(up_to_the_path(project))
    done, asked = visit(content, f"{code}\nimport hcr\nprint(hcr.__file__)", **variables)
    found = Path(done.stdout.strip()).parents[1] if done.stdout else None
    return found, done.stderr.strip(), asked


def zipped(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for each in folder.rglob("*"):
            archive.write(each, f"{top}{each.relative_to(folder)}")
    return path


def test_the_project_from_a_clone_url(checkout, content):
    git = ["git", "-C", str(checkout), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run([*git, *command], check=True)
    assert got(content, checkout.as_uri()) == (content / "checkout", "", [])
    (content / "checkout" / "mine.txt").touch()
    # The second time it stays as it is.
    assert got(content, checkout.as_uri()) == (content / "checkout", "", [])
    assert (content / "checkout" / "mine.txt").exists()


@pytest.mark.parametrize("top", ["", "hcr-main/"])
def test_the_project_from_a_zip_in_the_files_panel(checkout, content, top):
    zipped(checkout, content / "hcr.zip", top)
    assert got(content, "hcr.zip") == (content / "hcr" / top, "", [])


def test_the_project_from_a_zip_that_is_asked_for(checkout, content):
    path = zipped(checkout, content.parent / "mine.zip", "hcr-main/")
    found, said, asked = got(content, "", COLAB_UPLOAD=str(path))
    assert (found, said, asked) == (content / "mine" / "hcr-main", "", ["files.upload"])


def test_the_project_from_a_folder_in_drive(checkout, content):
    drive = content.parent / "drive" / "deep"
    drive.mkdir(parents=True)
    checkout.rename(drive / "hcr")
    found, said, asked = got(content, "deep/hcr")
    assert (found, said, asked) == (
        content / "drive" / "MyDrive" / "deep" / "hcr", "", ["drive.mount"]
    )  # fmt: skip


@pytest.mark.parametrize("project", ["", "no.zip", "bad.zip", "file:///no/where", "nothing"])
def test_a_project_that_is_not_there_is_told_in_a_line(content, project):
    (content.parent / "drive").mkdir()
    (content / "bad.zip").write_text("no zip")
    code, told = shown(content, *up_to_the_path(project), "print('It goes on.')")
    assert code == 1
    *others, line = told.splitlines()
    told = "UsageError: project must be a clone URL, an uploaded zip or a folder in Drive"
    assert line.startswith(told)
    assert f"Received: {project!r}" in line
    # git says besides why it did not get it.
    assert others == [] or ("://" in project and others[0].startswith("fatal: "))
    assert not any("Traceback" in each for each in others)


def test_elsewhere_the_notebook_says_what_to_use(content):
    code, told = shown(content, cells("colab")[1], lacking="google.colab")
    assert code == 1
    assert told == "UsageError: This notebook is for Google Colab. Here, use: uv run run_all.py\n"


@pytest.mark.parametrize("name", [*pipeline.STAGES, *pipeline.stages.ACROSS])
def test_a_notebook_that_is_opened_alone_says_how_to_get_the_project(content, name):
    parameters, setup, *_ = cells(name)
    code, told = shown(content, parameters, setup)
    assert code == 1
    assert told == "UsageError: No project here: in Google Colab, notebooks/colab.ipynb gets it.\n"


def test_results_and_drawings_are_kept_in_drive(content):
    code = (
        "import os; from hcr import colab, runs\n"
        "kept = colab.keep('my results')\n"
        "print(runs.outputs() == (kept / 'outputs').resolve())\n"
        "print(kept, os.environ['HCR_DRAWINGS'], sep='\\n')"
    )
    (content.parent / "drive").mkdir()
    paths = os.pathsep.join([str(STAND_IN), str(PROJECT), *sys.path])
    done, asked = visit(content, code, PYTHONPATH=paths)
    kept = content / "drive" / "MyDrive" / "my results"
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True", str(kept), str(kept / "drawings")]
    assert asked == ["drive.mount"]
    assert (content.parent / "drive" / "my results" / "outputs").is_dir()


def drawings_kept(content: Path, first: str = "", project: Path = PROJECT) -> tuple[Path, str]:
    """The file that a drawing goes to after `colab.keep_drawings()`, and what that said."""
    code = (
        f"from hcr import colab, drawings\n{first}\ncolab.keep_drawings()\n"
        "kept = drawings.append('a', [[(1, 2), (3, 4)]], size=280)\n"
        "print(kept.path, drawings.count())"
    )
    (content.parent / "drive").mkdir(exist_ok=True)
    paths = os.pathsep.join([str(STAND_IN), str(project), *sys.path])
    # Whatever goes wrong, nobody's own drawings are added to.
    nowhere = {"HCR_DRAWINGS": "", "HCR_OUTPUTS": "", "XDG_DATA_HOME": str(content.parent / "home")}
    done, _ = visit(content, code, PYTHONPATH=paths, **nowhere)
    assert done.stderr == ""
    told, kept = done.stdout.splitlines()
    file, count = kept.rsplit(" ", 1)
    assert count == "1"
    named = re.search(r"go to (.+?), (?:in|on) ", told)[1]
    assert Path(named).resolve() == Path(file).parent
    return Path(file), told


def test_drawings_end_with_the_runtime_where_no_drive_keeps_them_and_that_is_said(content):
    file, told = drawings_kept(content)
    assert file == content / "drawings" / "drawings.jsonl"
    assert json.loads(file.read_text())["character"] == "a"
    assert "on this runtime's disk, and end with it." in told


def test_drawings_go_to_drive_where_the_results_do(content):
    file, told = drawings_kept(content, "colab.keep('mine')")
    assert file == content.parent / "drive" / "mine" / "drawings" / "drawings.jsonl"
    assert told.endswith(", in your Drive.")


def test_drawings_go_beside_a_project_that_is_in_drive(content):
    drive = content.parent / "drive"
    drive.mkdir()
    shutil.copytree(PROJECT / "hcr", drive / "hcr" / "hcr", ignore=shutil.ignore_patterns("*.tf*"))
    shutil.copy(PROJECT / "run_all.py", drive / "hcr")
    first = "import google.colab; google.colab.drive.mount('drive')"
    file, told = drawings_kept(content, first, drive / "hcr")
    assert file == drive / "hcr-drawings" / "drawings.jsonl"
    assert told.endswith(", in your Drive.")


def test_the_notebook_ends_with_the_pad_for_which_widgets_are_allowed_and_that_can_be_taught():
    last = cells("colab")[-1]
    assert last.index("enable_custom_widget_manager()") < last.index("Pad(")
    assert last.index("colab.keep_drawings()") < last.index("Pad(")
    assert re.fullmatch(r"Pad\(.+, drawings\)", last.splitlines()[-1])

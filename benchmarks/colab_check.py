"""Runs notebooks/colab.ipynb as Colab would: `uv run benchmarks/colab_check.py PIP_FREEZE`.

PIP_FREEZE is the list of versions that Colab publishes, pip-freeze.txt of googlecolab/backend-info.
Its packages that the project depends on are installed at these versions into an environment of
their own, where `google.colab` is a stand-in and nothing of the project is installed. There the
notebook is run three times: from an uploaded zip; in a runtime that was made anew, from a clone
URL; and in another one, from a folder in Drive. The results are kept in Drive.

Not Colab's are the machine, the browser, the Drive, and what packages have nothing to do with it.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import nbformat

PROJECT = Path(__file__).resolve().parents[1]
STAND_IN = PROJECT / "tests" / "stand_in"
KERNEL = "colab"
# What Colab's kernel needs, beside what the project does.
ITS_OWN = ["google-auth", "ipyparallel", "ipython", "notebook", "portpicker", "requests", "tornado"]
STAGES = 5
TEACH = """
import ipywidgets
from hcr import recognizer
from hcr.datasets import drawings_file as drawings
from hcr.preprocessing import synthesis
from hcr.pad import Pad

pad = Pad(recognizer.choices(recognizer.Recognizer.load()), drawings)
named = {getattr(each, "description", ""): each for each in ipywidgets.Widget.widgets.values()}
best = pad.replay([stroke * 200 + 40 for stroke in synthesis.character("8", 0)])
named["You meant"].value = "8"
named["Keep"].click()
print(ipywidgets.__version__, best[0][0], len(drawings.read()), len(pad.strokes), pad.error)
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("freeze", type=Path, help="Colab's pip-freeze.txt")
    parser.add_argument("--python", default="3.13", help="which Python, as uv names it")
    parser.add_argument("--project", type=Path, default=PROJECT, help="a git checkout of it")
    parser.add_argument("--content", type=Path, default=Path("/content"), help="Colab's folder")
    parser.add_argument("--leave", type=Path, help="where the executed notebooks are left")
    options = parser.parse_args()
    if options.content.exists():
        sys.exit(f"{options.content} must not exist yet: it is made, and deleted at the end.")
    options.content.mkdir(parents=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            check(options, Path(folder))
    finally:
        shutil.rmtree(options.content)


def check(options: argparse.Namespace, folder: Path) -> None:
    """Make the environment in `folder` and run the notebook in it, three times."""
    python = environment(options.freeze, options.python, folder)
    before = versions(python)
    print(f"{len(before) - 1} packages at Colab's versions, Python {before['python']}.", flush=True)
    (folder / "drive").mkdir()
    # What git holds, and nothing else: neither caches nor another run's outputs.
    archive = folder / "hcr.zip"
    git(options.project, "archive", "--format=zip", "--prefix=hcr-main/", f"-o{archive}", "HEAD")
    git(folder, "clone", "--quiet", str(options.project), str(folder / "drive" / "hcr"))

    visit = Visit(python, options, folder)
    text = visit.run("zip", archive, project="", keep_in="results")
    after = versions(python)
    changed = {name: after.get(name) for name in before if after.get(name) != before[name]}
    assert not changed, f"replaced: {changed}"
    added = {name: after[name] for name in after.keys() - before.keys()}
    assert added.keys() & {"papermill", "ipycanvas"}
    assert "hcr" not in after
    print(f"Nothing was replaced. Added: {json.dumps(added, sort_keys=True)}")
    assert len(re.findall(r": done in ", text)) == STAGES
    assert "epoch 8/8" in text

    assert "/results/drawings. " in text
    visit.teach()

    for name, project in {"clone": options.project.as_uri(), "folder": "hcr"}.items():
        shutil.rmtree(options.content)
        options.content.mkdir()
        text = visit.run(name, None, project=project, keep_in="results")
        assert len(re.findall(r": up to date, kept", text)) == STAGES
        assert "nothing, all is here" in text
        assert versions(python) == after
    print("Resumed from Drive in a new folder, from a clone URL and from a folder in Drive.")


class Visit:
    """Runs of the notebook in one environment and with one Drive."""

    def __init__(self, python: Path, options: argparse.Namespace, folder: Path) -> None:
        self.python, self.options, self.folder = python, options, folder
        kernel = folder / "jupyter" / "kernels" / KERNEL
        kernel.mkdir(parents=True)
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    def run(self, name: str, upload: Path | None, **parameters: str) -> str:
        """Run the notebook with `parameters`; return all that it printed."""
        calls, output = self.folder / f"{name}.calls", self.folder / f"{name}.ipynb"
        variables = {key: value for key, value in os.environ.items() if not key.startswith("HCR_")}
        variables |= {
            "JUPYTER_PATH": str(self.folder / "jupyter"),
            "PYTHONPATH": str(STAND_IN),
            "COLAB_CALLS": str(calls),
            "COLAB_DRIVE": str(self.folder / "drive"),
            "COLAB_UPLOAD": str(upload or ""),
            "HCR_CACHE": str(self.folder / "cache" / name),
        }
        given = [text for key, value in parameters.items() for text in ("-r", key, value)]
        started = time.monotonic()
        papermill = [sys.executable, "-m", "papermill", "--kernel", KERNEL, "--no-progress-bar"]
        subprocess.run(
            [*papermill, *given, PROJECT / "notebooks" / "colab.ipynb", output],
            cwd=self.options.content,
            env=variables,
            check=True,
        )
        seconds = time.monotonic() - started
        if self.options.leave:
            self.options.leave.mkdir(parents=True, exist_ok=True)
            shutil.copy(output, self.options.leave)
        asked = [json.loads(line)[0] for line in calls.read_text(encoding="utf-8").splitlines()]
        print(f"{name}: {seconds:.0f} s; asked of Colab: {', '.join(asked)}", flush=True)
        assert ("files.upload" in asked) == (upload is not None)
        assert asked[-1] == "output.enable_custom_widget_manager"
        cells = nbformat.read(output, as_version=4).cells
        shown = [each for cell in cells for each in cell.get("outputs", [])]
        assert "application/vnd.jupyter.widget-view+json" in shown[-1].data
        assert sum("<iframe" in each.get("data", {}).get("text/html", "") for each in shown) == 1
        return "".join(each.text for each in shown if each.output_type == "stream")

    def teach(self) -> None:
        """Keep a drawing in Drive through the pad's own controls."""
        place = self.folder / "drive" / "results" / "drawings"
        done = subprocess.run(
            [self.python, "-c", TEACH],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "HCR_DRAWINGS": str(place)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        version, best, *rest = done.stdout.split()
        assert rest == ["1", "0", "None"], done.stdout
        assert json.loads((place / "drawings.jsonl").read_text())["character"] == "8"
        print(
            f"Taught, with ipywidgets {version}: a drawing read as {best}, kept as 8.", flush=True
        )


def environment(freeze: Path, python: str, folder: Path) -> Path:
    """An environment with what Colab has of what the project depends on; returns its Python."""
    listed = [line.strip() for line in freeze.read_text(encoding="utf-8").splitlines()]
    colabs = {key(line): line for line in listed if re.match(r"[\w.-]+==", line)}
    limits, wanted = folder / "limits.txt", folder / "wanted.txt"
    limits.write_text("\n".join(colabs.values()), encoding="utf-8")
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    # Colab takes JupyterLab's place.
    dependencies = table["project"]["dependencies"]
    needed = [each for each in dependencies if not each.startswith("jupyterlab")]
    wanted.write_text("\n".join([*needed, *ITS_OWN]), encoding="utf-8")
    place = folder / "env"
    uv("venv", "--quiet", "--seed", "--python", python, str(place))
    found = place / "bin" / "python"
    # In the folder, for in the project uv heeds the constraints of pyproject.toml's tool.uv.
    plain = ["--quiet", "--directory", str(folder), "--python", str(found)]
    shape = ["--no-annotate", "--no-header", "--constraint", str(limits)]
    compiled = uv("pip", "compile", *plain, *shape, str(wanted))
    pinned = [colabs[key(line)] for line in compiled.split("\n") if key(line) in colabs]
    assert len(pinned) > 100
    always = [colabs[name] for name in ("pip", "setuptools")]
    uv("pip", "install", *plain, "--no-deps", *pinned, *always)
    return found


def key(line: str) -> str:
    """The name of a package, as in a line `name==version`, in the form that is compared."""
    return re.sub(r"[-_.]+", "-", line.split("==")[0].strip()).lower()


def versions(python: Path) -> dict[str, str]:
    """The version of every package that `python` has, and its own."""
    code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    own = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    found = json.loads(uv("pip", "list", "--format=json", "--python", str(python)))
    return {each["name"].lower(): each["version"] for each in found} | {"python": own.strip()}


def uv(*arguments: str) -> str:
    """What `uv` prints; the program ends where it fails."""
    done = subprocess.run(["uv", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder`."""
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


if __name__ == "__main__":
    main()

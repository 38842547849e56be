"""Google Colab: what it lacks is installed beside what it brings; a run is watched in a cell.

Needs the standard library alone, because it is there before the other packages.
"""

import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from hcr.errors import RunError
from hcr.runs import environment

SPARED = "jupyterlab"  # Colab takes its place


def install(project: Path | None = None) -> None:
    """Install with pip what the project needs and Colab lacks; say so in a line.

    Whatever is there keeps its version, so that no restart is called for. Raises `RunError` where
    pip finds none that go with the versions that Colab brings, or fails.
    """
    path = (project or environment.root()) / "pyproject.toml"
    wanted = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]
    wanted = [each for each in wanted if re.match(r"[\w.-]+", each)[0] != SPARED]
    before = {each for each in _pip("list", "--format=freeze").split() if "===" not in each}
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "constraints.txt"
        kept.write_text("\n".join(sorted(before)), encoding="utf-8")
        _pip("install", "--quiet", "--root-user-action=ignore", "--constraint", str(kept), *wanted)
    importlib.invalidate_caches()
    added = sorted({*_pip("list", "--format=freeze").split()} - before)
    print(f"Installed beside what Colab brings: {', '.join(added) or 'nothing, all is here'}.")


def _pip(*arguments: str) -> str:
    """What pip prints; raises `RunError` with its first error where it fails."""
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = re.findall(r"^ERROR: (.+?)\.?$", done.stderr, re.M) or [done.stderr[-200:]]
        rule = "What Colab lacks must fit beside what it brings, which is not replaced"
        raise RunError(f"{rule}. pip said: {lines[0]}. Choose another runtime version.")
    return done.stdout


def keep(folder: str) -> None:
    """Keep runs and drawings in `folder` in the user's Drive, which Colab asks leave to open.

    Where it is empty, runs stay in the project, and drawings beside it.
    """
    place = environment.root().parent
    if folder:
        from google.colab import drive

        drive.mount(str(Path.cwd() / "drive"))
        place = Path.cwd() / "drive" / "MyDrive" / folder
        (place / "outputs").mkdir(parents=True, exist_ok=True)
        os.environ[environment.OUTPUTS_VARIABLE] = str(place / "outputs")
    os.environ[environment.DRAWINGS_VARIABLE] = str(place / "drawings")
    print(
        f"Drawings that you keep in the pad go to {place / 'drawings'}. What does not lie in your "
        "Drive ends with this runtime: keep_in names a folder there."
    )


def run(params_file: str, *options: str) -> None:
    """Run `run_all.py` with a params file and further options; print its lines as they come.

    Raises `RunError` where it ended with another code than 0, and `KeyboardInterrupt` where the
    cell was interrupted; the run goes on the next time.
    """
    machine = environment.hardware()
    gpu = machine["gpu"] or "no GPU (Runtime > Change runtime type may have one)"
    print(f"{machine['cores']} cores, {machine['memory_gib']} GiB, {gpu}.", flush=True)
    command = [sys.executable, "run_all.py", params_file, *options]
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    # In a session of its own an interrupt reaches it once, from here, whomever it is sent to.
    pipes |= {"encoding": "utf-8", "errors": "replace", "start_new_session": True}
    child = subprocess.Popen(command, cwd=environment.root(), env=variables, **pipes)
    try:
        for line in child.stdout:
            print(line, end="", flush=True)
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        print(child.stdout.read(), end="", flush=True)
        child.wait()
        raise
    if child.wait():
        rule = f"run_all.py {params_file} must end with 0"
        raise RunError(f"{rule}. Received: {child.returncode}. Its last lines say why.")

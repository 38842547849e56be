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
from importlib.metadata import distributions
from pathlib import Path

from hcr.errors import RunError
from hcr.runs import environment

SPARED = "jupyterlab"  # Colab takes its place
KEPT = {"outputs": "HCR_OUTPUTS", "drawings": "HCR_DRAWINGS"}
VERSION = r"\d+(\.\d+)*((a|b|rc|\.post|\.dev)\d+)*(\+[\w.]+)?"  # as pip reads it
RUNTIME = "Choose another under Runtime > Change runtime type > Runtime version."


def install(project: Path | None = None) -> None:
    """Install with pip what the project needs and Colab lacks; say so in a line.

    Whatever is there keeps its version, so that no restart is called for. Raises `RunError` where
    that is impossible because of a version that Colab brings, or pip failed.
    """
    path = (project or environment.root()) / "pyproject.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    low, high = (
        tuple(map(int, each)) for each in re.findall(r"(\d+)\.(\d+)", table["requires-python"])
    )
    if not low <= sys.version_info[:2] < high:
        python = ".".join(map(str, sys.version_info[:3]))
        raise RunError(
            f"hcr needs Python {table['requires-python']}. Received: {python}. {RUNTIME}"
        )
    wanted = [each for each in table["dependencies"] if re.match(r"[\w.-]+", each)[0] != SPARED]
    before = installed()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "constraints.txt"
        pins = (f"{name}=={version}\n" for name, version in before.items())
        kept.write_text("".join(pins), encoding="utf-8")
        options = ["--quiet", "--no-input", "--disable-pip-version-check"]
        options += ["--root-user-action=ignore", "--constraint", str(kept)]
        command = [sys.executable, "-m", "pip", "install", *options, *wanted]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        raise RunError(
            "What Colab lacks must fit beside what it brings, which is not replaced. "
            f"pip said: {(errors or lines[-1:])[0].rstrip('.')}. {RUNTIME}"
        )
    importlib.invalidate_caches()
    after = installed()
    added = sorted(f"{name} {version}" for name, version in after.items() if name not in before)
    print(f"Installed beside what Colab brings: {', '.join(added) or 'nothing, all is here'}.")


def installed() -> dict[str, str]:
    """The versions of the packages that are there, by their names in lower case with hyphens."""
    versions: dict[str, str] = {}
    for each in distributions():
        name, version = each.metadata["Name"], each.metadata["Version"]
        # Where one is there twice, Python takes the first on its path. pip refuses other versions.
        if name and re.fullmatch(VERSION, version or ""):
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return versions


def keep(folder: str) -> Path:
    """Keep runs and drawings in `folder` in the user's Drive, which Colab asks leave to open.

    Returns the folder, whose `outputs` takes the runs.
    """
    from google.colab import drive

    place = Path.cwd() / "drive"
    drive.mount(str(place))
    kept = place / "MyDrive" / folder
    for name, variable in KEPT.items():
        (kept / name).mkdir(parents=True, exist_ok=True)
        os.environ[variable] = str(kept / name)
    return kept


def keep_drawings() -> None:
    """Give the user's drawings a folder, where `keep` has given none, and say which it is.

    It lies beside the project where that is in Drive; else it is `drawings` in the working folder,
    where the Files panel shows it.
    """
    root, drive = environment.root().resolve(), (Path.cwd() / "drive" / "MyDrive").resolve()
    beside = root.with_name(f"{root.name}-drawings")
    default = beside if root.is_relative_to(drive) else Path.cwd() / "drawings"
    place = Path(os.environ.get(KEPT["drawings"]) or default)
    os.environ[KEPT["drawings"]] = str(place)
    lasting = place.resolve().is_relative_to(drive)
    end = "in your Drive" if lasting else (
        "and end with this runtime: to keep them, name a Drive folder as keep_in, or download the "
        "file from the Files panel"
    )  # fmt: skip
    print(f"Drawings that you keep in the pad go to {place}, {end}.")


def run(params_file: str, *options: str) -> None:
    """Run `run_all.py` with a params file and further options; print its lines as they come.

    Raises `RunError` where it ended with another code than 0, and `KeyboardInterrupt` where the
    cell was interrupted; the run goes on the next time.
    """
    machine = environment.hardware()
    gpu = machine["gpu"] or "no GPU (Runtime > Change runtime type may have one)"
    print(f"{machine['cores']} cores, {machine['memory_gib']} GiB, {gpu}.", flush=True)
    child = subprocess.Popen(
        [sys.executable, "run_all.py", params_file, *options],
        cwd=environment.root(),
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        # An interrupt reaches it once, from here, whomever the front end sends it to.
        start_new_session=True,
    )
    try:
        for line in child.stdout:
            print(line, end="", flush=True)
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        print(child.stdout.read(), end="", flush=True)
        child.wait()
        raise
    if child.wait():
        raise RunError(
            f"run_all.py {params_file} must end with 0. Received: {child.returncode}. "
            "Its last lines say why."
        )

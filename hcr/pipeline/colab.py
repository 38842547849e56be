"""Google Colab: what it lacks is installed beside what it brings; a run is watched in a cell.

Needs the standard library and `packaging` alone, because it is there before the other packages.
"""

import importlib
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hcr.errors import RunError
from hcr.runs import environment

SPARED = ("jupyterlab",)  # Colab takes its place
KEPT = {"outputs": "HCR_OUTPUTS", "drawings": "HCR_DRAWINGS"}
RUNTIME = "Choose another under Runtime > Change runtime type > Runtime version."


def install(project: Path | None = None) -> None:
    """Install with pip what the project needs and Colab lacks; say so in a line.

    Whatever is there keeps its version, so that no restart is called for.

    Args:
        project: The project's folder; by default the one that `hcr` was imported from.

    Raises:
        RunError: That is impossible, because of a version that Colab brings, or pip failed.
    """
    before = installed()
    missing = lacking(requirements(project or environment.root()), before)
    if not missing:
        print("Every package that is needed is here.")
        return
    print(f"Installing {', '.join(each.name for each in missing)} ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "constraints.txt"
        kept.write_text(constraints(before), encoding="utf-8")
        options = ["--quiet", "--no-input", "--disable-pip-version-check"]
        options += ["--root-user-action=ignore", "--constraint", str(kept)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, *map(str, missing)],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise RunError(
            "What Colab lacks must fit beside what it brings, which is not replaced. "
            f"pip said: {_reason(done.stderr).rstrip('.')}. {RUNTIME}"
        )
    importlib.invalidate_caches()
    after = installed()
    changed = [
        f"{name} {version}" for name, version in before.items() if after.get(name) != version
    ]
    if changed:
        raise RunError(
            f"pip must leave alone what Colab brings. It replaced: {', '.join(changed)}. "
            "Take Runtime > Disconnect and delete runtime, and another runtime version."
        )
    added = [f"{name} {version}" for name, version in after.items() if name not in before]
    print(f"Installed beside what Colab brings, which stays as it is: {', '.join(sorted(added))}.")


def requirements(project: Path) -> list[Requirement]:
    """What `pyproject.toml` in the folder `project` depends on here, but for what Colab spares.

    Raises `RunError` where this Python is not one of the project's.
    """
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = ".".join(map(str, sys.version_info[:3]))
    if not SpecifierSet(table["requires-python"]).contains(python, prereleases=True):
        raise RunError(
            f"hcr needs Python {table['requires-python']}. Received: Python {python}. {RUNTIME}"
        )
    found = [Requirement(text) for text in table["dependencies"]]
    return [
        each
        for each in found
        if each.name not in SPARED and (each.marker is None or each.marker.evaluate())
    ]


def installed() -> dict[str, str]:
    """The versions of the packages that are there, by their names in lower case with hyphens."""
    found: dict[str, str] = {}
    for each in distributions():
        name, version = each.metadata["Name"], each.metadata["Version"]
        # Where one is there twice, Python takes the first on its path.
        if name and version:
            found.setdefault(canonicalize_name(name), version)
    return found


def lacking(wanted: Iterable[Requirement], there: Mapping[str, str]) -> list[Requirement]:
    """Those of `wanted` of which no version is `there`.

    Raises `RunError` where another version is there than is wanted.
    """
    wanted = list(wanted)
    versions = {each.name: there.get(canonicalize_name(each.name)) for each in wanted}
    unfit = [
        f"{each} (here: {versions[each.name]})"
        for each in wanted
        if versions[each.name] is not None
        and not each.specifier.contains(versions[each.name], prereleases=True)
    ]
    if unfit:
        raise RunError(
            f"hcr needs {', '.join(unfit)}, and what Colab brings is not replaced. {RUNTIME}"
        )
    return [each for each in wanted if versions[each.name] is None]


def constraints(there: Mapping[str, str]) -> str:
    """A constraints file for pip that holds every package at the version that is `there`."""
    return "".join(f"{name}=={version}\n" for name, version in there.items() if _valid(version))


def keep(folder: str) -> Path:
    """Keep runs and one's own drawings in `folder` in one's Drive, which Colab asks leave to open.

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
    """Give one's own drawings a folder, where `keep` has given none, and say which it is.

    It lies beside the project where that is in Drive; else it is `drawings` in the working folder,
    where the Files panel shows it.
    """
    root, drive = environment.root().resolve(), (Path.cwd() / "drive" / "MyDrive").resolve()
    beside = root.with_name(f"{root.name}-drawings")
    own = beside if root.is_relative_to(drive) else Path.cwd() / "drawings"
    place = Path(os.environ.get(KEPT["drawings"]) or own)
    os.environ[KEPT["drawings"]] = str(place)
    told = f"Drawings that you keep in the pad go to {place}"
    if place.resolve().is_relative_to(drive):
        print(f"{told}, in your Drive.")
    else:
        print(
            f"{told}, on this runtime's disk, and end with it. To keep them, name a Drive folder "
            "as keep_in, or download the file from the Files panel."
        )


def run(params_file: str, *options: str) -> None:
    """Run `run_all.py` with a params file and further options; print its lines as they come.

    Raises:
        RunError: It ended with another code than 0; what it printed says why.
        KeyboardInterrupt: The cell was interrupted; the run has ended, and goes on the next time.
    """
    print(_machine(), flush=True)
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


def _machine() -> str:
    """What was found to compute with, in a line."""
    found = environment.hardware()
    gpu = found["gpu"] or "no GPU (Runtime > Change runtime type may have one)"
    return f"{found['cores']} cores, {found['memory_gib']} GiB, {gpu}."


def _reason(text: str) -> str:
    """The first line that pip calls an error, or else its last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["nothing"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines[-1:])[0]


def _valid(version: str) -> bool:
    try:
        Version(version)
    except InvalidVersion:
        return False
    return True

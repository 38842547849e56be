"""Where a run was made: the project's folder, its commit, the packages' versions, the hardware."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hcr.errors import ParameterError

CACHE_VARIABLE = "HCR_CACHE"
OUTPUTS_VARIABLE = "HCR_OUTPUTS"
DRAWINGS_VARIABLE = "HCR_DRAWINGS"

PACKAGES = (
    "hcr",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "numpy",
    "pandas",
    "scikit-learn",
    "matplotlib",
    "seaborn",
    "papermill",
    "nbconvert",
    "jupyterlab",
    "ipywidgets",
    "ipycanvas",
)


def root() -> Path:
    """The project's top folder: the nearest one at or above the working folder with `run_all.py`.

    Where there is none, the folder that holds the package `hcr`.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "run_all.py").is_file() and (folder / "hcr").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


def placed(folder: str) -> Path:
    """The absolute path of a `folder` that a variable names.

    A relative one counts from the project's top wherever in it one works, so that it means the
    same to `run_all.py` and to a notebook.
    """
    top, here = root(), Path.cwd().resolve()
    return ((top if here.is_relative_to(top) else here) / Path(folder).expanduser()).resolve()


def cache_folder() -> Path:
    """The folder for downloads, data sets in their fast form and converted models.

    `HCR_CACHE`, or the user's cache folder as the system has it; it may not exist yet.
    """
    folder = os.environ.get(CACHE_VARIABLE)
    if folder:
        return placed(folder)
    import platformdirs

    return platformdirs.user_cache_path("hcr", appauthor=False)


def outputs_folder() -> Path:
    """The folder that holds the runs: `HCR_OUTPUTS`, or `outputs/` at the project's top."""
    folder = os.environ.get(OUTPUTS_VARIABLE)
    return placed(folder) if folder else root() / "outputs"


def drawings_folder() -> Path:
    """The folder for a person's own drawings; it may not exist yet.

    `HCR_DRAWINGS`, or the user's data folder as the system has it. Raises `ParameterError` where
    it lies among the runs: who deletes these would lose the drawings.
    """
    folder = os.environ.get(DRAWINGS_VARIABLE)
    if not folder:
        import platformdirs

        return platformdirs.user_data_path("hcr", appauthor=False)
    found = placed(folder)
    if found.is_relative_to(outputs_folder()):
        raise ParameterError(
            f"{DRAWINGS_VARIABLE} must name a folder outside that of the runs, "
            f"{outputs_folder()}, so that deleting runs loses no drawing. Received: {folder}. "
            "Choose another."
        )
    return found


def facts() -> dict[str, Any]:
    """Commit, versions and hardware, as they stand in `run.json`."""
    commit, dirty = git_state()
    return {"commit": commit, "dirty": dirty, "versions": versions(), "hardware": hardware()}


def git_state() -> tuple[str | None, bool | None]:
    """The commit's 40 hexadecimal digits and whether the tree was changed; None where unknown."""
    commit = _output("git", "-C", str(root()), "rev-parse", "HEAD")
    if commit is None:
        return None, None
    return commit, bool(_output("git", "-C", str(root()), "status", "--porcelain"))


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result hangs on."""
    # Here, because it takes a fifth of the time that reading a character's import takes.
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def hardware() -> dict[str, Any]:
    """Processor, usable cores, AMX and bfloat16 or not, memory in GiB, GPU and system."""
    import psutil

    processor, flags = platform.processor() or platform.machine(), ""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                processor = value.strip()
            elif key.strip() in ("flags", "Features"):
                flags = value
    except OSError:
        pass
    return {
        "processor": processor,
        "cores": cores(),
        "amx": "amx_tile" in flags.split(),
        "bfloat16": bool({"amx_bf16", "avx512_bf16"} & set(flags.split())),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpu(),
        "system": platform.platform(terse=True),
    }


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpu() -> str | None:
    """The name of the first NVIDIA GPU, without waiting for TensorFlow."""
    if shutil.which("nvidia-smi") is None:
        return None
    names = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return names.splitlines()[0] if names else None


def _output(*command: str) -> str | None:
    """What `command` prints, or None where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2; Python's exceptions come through.

    TensorFlow and LiteRT write there before any of their settings can stop them.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is none, as under pythonw
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

"""Where a run is made: the project's folders, its commit, the packages' versions, the hardware."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from hcr.errors import ParameterError

CACHE_VARIABLE = "HCR_CACHE"
OUTPUTS_VARIABLE = "HCR_OUTPUTS"
DRAWINGS_VARIABLE = "HCR_DRAWINGS"
THREADS_VARIABLE = "OMP_NUM_THREADS"  # of scikit-learn and BLAS, and for us of all else, too
PACKAGES = (
    "hcr", "tensorflow", "keras", "ai-edge-litert", "numpy", "pandas", "scikit-learn", "matplotlib",
    "seaborn", "papermill", "nbconvert", "jupyterlab", "ipywidgets", "ipycanvas",
)  # fmt: skip


def root() -> Path:
    """The project's top folder: the nearest one at or above the working folder with `run_all.py`.

    Where there is none, the folder that holds the package `hcr`.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "run_all.py").is_file() and (folder / "hcr").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


def placed(folder: str | Path) -> Path:
    """The absolute path of a `folder` that a person names.

    A relative one counts from the project's top, for `run_all.py` and notebooks in it alike.
    """
    top, here = root(), Path.cwd().resolve()
    return ((top if here.is_relative_to(top) else here) / Path(folder).expanduser()).resolve()


def cache_folder() -> Path:
    """The folder for downloads and whatever can be rebuilt: `HCR_CACHE`, or the user's cache."""
    usual = platformdirs.user_cache_path("hcr", appauthor=False)
    return placed(os.environ.get(CACHE_VARIABLE) or usual)


def outputs_folder() -> Path:
    """The folder that holds the runs: `HCR_OUTPUTS`, or `outputs/` at the project's top."""
    return placed(os.environ.get(OUTPUTS_VARIABLE) or root() / "outputs")


def drawings_folder() -> Path:
    """The folder for a person's own drawings: `HCR_DRAWINGS`, or the user's data folder.

    Raises `ParameterError` where it lies among the runs: who deletes these would lose the drawings.
    """
    usual = platformdirs.user_data_path("hcr", appauthor=False)
    folder = placed(os.environ.get(DRAWINGS_VARIABLE) or usual)
    if folder.is_relative_to(outputs_folder()):
        rule = f"{DRAWINGS_VARIABLE} must be outside {outputs_folder()}, where runs are deleted"
        raise ParameterError(f"{rule}. Received: {folder}. Choose another.")
    return folder


def facts() -> dict[str, Any]:
    """Commit (None outside git), versions and hardware, as they stand in `run.json`."""
    # Here, because it takes a fifth of the time that recognizing a character's import takes.
    from importlib.metadata import PackageNotFoundError, version

    commit = git(root(), "rev-parse", "HEAD") or None
    dirty = bool(git(root(), "status", "--porcelain")) if commit else None
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {"commit": commit, "dirty": dirty, "versions": versions, "hardware": hardware()}


@cache
def hardware() -> dict[str, Any]:
    """Processor, usable cores, AMX or bfloat16 at all, memory in GiB, GPU and system."""
    import psutil

    cpu = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            cpu[key.strip()] = value.strip()
    flags = set(cpu.get("flags", cpu.get("Features", "")).split())
    # Rather than waiting for TensorFlow.
    gpus = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return {
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "amx": "amx_bf16" in flags,
        "bfloat16": bool({"amx_bf16", "avx512_bf16"} & flags),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpus.splitlines()[0] if gpus else None,
        "system": platform.platform(terse=True),
    }


def cores() -> int:
    """How many processor cores this process may use: `OMP_NUM_THREADS`, or all it may run on."""
    threads = os.environ.get(THREADS_VARIABLE, "")
    if threads.isdecimal() and int(threads):
        return int(threads)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def git(folder: Path, *words: str) -> str:
    """What git prints in `folder`; empty where it fails, as outside a checkout."""
    return _output("git", "-C", str(folder), *words) or ""


def _output(*command: str) -> str | None:
    """What `command` prints, or None where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

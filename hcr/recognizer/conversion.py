"""A Keras file becomes LiteRT, once: in a process of its own, because it needs TensorFlow.

That process has limits: a stranger's file of a few kB may ask for all the memory there is.
"""

import os
import runpy
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from hcr.errors import HcrError, ModelError
from hcr.recognizer import legacy
from hcr.recognizer.hdf5 import MOST
from hcr.recognizer.scaling import Scaling
from hcr.runs import environment, files

# Run as a program: this room must neither import TensorFlow nor know the room that does.
PROGRAM = "hcr.models.convert"
MAIN = f"import sys; from {__name__} import main; main(*sys.argv[1:])"
TOLD = 3
"""The exit code of `MAIN` when its last line of output is the error to tell."""

SECONDS = 600  # a conversion takes about 15
MEMORY = 4 << 30  # bytes; TensorFlow takes 0.9 GB, and eight times the weights
CORES = 4  # that it may use: each thread's stack counts as memory
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def converted(path: Path, scaling: Scaling | None = None) -> Path:
    """The Keras model in `path`, `.keras` or `.h5`, as a LiteRT file in the cache folder.

    It is converted the first time that a file of this content is seen with this scaling, which
    takes about ten seconds. The name holds the digests of both files: what was damaged is made
    anew.

    Raises:
        ModelError: It is no Keras model, wants more than safe mode allows, does not keep the
            picture contract, or cannot be converted within `MEMORY` and `SECONDS`.
        RunError: The cache folder cannot be written.
    """
    if path.suffix == ".keras":
        check_archive(path)
    key = files.sha256(path)
    if scaling is not None:
        key = files.digest([key, scaling.text])
    folder = environment.cache_folder() / "models"
    for found in sorted(folder.glob(f"{key}-*.tflite")):
        if files.sha256(found).startswith(found.stem.split("-")[1]):
            return found
        found.unlink(missing_ok=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as aside:
            fresh = Path(aside) / "model.tflite"
            _run(path, fresh, scaling)
            target = folder / f"{key}-{files.sha256(fresh)[:16]}.tflite"
            os.replace(fresh, target)
    except OSError as error:
        raise files.disk_error(error, folder) from error
    return target


def _run(path: Path, target: Path, scaling: Scaling | None) -> None:
    words = [] if scaling is None else [scaling.text]
    command = [sys.executable, "-c", MAIN, str(MEMORY), PROGRAM, str(path), str(target), *words]
    # Only this backend writes LiteRT; a GPU's driver reserves more memory than is allowed.
    variables = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    options = {"capture_output": True, "text": True, "errors": "replace", "timeout": SECONDS}
    try:
        done = subprocess.run(command, env=variables, check=False, **options)
        if done.returncode == 0 and target.is_file():
            return
        said = (done.stdout if done.returncode == TOLD else done.stderr).strip().splitlines()
        last = said[-1] if said else f"exit code {done.returncode}"
        if done.returncode == TOLD:
            raise ModelError(last)
    except subprocess.TimeoutExpired:
        last = f"no end of it after {SECONDS} s"
    raise ModelError(
        f"{path} must be converted once, in at most {MEMORY >> 20:,} MiB, which needs TensorFlow. "
        f"Received: {last[:200]}. Use the .tflite file that 03_train writes beside it."
    )


def main(memory: str, program: str, source: str, *words: str) -> None:
    """Run the module `program`, which converts `source`, with at most `memory` bytes."""
    if sys.platform == "linux":  # others heed no such limit
        import resource

        with suppress(ValueError):  # a lower one is set
            resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    try:
        if not source.endswith(".keras"):
            legacy.read(Path(source))  # What is no model is told without waiting for TensorFlow.
        sys.argv[1:] = [source, *words]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    except HcrError as error:
        print(error, flush=True)
        sys.exit(TOLD)


def check_archive(path: Path) -> None:
    """Tell what is no Keras file, or is too large, without waiting for TensorFlow."""
    try:
        with zipfile.ZipFile(path) as archive:
            missing = sorted(MEMBERS - set(archive.namelist()))
            reason = f"an archive without {missing[0]}" if missing else None
            # What comes out of a member is no more than it declares.
            size = sum(each.file_size for each in archive.infolist())
            if size > MOST:
                reason = f"{size:,} bytes, unpacked, where at most {MOST:,} are taken"
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        reason = f"no whole archive ({error})"
    if reason:
        raise ModelError(f"{path} must be a .keras file. Received: {reason}. Save it again.")

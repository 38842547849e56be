"""A Keras file becomes LiteRT, once: in a process of its own, because it needs TensorFlow."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from hcr import environment, files
from hcr.errors import ModelError
from hcr.recognizer import legacy
from hcr.recognizer.scaling import Scaling

# Run as a program: this room must neither import TensorFlow nor know the room that does.
PROGRAM = "hcr.training.convert"
TOLD = 3
"""The exit code of `PROGRAM` when its last line of output is the error to tell."""

MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def converted(path: Path, scaling: Scaling | None = None) -> Path:
    """The Keras model in `path`, `.keras` or `.h5`, as a LiteRT file in the cache folder.

    It is converted the first time that a file of this content is seen with this scaling, which
    takes about ten seconds. The name holds the digests of both files: what was damaged is made
    anew.

    Raises:
        ModelError: It is no Keras model, wants more than safe mode allows, does not keep the
            picture contract, or cannot be converted.
        RunError: The cache folder cannot be written.
    """
    if path.suffix == ".keras":
        _check_archive(path)
    else:
        legacy.read(path)
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
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, str(path), str(target), *words],
        capture_output=True,
        text=True,
        errors="replace",
        # Only this backend writes LiteRT.
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        check=False,
    )
    if done.returncode == 0 and target.is_file():
        return
    said = (done.stdout if done.returncode == TOLD else done.stderr).strip().splitlines()
    last = said[-1] if said else f"exit code {done.returncode}"
    if done.returncode == TOLD:
        raise ModelError(last)
    raise ModelError(
        f"{path} must be converted once, which needs TensorFlow. Received: {last[:200]}. "
        "Use the .tflite file that 03_train writes beside it."
    )


def _check_archive(path: Path) -> None:
    """Tell what is no Keras file at all without waiting for TensorFlow."""
    try:
        with zipfile.ZipFile(path) as archive:
            missing = sorted(MEMBERS - set(archive.namelist()))
            reason = f"an archive without {missing[0]}" if missing else None
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        reason = f"no whole archive ({error})"
    if reason:
        raise ModelError(f"{path} must be a .keras file. Received: {reason}. Save it again.")

"""Whole files or none: writing aside and renaming, digests, and errors of the disk in one line."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hcr.errors import RunError

REMEDY = {
    errno.ENOSPC: "The disk is full: free some space and run the same command again; "
    "finished stages are kept.",
    errno.EDQUOT: "The disk quota is used up: free some space and run the same command again.",
    errno.EFBIG: "The file would be larger than this system allows.",
    errno.EACCES: "Make the folder writable, or set HCR_OUTPUTS to a folder that is.",
    errno.EROFS: "The disk is read-only: set HCR_OUTPUTS to a folder that can be written.",
    errno.ENOTDIR: "A file stands where a folder should be: move it away, or set HCR_OUTPUTS.",
    errno.EEXIST: "A file stands where a folder should be: move it away, or set HCR_OUTPUTS.",
    errno.EISDIR: "A folder stands where the file should be: move it away, or set HCR_OUTPUTS.",
}


def disk_error(error: OSError, path: Path | str) -> RunError:
    """The `error` of a write to `path` as one line with a remedy."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    remedy = REMEDY.get(error.errno or 0, "Check the folder and the disk.")
    return RunError(f"Cannot write {path}: {reason}. {remedy}")


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes `path`'s place when the block ends well.

    When the block raises, nothing at `path` has changed. Raises `RunError` where the disk refuses.
    """
    path = Path(path)
    # The suffix stays last, because Keras and nbformat look at it.
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield aside
        os.replace(aside, path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        if aside.parent.is_dir():
            aside.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete what a process that was killed while it wrote `path` has left beside it."""
    left = re.compile(rf"\.(\d{{1,9}})-{re.escape(path.name)}")
    for name in os.listdir(path.parent):
        found = left.fullmatch(name)
        if found:
            import psutil

            if not psutil.pid_exists(int(found[1])):
                path.with_name(name).unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with writing(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON in the order of its keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file. Raises `RunError` where it is missing or is no JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} must be a JSON file. Received: {error}. Delete it.") from None


def sha256(path: Path | str) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*values: Any) -> str:
    """A hexadecimal SHA-256 of strings, bytes, or anything that JSON can hold."""
    total = hashlib.sha256()
    for value in values:
        data = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
        total.update(str(len(data)).encode() + b":" + data)
    return total.hexdigest()

"""Whole files or none: writing aside and renaming, seals, and errors of the disk in one line."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hcr.errors import RunError

PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = (".py", ".toml", ".j2", ".css", ".js", ".html", ".svg", ".mplstyle")


def disk_error(error: OSError, path: Path | str) -> RunError:
    """The `error` of a write to `path` as one line with a remedy."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return RunError(
        f"Cannot write {path}: {reason}. Free some space, make the folder writable, or set "
        "HCR_OUTPUTS, for datasets HCR_CACHE, to another; then run the same again."
    )


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
        sweep(path)
        yield aside
        os.replace(aside, path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        if aside.parent.is_dir():
            aside.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Delete the files `.<pid>-<name>` beside `path` of processes that have ended."""
    pattern = re.compile(rf"\.(\d{{1,9}})-{re.escape(path.name)}")
    for name in os.listdir(path.parent):
        if match := pattern.fullmatch(name):
            import psutil  # here, because it is rarely needed

            if not psutil.pid_exists(int(match[1])):
                path.with_name(name).unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with writing(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")


def link(source: Path, path: Path) -> None:
    """Put the file `source` at `path`, too: a second name, or a copy where the disk has none."""
    with writing(path) as aside:
        try:
            os.link(source, aside)
        except OSError:
            shutil.copy2(source, aside)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON in the order of its keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file. Raises `RunError` where it is missing or is no JSON."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        # Python also reads NaN and halves of characters, which nothing can write again.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return value
    except FileNotFoundError:
        raise RunError(f"There is no file {path}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} must be a JSON file. Received: {error}. Delete it.") from None


def write_sealed(path: Path | str, facts: dict[str, Any], *others: Path) -> None:
    """Write `facts` as JSON, with the digests of `others`, and of it all, for `read_sealed`."""
    if others:
        facts = facts | {"sha256": {other.name: sha256(other) for other in others}}
    write_json(path, facts | {"seal": digest(facts)})


def read_sealed(path: Path | str, required: bool = True) -> dict[str, Any]:
    """Read what `write_sealed` wrote; unless it is `required`, the seal may be missing.

    Raises `RunError` where there is no such file, or it was changed.
    """
    facts = read_json(path)
    seal = facts.pop("seal", None) if isinstance(facts, dict) else ""
    if seal != digest(facts) and (required or seal is not None):
        raise RunError(f"{path} must be as it was written. Received: a changed file. Delete it.")
    return facts


def sha256(path: Path | str) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest(subpackage: str) -> str:
    """A digest of the code and templates of a subpackage of `hcr`, or of its `errors.py`."""
    base = PACKAGE / subpackage
    paths = base.rglob("*") if base.is_dir() else [base.with_suffix(".py")]
    kept = sorted(path for path in paths if path.suffix in SOURCES)
    return digest({str(path.relative_to(PACKAGE)): sha256(path) for path in kept})


def digest(*values: Any) -> str:
    """A hexadecimal SHA-256 of strings, bytes, views of bytes, or anything that JSON can hold."""
    total = hashlib.sha256()
    for value in values:
        if not isinstance(value, bytes | memoryview):
            value = json.dumps(value, sort_keys=True).encode()
        total.update(str(len(value)).encode() + b":")
        total.update(value)
    return total.hexdigest()

"""The file of drawings: whole lines are appended, whatever crashes, and two pads may be open."""

import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hcr import environment, files
from hcr.drawings.form import Drawing, made, parsed
from hcr.errors import DataError, RunError

FILE = "drawings.jsonl"
WRITER = "writer.txt"
PATIENCE = 10.0  # s that a lock is waited for; an append takes a few ms

OWN = re.compile(r"me-[0-9a-f]{8}")
"""The names of writers who gave none: drawn at random, so that no two of them are the same."""

# What this process has appended to each file and not taken back, the last one last.
_appended: dict[Path, list[bytes]] = {}


def folder() -> Path:
    """The folder of a person's own drawings, `hcr.environment.drawings_folder`."""
    return environment.drawings_folder()


def path() -> Path:
    """The file of a person's own drawings; it may not exist yet."""
    return folder() / FILE


def writer() -> str:
    """The name that drawings get where none is given: `me-` and a number drawn once a folder.

    Two people who give no name are so never taken for one when their files are merged. Raises
    `DataError` where the folder cannot be written.
    """
    with locked(path()):
        return _own_writer()


def append(
    character: str, strokes: Any, writer: str | None = None, size: int | None = None
) -> Path:
    """Append a drawing to the person's own file, whole or not at all.

    Args:
        character: What was meant, one printable character.
        strokes: (k, 2) arrays or lists of points, in pad pixels, x right and y down. They are
            kept to a hundredth of a pixel; empty ones are dropped.
        writer: Who drew it; None is whoever uses this machine, see `writer`.
        size: The pad's side in pixels.

    Returns:
        The file.

    Raises:
        DataError: It is no drawing, or the file cannot be written; then it is as it was before.
    """
    drawing = made(character, strokes, "me" if writer is None else writer, size)
    target = path()
    with locked(target):
        if writer is None:
            drawing = replace(drawing, writer=_own_writer())
        _append(target, drawing.line)
    _appended.setdefault(target, []).append(drawing.line)
    return target


def read(path: Path | str | None = None) -> list[Drawing]:
    """The drawings of a file in their order; of the person's own one where `path` is None.

    A line that is no drawing, such as one that a crash has cut short, is left out, and told of on
    the standard error stream. The person's own file need not exist.

    Raises `DataError` where another file does not exist, or no line of a file is a drawing.
    """
    target = found_at(path)
    try:
        content = _content(target)
    except FileNotFoundError:
        if path is None:
            return []
        raise DataError(f"There is no file of drawings {target}. Give one that is.") from None
    except OSError as error:
        raise DataError(
            f"{target} must be a file of drawings that can be read. "
            f"Received: {os.strerror(error.errno or 0)}. Change its rights, or give another."
        ) from error
    return listed(target, content)


def listed(target: Path, content: bytes) -> list[Drawing]:
    """The drawings in the `content` of the file `target`; see `read`."""
    drawings, wrong, n = [], [], 0
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            n += 1
            try:
                drawings.append(parsed(line))
            except DataError as error:
                wrong.append((number, error))
    if wrong and not drawings:
        raise DataError(
            f"{target} must be a file of drawings, a line each (docs/drawings.md). In line "
            f"{wrong[0][0]}: {wrong[0][1]}"
        )
    if wrong:
        print(
            f"Left out {len(wrong):,} of {n:,} lines of {target}, which are no drawings: line "
            f"{wrong[0][0]}{' and others' if len(wrong) > 1 else ''}. {wrong[0][1]}",
            file=sys.stderr,
            flush=True,
        )
    return drawings


def count() -> int:
    """How many drawings the person's own file holds."""
    return len(read())


def undo_last() -> Drawing | None:
    """Take back the drawing that this process appended last, and give it; None where it has none.

    What another pad has appended since stays. Raises `DataError` where the file cannot be written.
    """
    target = path()
    mine = _appended.get(target, [])
    while mine:
        with locked(target):
            line, lines = mine[-1], _lines(target)
            if line in lines:
                del lines[len(lines) - 1 - lines[::-1].index(line)]
                write(target, lines)
            else:
                line = None  # It was deleted already.
            mine.pop()
        if line is not None:
            return parsed(line)
    return None


def delete() -> int:
    """Delete the person's own drawings, and the name that they were given; how many there were."""
    target = path()
    if not target.parent.is_dir():
        return 0
    with locked(target):
        n = sum(bool(line.strip()) for line in _lines(target))
        for each in (target, target.with_name(WRITER)):
            each.unlink(missing_ok=True)
    _appended.pop(target, None)
    return n


def found_at(path: Path | str | None) -> Path:
    """The file that `path` means: a file, or a folder with one; the person's own for None."""
    target = folder() if path is None else Path(path).expanduser()
    return target / FILE if path is None or target.is_dir() else target


def write(target: Path, lines: list[bytes]) -> None:
    """Put a file of these `lines` in the place of `target`; to be called while it is `locked`."""
    with files.writing(target) as aside:
        aside.write_bytes(b"".join(line + b"\n" for line in lines))


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of the file `target`; no two processes do. It does not nest.

    Raises `DataError` where the disk refuses, here or within, or another holds it for long.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_lock(target), timeout=PATIENCE):
            yield
    except Timeout:
        raise DataError(
            f"{target} must be free within {PATIENCE:g} s. Received: another program that holds "
            "its lock. End that one, and try again."
        ) from None
    except (OSError, RunError) as error:
        cause = error.__cause__ if isinstance(error, RunError) else error
        if not isinstance(cause, OSError):
            raise
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        raise DataError(
            f"{target} must be writable and have room. Received: {reason}. It is as it was: make "
            f"room, or set {environment.DRAWINGS_VARIABLE} to another folder, and try again."
        ) from error


def _lock(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _own_writer() -> str:
    """The name in the folder's `WRITER`; made where there is none."""
    note = path().with_name(WRITER)
    with suppress(FileNotFoundError, UnicodeDecodeError):
        name = note.read_text(encoding="utf-8").strip()
        if OWN.fullmatch(name):
            return name
    name = f"me-{secrets.token_hex(4)}"
    with files.writing(note) as aside:
        aside.write_text(f"{name}\n", encoding="utf-8")
    return name


def _append(target: Path, line: bytes) -> None:
    """Append `line`; where that fails the file ends where it ended before."""
    with open(target, "a+b", buffering=0) as file:
        end = _mended(file)
        try:
            _write(file, line + b"\n")
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.truncate(end)
            raise


def _mended(file: FileIO) -> int:
    """See to it that the file ends with the end of a line; gives its size.

    What a crash has left of a line is cut off: a part of a drawing is of no use, and must not take
    the next one with it. A whole line that only lacks its end gets it.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    if not size or file.read(1) == b"\n":
        return size
    file.seek(0)
    content = file.readall()
    start = content.rfind(b"\n") + 1
    try:
        json.loads(content[start:])
    except (ValueError, RecursionError):
        file.truncate(start)
        return start
    _write(file, b"\n")
    return size + 1


def _write(file: FileIO, data: bytes) -> None:
    """Write all of `data`: a disk that is nearly full takes a part, and says so the next time."""
    while data:
        data = data[file.write(data) :]


def _content(target: Path) -> bytes:
    content = target.read_bytes()
    if content and not content.endswith(b"\n") and _lock(target).is_file():
        # Perhaps somebody is appending just now.
        with suppress(DataError), locked(target):
            content = target.read_bytes()
    return content


def _lines(target: Path) -> list[bytes]:
    """All lines of the file, drawings or not, without their ends."""
    try:
        content = target.read_bytes()
    except FileNotFoundError:
        return []
    return [line for line in content.split(b"\n") if line]

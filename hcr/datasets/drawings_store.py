"""The file of drawings: whole lines are appended, whatever crashes, and two pads may be open."""

import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hcr.datasets.drawings_form import Drawing, made, parsed
from hcr.errors import DataError, RunError
from hcr.runs import environment, files

FILE = "drawings.jsonl"
WRITER = "writer.txt"
PATIENCE = 10.0  # s that a lock is waited for; an append takes a few ms

OWN = re.compile(r"me-[0-9a-f]{8}")
"""The names of writers who gave none: drawn at random, so that no two of them are the same."""

Wrong = list[tuple[int, DataError]]
"""Lines that are no drawings: their numbers, from 1, and what they are instead."""


@dataclass(frozen=True)
class Kept:
    """A drawing that was appended, for whoever may want to take it back.

    Attributes:
        path: The file.
        line: The drawing's line in it, without its end.
    """

    path: Path
    line: bytes


def folder() -> Path:
    """The folder of a person's own drawings, `hcr.runs.environment.drawings_folder`."""
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
) -> Kept:
    """Append a drawing to the person's own file, whole or not at all.

    Args:
        character: What was meant, one printable character.
        strokes: (k, 2) arrays or lists of points, in pad pixels, x right and y down. They are
            kept to a hundredth of a pixel; empty ones are dropped.
        writer: Who drew it; None is whoever uses this machine, see `writer`.
        size: The pad's side in pixels.

    Returns:
        What `take_back` takes.

    Raises:
        DataError: It is no drawing, or the file cannot be written; then it is as it was before.
    """
    drawing = made(character, strokes, "me" if writer is None else writer, size)
    target = path()
    with locked(target):
        if writer is None:
            drawing = replace(drawing, writer=_own_writer())
        _append(target, drawing.line)
    return Kept(target, drawing.line)


def read(path: Path | str | None = None) -> list[Drawing]:
    """The drawings of a file in their order; of the person's own one where `path` is None.

    A line that is no drawing, such as one that a crash has cut short, is left out, and told of on
    the standard error stream. The person's own file need not exist.

    Raises `DataError` where another file does not exist, or no line of a file is a drawing.
    """
    target = found_at(path)
    try:
        found = content(target)
    except FileNotFoundError:
        if path is None:
            return []
        raise DataError(f"There is no file of drawings {target}. Give one that is.") from None
    return listed(target, found)


def listed(target: Path, content: bytes) -> list[Drawing]:
    """The drawings in the `content` of the file `target`; see `read`."""
    drawings, wrong, n = sorted_out(content)
    told = left_out(target, wrong, n)
    if told:
        print(told, file=sys.stderr, flush=True)
    return drawings


def sorted_out(content: bytes, first: int = 1) -> tuple[list[Drawing], Wrong, int]:
    """What lines of a file hold, the first of which has the number `first`.

    Returns the drawings, the lines that are none, and how many lines are not empty.
    """
    drawings, wrong, n = [], [], 0
    for number, line in enumerate(content.split(b"\n"), start=first):
        if line.strip():
            n += 1
            try:
                drawings.append(parsed(line))
            except DataError as error:
                wrong.append((number, error))
    return drawings, wrong, n


def left_out(target: Path, wrong: Wrong, n: int) -> str:
    """A sentence on the lines of the file `target` that are `wrong`, of `n`; empty where none is.

    Raises `DataError` where all are.
    """
    if not wrong:
        return ""
    number, error = wrong[0]
    if len(wrong) == n:
        raise DataError(
            f"{target} must be a file of drawings, a line each (docs/drawings.md). In line "
            f"{number}: {error}"
        )
    return (
        f"Left out {len(wrong):,} of {n:,} lines of {target}, which are no drawings: line "
        f"{number}{' and others' if len(wrong) > 1 else ''}. {error}"
    )


def take_back(kept: Kept) -> Drawing | None:
    """Take back a drawing that `append` has kept, and give it; None where it is gone already.

    Whatever else has been appended stays. Raises `DataError` where the file cannot be written.
    """
    with locked(kept.path):
        lines = _lines(kept.path)
        if kept.line not in lines:
            return None
        del lines[len(lines) - 1 - lines[::-1].index(kept.line)]
        write(kept.path, lines)
    return parsed(kept.line)


def delete() -> int:
    """Delete the person's own drawings, and the name that they were given; how many there were."""
    target = path()
    if not target.parent.is_dir():
        return 0
    with locked(target):
        n = sum(bool(line.strip()) for line in _lines(target))
        for each in (_real(target), target.with_name(WRITER)):
            each.unlink(missing_ok=True)
    return n


def found_at(path: Path | str | None) -> Path:
    """The file that `path` means: a file, or a folder with one; the person's own for None."""
    target = folder() if path is None else Path(path).expanduser()
    return target / FILE if path is None or target.is_dir() else target


def content(target: Path) -> bytes:
    """What the file `target` holds.

    Raises `FileNotFoundError` where there is none, `DataError` where it cannot be read.
    """
    try:
        found = target.read_bytes()
        if found and not found.endswith(b"\n") and _lock(target).is_file():
            # Perhaps somebody is appending just now.
            with suppress(DataError), locked(target):
                found = target.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(
            f"{target} must be a file of drawings that can be read. "
            f"Received: {os.strerror(error.errno or 0)}. Change its rights, or give another."
        ) from error
    return found


def write(target: Path, lines: list[bytes]) -> None:
    """Put a file of these `lines` in the place of `target`; to be called while it is `locked`.

    Where `target` is a symbolic link it stays one: what it points to is written.
    """
    with files.writing(_real(target)) as aside:
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
    target = _real(target)  # one lock, by whatever link the file is reached
    return target.with_name(f".{target.name}.lock")


def _real(target: Path) -> Path:
    """The file itself, where `target` is a symbolic link to it."""
    return Path(os.path.realpath(target))


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


def _lines(target: Path) -> list[bytes]:
    """All lines of the file, drawings or not, without their ends."""
    try:
        content = target.read_bytes()
    except FileNotFoundError:
        return []
    return [line for line in content.split(b"\n") if line]

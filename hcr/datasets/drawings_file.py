"""A person's own drawings and what was meant: one file, which no run and no crash can lose.

The file lies in the user's data folder, or in the one that `HCR_DRAWINGS` names, apart from the
runs; docs/drawings.md describes its format. As a dataset it is `drawings`.
"""

import json
import os
import secrets
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from hcr.errors import DataError, RunError
from hcr.preprocessing import from_strokes
from hcr.preprocessing.labels import is_class
from hcr.runs import environment, files

VERSION = 1
FILE, WRITER = "drawings.jsonl", "writer.txt"
FORMS = ("jsonl", "png", "svg")  # of an export
PATIENCE = 10.0  # s that a lock is waited for; an append takes a few ms
LONGEST_NAME = 100
HUGE = 1e6  # px
DIGITS = 2  # of a pixel, behind the point: a hundredth is less than any hand or screen can resolve


@dataclass(frozen=True, eq=False)
class Drawing:
    """One character as somebody drew it, and what was meant."""

    character: str  # one printable character
    writer: str  # 1 to 100 printable characters
    when: str  # UTC, ISO 8601, to the millisecond
    size: int | None  # px: the pad's side, where it is known
    strokes: tuple[np.ndarray, ...]  # float64 (k, 2) in px, x right, y down; two points differ

    @property
    def line(self) -> bytes:
        """The drawing as a line of a file, without its end."""
        strokes = [stroke.tolist() for stroke in self.strokes]
        record = {"version": VERSION, **vars(self), "strokes": strokes}
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def svg(self) -> str:
        """The drawing as an SVG image, which takes the color of the text around it."""
        points = np.concatenate(self.strokes)
        low, side = points.min(axis=0), np.ptp(points, axis=0)
        pen = 0.07 * side.max()
        box = " ".join(f"{each:g}" for each in (*(low - pen), *(side + 2 * pen)))
        # A line of no length is a dot.
        lines = ["L".join(f"{x:g} {y:g}" for x, y in stroke) + "h0" for stroke in self.strokes]
        look = 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'
        path = f'<path d="M{"M".join(lines)}" stroke-width="{pen:g}" {look}/>'
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{path}</svg>'


def create(
    character: str, strokes: Any, writer: str, size: int | None = None, when: str | None = None
) -> Drawing:
    """A checked `Drawing`; `when` is now where it is None. Raises `DataError` for anything else."""
    name = unicodedata.normalize("NFC", character) if isinstance(character, str) else ""
    if not is_class(name):
        raise _refusal("character must be printable, one or the short name of a class", character)
    if size is not None and (type(size) is not int or size < 1):
        raise _refusal("size must be the pad's side in pixels, an integer, or None", size)
    try:
        moment = datetime.now(UTC) if when is None else datetime.fromisoformat(when)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        when = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    except (TypeError, ValueError, OverflowError):
        rule = "when must be a time with its zone, such as 2026-08-20T09:12:33.000+00:00"
        raise _refusal(rule, when) from None
    return Drawing(name, _writer(writer), when, size, _strokes(strokes))


def parse(line: bytes) -> Drawing:
    """The drawing in a `line` of a file; unknown keys are ignored. Raises `DataError`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError("A line must be whole JSON. Received: a part of it, or none.") from None
    version = record.get("version") if isinstance(record, dict) else None
    if version != VERSION:
        raise DataError(f"A line must have version {VERSION}. Received: {version!r:.40}.")
    keys = "character", "strokes", "writer", "size"
    return create(*map(record.get, keys), when=record.get("when") or "")


def path() -> Path:
    """The file of a person's own drawings; it may not exist yet."""
    return environment.drawings_folder() / FILE


def located(place: Path | str | None) -> Path:
    """The file that `place` means: a file, or a folder with one; the person's own for None."""
    target = path() if place is None else Path(place).expanduser()
    return target / FILE if target.is_dir() else target


def append(
    character: str, strokes: Any, writer: str | None = None, size: int | None = None
) -> Drawing:
    """Append a drawing to the person's own file, whole or not at all; returns it.

    The `strokes`, (k, 2) arrays or lists of points, and `size`, the pad's side, are in pixels, x
    right and y down. `writer` None is whoever uses this machine: `me-` and a random number, made
    once for the folder. Raises `DataError` where it is no drawing, or the file cannot be written.
    """
    drawing = create(character, strokes, "me" if writer is None else writer, size)
    target = path()
    with _locked(target):
        if writer is None:
            drawing = replace(drawing, writer=own_writer())
        _append(target, drawing.line)
    return drawing


def read(place: Path | str | None = None) -> list[Drawing]:
    """The drawings of a file in their order; of the person's own one where `place` is None.

    Lines that are no drawings are left out, with a note on standard error. The person's own file
    need not exist; raises `DataError` where another does not, or no line of a file is a drawing.
    """
    drawings, note = saved(place, required=place is not None)
    if note:
        print(note, file=sys.stderr)
    return drawings


def saved(place: Path | str | None = None, required: bool = False) -> tuple[list[Drawing], str]:
    """As `read`, but with the note, or "", in place of printing it; none where not `required`."""
    target = located(place)
    there = required or target.is_file()
    return _drawings(target, _content(target)) if there else ([], "")


def take_back(drawing: Drawing) -> bool:
    """Take back a drawing that `append` has given; whether it was still there. Others stay."""
    target = path()
    with _locked(target):
        content = target.read_bytes() if target.is_file() else b""
        lines = [line for line in content.split(b"\n") if line]
        if drawing.line not in lines:
            return False
        del lines[len(lines) - 1 - lines[::-1].index(drawing.line)]
        _write(target, lines)
    return True


def export(target: Path | str, writer: str | None = None, form: str = FORMS[0]) -> int:
    """Write the person's own drawings, with a `writer`'s name, anew; how many there are.

    `form` is one of `FORMS`: lines of one file, or images in a folder, below one of each character,
    as the dataset `own` takes it. Raises `DataError` where there are none, or `target` is there or
    cannot be written.
    """
    target, drawings = Path(target).expanduser(), read()
    if not drawings or target.exists():
        problem = f"{target}, which is there" if drawings else "no drawings"
        raise DataError(f"An export must have drawings, and a new place. Received: {problem}.")
    if writer is not None:
        drawings = [replace(drawing, writer=_writer(writer)) for drawing in drawings]
    with _locked(target):
        if form == FORMS[0]:
            _write(target, [drawing.line for drawing in drawings])
            return len(drawings)
        for i, drawing in enumerate(drawings):
            name = drawing.character.replace(os.sep, "_")
            folder = target / (f"U+{ord(name):04X}" if len(name) == 1 else name)
            place = folder / f"{i:05}_{drawing.writer}.{form}".replace(os.sep, "_")
            place.parent.mkdir(parents=True, exist_ok=True)
            if form == "svg":
                place.write_text(drawing.svg, encoding="utf-8")
            else:
                Image.fromarray(from_strokes(drawing.strokes)).save(place)
    return len(drawings)


def delete() -> None:
    """Delete the person's own drawings, and the name that they were given."""
    target = path()
    if target.parent.is_dir():
        with _locked(target):
            for file in (Path(os.path.realpath(target)), target.with_name(WRITER)):
                file.unlink(missing_ok=True)


def merge(places: Iterable[Path | str], into: Path | str) -> tuple[dict[str, int], int]:
    """Put the drawings of several files into one; what is in that one already stays.

    Returns how many drawings each writer has then, and how many copies were left out. Raises
    `DataError` where a file cannot be read, is no file of drawings, or cannot be written.
    """
    target = Path(into).expanduser()
    drawings = [drawing for place in places for drawing in read(place)]
    with _locked(target):
        # Not by `read`, which may wait for the lock.
        before = target.read_bytes() if target.is_file() else b""
        drawings = _drawings(target, before)[0] + drawings
        lines = list(dict.fromkeys(drawing.line for drawing in drawings))
        _write(target, lines)
    return Counter(parse(line).writer for line in lines), len(drawings) - len(lines)


def _writer(writer: str) -> str:
    name = writer.strip() if isinstance(writer, str) else ""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise _refusal(f"writer must be a name of 1 to {LONGEST_NAME} characters", writer)
    return name


def _refusal(rule: str, value: Any) -> DataError:
    return DataError(f"{rule}. Received: {value!r:.60}. Draw it again, or mend what made it.")


def _strokes(strokes: Any) -> tuple[np.ndarray, ...]:
    rule = f"strokes must be lists of points [x, y] up to {HUGE:g} px, of which two differ"
    try:
        arrays = [np.asarray(stroke, np.float64) for stroke in strokes]
        # Adding 0 makes a plain zero of -0.0.
        arrays = [np.round(stroke, DIGITS) + 0.0 for stroke in arrays if stroke.size]
        points = np.concatenate([np.zeros((0, 2)), *arrays])
    except (TypeError, ValueError, OverflowError):
        raise _refusal(rule, type(strokes)) from None
    if not (np.abs(points) <= HUGE).all() or (points == points[:1]).all():
        raise _refusal(rule, points[:2].tolist())
    return tuple(arrays)


# The pad counts after each drawing: what was parsed before is not parsed again.
@lru_cache(maxsize=100_000)
def _parsed(line: bytes) -> Drawing | DataError:
    try:
        return parse(line)
    except DataError as error:
        return error


def _drawings(target: Path, content: bytes) -> tuple[list[Drawing], str]:
    """The drawings, and a sentence on the lines that are none, or ""; an error where all are."""
    lines = enumerate(content.split(b"\n"), start=1)
    parsed = [(number, _parsed(line)) for number, line in lines if line.strip()]
    drawings = [each for _, each in parsed if isinstance(each, Drawing)]
    wrong = [(number, each) for number, each in parsed if not isinstance(each, Drawing)]
    if not wrong:
        return drawings, ""
    number, error = wrong[0]
    if not drawings:
        raise DataError(f"{target} must hold drawings, a line each. Line {number}: {error}")
    note = f"Left out {len(wrong):,} of {len(parsed):,} lines of {target}, which are no drawings"
    return drawings, f"{note}, such as line {number}. {error}"


def _content(target: Path) -> bytes:
    """What a file holds. Raises `DataError` where it cannot be read."""
    try:
        content = target.read_bytes()
        if content[-1:] not in (b"", b"\n"):  # perhaps somebody is appending just now
            with suppress(DataError), _locked(target):
                content = target.read_bytes()
        return content
    except OSError as error:
        rule = f"{target} must be a file of drawings"
        raise DataError(f"{rule}. Received: {error.strerror}. Give another.") from error


def _write(target: Path, lines: list[bytes]) -> None:
    with files.writing(os.path.realpath(target)) as aside:  # of a symbolic link, what it points to
        aside.write_bytes(b"".join(line + b"\n" for line in lines))


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Hold the lock of the file `target`; no two processes do. It does not nest."""
    # One lock, by whatever link the file is reached.
    file = Path(os.path.realpath(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_name(f".{file.name}.lock"), timeout=PATIENCE):
            yield
    except Timeout:
        rule = f"{target} must be free within {PATIENCE:g} s. Received: a locked file"
        raise DataError(f"{rule}. End the program that holds it.") from None
    except (OSError, RunError) as error:
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        raise DataError(
            f"{target} must be writable and have room. Received: {reason}. It is as it was: make "
            f"room, or set {environment.DRAWINGS_VARIABLE} to another folder, and try again."
        ) from error


def own_writer() -> str:
    """Whoever uses this machine: the name in the folder's `WRITER`, made where there is none."""
    note = path().with_name(WRITER)
    if not note.is_file():
        files.write_text(note, f"me-{secrets.token_hex(4)}\n")
    return _writer(note.read_text(encoding="utf-8", errors="replace"))


def _append(target: Path, line: bytes) -> None:
    """Append `line`; where that fails the file ends where it ended before."""
    with open(target, "a+b", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        # What a crash has left of a line is left out; it must not take the next one with it.
        start = b"" if file.read(1) in (b"", b"\n") else b"\n"
        try:
            data = start + line + b"\n"
            while data:  # a disk that is nearly full takes a part, and says so the next time
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.truncate(end)
            raise

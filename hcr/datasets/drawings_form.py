"""One drawing, and the line of JSON that it is in a file; docs/drawings.md tells the format."""

import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hcr.errors import DataError

VERSION = 1
LONGEST_NAME = 100
HUGE = 1e6  # px
DIGITS = 2  # of a pixel, behind the point: a hundredth is less than any hand or screen can tell
REMEDY = "Draw it again, or mend what made it."


@dataclass(frozen=True, eq=False)
class Drawing:
    """One character as somebody drew it, and what was meant.

    Attributes:
        character: What it means, one printable character.
        strokes: float64 (k, 2) each, in pad pixels, x right and y down; at least two points of
            them differ.
        writer: Who drew it, 1 to 100 printable characters.
        when: The time in UTC, ISO 8601, to the millisecond.
        size: The pad's side in pixels, where it is known.
    """

    character: str
    strokes: tuple[np.ndarray, ...]
    writer: str
    when: str
    size: int | None = None

    @property
    def line(self) -> bytes:
        """The drawing as a line of a file, without its end."""
        found = {
            "version": VERSION,
            "character": self.character,
            "writer": self.writer,
            "when": self.when,
            "size": self.size,
            "strokes": [stroke.tolist() for stroke in self.strokes],
        }
        text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()


def made(
    character: str,
    strokes: Any,
    writer: str,
    size: int | None = None,
    when: str | None = None,
) -> Drawing:
    """A `Drawing` of what is given, checked; `when` is now where it is None.

    Raises `DataError` for anything that is no drawing.
    """
    return Drawing(
        _character(character), _strokes(strokes), checked_writer(writer), _when(when), _size(size)
    )


def parsed(line: bytes) -> Drawing:
    """The drawing in a `line` of a file. Raises `DataError`, which says what the line is instead.

    Keys that are not known are passed over.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError("A line must be whole JSON. Received: a part of it, or none.") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        version = found.get("version") if isinstance(found, dict) else None
        raise DataError(
            f"A line must be a drawing of version {VERSION}. Received: version {version!r:.40}."
        )
    lacking = {"character", "strokes", "writer", "when"} - set(found)
    if lacking:
        raise DataError(f"A drawing must have {', '.join(sorted(lacking))}. Received: none.")
    return made(
        found["character"], found["strokes"], found["writer"], found.get("size"), found["when"]
    )


def checked_writer(writer: str) -> str:
    """`writer` without blanks around it. Raises `DataError` where it is no name."""
    name = writer.strip() if isinstance(writer, str) else ""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise DataError(
            f"writer must be a name of 1 to {LONGEST_NAME} printable characters. "
            f"Received: {writer!r:.60}. Give another, or none for yourself."
        )
    return name


def _character(character: str) -> str:
    found = unicodedata.normalize("NFC", character) if isinstance(character, str) else ""
    if len(found) != 1 or not found.isprintable() or found.isspace():
        raise DataError(
            f"character must be one printable character. Received: {character!r:.60}. "
            "Say which one was meant."
        )
    return found


def _strokes(strokes: Any) -> tuple[np.ndarray, ...]:
    rule = "strokes must be a list of strokes, each a list of points [x, y] of finite numbers."
    if isinstance(strokes, str | bytes | dict):
        raise DataError(f"{rule} Received: {type(strokes).__name__}. {REMEDY}")
    try:
        found = [np.asarray(stroke, dtype=np.float64) for stroke in strokes]
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{rule} Received: no such list. {REMEDY}") from None
    found = [stroke for stroke in found if stroke.size]
    for stroke in found:
        if stroke.ndim != 2 or stroke.shape[1] != 2 or not (np.abs(stroke) <= HUGE).all():
            raise DataError(
                f"{rule} Received: a stroke of shape {stroke.shape}, or with NaN or a number "
                f"beyond {HUGE:g}. {REMEDY}"
            )
    # Adding 0 makes a plain zero of -0.0.
    found = [np.round(stroke, DIGITS) + 0.0 for stroke in found]
    points = np.concatenate(found) if found else np.zeros((0, 2))
    if not len(points) or (points == points[0]).all():
        raise DataError(
            "A drawing must have two points that differ. Received: "
            f"{'a single point' if len(points) else 'none'}. Draw a character."
        )
    return tuple(found)


def _size(size: int | None) -> int | None:
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise DataError(
            f"size must be the pad's side, an integer of at least 1, or None. "
            f"Received: {size!r:.60}. {REMEDY}"
        )
    return size


def _when(when: str | None) -> str:
    try:
        moment = datetime.now(UTC) if when is None else datetime.fromisoformat(when)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            "when must be a time with its zone, such as 2026-08-20T09:12:33.000+00:00. "
            f"Received: {when!r:.60}. {REMEDY}"
        ) from None

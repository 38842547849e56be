"""Many people's drawings in one file, each drawing once and each writer apart."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from hcr.datasets.drawings_form import Drawing, checked_writer
from hcr.datasets.drawings_store import OWN, listed, locked, path, read, write
from hcr.errors import DataError

NOBODY = "me"
"""A name that tells nothing of who it is: in each file it is somebody else."""


@dataclass(frozen=True)
class Merged:
    """What a merged file holds.

    Attributes:
        path: The file.
        writers: How many drawings each writer has, the most first.
        copies: How many drawings were left out, since they were there already.
        shared: The names that people chose and that several files have: one writer each.
    """

    path: Path
    writers: dict[str, int]
    copies: int
    shared: tuple[str, ...]


def merge(paths: Iterable[Path | str], into: Path | str) -> Merged:
    """Put the drawings of several files into one; what is in that one already stays.

    A drawing that several files have, or one has twice, counts once; only its writer may differ.
    Writers that share one are the same person, and get the name that comes first. Those who chose
    the same name count as one, too: if they are two, no harm is done to a split by writer, while
    one person on both sides of it would make figures too good. Whoever gave no name has one by
    chance (`own_drawings.writer`); and `me` means somebody else in each file. Merging again what
    has grown adds what is new.

    Args:
        paths: Files of drawings, or folders with one.
        into: The file to write, whole or not at all.

    Raises `DataError` where a file cannot be read, is no file of drawings, or cannot be written.
    """
    target = Path(into).expanduser()
    parts = [_named(read(each)) for each in paths]
    with locked(target):
        # Not by `read`, which may wait for the lock.
        before = listed(target, target.read_bytes()) if target.is_file() else []
        kept: dict[bytes, Drawing] = {}
        same: dict[str, str] = {}
        copies = 0
        for drawing in (each for part in (before, *parts) for each in part):
            first = kept.setdefault(_key(drawing), drawing)
            copies += first is not drawing
            one, other = _last(same, first.writer), _last(same, drawing.writer)
            if one != other:
                same[other] = one
        found = [replace(each, writer=_last(same, each.writer)) for each in kept.values()]
        write(target, [each.line for each in found])
    holders = Counter(name for part in parts for name in {each.writer for each in part})
    chosen = {name for name, n in holders.items() if n > 1 and not OWN.fullmatch(name)}
    writers = dict(Counter(each.writer for each in found).most_common())
    return Merged(target, writers, copies, tuple(sorted(chosen)))


def export(target: Path | str, writer: str | None = None) -> int:
    """Write the person's own drawings to a new file, to be passed on; how many there are.

    Args:
        target: The file; there must be none yet.
        writer: The name to give them; None leaves those that they have.

    Raises `DataError` where there are no drawings, or the file is there or cannot be written.
    """
    target, found = Path(target).expanduser(), read()
    if not found:
        raise DataError(f"There are no drawings to export in {path()}. Draw some.")
    if target.exists():
        raise DataError(f"An export must go to a new file. Received: {target}, which is there.")
    if writer is not None:
        name = checked_writer(writer)
        found = [replace(each, writer=name) for each in found]
    with locked(target):
        write(target, [each.line for each in found])
    return len(found)


def _named(found: list[Drawing]) -> list[Drawing]:
    """The drawings of one file, those of `NOBODY` under a name that is this file's alone."""
    first = next((each for each in found if each.writer == NOBODY), None)
    if first is None:
        return found
    # Of its first drawing, so that the name stays when the file has grown.
    name = f"{NOBODY}-{hashlib.sha256(first.line).hexdigest()[:8]}"
    return [replace(each, writer=name) if each.writer == NOBODY else each for each in found]


def _key(drawing: Drawing) -> bytes:
    """What two copies of a drawing have in common: all but its writer."""
    return replace(drawing, writer=NOBODY).line


def _last(same: dict[str, str], name: str) -> str:
    """The name that `name` has become, through all that it was the same as."""
    while name in same:
        name = same[name]
    return name

"""How many drawings a file holds: what was counted before is not parsed again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hcr.datasets import drawings_store as store
from hcr.errors import DataError


@dataclass(frozen=True)
class _Tally:
    """What the first `size` bytes of a file hold, whose digest tells whether they still do."""

    size: int = 0
    digest: bytes = b""
    ends: int = 0
    lines: int = 0
    drawings: int = 0
    wrong: tuple[tuple[int, DataError], ...] = ()


_NOTHING = _Tally()
_tallies: dict[Path, _Tally] = {}


def count() -> int:
    """How many drawings the person's own file holds.

    Raises `DataError` where it cannot be read, or none of its lines is a drawing.
    """
    target = store.path()
    found = _tally(target)
    store.left_out(target, list(found.wrong), found.lines)
    return found.drawings


def left_out() -> str:
    """A sentence on the lines of that file that are no drawings; empty where there are none.

    Raises what `count` raises.
    """
    target = store.path()
    found = _tally(target)
    return store.left_out(target, list(found.wrong), found.lines)


def _tally(target: Path) -> _Tally:
    """What the file `target` holds; only what was added since the last time is parsed."""
    try:
        content = store.content(target)
    except FileNotFoundError:
        content = b""
    before = _tallies.get(target, _NOTHING)
    # An editor, a merge or another pad's "Take back" may have changed what was counted.
    if len(content) < before.size or _digest(content[: before.size]) != before.digest:
        before = _NOTHING
    drawings, wrong, lines = store.sorted_out(content[before.size :], before.ends + 1)
    found = _Tally(
        len(content),
        _digest(content),
        content.count(b"\n"),
        before.lines + lines,
        before.drawings + len(drawings),
        (*before.wrong, *wrong),
    )
    # The rest of half a line may come yet.
    if content.endswith(b"\n"):
        _tallies[target] = found
    return found


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()

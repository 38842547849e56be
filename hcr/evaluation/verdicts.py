"""What people said who looked at the most suspect labels, and how often the suspicion was right.

`docs/label_audit.csv` holds the verdicts on the 100 most suspect pictures of `emnist-subset`'s
train file, the most suspect first. Whoever wants to look again gets their list and sheets of the
pictures by

    uv run benchmarks/label_audit.py /tmp/audit

that is by `audit.suspects(images, labels, 47)`, five folds and seed 0, over that file's 141,475
pictures. One reader looked at each, enlarged seven times, knowing both labels. A label is called
wrong only where nobody who saw the picture would give it: a clear R labelled r is, a 9 with a
straight tail labelled q is not, because the form that the writer filled in is not at hand.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hcr.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

# Verdict -> what it says of the given label.
VERDICTS = {
    "wrong": "can't be what was written",
    "ambiguous": "may be right: the picture can be read as either",
    "right": "is what was written",
    "unreadable": "is no character that can be told",
}
COLUMNS = ("index", "hash", "given", "suggested", "verdict", "reason")


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of one file.

    `table` has a row for each picture looked at, the most suspect first: `index` in the file that
    the audit was of, `hash` (uint64, as `hcr.datasets.leaks.pixel_hashes` gives it), `given` and
    `suggested` (characters), `verdict` (a key of `VERDICTS`) and `reason`.
    """

    table: "pd.DataFrame"

    @property
    def n(self) -> int:
        """How many pictures were looked at."""
        return len(self.table)

    @property
    def counts(self) -> dict[str, int]:
        """How many pictures have each verdict."""
        return {name: int((self.table["verdict"] == name).sum()) for name in VERDICTS}

    @property
    def wrong(self) -> int:
        """How many labels are wrong; of `n`, that is the suspicion's precision."""
        return self.counts["wrong"]

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """Where each picture looked at lies among pictures with these `hashes`, uint64 (m,).

        Returns int (n,), -1 where it is not among them; of several copies the first.
        """
        wanted = self.table["hash"].to_numpy(np.uint64)
        if not len(hashes):
            return np.full(len(wanted), -1)
        order = np.argsort(hashes, kind="stable")
        places = order[np.searchsorted(hashes, wanted, sorter=order).clip(max=len(hashes) - 1)]
        return np.where(hashes[places] == wanted, places, -1)


def verdicts(path: Path | str, characters: Sequence[str] | None = None) -> Verdicts:
    """Read a file of verdicts: CSV with the columns of `COLUMNS`, `hash` as 16 hexadecimal digits.

    Args:
        path: The file.
        characters: The classes' names, which `given` and `suggested` must be among; None: any.

    Raises:
        DataError: The file is missing or cut short, or a line isn't what it should be.
    """
    import pandas as pd

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} must be a CSV file of verdicts. Received: {error}.") from None
    remedy = "Put the committed file back."
    lines = list(csv.reader(text.splitlines()))
    if not lines or tuple(lines[0]) != COLUMNS or len(lines) == 1 or not text.endswith("\n"):
        received = "no line" if not lines else f"{','.join(lines[0])} and {len(lines) - 1} lines"
        raise DataError(
            f"{path} must be whole: the columns {','.join(COLUMNS)}, then at least one line, the "
            f"last with its end. Received: {received}. {remedy}"
        )
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        problem = _problem(line, characters)
        if problem:
            raise DataError(f"{path}: {problem} (line {number}). {remedy}")
        rows.append([int(line[0]), hash_number(line[1]), *line[2:]])
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"hash": np.uint64})
    if table["hash"].duplicated().any():
        raise DataError(
            f"{path} must judge a picture once. Received: the hash of index "
            f"{table['index'][table['hash'].duplicated()].iloc[0]} twice. {remedy}"
        )
    return Verdicts(table)


def _problem(line: list[str], characters: Sequence[str] | None) -> str:
    """What is wrong with a line, or nothing."""
    if len(line) != len(COLUMNS):
        return f"A line must have {len(COLUMNS)} fields. Received: {len(line)}"
    index, key, given, suggested, verdict, reason = line
    if not (index.isascii() and index.isdigit()):
        return f"index must be an integer of at least 0. Received: {index!r}"
    if len(key) != 16 or set(key) - set("0123456789abcdef"):
        return f"hash must be 16 hexadecimal digits. Received: {key!r}"
    for name, value in (("given", given), ("suggested", suggested)):
        if not value or (characters is not None and value not in characters):
            return f"{name} must be a character of the data set. Received: {value!r}"
    if verdict not in VERDICTS:
        return f"verdict must be one of {', '.join(VERDICTS)}. Received: {verdict!r}" + nearest(
            verdict, VERDICTS
        ).rstrip(".")
    return "" if reason.strip() else "reason must say why. Received: nothing"


def hash_text(hashes: np.ndarray) -> list[str]:
    """Hashes, uint64 (n,), as the first 16 digits of the hexadecimal SHA-256 that they are of."""
    return [int(each).to_bytes(8, "little").hex() for each in hashes]


def hash_number(text: str) -> int:
    """The hash whose text this is; the inverse of `hash_text`."""
    return int.from_bytes(bytes.fromhex(text), "little")

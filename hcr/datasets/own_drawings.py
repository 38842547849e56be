"""A person's own drawings and what was meant: one file, which no run and no crash can lose.

    from hcr import drawings
    kept = drawings.append("g", strokes, size=280)   # strokes in pad pixels, as the pad has them
    drawings.take_back(kept)                         # that one, whatever was appended since
    drawings.read()                                  # a list of `Drawing`

The file lies in the user's data folder, or in the one that `HCR_DRAWINGS` names, apart from the
runs. docs/drawings.md tells its format; `python -m hcr drawings` lists, counts, merges, exports and
deletes. As a data set it is `drawings`.
"""

from hcr.datasets.drawings_counting import count, left_out
from hcr.datasets.drawings_form import Drawing, made, parsed
from hcr.datasets.drawings_merging import Merged, export, merge
from hcr.datasets.drawings_store import (
    Kept,
    append,
    delete,
    folder,
    found_at,
    path,
    read,
    take_back,
    writer,
)

__all__ = [
    "Drawing",
    "Kept",
    "Merged",
    "append",
    "count",
    "delete",
    "export",
    "folder",
    "found_at",
    "left_out",
    "made",
    "merge",
    "parsed",
    "path",
    "read",
    "take_back",
    "writer",
]

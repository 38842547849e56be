"""Measures pictures: ink, line width, slant, size and place, each class's mean; lays out a map.

    from hcr import measures
    frame = measures.of(data.train.images)     # one row a picture
    measures.by_class(frame, data.train.labels, data.characters)

Every function takes the pictures in chunks, so that a memory map of any length is measured in a few
megabytes.
"""

from hcr.preprocessing.ink import COLUMNS, by_class, mean_and_spread, of, pixel_counts
from hcr.preprocessing.plane import draw_evenly, lay_out, regions

__all__ = [
    "COLUMNS",
    "by_class",
    "draw_evenly",
    "lay_out",
    "mean_and_spread",
    "of",
    "pixel_counts",
    "regions",
]

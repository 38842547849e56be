"""Strokes, pictures and arrays become the picture contract.

uint8, (n, 28, 28), ink 255 on 0, upright: `from_strokes` gives it for a pen's drawing,
`from_picture` for a scan or a photo, and `check` tells an array that keeps it from one that
does not.
"""

from hcr.images.contract import SIDE, check
from hcr.images.pictures import from_picture, pixels
from hcr.images.strokes import BLUR, INK, PEN, from_strokes

__all__ = ["BLUR", "INK", "PEN", "SIDE", "check", "from_picture", "from_strokes", "pixels"]

"""Strokes, pictures and arrays become the picture contract.

uint8, (n, 28, 28), ink 255 on 0, upright: `from_strokes` gives it for a pen's drawing,
`from_picture` for a scan or a photo, whose file `read_picture` opens; and `check` tells an array
that keeps it from one that does not.
"""

from hcr.preprocessing.contract import SIDE, check
from hcr.preprocessing.pictures import TooLargeError, from_picture, read_picture
from hcr.preprocessing.strokes import BLUR, INK, PEN, from_strokes

__all__ = ["BLUR", "INK", "PEN", "SIDE", "TooLargeError", "check"]
__all__ += ["from_picture", "from_strokes", "read_picture"]

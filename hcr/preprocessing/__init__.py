"""Everything becomes the image contract: uint8, (n, 28, 28), ink 255 on 0, upright.

`from_strokes` gives it for a pen's drawing and `from_picture` for a scan or a photo, whose file
`read_picture` opens and in which `read_ink` finds the ink; `check_images` tells an array that keeps
it from one that does not. Beside them are the modules `labels`, `synthesis`, `corruptions` and
`ink`.
"""

from hcr.preprocessing.images import SIDE, check_images
from hcr.preprocessing.pictures import TooLargeError, from_picture, read_ink, read_picture
from hcr.preprocessing.strokes import BLUR, INK, PEN, from_strokes

__all__ = ["BLUR", "INK", "PEN", "SIDE", "TooLargeError", "check_images"]
__all__ += ["from_picture", "from_strokes", "read_ink", "read_picture"]

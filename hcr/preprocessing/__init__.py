"""Everything becomes the image contract: uint8, (n, 28, 28), ink 255 on 0, upright.

`from_strokes` gives it for a pen's drawing and `from_picture` for a scan or a photo, whose file
`read_picture` opens and in which `read_ink` finds the ink; `check_images` tells an array that keeps
it from one that does not, and `to_gray_levels` scales an array's grays. Beside them are the modules
`labels`, `synthesis`, `corruptions` and `ink`.
"""

# ruff: noqa: F401
from hcr.preprocessing.images import EMNIST, FRAMINGS, SIDE, Framing, check_images, to_gray_levels
from hcr.preprocessing.pictures import from_picture, pixels_of, read_ink, read_picture
from hcr.preprocessing.strokes import BLUR, PEN, from_strokes

"""Pictures from outside, scans, photos, cut-outs, become the 28x28 image.

The steps are those of EMNIST (Cohen et al. 2017, arXiv:1702.05373, section II): ink from paper
(`paper`), blur, crop, center with the proportions kept, pad, resize with bicubic interpolation,
stretch to 0..255. The lengths are those of `from_strokes`, so that a drawing on a pad and a scan of
it give the same image.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import DataError
from hcr.preprocessing.images import EMNIST, Framing

# What Pillow decodes by itself: any other may start a program, as EPS starts Ghostscript.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
MOST_BYTES = 200_000_000  # of a file
MOST_PIXELS = 64_000_000
MOST_SIDE = 20_000  # px

_LARGEST = 512  # px: larger pictures are made smaller first
_AS_THEY_ARE = ("1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I;16N")
_RULE = "A picture must be a Pillow image or an array of grays, RGB or RGBA, such as uint8 (h, w)."


class TooLargeError(DataError):
    """More was sent than is taken."""


def read_picture(file: Path | bytes, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """The pixels of a picture's file, for `from_picture`. No other function opens such files.

    Args:
        file: Its path, or its content, of at most `MOST_BYTES`.
        most_pixels: Before they are decoded.

    Returns:
        Of the first frame, turned as its EXIF says: bool or uint8, (h, w), (h, w, 2), (h, w, 3) or
        (h, w, 4); uint16 or int32 (h, w) where it is deeper; float32 of 0..1 for the mode F.

    Raises:
        TooLargeError: More bytes or pixels, or a side of more than `MOST_SIDE`.
        DataError: There is no such file, it is none of `FORMATS`, or it is broken.
    """
    from PIL import Image, UnidentifiedImageError

    path = file if isinstance(file, Path) else None
    try:
        size = path.stat().st_size if path else len(file)
        if path and not path.is_file():  # a pipe would be waited for
            raise OSError("what is no file")
        if size > MOST_BYTES:
            raise Image.DecompressionBombError(f"{size:,} bytes")
        Image.init()
        formats = [each for each in FORMATS if each in Image.OPEN]
        # Of a damaged file Pillow may warn without end, each time in other words.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(path or io.BytesIO(file), formats=formats) as picture,
        ):
            sizes = [picture.size]
            if picture.format == "TIFF":  # a tile is decoded whole, though it may be the larger
                sizes.append((picture.tag_v2.get(322, 1), picture.tag_v2.get(323, 1)))
            for width, height in sizes:
                if width * height > most_pixels or max(width, height) > MOST_SIDE:
                    raise Image.DecompressionBombError(f"{width:,} x {height:,} pixels")
            return _pixels(picture)
    except FileNotFoundError:
        raise DataError(f"There is no picture {path}. Give the path of one.") from None
    except Exception as error:  # what a decoder may raise is nowhere written
        reason = " ".join(str(error).replace(f" {str(path)!r}", "").split())[:200].rstrip(".:")
        if isinstance(error, UnidentifiedImageError):
            reason = f"{size:,} bytes that are none"
        kind = TooLargeError if isinstance(error, Image.DecompressionBombError) else DataError
        raise kind(
            f"{path or 'What is sent'} must be a whole picture ({', '.join(FORMATS)}), of at most "
            f"{MOST_BYTES:,} bytes and {most_pixels:,} pixels. "
            f"Received: {reason or type(error).__name__}. Save it anew, as a smaller PNG."
        ) from error


def from_picture(
    picture: Any, *, inverted: bool | None = None, framing: Framing = EMNIST
) -> np.ndarray:
    """Make a picture of one character from outside look as EMNIST would show it.

    Args:
        picture: A file's path, a Pillow image of any mode (the first frame; turned as its EXIF
            says), or an array (h, w), (h, w, 1), RGB (h, w, 3), with alpha (h, w, 2) or (h, w, 4):
            bool, integers of 0..255 (or 0..65535 where one is above 255), or floats of 0..1. What
            is transparent is white. Any size from 1 x 1.
        inverted: True for dark ink on light paper, False for light ink on dark, None to find out.
            A bold character that is cut out without any margin may then be taken for its paper: 4
            of 36 printed ones.
        framing: Another than EMNIST's, as a value of `FRAMINGS`.

    Returns:
        uint8 (28, 28), ink 255 on 0; empty without ink. The ink is as large and where the framing
        has it; specks finer than the line are dropped, lines finer than EMNIST's are widened, and a
        lone dot is as small as `from_strokes` draws a tap. It is one character: several side by
        side are framed together.

    Raises:
        DataError: Another type, shape or range.
    """
    from hcr.preprocessing import paper  # imports SciPy

    return paper.frame(read_ink(picture, inverted=inverted)[0], framing)


def read_ink(picture: Any, *, inverted: bool | None = None) -> tuple[np.ndarray, dict[str, str]]:
    """Where a picture has ink, and what its answer cannot be trusted for.

    Takes what `from_picture` takes. Returns the ink, float32 (h, w) of 0..1 and at most 512 pixels
    a side, 0 everywhere on blank paper; and warnings, code to one line: `blank`, `touches_border`
    (ink is cut off by the picture's edge), `low_contrast`.
    """
    # Imported late: SciPy takes a while, and drawings do without it.
    from hcr.preprocessing import paper

    if isinstance(picture, str | Path):
        picture = read_picture(Path(picture))
    gray = paper.reduced(_gray(picture), _LARGEST)
    ink = paper.ink(gray, inverted)
    return ink, paper.warnings_of(ink, gray)


def _gray(picture: Any) -> np.ndarray:
    """Lightness, float32 (h, w) of 0..1."""
    from PIL import Image

    if isinstance(picture, Image.Image):
        picture = _pixels(picture)
    if not isinstance(picture, np.ndarray):
        raise DataError(f"{_RULE} Received: {type(picture).__name__}.")
    shape, kind = picture.shape, picture.dtype.kind
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels > 4 or 0 in shape or kind not in "buif":
        raise DataError(f"{_RULE} Received: {picture.dtype} of shape {shape}.")
    values = picture.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= (1 if kind == "f" else 65535)):
        ranges = "Integers must be in 0..255 or 0..65535, floats in 0..1."
        raise DataError(f"{_RULE} {ranges} Received: {picture.dtype} from {low:g} to {high:g}.")
    if kind in "ui":
        values /= 255 if high <= 255 else 65535
    values = values.reshape(*shape[:2], channels)
    if channels in (1, 2):
        gray = values[..., 0]
    else:
        gray = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    if channels in (2, 4):
        alpha = values[..., -1]
        gray = gray * alpha + (1 - alpha)
    return gray


def _pixels(picture: Any) -> np.ndarray:
    """A Pillow image of any mode as `read_picture` gives it."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
    elif picture.mode == "F":
        # Its range is nowhere written, and contrast is all that counts.
        values = np.asarray(picture)
        return (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    elif picture.mode == "I":
        return np.clip(np.asarray(picture), 0, 65535)
    elif picture.mode not in _AS_THEY_ARE:
        picture = picture.convert("RGB")
    return np.asarray(picture)

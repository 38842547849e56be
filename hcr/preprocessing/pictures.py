"""Pictures from outside, scans, photos, cut-outs, become the 28x28 image.

The steps are those of EMNIST (Cohen et al. 2017, arXiv:1702.05373, section II): ink from paper
(`paper`), blur, crop, center with the proportions kept, pad, resize with bicubic interpolation,
stretch to 0..255. The lengths are those of `from_strokes`: a drawing and its scan give one image.
"""

import io
import warnings
from collections import Counter
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import DataError
from hcr.preprocessing.images import EMNIST, Framing, gray_range

# What Pillow decodes by itself, HEIF with the extra `heic`: any other may start a program, as EPS.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF", "HEIF")
# Of the files that are pictures, in a folder.
SUFFIXES = {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".pbm"}
SUFFIXES |= {".pgm", ".ppm", ".avif", ".heic", ".heif"}
MOST_BYTES = 200_000_000  # of a file
MOST_PIXELS = 64_000_000
MOST_SIDE = 20_000  # px

_HEIC = {b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1")}
_LOST = 0.1  # of a JPEG's height: more may not be missing at its end
_LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue
LARGEST = 256  # px: larger pictures are made smaller first
_FINE = 40  # px: for less ink than that, they are made smaller only to twice as many
_AS_THEY_ARE = ("1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_RULE = (
    "A picture must be a file's path or content, a Pillow image, or an array of grays, RGB or RGBA "
    "such as uint8 (h, w)."
)


def find_pictures(top: Path) -> tuple[list[Path], Counter[str]]:
    """The pictures in a folder and those inside, by suffix; and how many others, by theirs."""
    if not top.is_dir():
        return [top], Counter()
    files = [file for file in sorted(top.rglob("[!.]*")) if file.is_file()]
    others = Counter(kind for file in files if (kind := file.suffix.lower()) not in SUFFIXES)
    return [file for file in files if file.suffix.lower() in SUFFIXES], others


class TooLargeError(DataError):
    """More was sent than is taken."""


def read_picture(
    file: Path | bytes, most_pixels: int = MOST_PIXELS, longest: int = MOST_SIDE
) -> np.ndarray:
    """The pixels of a picture's file, for `from_picture`. No other function opens such files.

    `file` is its path, or its content, of at most `MOST_BYTES`; more than `most_pixels` are not
    decoded. A JPEG may be decoded smaller, with at least `longest` pixels on its sides. Returns the
    first frame, turned as its EXIF says: bool or uint8, (h, w), (h, w, 2), (h, w, 3) or (h, w, 4);
    uint16, int32 or float32 (h, w) where it is deeper. Raises `TooLargeError`, or `DataError` where
    there is no such file, it is none of `FORMATS`, or it is broken.
    """
    from PIL import Image, UnidentifiedImageError

    path = file if isinstance(file, Path) else None
    try:
        size = path.stat().st_size if path else len(file)
        if path and not path.is_file():  # a pipe would be waited for
            raise OSError("what is no file")
        if size > MOST_BYTES:
            raise Image.DecompressionBombError(f"{size:,} bytes")
        source = path.open("rb") if path else io.BytesIO(file)
        Image.init()
        if source.read(12)[4:] in _HEIC:
            try:
                import pillow_heif
            except ImportError:
                raise OSError('HEIC, which needs pip install "hcr[heic]"') from None
            pillow_heif.register_heif_opener()
        formats = [each for each in FORMATS if each in Image.OPEN]
        # Of a damaged file Pillow may warn without end, each time in other words.
        quiet = warnings.catch_warnings(action="ignore")
        with source, quiet, Image.open(source, formats=formats) as picture:
            sizes = [picture.size]
            if picture.format == "TIFF":  # a tile is decoded whole, though it may be the larger
                sizes.append((picture.tag_v2.get(322, 1), picture.tag_v2.get(323, 1)))
            for width, height in sizes:
                if width * height > most_pixels or max(width, height) > MOST_SIDE:
                    raise Image.DecompressionBombError(f"{width:,} x {height:,} pixels")
            picture.draft(None, (longest, longest))
            if picture.format in ("JPEG", "MPO"):
                return _pixels(_whole_jpeg(picture, source))
            return _pixels(picture)
    except FileNotFoundError:
        raise DataError(f"There is no picture {path}. Give the path of one.") from None
    except Exception as error:  # what a decoder may raise is nowhere written
        reason = " ".join(str(error).replace(f" {str(path)!r}", "").split())[:200].rstrip(".:")
        if isinstance(error, UnidentifiedImageError):
            reason = f"{size:,} bytes that are none"
        large = isinstance(error, Image.DecompressionBombError)
        kind, remedy = (TooLargeError, "Make it smaller") if large else (DataError, "Save it anew")
        raise kind(
            f"{path or 'What is sent'} must be a whole picture ({', '.join(FORMATS)}), of at most "
            f"{MOST_BYTES:,} bytes and {most_pixels:,} pixels. "
            f"Received: {reason or type(error).__name__}. {remedy}, as a PNG."
        ) from error


def from_picture(
    picture: Any, *, inverted: bool | None = None, framing: Framing = EMNIST
) -> np.ndarray:
    """Make a picture of one character from outside look as EMNIST, or another `framing`, has it.

    Args:
        picture: A file's path, content or file object; a Pillow image of any mode; the dict of a
            Gradio sketchpad; or what NumPy makes an array of: (h, w), (h, w, 1), RGB (h, w, 3),
            with alpha (h, w, 2) or (h, w, 4), channels first or last, of any range that
            `gray_range` knows. Any size from 1 x 1. What is transparent is neither paper nor ink,
            unless all else has one color.
        inverted: True for dark ink on light paper, False for light ink on dark, None to find out.
            A bold character without any margin may then be taken for its paper: 4 of 36.
        framing: A value of `FRAMINGS`.

    Returns uint8 (28, 28), ink 255 on 0; empty without ink. Specks finer than the line are dropped,
    lines finer than EMNIST's are widened, and a lone dot is as small as `from_strokes` draws a tap.
    Raises `DataError` for another type, shape or range.
    """
    from hcr.preprocessing import paper  # here, for SciPy takes a while, and drawings do without

    return paper.frame(read_ink(picture, inverted=inverted)[0], framing)


def read_ink(
    picture: Any, *, inverted: bool | None = None, longest: int | None = None
) -> tuple[np.ndarray, dict[str, str]]:
    """Where a picture has ink, and what its answer cannot be trusted for.

    Takes what `from_picture` takes. Returns the ink, float32 (h, w) of 0..1 and at most `longest`
    pixels a side, by default 256, or 512 where it is little, 0 everywhere on blank paper; and
    warnings, code to one line: `blank`, `touches_border`, `low_contrast`, `range` (a guess).
    """
    from hcr.preprocessing import paper

    sides = (longest,) if longest else (LARGEST, 2 * LARGEST)
    whole, alpha, guessed = _grays(pixels_of(picture, sides[-1]), sides[-1])
    for side in sides:
        seen = paper.reduced(alpha, side) if np.ndim(alpha) else alpha
        gray, seen = paper.see_through(paper.reduced(whole * alpha, side), seen)
        ink = paper.ink(gray, inverted, seen)
        extent = max((ink >= 0.5).any(axis=axis).sum() for axis in (0, 1))
        if extent >= _FINE or max(whole.shape) <= side:
            break
    found = paper.warnings_of(ink, gray)
    if guessed:
        found["range"] = f"Its grays were taken to be {guessed}. Give them as 0..255 to be sure."
    return ink, found


def _whole_jpeg(picture: Any, source: io.IOBase) -> Any:
    """A JPEG, decoded; what its last bytes would show is as the pixels above.

    Pillow does this by itself only under a switch that is for all formats and threads.
    """
    from PIL import Image

    try:
        picture.load()
        return picture
    except OSError as error:
        if "truncated" not in str(error):
            raise
        cut = error
    source.seek(0)
    whole = Image.open(io.BytesIO(source.read() + b"\xff\xd9"), formats=["JPEG"])  # ends there
    whole.draft(None, picture.size)
    pixels = np.array(whole)
    # What is not there is gray.
    lost = (np.abs(np.atleast_3d(pixels).astype(int) - 128) < 5).all(axis=2)
    first = len(lost) - int(np.argmin(lost[::-1, -1]))
    if first < (1 - _LOST) * len(lost) or lost[:, -1].all():
        raise cut
    for row, gone in zip(pixels[first:], lost[first:], strict=True):
        row[gone] = pixels[first - 1][gone]
    whole.paste(Image.fromarray(pixels, whole.mode))
    return whole


def pixels_of(picture: Any, longest: int = MOST_SIDE) -> np.ndarray:
    """The pixels, (h, w, channels), of what `from_picture` takes; `longest` as `read_picture` has.

    Raises `DataError` where it is no picture.
    """
    from PIL import Image

    if isinstance(picture, dict):
        picture = _sketch(picture)
    if hasattr(picture, "read"):
        if picture.seekable():
            picture.seek(0)
        picture = picture.read(MOST_BYTES + 1)
    if isinstance(picture, str | Path):
        picture = read_picture(Path(picture), longest=longest)
    elif isinstance(picture, bytes | bytearray | memoryview):
        picture = read_picture(bytes(picture), longest=longest)
    elif isinstance(picture, Image.Image):
        picture = _pixels(picture)
    try:
        values = np.asarray(picture)
    except Exception as error:  # a tensor on a GPU or with a gradient, a list of unlike rows
        raise DataError(
            f"{_RULE} Received: {type(picture).__name__} ({error!s:.80}). "
            "Give np.array(...) of it, of a tensor .detach().cpu().numpy()."
        ) from error
    shape = values.shape
    while values.ndim > 3 and len(values) == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[2] > 4 and len(values) in (1, 3, 4):
        values = np.moveaxis(values, 0, -1)
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[2] > 4 or 0 in shape or values.dtype.kind not in "buif":
        kind = type(picture).__name__
        received = kind if values.dtype == object else f"{kind} of {values.dtype} {shape}"
        raise DataError(f"{_RULE} Received: {received}. Give x.reshape(28, 28), or one at a time.")
    return values


def _grays(values: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray | float, str]:
    """Lightness and alpha, float32 (h, w) of 0..1 or 1 for none; the range where it is guessed.

    Much larger pictures than `longest` are made smaller on the way.
    """
    from PIL import Image

    low, high = gray_range(values)
    usual = ((0, 1),) if values.dtype.kind in "bf" else ((0, 255), (0, 65535))
    guessed = (low, high) not in usual and values.min() < values.max()
    times = max(values.shape[:2]) // (2 * longest)
    if times > 1 and values.dtype == np.uint8:
        small = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values).reduce(times)
        values = np.asarray(small).reshape(small.height, small.width, -1)
    values = np.clip((values.astype(np.float32) - low) / np.float32(high - low), 0, 1)
    gray = values[..., :3] @ _LIGHTNESS if values.shape[2] > 2 else values[..., 0]
    alpha = values[..., -1] if values.shape[2] in (2, 4) else 1.0
    return gray, alpha, f"{low:.3g}..{high:.3g}" if guessed else ""


def _sketch(parts: dict) -> Any:
    """The picture in the value of Gradio's `Sketchpad` and `ImageEditor`, of any version."""
    from PIL import Image

    mask = parts.get("mask")
    drawn = mask if mask is not None and np.asarray(mask).any() else parts.get("image")
    whole = [x for x in (parts.get("composite"), drawn) if x is not None]
    layers = [parts.get("background"), *(parts.get("layers") or ())]
    sheets = whole[:1] or [x for x in layers if x is not None]
    if not sheets:
        names = ", ".join(map(str, parts)) or "nothing"
        raise DataError(f"{_RULE} Received: a dict of {names}. Give its picture.")
    if len(sheets) == 1:
        return sheets[0]
    sheets = (x if isinstance(x, Image.Image) else Image.fromarray(np.asarray(x)) for x in sheets)
    return reduce(Image.alpha_composite, (sheet.convert("RGBA") for sheet in sheets))


def _pixels(picture: Any) -> np.ndarray:
    """A Pillow image of any mode as `read_picture` gives it."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
    elif picture.mode not in _AS_THEY_ARE:
        picture = picture.convert("RGB")
    return np.asarray(picture)

"""A Matplotlib figure as a small file, SVG or PNG at twice the size, as HTML and in words."""

import base64
import io
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hcr.runs import files

# A picture of many small images is smaller, and as sharp, as a PNG.
MOST_IMAGES = 12
MOST_SVG_BYTES = 250_000
PNG_DPI = 192  # CSS counts 96 dots an inch; this is twice that
PNG_COLOURS = 256
QUIET = "opacity:.8;font-size:.9em;line-height:1.45;text-align:left;max-width:75ch"
# Of a figure's description.
MOST_PANELS, MOST_SERIES = 6, 12
PNG_ERROR = 2.0  # root mean square error that a palette may cost, of 255


def save(figure: Any, path: Path, picture: bool = False) -> Path:
    """Write `figure` beside `path`, as `.svg` or `.png`, and return the file's path.

    It is a PNG where `picture` is true, where the figure shows more than 12 images, or where the
    SVG would be larger than 250 kB. The same figure always gives the same bytes.
    Raises `RunError` where the disk refuses.
    """
    images = sum(len(axes.images) for axes in figure.axes)
    data = b"" if picture or images > MOST_IMAGES else svg(figure)
    if data and len(data) <= MOST_SVG_BYTES:
        path = path.with_suffix(".svg")
    else:
        path, data = path.with_suffix(".png"), _png(figure)
    with files.writing(path) as aside:
        aside.write_bytes(data)
    # The other form, of an earlier run of the cell, would stay behind.
    path.with_suffix(".png" if path.suffix == ".svg" else ".svg").unlink(missing_ok=True)
    return path


def size(data: bytes) -> tuple[int, int]:
    """Width and height in CSS pixels at which a figure's file, `data`, is shown."""
    if data.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            scale = image.info.get("dpi", (96, 96))[0] / 96
            return round(image.width / scale), round(image.height / scale)
    found = re.search(rb'<svg[^>]*?width="([\d.]+)pt"[^>]*?', data)
    height = re.search(rb'<svg[^>]*?height="([\d.]+)pt"', data)
    if not found or not height:
        return 640, 480
    return round(float(found[1]) * 4 / 3), round(float(height[1]) * 4 / 3)


def html(data: bytes, caption: str, alt: str) -> str:
    """The figure's HTML, with the file's bytes `data` in it; caption and alt are plain text."""
    kind = "png" if data.startswith(b"\x89PNG") else "svg+xml"
    width, height = size(data)
    # White stays white in dark mode, because the figure's ink is dark.
    look = f"--w:{width}px;max-width:100%;height:auto;background:#fff"
    return (
        '<figure class="hcr-figure" style="margin:1em 0"><div class="hcr-scroll">'
        f'<img src="data:image/{kind};base64,{base64.b64encode(data).decode()}" '
        f'alt="{escape(alt)}" width="{width}" height="{height}" style="{look}"></div>'
        f'<figcaption style="{QUIET}">{escape(caption)}</figcaption></figure>'
    )


def described(figure: Any) -> str:
    """What a figure shows, in words, from its own labels, for whoever cannot see it.

    Its panels' titles, axes and series, and how many pictures it has, or, where the label of their
    axes tells it, what these show; empty where it has none of these.
    """
    panels, seen, pictures = [], [], 0
    for axes in figure.axes:
        pictures += len(axes.images)
        # Matplotlib's own labels, as of a colour bar's axes, begin so.
        if axes.images and axes.get_label() and not axes.get_label().startswith(("<", "_")):
            seen.append(axes.get_label())
        title = " ".join(filter(None, (axes.get_title(loc) for loc in ("left", "center", "right"))))
        x, y = axes.get_xlabel(), axes.get_ylabel()
        against = f"{y} against {x}" if x and y else x or y
        if against or (title and len(figure.axes) <= MOST_PANELS):
            panels.append(": ".join(filter(None, (title, against))))
    legends = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
    series = dict.fromkeys(text.get_text() for each in legends for text in each.get_texts())
    told = [f"{pictures} pictures" if pictures > 1 and not seen else "", *seen[:MOST_PANELS]]
    told += panels[:MOST_PANELS]
    told.append(f"series: {', '.join(list(series)[:MOST_SERIES])}" if series else "")
    text = "; ".join(" ".join(each.split()) for each in told if each)
    return f"Figure: {text}." if text else ""


def _draw(figure: Any, **options: Any) -> bytes:
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "hcr"}):
        figure.savefig(file, facecolor="white", bbox_inches="tight", pad_inches=0.08, **options)
    return file.getvalue()


def svg(figure: Any) -> bytes:
    """The figure as SVG, without date and comments."""
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    text = _draw(figure, format="svg", metadata=nothing).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # A hundredth of a point is finer than any screen; six decimals are a third of the file.
    text = re.sub(r'(?<=\sd=")[^"]*(?=")', lambda path: _rounded(path[0]), text)
    return re.sub(r">\s+<", "><", text).encode()


def _rounded(path: str) -> str:
    short = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path)
    return " ".join(short.split())


def _png(figure: Any) -> bytes:
    drawn = io.BytesIO(_draw(figure, format="png", dpi=PNG_DPI))
    image = Image.open(drawn, formats=["PNG"]).convert("RGB")
    few = image.quantize(PNG_COLOURS, dither=Image.Dither.NONE)
    lost = np.asarray(few.convert("RGB"), np.int16) - np.asarray(image, np.int16)
    # A palette is a third of the size; a figure with many shades keeps them.
    chosen = few if np.sqrt(np.mean(lost.astype(np.float32) ** 2)) <= PNG_ERROR else image
    file = io.BytesIO()
    chosen.save(file, "PNG", optimize=True, dpi=(PNG_DPI, PNG_DPI))
    return file.getvalue()

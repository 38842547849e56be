"""What the pad shows beside the drawing, as HTML in which labels are text, never markup."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import HcrError
from hcr.recognizer import Recognition
from hcr.reports.index import templates

FOLDER = Path(__file__).parent
BARS = 5  # characters that are shown at most
TILES, TILES_A_ROW, GAP = 16, 8, 64  # of a layer's maps; the gray between them
_HEAT = np.array([[255, 132, 0], [0, 132, 255]], dtype=float)  # speaks for it, against it
_FAINT = 0.05  # log-odds: a map without more shows nothing


@dataclass(frozen=True)
class Shown:
    """What is known of a drawing."""

    answers: Mapping[str, Recognition] = field(default_factory=dict)  # by the model's name
    # Saliency of the best answers, None until it is known.
    maps: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)  # of the first ones, as HTML
    points: int = 0  # of the drawing that it is the answer for
    whole: bool = True  # no stroke was in progress then


def html(macro: str, *values: Any) -> str:
    """What a macro of the template makes of `values`; in them labels are text."""
    return getattr(_macros(), macro)(*values)


def error_html(error: Exception | None) -> str:
    """An error, if any, as a box; `HcrError`s speak for themselves."""
    name = "" if isinstance(error, HcrError) else f"{type(error).__name__}: "
    return "" if error is None else str(html("error", f"{name}{error}"))


def heated(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """uint8 (28, 28, 3): an image with what speaks for an answer in orange, against it in blue."""
    gray = np.repeat(image[:, :, None] * 0.6, 3, axis=2)
    strength = np.abs(saliency) / max(float(np.abs(saliency).max()), _FAINT)
    color = _HEAT[(saliency < 0).astype(int)]
    return np.rint(gray + 0.85 * strength[:, :, None] * (color - gray)).astype(np.uint8)


def tiles(maps: np.ndarray) -> np.ndarray:
    """A layer's first maps, (h, w, d), side by side as uint8 (rows, columns), 0 dark."""
    some = np.maximum(maps[:, :, :TILES], 0)
    some = np.rint(255 * np.sqrt(some / max(float(some.max()), 1e-9))).astype(np.uint8)
    sides = (0, 1), (0, 1), (0, -some.shape[2] % TILES_A_ROW)
    framed = np.pad(some, sides, constant_values=GAP)
    height, width, _ = framed.shape
    rows = framed.reshape(height, width, -1, TILES_A_ROW).transpose(2, 0, 3, 1)
    return rows.reshape(-1, TILES_A_ROW * width)


@cache
def _macros() -> Any:
    environment = templates(FOLDER)
    environment.filters |= {"png": _png, "heated": heated, "tiles": tiles}
    environment.globals |= {"BARS": BARS, "TILES": TILES}
    return environment.get_template("answer.html.j2").module


def _png(pixels: np.ndarray) -> str:
    """The address of an image that holds `pixels`."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

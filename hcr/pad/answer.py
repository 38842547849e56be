"""What the pad shows beside the drawing, as HTML in which labels are text, never markup."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np

from hcr.errors import HcrError
from hcr.pad.reading import Best, Reading, words

_HEAT = np.array([[255, 132, 0], [0, 132, 255]], dtype=float)  # speaks for it, against it
_FAINT = 0.05  # log-odds: a map without more shows nothing


def style_html() -> str:
    """The pad's stylesheet, to be put on the page."""
    return f"<style>{_text('pad.css')}</style>"


def script_html(name: str) -> str:
    """The pad's script, to be put into the pad; `name` is what its drawing area is called."""
    script = escape(f"({_text('pad.js')})(this.closest('.hcr-pad'), {json.dumps(name)})")
    return f'<style onload="{script}"></style>'


def percent(probability: float) -> str:
    """A probability as `93.4 %`; it never says 0 or 100 where that is only nearly so."""
    if 0 < probability < 0.001:
        return "&lt; 0.1 %"
    if 0.999 < probability < 1:
        return "&gt; 99.9 %"
    return f"{100 * probability:.1f} %"


@dataclass(frozen=True)
class Shown:
    """What is known of a drawing.

    Attributes:
        image: The uint8 (28, 28) picture that was read.
        readings: By the model's name; none for an empty pad.
        maps: Where each model looked, float (28, 28), where that was asked for.
        points: How many points of the drawing it is the answer for.
        whole: Whether no stroke was in progress then.
    """

    image: np.ndarray
    readings: Mapping[str, Reading] = field(default_factory=dict)
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    points: int = 0
    whole: bool = True


def answer_html(shown: Shown) -> str:
    """Of each model the best character large, how sure it is, the bars, and what it sees."""
    state = f'data-points="{shown.points}" data-whole="{str(shown.whole).lower()}"'
    head = f'<div class="hcr-answers" {state}>'
    if not shown.readings:
        return (
            f'{head}<div class="hcr-empty">Draw a character: with mouse, finger or pen, small or '
            "large, in the middle or in a corner.</div></div>"
        )
    named = len(shown.readings) > 1
    parts = [_answer(shown, name, named) for name in shown.readings]
    return f"{head}{''.join(parts)}</div>"


def status_html(shown: Shown) -> str:
    """The same in a line, for whoever hears the page instead of seeing it."""
    named = len(shown.readings) > 1
    told = []
    for name, reading in shown.readings.items():
        best, share = reading.best[0]
        told += [f"{escape(name)}:"] if named else []
        told.append(f"{escape(best)}, {percent(share)}. {escape(words(reading))}")
    # What could not be read has its error told.
    return " ".join(told) or ("" if shown.image.any() else "The pad is empty.")


def error_html(error: Exception) -> str:
    """An error as a box; `HcrError`s speak for themselves, of others the kind is shown too."""
    text = str(error) if isinstance(error, HcrError) else f"{type(error).__name__}: {error}"
    return f'<div class="hcr-error" role="alert">{escape(text)}</div>'


@dataclass(frozen=True)
class Snapshot:
    """A still picture of a pad, for where no widget lives: a report, a file, a mail."""

    strokes: list[np.ndarray]
    shown: Shown
    size: int
    pen: float

    @property
    def image(self) -> np.ndarray:
        """The uint8 (28, 28) picture that was read."""
        return self.shown.image

    @property
    def best(self) -> Best:
        """What the first model made of it, best first."""
        return next((list(each.best) for each in self.shown.readings.values()), [])

    def svg(self) -> str:
        """The drawing as SVG, dark on white, `size` x `size`."""
        lines = "".join(
            '<polyline points="{}"/>'.format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
            # A line to itself with round ends is a dot.
            for points in (np.concatenate([stroke, stroke[-1:]]) for stroke in self.strokes)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.size} {self.size}" '
            f'width="{self.size}" height="{self.size}" role="img" aria-label="The drawing">'
            f'<g fill="none" stroke="#111" stroke-width="{self.pen:g}" stroke-linecap="round" '
            f'stroke-linejoin="round">{lines}</g></svg>'
        )

    def _repr_html_(self) -> str:
        return (
            # A report trusts HTML that begins so: labels are escaped in it.
            f'<div class="hcr-pad hcr-still">{style_html()}{self.svg()}'
            f"{answer_html(self.shown)}</div>"
        )


def _answer(shown: Shown, name: str, named: bool) -> str:
    reading = shown.readings[name]
    figures = _figure(shown.image, "as the network sees it", "The 28 by 28 pixels that it sees")
    if name in shown.maps:
        figures += _figure(
            heated(shown.image, shown.maps[name]),
            "where it looked",
            "Orange: what speaks for the answer; blue: what speaks against it",
        )
    title = f"<h4>{escape(name)}</h4>" if named else ""
    unsure = " hcr-unsure" if reading.doubt else ""
    bars = "".join(_bar(label, share) for label, share in reading.best)
    return (
        f'<section class="hcr-answer" aria-label="{escape(name)}">{title}'
        f'<div class="hcr-top">{_large(reading)}<div class="hcr-seen">{figures}</div></div>'
        f'<p class="hcr-said{unsure}">{escape(words(reading))}</p>'
        f'<ol class="hcr-bars" aria-label="The likeliest characters">{bars}</ol></section>'
    )


def _large(reading: Reading) -> str:
    best, share = reading.best[0]
    others = ", ".join(reading.doubt[1:3])
    rest = f"<small>or {escape(others)}?</small>" if reading.doubt else ""
    told = f"{escape(best)}, {percent(share)}"
    return f'<div class="hcr-best" role="img" aria-label="{told}">{escape(best)}{rest}</div>'


def _figure(image: np.ndarray, caption: str, alt: str) -> str:
    return (
        f'<figure><img src="{_png(image)}" width="84" height="84" alt="{alt}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def heated(image: np.ndarray, map_: np.ndarray) -> np.ndarray:
    """A picture (28, 28) with what speaks for an answer in orange, against it in blue.

    `map_` is float (28, 28) in log-odds. Returns uint8 (28, 28, 3).
    """
    grey = np.repeat(image[:, :, None] * 0.6, 3, axis=2)
    strength = np.abs(map_) / max(float(np.abs(map_).max()), _FAINT)
    colour = _HEAT[(map_ < 0).astype(int)]
    mixed = grey + 0.85 * strength[:, :, None] * (colour - grey)
    return np.rint(mixed).astype(np.uint8)


def _bar(label: str, share: float) -> str:
    width = f"width:{100 * share:.1f}%"
    return (
        f'<li><strong>{escape(label)}</strong><i aria-hidden="true"><i style="{width}"></i></i>'
        f"<span>{percent(share)}</span></li>"
    )


def _png(image: np.ndarray) -> str:
    """A data address of the picture as it is, ink bright on black."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")

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
from hcr.recognizer import Recognition

BARS, ALTERNATIVES = 5, 4  # characters that are shown at most
_HEAT = np.array([[255, 132, 0], [0, 132, 255]], dtype=float)  # speaks for it, against it
_FAINT = 0.05  # log-odds: a map without more shows nothing
_EMPTY = (
    '<div class="hcr-empty">Draw a character with mouse, finger or pen, wherever you like.</div>'
)


def page_html(name: str) -> str:
    """The pad's stylesheet and script for its page; `name` is what its drawing area is called."""
    script = escape(f"({_text('pad.js')})(this.closest('.hcr-pad'), {json.dumps(name)})")
    return f'{_style_html()}<style onload="{script}"></style>'


def _style_html() -> str:
    return f"<style>{_text('pad.css')}</style>"


@cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def percent(probability: float) -> str:
    """A probability as `93.4 %`; it never says 0 or 100 where that is only nearly so."""
    sign = "&lt; " if 0 < probability < 0.001 else "&gt; " if 0.999 < probability < 1 else ""
    return f"{sign}{100 * (min(max(probability, 0.001), 0.999) if sign else probability):.1f} %"


@dataclass(frozen=True)
class Shown:
    """What is known of a drawing."""

    answers: Mapping[str, Recognition] = field(default_factory=dict)  # by the model's name
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)  # saliency of the best answers
    points: int = 0  # of the drawing that it is the answer for
    whole: bool = True  # no stroke was in progress then

    @property
    def first(self) -> Recognition:
        """The first model's answer; an empty one for an empty pad."""
        return next(iter(self.answers.values()), Recognition())


def certainty(answer: Recognition) -> str:
    """One sentence on how sure an answer is."""
    if len(answer.alternatives) < 2:
        return f"Recognized as {answer.best}."
    names, rest = answer.alternatives[:ALTERNATIVES], len(answer.alternatives) - ALTERNATIVES
    last = f"{rest} other{'s' if rest > 1 else ''}" if rest > 0 else names.pop()
    return f"Not sure: {', '.join(names)} or {last}."


def answer_html(shown: Shown) -> str:
    """Of each model the best character large, how sure it is, the bars, and what it sees."""
    state = f'data-points="{shown.points}" data-whole="{str(shown.whole).lower()}"'
    named = len(shown.answers) > 1
    parts = "".join(_answer(shown, name, named) for name in shown.answers)
    return f'<div class="hcr-answers" {state}>{parts or _EMPTY}</div>'


def _answer(shown: Shown, name: str, named: bool) -> str:
    answer = shown.answers[name]
    best, share = answer.ranked[0]
    images = _figure(answer.image, "as the model sees it", "The 28 by 28 pixels that it sees")
    if name in shown.maps:
        heat, caption = heated(answer.image, shown.maps[name]), "saliency"
        images += _figure(heat, caption, "Orange: speaks for the answer; blue: against it")
    title = f"<h4>{escape(name)}</h4>" if named else ""
    others = escape(", ".join(answer.alternatives[1:ALTERNATIVES]))
    small = f"<small>or {others}?</small>" if others else ""
    bars = "".join(_bar(*entry) for entry in answer.ranked[:BARS])
    return (
        f'<section class="hcr-answer" aria-label="{escape(name)}">{title}<div class="hcr-top">'
        f'<div class="hcr-best" role="img" aria-label="{escape(best)}, {percent(share)}">'
        f'{escape(best)}{small}</div><div class="hcr-seen">{images}</div></div>'
        f'<p class="hcr-said{" hcr-unsure" if others else ""}">{escape(certainty(answer))}</p>'
        f'<ol class="hcr-bars" aria-label="The likeliest characters">{bars}</ol></section>'
    )


def _bar(label: str, share: float) -> str:
    return (
        f'<li><strong>{escape(label)}</strong><i aria-hidden="true">'
        f'<i style="width:{100 * share:.1f}%"></i></i><span>{percent(share)}</span></li>'
    )


def _figure(pixels: np.ndarray, caption: str, alt: str) -> str:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    image = f'<img src="{source}" width="84" height="84" alt="{alt}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def heated(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """uint8 (28, 28, 3): an image with what speaks for an answer in orange, against it in blue."""
    gray = np.repeat(image[:, :, None] * 0.6, 3, axis=2)
    strength = np.abs(saliency) / max(float(np.abs(saliency).max()), _FAINT)
    color = _HEAT[(saliency < 0).astype(int)]
    return np.rint(gray + 0.85 * strength[:, :, None] * (color - gray)).astype(np.uint8)


def status_html(shown: Shown) -> str:
    """The answer in a line, for whoever hears the page instead of seeing it."""
    if not shown.points:
        return "The pad is empty."
    texts = []
    for name, answer in shown.answers.items():
        texts += [f"{escape(name)}:"] if len(shown.answers) > 1 else []
        share = percent(answer.ranked[0][1])
        texts.append(f"{escape(answer.best)}, {share}. {escape(certainty(answer))}")
    return " ".join(texts)


def error_html(error: Exception) -> str:
    """An error as a box; `HcrError`s speak for themselves."""
    text = str(error) if isinstance(error, HcrError) else f"{type(error).__name__}: {error}"
    return f'<div class="hcr-error" role="alert">{escape(text)}</div>'


@dataclass(frozen=True)
class Snapshot:
    """A still picture of a pad, for where no widget lives: a report, a file, a mail."""

    strokes: list[np.ndarray]
    shown: Shown
    size: int
    pen: float

    def _repr_html_(self) -> str:
        lines = "".join(
            '<polyline points="{}"/>'.format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
            # A line to itself with round ends is a dot.
            for points in (np.concatenate([stroke, stroke[-1:]]) for stroke in self.strokes)
        )
        size = f'viewBox="0 0 {self.size} {self.size}" width="{self.size}" height="{self.size}"'
        # A report trusts HTML that begins so: labels are escaped in it.
        return (
            f'<div class="hcr-pad hcr-still">{_style_html()}<svg xmlns="http://www.w3.org/2000/svg"'
            f' {size} role="img" aria-label="The drawing"><g fill="none" stroke="#111" '
            f'stroke-width="{self.pen:g}" stroke-linecap="round" stroke-linejoin="round">'
            f"{lines}</g></svg>{answer_html(self.shown)}</div>"
        )

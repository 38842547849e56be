"""What the pad shows beside the drawing, as HTML in which labels are text, never markup."""

import base64
from dataclasses import dataclass
from html import escape
from io import BytesIO

import numpy as np

from hcr.errors import HcrError

Best = list[tuple[str, float]]

# JupyterLab's colours where there are any, else what reads on light and on dark.
_FAINT = "var(--jp-layout-color3, rgba(128, 128, 128, 0.35))"
_BAR = "var(--jp-brand-color1, #2b7bd6)"
_PANEL = '<div role="status" style="width:290px;max-width:100%;line-height:1.5">'


def percent(probability: float) -> str:
    """A probability as `93.4 %`; it never says 0 or 100 where that is only nearly so."""
    if 0 < probability < 0.001:
        return "&lt; 0.1 %"
    if 0.999 < probability < 1:
        return "&gt; 99.9 %"
    return f"{100 * probability:.1f} %"


def answer_html(best: Best, image: np.ndarray) -> str:
    """The best character large, the bars, and the picture (28, 28) as the network sees it."""
    if not best:
        return _PANEL + "Draw a character.<br>It may be small, large, or in a corner.</div>"
    character, probability = best[0]
    rows = "".join(_bar(label, share) for label, share in best)
    return (
        f'{_PANEL}<div style="display:flex;align-items:center;justify-content:space-around">'
        '<div style="font:600 84px/1.1 Georgia,serif;min-width:90px;text-align:center" '
        f'role="img" aria-label="Read as {escape(character)}, {percent(probability)}">'
        f'{escape(character)}</div><figure style="margin:0;text-align:center">'
        f'<img src="{_png(image)}" width="84" height="84" '
        'alt="The picture of 28 by 28 pixels that the network sees" '
        'style="image-rendering:pixelated"><figcaption style="font-size:11px;line-height:1.4">'
        "as the network sees it</figcaption></figure></div>"
        '<ol aria-label="The likeliest characters" '
        f'style="list-style:none;margin:10px 0 0;padding:0">{rows}</ol></div>'
    )


def error_html(error: Exception) -> str:
    """An error as a box; `HcrError`s speak for themselves, of others the kind is shown too."""
    text = str(error) if isinstance(error, HcrError) else f"{type(error).__name__}: {error}"
    return (
        '<div role="alert" style="border-left:4px solid #c62828;padding:4px 10px;max-width:560px;'
        f'overflow-wrap:anywhere;line-height:1.4">{escape(text)}</div>'
    )


@dataclass(frozen=True)
class Snapshot:
    """A still picture of a pad, for where no widget lives: a report, a file, a mail."""

    strokes: list[np.ndarray]
    image: np.ndarray
    best: Best
    size: int
    pen: float

    def svg(self) -> str:
        """The drawing as SVG, dark on white, `size` x `size`."""
        lines = "".join(
            '<polyline points="{}"/>'.format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
            # A line to itself with round ends is a dot.
            for points in (np.concatenate([stroke, stroke[-1:]]) for stroke in self.strokes)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.size} {self.size}" '
            f'width="{self.size}" height="{self.size}" role="img" aria-label="The drawing" '
            f'style="background:#fff;border:1px solid {_FAINT};max-width:100%;height:auto">'
            f'<g fill="none" stroke="#111" stroke-width="{self.pen:g}" stroke-linecap="round" '
            f'stroke-linejoin="round">{lines}</g></svg>'
        )

    def _repr_html_(self) -> str:
        return (
            # A report trusts HTML that begins so: labels are escaped in it.
            '<div class="hcr-pad" style="display:flex;flex-wrap:wrap;gap:16px;align-items:center">'
            f"{self.svg()}<div>{answer_html(self.best, self.image)}</div></div>"
        )


def _bar(label: str, share: float) -> str:
    return (
        '<li style="display:flex;align-items:center;gap:8px;margin:2px 0">'
        f'<span style="width:1.4em;text-align:center;font:600 15px monospace">{escape(label)}'
        f'</span><span aria-hidden="true" style="flex:1;height:12px;background:{_FAINT}">'
        f'<span style="display:block;height:100%;width:{100 * share:.1f}%;background:{_BAR}">'
        f'</span></span><span style="width:5em;white-space:nowrap;text-align:right;font-size:12px;'
        f'font-variant-numeric:tabular-nums">{percent(share)}</span></li>'
    )


def _png(image: np.ndarray) -> str:
    """A data address of the picture as it is, ink bright on black."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

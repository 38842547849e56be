"""The canvas and what is sent to it: little while one draws, everything when a page asks."""

import time

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas, hold_canvas

_PAPER, _INK = "#ffffff", "#111111"
_FRAME = 0.015  # s: lines are sent to the page no more often than this


class Paper:
    """A white square of `size` x `size` pixels on which strokes are shown."""

    def __init__(self, size: int) -> None:
        self.size, self.pen = size, size * 0.02
        # No tooltip: with one, ipycanvas 0.14.3's view fails to open under ipywidgets 8.
        self.canvas = Canvas(
            width=size,
            height=size,
            layout=widgets.Layout(border="1px solid #888", max_width="100%"),
        )
        # A page that is loaded again knows no current canvas: drawing on another one first makes
        # ipycanvas name this one anew.
        self._spare = Canvas(width=1, height=1)
        self._sent, self._sent_at = 0, 0.0

    def begin(self, stroke: np.ndarray) -> None:
        """Show the first point of a stroke."""
        self._sent = 0
        self.go_on(stroke, final=True)

    def go_on(self, stroke: np.ndarray, final: bool = False) -> None:
        """Show what `stroke` (k, 2) has gained, unless that was done a moment ago.

        So moves that queued up while the kernel was busy, and come at once, go out in one batch.
        """
        now = time.monotonic()
        if final or now - self._sent_at >= _FRAME:
            new = stroke[max(self._sent - 1, 0) :]
            self._sent, self._sent_at = len(stroke), now
            with hold_canvas():
                self._line(new)

    def redraw(self, strokes: list[np.ndarray]) -> None:
        """Send everything: the page may know nothing."""
        canvas = self.canvas
        with hold_canvas():
            self._spare.clear()
            canvas.fill_style = _PAPER
            canvas.fill_rect(0, 0, self.size, self.size)
            canvas.fill_style = canvas.stroke_style = _INK
            canvas.line_width, canvas.line_cap, canvas.line_join = self.pen, "round", "round"
            for stroke in strokes:
                self._line(stroke)

    def _line(self, points: np.ndarray) -> None:
        if len(points) > 1:
            self.canvas.stroke_lines(points.astype(np.float32))
        else:
            x, y = points[0].tolist()
            self.canvas.fill_circle(x, y, self.pen / 2)

"""The canvas and what is sent to it: little while one draws, everything when a page asks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ipywidgets as widgets
import numpy as np
import traitlets
from ipycanvas import Canvas, hold_canvas

from hcr.pad.curve import smooth
from hcr.pad.pace import Pace

NAME = "Drawing area"
FINE = 2  # canvas pixels to a pad pixel: sharp where a screen has two to a CSS pixel, too
_PAPER, _INK = "#ffffff", "#111111"
# s: lines are sent to the page no more often. A mouse sends 60 moves a second, so every second one;
# drawing on a page without a graphics card costs more than all else that a move causes.
_FRAME = 0.025


# ipycanvas collects the commands of all canvases in one place, and JupyterLab lets widgets be heard
# in a thread of their own while a cell runs.
_LOCK = threading.RLock()


@contextmanager
def _batch() -> Iterator[None]:
    """What is drawn goes to the page in one message, with nobody else's in it.

    What goes wrong within is raised behind it: ipycanvas would hold back all that follows.
    """
    failed = None
    with _LOCK:
        with hold_canvas():
            try:
                yield
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed


class _Canvas(Canvas):
    # ipycanvas 0.14.3's view does not open under ipywidgets 8 when it has a tooltip but no
    # description, which ipywidgets takes every widget with a tooltip to have.
    description = traitlets.Unicode("").tag(sync=True)


class Paper:
    """A white square of `size` x `size` pixels on which strokes, in these pixels, are shown.

    `guard` wraps what is done later, so that what goes wrong then is shown.
    """

    def __init__(self, size: int, guard: Callable[[Callable], Callable]) -> None:
        self.size, self.pen = size, size * 0.02
        layout = widgets.Layout(width=f"{size}px", max_width="calc(100% - 4px)", height="auto")
        self.canvas = _Canvas(width=size * FINE, height=size * FINE, layout=layout)
        self.canvas.add_class("hcr-paper")
        self.canvas.tooltip = NAME
        # A page that is loaded again knows no current canvas: drawing on another one first makes
        # ipycanvas name this one anew.
        self._spare = Canvas(width=1, height=1)
        self._stroke, self._sent = np.zeros((0, 2)), 0
        self._pace = Pace(guard(self._advance), _FRAME)

    def go_on(self, stroke: np.ndarray) -> None:
        """Show what `stroke` (k, 2) has gained, now or in a moment.

        So moves that queued up while the kernel was busy, and come at once, go out in one batch.
        """
        if len(stroke) < len(self._stroke):
            self._sent = 0
        self._stroke = stroke
        self._pace.ask()

    def redraw(self, strokes: list[np.ndarray]) -> None:
        """Send everything: the page may know nothing, or less exactly than it could."""
        self._pace.drop()
        self._stroke, self._sent = np.zeros((0, 2)), 0
        canvas = self.canvas
        with _batch():
            self._spare.clear()
            canvas.set_transform(FINE, 0, 0, FINE, 0, 0)
            canvas.fill_style = _PAPER
            canvas.fill_rect(0, 0, self.size, self.size)
            canvas.fill_style = canvas.stroke_style = _INK
            canvas.line_width, canvas.line_cap, canvas.line_join = self.pen, "round", "round"
            for stroke in strokes:
                self._line(stroke)

    def _advance(self) -> None:
        # The piece that was last is drawn again: a curve's end hangs on what follows.
        new = self._stroke[max(self._sent - 3, 0) :]
        self._sent = len(self._stroke)
        with _batch():
            self._line(new)

    def _line(self, points: np.ndarray) -> None:
        if len(points) > 1:
            self.canvas.stroke_lines(smooth(points))
        elif len(points):
            x, y = points[0].tolist()
            self.canvas.fill_circle(x, y, self.pen / 2)

"""The drawing widget. It knows no model: it is given functions."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas

from hcr.errors import ParameterError
from hcr.pad.answer import (
    Shown,
    Snapshot,
    answer_html,
    error_html,
    script_html,
    status_html,
    style_html,
)
from hcr.pad.controls import Controls
from hcr.pad.models import Models, Readers
from hcr.pad.pace import Pace
from hcr.pad.paper import NAME, Paper
from hcr.pad.pen import Pen
from hcr.pad.reading import Best
from hcr.pad.strokes import Drawing
from hcr.pad.teaching import Drawings, Teaching
from hcr.preprocessing import from_strokes

# s: between two answers while one draws. One that comes just before the pen is lifted keeps the
# page busy, so more of them would delay the last one.
_OFTEN = 0.3
_PAUSE = 0.3  # s: between two looks at where a model looked


class Pad(widgets.VBox):
    """A pad to draw a character on, with mouse, finger or pen, and to see what it is read as.

    `readers` maps names to models, or to functions that load one when it is chosen: what is a
    model, `hcr.pad.Reader` says. With `drawings` (see `hcr.pad.Drawings`) a drawing can be kept
    with the character that was meant. The strokes stay in Python, in pixels of the pad, which is
    `size` x `size`. What a callback raises is shown in the pad and kept in `error`.

    With the drawing area in focus: Ctrl-Z takes the last step back, Ctrl-Shift-Z or Ctrl-Y does it
    again, Delete clears, Tab, Shift-Tab or Escape leaves it.
    """

    def __init__(self, readers: Readers, drawings: Drawings | None = None, size: int = 280) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not 100 <= size <= 1000:
            raise ParameterError(
                f"size must be an integer from 100 to 1000, in pixels. Received: {size!r}."
            )
        self.size, self.error = size, None
        # The error of the models, which their next answer makes up for.
        self._unread: Exception | None = None
        # A cell may replay strokes while a person draws: JupyterLab has a thread for each.
        self._lock = threading.RLock()
        self._drawing, self._shown = Drawing(), Shown(from_strokes([]))
        self._paper = Paper(size, self._guard)
        self._pen = Pen(self._drawing, size, self._moved, self._ended, self._guard)
        self._reading = Pace(self._guard(self._read), _OFTEN)
        self._looking = Pace(self._guard(self._look), _PAUSE)
        self._models = Models(readers, self._guard(self._chosen))
        self._controls = Controls(
            self._drawing, self._changed, self._look, self._leave, self._guard
        )
        self._teaching = None
        if drawings is not None:
            self._teaching = Teaching(
                drawings, lambda: self.strokes, self._bests, size, self.clear, self._guard
            )
        self._answer, self._error, self._status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._status.add_class("hcr-status")
        super().__init__(self._placed())
        self.add_class("hcr-pad")
        self.canvas.on_client_ready(self._guard(self._ready))
        self.canvas.on_key_down(self._guard(self._controls.typed))
        self._pen.listen(self.canvas)
        self._offer()
        self._paper.redraw([])
        self._show()
        self._tell()

    @property
    def strokes(self) -> list[np.ndarray]:
        """What is drawn: float64 (k, 2) arrays in pad pixels, x right and y down; copies."""
        return self._drawing.strokes

    @property
    def image(self) -> np.ndarray:
        """The uint8 (28, 28) picture that was last read; empty where nothing is drawn."""
        return self._shown.image.copy()

    @property
    def answers(self) -> dict[str, Best]:
        """By the model's name its likeliest characters, at most five, with probabilities."""
        return {name: list(each.best) for name, each in self._shown.readings.items()}

    @property
    def best(self) -> Best:
        """What the first model has in `answers`, best first; empty where nothing is drawn."""
        return next(iter(self.answers.values()), [])

    @property
    def canvas(self) -> Canvas:
        """The ipycanvas widget that is drawn on."""
        return self._paper.canvas

    def snapshot(self) -> Snapshot:
        """A still picture of the drawing and its answer, which shows itself in a notebook."""
        return Snapshot(self.strokes, self._shown, self.size, self._paper.pen)

    def choose(self, first: str, second: str | None = None) -> None:
        """Let one model read, or two side by side. Raises `ParameterError` for another name."""
        self._models.choose(first, second)

    def show_where(self, shown: bool = True) -> None:
        """Show where the models looked, or don't."""
        self._controls.looks.value = shown

    def clear(self) -> None:
        """Empty the pad. It can be undone."""
        self._drawing.clear()
        self._changed()

    def replay(self, strokes: Iterable, clear: bool = True) -> Best:
        """Draw strokes, (k, 2) arrays in pad pixels, as a mouse would; no browser is needed.

        Empties the pad first, unless `clear` is false. Returns `best`. What goes wrong is raised.
        """
        if clear:
            self.clear()
        for stroke in strokes:
            self._pen.replay(np.asarray(stroke, dtype=float).reshape(-1, 2).tolist())
            if self.error is not None:
                raise self.error
        # The cell that replays may want to show what would have come in a moment.
        if self._controls.looks.value:
            self._looking.now()
        return self.best

    def _repr_mimebundle_(self, **kwargs) -> dict:
        # Where no widget can live, the still picture is shown. ipywidgets 7 has no such method.
        inherited = getattr(super(), "_repr_mimebundle_", None)
        bundle = inherited(**kwargs) if inherited else {}
        return {**bundle, "text/html": self.snapshot()._repr_html_()}

    def _placed(self) -> list[widgets.Widget]:
        """The controls, in the order in which a keyboard goes through them."""
        self._frame = widgets.VBox([self.canvas])
        left = widgets.VBox([self._frame, self._controls.widget])
        desk = widgets.HBox([left, self._answer], layout={"flex_flow": "row wrap"})
        desk.add_class("hcr-desk")
        teaching = [self._teaching.widget] if self._teaching else []
        style = widgets.HTML(style_html() + script_html(NAME), layout={"display": "none"})
        return [style, self._models.widget, desk, self._status, *teaching, self._error]

    def _guard(self, function: Callable) -> Callable:
        """Show what goes wrong in the pad: ipywidgets would hide it in a log."""

        @wraps(function)
        def guarded(*args) -> None:
            with self._lock:
                try:
                    function(*args)
                except Exception as error:
                    self.error = error
                    self._show()

        return guarded

    def _ready(self) -> None:
        # What was drawn before a page was open is lost to it, in Voilà always.
        self._paper.redraw(self.strokes)

    def _leave(self, backward: bool) -> None:
        """Move a keyboard's focus from the drawing area to the control after it, or before it."""
        target = (self._models.focused if backward else None) or self._controls.first
        if hasattr(target, "focus"):
            target.focus()
        else:  # ipywidgets 7: what is taken off the page and put back has lost the focus
            self._frame.children = ()
            self._frame.children = (self.canvas,)

    def _chosen(self, _change: dict) -> None:
        self.error = None
        self._offer()
        self._reading.now()
        self._tell()

    def _offer(self) -> None:
        if self._teaching:
            self._teaching.compare(self._models.chosen)
            self._teaching.offer(self._models.labels)

    def _bests(self) -> dict[str, str]:
        """The best answer of each model that reads now, to what is drawn now."""
        self._reading.now()
        return {name: reading.best[0][0] for name, reading in self._shown.readings.items()}

    def _moved(self) -> None:
        stroke = self._drawing.current
        if len(stroke) == 1:
            # Whoever goes on drawing has seen what went wrong before.
            self.error = None
        self._paper.go_on(stroke)
        self._reading.ask()

    def _ended(self) -> None:
        # The answer first: the line is there already, but for its last piece.
        self._reading.now()
        self._paper.redraw(self.strokes)
        self._tell()

    def _changed(self) -> None:
        self.error = None
        self._paper.redraw(self.strokes)
        self._reading.now()
        self._tell()

    def _read(self) -> None:
        """Answer anew for what is drawn."""
        strokes = self.strokes
        image = from_strokes(strokes)
        self._shown = Shown(image)
        if self.error is self._unread:
            self.error = None
        try:
            self._models.load()
            readings = self._models.read(image) if image.any() else {}
        except Exception as error:
            self._unread = error
            raise
        if readings:
            # Their place is kept, so that nothing jumps when they come.
            blank = np.zeros(image.shape)
            maps = dict.fromkeys(readings, blank) if self._controls.looks.value else {}
            points, whole = sum(map(len, strokes)), not self._drawing.drawing
            self._shown = Shown(image, readings, maps, points, whole)
        self._show()
        if self._controls.looks.value:
            self._looking.ask()

    def _look(self) -> None:
        """Show where the models looked, if that is wanted: after the answer, which cannot wait."""
        shown = self._shown
        maps = (
            self._models.looked(shown.image, shown.readings) if self._controls.looks.value else {}
        )
        self._shown = replace(shown, maps=maps)
        self._show()

    def _tell(self) -> None:
        """Say the answer in the status line: once a stroke, for it is read aloud."""
        self._status.value = status_html(self._shown)

    def _show(self) -> None:
        self._error.value = error_html(self.error) if self.error is not None else ""
        self._answer.value = answer_html(self._shown)
        self._controls.refresh()
        if self._teaching:
            self._teaching.refresh()

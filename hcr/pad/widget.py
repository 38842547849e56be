"""The drawing widget."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import Any

import ipywidgets as widgets
import numpy as np

from hcr.pad import answers
from hcr.pad.answers import BARS, Shown, Snapshot
from hcr.pad.models import Controls, Loaders, Models
from hcr.pad.surface import NAME, Pace, Surface
from hcr.pad.teaching import Teaching
from hcr.recognizer.recognizer import Ranked

_GAP = 0.3  # s between two answers while one draws: more of them would delay the last one


class Pad(widgets.VBox):
    """A pad to draw a character on, with mouse, finger or pen, and to see what it is recognized as.

    `models` maps names to `Recognizer`s, or to functions that load one when it is chosen. With
    `drawings` (`hcr.datasets.drawings_file`) a drawing can be kept with the character that was
    meant. Strokes are in pixels of the pad, which is `size` x `size`. What a callback raises is
    shown in the pad and kept in `error`.
    """

    def __init__(self, models: Loaders, drawings: Any = None, size: int = 280) -> None:
        self.size, self.error = size, None
        # A cell may replay strokes while a person draws: JupyterLab has a thread for each.
        self._lock = threading.RLock()
        guard, self._shown = self._guard, Shown()
        self._answering = Pace(guard(self._recognize), _GAP)
        self._looking = Pace(guard(self._look), _GAP)
        self._surface = Surface(size, self._grown, self._changed, self._leave, guard)
        self.canvas = self._surface.canvas
        self._models = Models(models, guard(self._chosen))
        self._controls = Controls(self._surface, self._look, guard)
        self._teaching = None
        if drawings is not None:
            self._teaching = Teaching(drawings, self._surface, self._bests, guard)
        self._answer, self._error, self._status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._status.add_class("hcr-status")
        self._frame = widgets.VBox([self.canvas])
        left = widgets.VBox([self._frame, self._controls.widget])
        desk = widgets.HBox([left, self._answer], layout={"flex_flow": "row wrap"})
        desk.add_class("hcr-desk")
        teaching = [self._teaching.widget] if self._teaching else []
        page = widgets.HTML(answers.page_html(NAME), layout={"display": "none"})
        super().__init__([page, self._models.widget, desk, self._status, *teaching, self._error])
        self.add_class("hcr-pad")
        self._offer()
        self._show()
        self._report()

    @property
    def strokes(self) -> list[np.ndarray]:
        """What is drawn: float64 (k, 2) arrays in pad pixels, x right and y down; copies."""
        return self._surface.strokes

    @property
    def best(self) -> Ranked:
        """The first model's likeliest characters, at most five; empty where nothing is drawn."""
        return self._shown.first.ranked[:BARS]

    def snapshot(self) -> Snapshot:
        """A still picture of the drawing and its answer, which shows itself in a notebook."""
        return Snapshot(self.strokes, self._shown, self.size, self._surface.pen)

    def show_saliency(self, shown: bool = True) -> None:
        """Show which parts of the image speak for the answer, or don't."""
        self._controls.saliency.value = shown

    def clear(self) -> None:
        """Empty the pad. It can be undone."""
        self._surface.clear()

    def replay(self, strokes: Iterable, clear: bool = True) -> Ranked:
        """Draw strokes, (k, 2) arrays in pad pixels, as a mouse would; returns `best`.

        Empties the pad first, unless told not to. What goes wrong is raised.
        """
        if clear:
            self.clear()
        for stroke in strokes:
            self._surface.replay(np.asarray(stroke, dtype=float).reshape(-1, 2))
            if self.error is not None:
                raise self.error
        # The cell that replays may want to show what would have come in a moment.
        if self._controls.saliency.value:
            self._looking.now()
        return self.best

    def _repr_mimebundle_(self, **kwargs) -> dict:
        # Where no widget can live, the still picture is shown. ipywidgets 7 has no such method.
        method = getattr(super(), "_repr_mimebundle_", None)
        bundle = method(**kwargs) if method else {}
        return {**bundle, "text/html": self.snapshot()._repr_html_()}

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

    def _leave(self, backward: bool) -> None:
        before = self._models.widget.children[-1:] if backward else ()
        target = before[0] if before else self._controls.first
        if hasattr(target, "focus"):
            target.focus()
        else:  # ipywidgets 7: what is taken off the page and put back has lost the focus
            self._frame.children = ()
            self._frame.children = (self.canvas,)

    def _chosen(self, _change: dict) -> None:
        self._offer()
        self._changed()

    def _offer(self) -> None:
        names = self._models.chosen
        if self._teaching:
            self._teaching.offer(names, self._models.load(names[0]).labels)

    def _bests(self) -> dict[str, str]:
        self._answering.now()
        return {name: answer.best for name, answer in self._shown.answers.items()}

    def _grown(self) -> None:
        self.error = None  # Whoever goes on drawing has seen what went wrong before.
        self._answering.ask()

    def _changed(self) -> None:
        self.error = None
        self._answering.now()
        self._report()

    def _recognize(self) -> None:
        strokes = self.strokes
        points, whole = sum(map(len, strokes)), not self._surface.drawing
        self._shown = Shown(points=points, whole=whole)
        found = self._models.recognize(strokes)
        if points:
            # Their place is kept, so that nothing jumps when they come.
            blank = dict.fromkeys(found, np.zeros((28, 28)))
            maps = blank if self._controls.saliency.value else {}
            self._shown = Shown(found, maps, points, whole)
        self._show()
        if self._controls.saliency.value:
            self._looking.ask()

    def _look(self) -> None:
        """Show the saliency, if that is wanted: after the answer, which cannot wait."""
        wanted = self._controls.saliency.value
        maps = self._models.saliency(self._shown.answers) if wanted else {}
        self._shown = replace(self._shown, maps=maps)
        self._show()

    def _report(self) -> None:
        # Once a stroke, for it is read aloud.
        self._status.value = answers.status_html(self._shown)

    def _show(self) -> None:
        self._error.value = answers.error_html(self.error) if self.error is not None else ""
        self._answer.value = answers.answer_html(self._shown)
        self._controls.refresh()
        if self._teaching:
            self._teaching.refresh()

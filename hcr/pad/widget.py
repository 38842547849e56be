"""The drawing widget."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import numpy as np

from hcr.pad import answers
from hcr.pad.answers import BARS, Shown
from hcr.pad.controls import Controls, Loaders, Models
from hcr.pad.surface import NAME, Pace, Surface
from hcr.pad.teaching import Teaching
from hcr.recognizer import Recognition
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
        look = guard(self._look)
        self._answering, self._looking = Pace(guard(self._recognize), _GAP), Pace(look, _GAP)
        self._surface = Surface(size, self._grown, self._changed, self._leave, guard)
        self.canvas = self._surface.canvas
        self._models = Models(models, guard(self._chosen))
        self._controls = Controls(self._surface, look, guard)
        taught = drawings, self._surface, self._models, guard
        self._teaching = Teaching(*taught) if drawings is not None else None
        self._answer, self._error, self._status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._status.add_class("hcr-status")
        self._frame = widgets.VBox([self.canvas])
        left = widgets.VBox([self._frame, self._controls.widget])
        desk = widgets.HBox([left, self._answer])
        desk.add_class("hcr-desk")
        teaching = [self._teaching.widget] if self._teaching else []
        page = widgets.HTML(answers.html("page", NAME), layout={"display": "none"})
        super().__init__([page, self._models.widget, desk, self._status, *teaching, self._error])
        self.add_class("hcr-pad")
        self._chosen()

    @property
    def strokes(self) -> list[np.ndarray]:
        """What is drawn: float64 (k, 2) arrays in pad pixels, x right and y down; copies."""
        return self._surface.strokes

    @property
    def best(self) -> Ranked:
        """The first model's likeliest characters, at most five; empty where nothing is drawn."""
        return next(iter(self._shown.answers.values()), Recognition()).ranked[:BARS]

    def clear(self) -> None:
        """Empty the pad. It can be undone."""
        self._surface.clear()

    def replay(self, strokes: Iterable) -> Ranked:
        """Empty the pad, draw strokes, (k, 2) in pad pixels, as a mouse would; `best`, or raise."""
        self.clear()
        for stroke in strokes:
            self._surface.replay(np.asarray(stroke, dtype=float).reshape(-1, 2))
            if self.error is not None:
                raise self.error
        # The cell that replays may want to show what would have come in a moment.
        if self._controls.saliency.value or self._controls.layers.value:
            self._looking.now()
        return self.best

    def _guard(self, function: Callable) -> Callable:
        """Show what goes wrong in the pad: ipywidgets would hide it in a log."""

        def guarded(*args) -> None:
            with self._lock:
                try:
                    function(*args)
                except Exception as error:
                    self.error = error
                    self._show()

        return guarded

    def _leave(self, backward: bool) -> None:
        before = self._models.widget.children[-2:-1] if backward else ()
        target = before[0] if before else self._controls.first
        if hasattr(target, "focus"):
            target.focus()
        else:  # ipywidgets 7: what is taken off the page and put back has lost the focus
            self._frame.children = ()
            self._frame.children = (self.canvas,)

    def _chosen(self, _change: Any = None) -> None:
        self._shown = Shown()  # of other models: not to be seen beside what goes wrong
        self._models.refresh()
        if self._teaching:
            self._teaching.offer(self._models.load(self._models.chosen[0]).labels)
        self._changed()

    def _grown(self) -> None:
        self.error = None  # Whoever goes on drawing has seen what went wrong before.
        self._answering.ask()

    def _changed(self) -> None:
        self.error = None
        self._answering.now()
        # Once a stroke, for it is read aloud.
        self._status.value = " ".join(answers.html("status", self._shown).split())

    def _recognize(self) -> None:
        strokes = self.strokes
        points, wanted = sum(map(len, strokes)), self._controls.saliency.value
        picture, before, layers = self._surface.picture, self._shown.maps, self._shown.layers
        self._shown = Shown(points=points, whole=not self._surface.drawing)
        found = self._models.recognize(**({"image": picture} if picture else {"strokes": strokes}))
        if points or picture:
            # The last ones stay until the new ones come: nothing jumps, and nothing is gray.
            maps = {name: before.get(name) for name in found if wanted}
            self._shown = replace(self._shown, answers=found, maps=maps, layers=layers)
        self._show()
        if wanted or self._controls.layers.value:
            self._looking.ask()

    def _look(self) -> None:
        """Show saliency and layers, if wanted: after the answer, which cannot wait."""
        models, controls, answers = self._models, self._controls, self._shown.answers
        maps = models.saliency(answers) if controls.saliency.value else {}
        layers = models.layers(answers) if controls.layers.value else {}
        self._shown = replace(self._shown, maps=maps, layers=layers)
        self._show()

    def _show(self) -> None:
        self._error.value = answers.error_html(self.error)
        self._answer.value = answers.html("answer", self._shown)
        self._controls.refresh()
        if self._teaching:
            self._teaching.refresh()

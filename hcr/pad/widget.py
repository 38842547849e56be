"""The drawing widget. It knows no model: it is given a function from pictures to probabilities."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas

from hcr import images
from hcr.errors import ModelError, ParameterError
from hcr.pad.answer import Best, Snapshot, answer_html, error_html
from hcr.pad.paper import Paper
from hcr.pad.strokes import Drawing

_SHOWN = 5  # characters


def _handler(method: Callable) -> Callable:
    """Show what goes wrong in the pad: ipywidgets would hide it in a log."""

    @wraps(method)
    def wrapped(self: "Pad", *args) -> None:
        try:
            method(self, *args)
        except Exception as error:
            self._fail(error)

    return wrapped


class Pad(widgets.VBox):
    """A pad to draw a character on, with mouse, touch or pen, and to see what it is read as.

    `predict` takes a uint8 (1, 28, 28) picture and returns (1, n) probabilities of the n `labels`.
    The strokes stay in Python, in pixels of the canvas, which is `size` x `size`. What a callback
    raises is shown in the pad and kept in `error`.

    With the canvas in focus: Ctrl-Z takes the last step back, Ctrl-Shift-Z or Ctrl-Y does it
    again, Delete clears, Tab or Escape leaves the canvas.
    """

    def __init__(self, predict: Callable, labels: Sequence[str], size: int = 280) -> None:
        labels = tuple(labels)
        if not labels or not all(isinstance(label, str) and label for label in labels):
            raise ParameterError(f"labels must be a list of characters. Received: {labels!r}.")
        if isinstance(size, bool) or not isinstance(size, int) or not 100 <= size <= 1000:
            raise ParameterError(
                f"size must be an integer from 100 to 1000, in pixels. Received: {size!r}."
            )
        if not callable(predict):
            raise ParameterError(
                f"predict must be a function from pictures to probabilities. Received: {predict!r}."
            )
        self.labels, self.size, self.error = labels, size, None
        self._predict, self._drawing = predict, Drawing()
        self._best: Best = []
        self._image = images.from_strokes([])
        self._paper = Paper(size)
        self._listen(self._paper.canvas)
        self._undo = _button("Undo", "undo", "Take the last step back (Ctrl-Z)", self._undone)
        self._redo = _button("Redo", "repeat", "Do it again (Ctrl-Shift-Z)", self._redone)
        self._clear = _button("Clear", "trash", "Empty the pad (Delete)", self._cleared)
        self._answer, self._error = widgets.HTML(), widgets.HTML()
        buttons = widgets.HBox([self._undo, self._redo, self._clear])
        left = widgets.VBox([self.canvas, buttons], layout=widgets.Layout(max_width="100%"))
        right = widgets.VBox([self._answer], layout=widgets.Layout(margin="0 0 0 12px"))
        row = widgets.HBox(
            [left, right], layout=widgets.Layout(flex_flow="row wrap", align_items="center")
        )
        super().__init__([row, self._error])
        self._paper.redraw([])
        self._show()

    @property
    def strokes(self) -> list[np.ndarray]:
        """What is drawn: float64 (k, 2) arrays in pad pixels, x right and y down; copies."""
        return self._drawing.strokes

    @property
    def image(self) -> np.ndarray:
        """The uint8 (28, 28) picture that was last read; empty where nothing is drawn."""
        return self._image.copy()

    @property
    def best(self) -> Best:
        """The likeliest characters, at most five, with their probabilities, best first."""
        return list(self._best)

    @property
    def canvas(self) -> Canvas:
        """The ipycanvas widget that is drawn on."""
        return self._paper.canvas

    def snapshot(self) -> Snapshot:
        """A still picture of the drawing and its answer, which shows itself in a notebook."""
        return Snapshot(self.strokes, self.image, self.best, self.size, self._paper.pen)

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
            points = np.asarray(stroke, dtype=float).reshape(-1, 2).tolist()
            for index, (x, y) in enumerate(points):
                (self._pressed if index == 0 else self._moved)(x, y)
            if points:
                self._released(*points[-1])
            if self.error is not None:
                raise self.error
        return self.best

    def _repr_mimebundle_(self, **kwargs) -> dict:
        # Where no widget can live, the still picture is shown. ipywidgets 7 has no such method.
        inherited = getattr(super(), "_repr_mimebundle_", None)
        bundle = inherited(**kwargs) if inherited else {}
        return {**bundle, "text/html": self.snapshot()._repr_html_()}

    def _listen(self, canvas: Canvas) -> None:
        canvas.on_client_ready(self._ready)
        canvas.on_mouse_down(self._pressed)
        canvas.on_mouse_move(self._moved)
        canvas.on_mouse_up(self._released)
        canvas.on_mouse_out(self._released)
        canvas.on_touch_start(self._touched)
        canvas.on_touch_move(self._slid)
        canvas.on_touch_end(self._lifted)
        canvas.on_touch_cancel(self._lifted)
        canvas.on_key_down(self._typed)

    @_handler
    def _ready(self) -> None:
        self._paper.redraw(self.strokes)

    @_handler
    def _pressed(self, x: float, y: float) -> None:
        self._drawing.begin(x, y)
        self._paper.begin(self._drawing.current)

    @_handler
    def _moved(self, x: float, y: float) -> None:
        if not self._drawing.drawing:
            return
        self._drawing.extend(x, y)
        self._paper.go_on(self._drawing.current)

    @_handler
    def _released(self, x: float, y: float) -> None:
        self._drawing.extend(x, y)
        self._finish()

    @_handler
    def _touched(self, touches: list[tuple[float, float]]) -> None:
        if len(touches) == 1:
            self._pressed(*touches[0])
        else:  # a second finger: the stroke ends, and nothing begins
            self._finish()

    @_handler
    def _slid(self, touches: list[tuple[float, float]]) -> None:
        if len(touches) == 1:
            self._moved(*touches[0])

    @_handler
    def _lifted(self, touches: list[tuple[float, float]]) -> None:
        self._finish()

    @_handler
    def _typed(self, key: str, shift: bool, ctrl: bool, meta: bool) -> None:
        key, command = key.lower(), ctrl or meta
        if command and key == "z" and not shift:
            self._undone()
        elif command and key in ("y", "z"):
            self._redone()
        elif key in ("delete", "backspace"):
            self._cleared()
        elif key in ("tab", "escape") and hasattr(self._clear, "focus"):
            # A canvas in focus swallows every key: this is the way out of it.
            self._clear.focus()

    @_handler
    def _undone(self, *_) -> None:
        self._drawing.undo()
        self._changed()

    @_handler
    def _redone(self, *_) -> None:
        self._drawing.redo()
        self._changed()

    @_handler
    def _cleared(self, *_) -> None:
        self.clear()

    def _finish(self) -> None:
        """End the stroke in progress, if there is one, and read the drawing."""
        if self._drawing.drawing:
            self._paper.go_on(self._drawing.current, final=True)
            self._drawing.end()
            self._read()

    def _changed(self) -> None:
        self._paper.redraw(self.strokes)
        self._read()

    def _read(self) -> None:
        """Answer anew for what is drawn."""
        self.error, self._best = None, []
        try:
            self._image = images.from_strokes(self.strokes)
            if self._image.any():
                self._best = self._ranked(self._predict(self._image[None]))
        finally:
            self._show()

    def _ranked(self, probabilities) -> Best:
        shares = np.asarray(probabilities, dtype=float)
        if shares.shape != (1, len(self.labels)) or not np.isfinite(shares).all():
            raise ModelError(
                f"predict must return (1, {len(self.labels)}) finite probabilities. "
                f"Received: shape {shares.shape}."
            )
        order = np.argsort(-shares[0], kind="stable")[:_SHOWN]
        return [(self.labels[index], float(shares[0, index])) for index in order]

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._show()

    def _show(self) -> None:
        self._answer.value = answer_html(self._best, self._image)
        self._error.value = error_html(self.error) if self.error is not None else ""
        self._undo.disabled = not self._drawing.can_undo
        self._redo.disabled = not self._drawing.can_redo
        self._clear.disabled = not self._drawing.strokes


def _button(label: str, icon: str, tooltip: str, action: Callable) -> widgets.Button:
    button = widgets.Button(
        description=label, icon=icon, tooltip=tooltip, layout=widgets.Layout(width="86px")
    )
    button.on_click(action)
    return button

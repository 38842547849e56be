"""The drawing surface: what a pointer sends becomes strokes, which are shown on a canvas."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas, hold_canvas

NAME = "Drawing area"
FINE = 2  # canvas pixels to a pad pixel: sharp where a screen has two to a CSS pixel, too
_FRAME = 0.025  # s between lines that are sent: drawing them costs a page more than all else
_TAP = 3.0  # px: a hand that wants a dot moves this far
_PIECES = 6  # of a curve from point to point: a mouse that is moved fast sends one every 20 pixels

Call = Callable[..., None]
Guard = Callable[[Callable], Callable]  # wraps a handler, so that what goes wrong is shown


def smooth(points: np.ndarray) -> np.ndarray:
    """A curve through (k, 2) points, float32 (m, 2): centripetal Catmull-Rom, without loops.

    Yuksel, Schaefer and Keyser 2011, Computer-Aided Design 43(7). A slope is multiplied by the root
    of the cosine of the turn at its point, by 0 beyond a right angle: corners stay corners.
    """
    if len(points) > 1:  # A point that is there twice would give a piece without length.
        points = points[np.append(True, np.hypot(*np.diff(points, axis=0).T) > 1e-6)]
    if len(points) < 3:
        return points.astype(np.float32)
    chords = np.diff(points, axis=0)
    knots = np.sqrt(np.hypot(chords[:, 0], chords[:, 1]))[:, None]
    slopes = chords / knots
    # The slope at a point is that of the parabola through it and its neighbors.
    before, after = knots[:-1], knots[1:]
    inner = (slopes[:-1] * after + slopes[1:] * before) / (before + after)
    turn = (slopes[:-1] * slopes[1:]).sum(axis=1, keepdims=True) / (before * after)
    inner *= np.sqrt(np.maximum(turn, 0))
    ends = np.concatenate([slopes[:1], inner, slopes[-1:]])
    t = (np.arange(_PIECES) / _PIECES)[:, None, None]
    leave, reach = knots * ends[:-1], knots * ends[1:]
    bend = t**2 * (3 * chords - 2 * leave - reach) + t**3 * (leave + reach - 2 * chords)
    pieces = (points[:-1] + t * leave + bend).transpose(1, 0, 2).reshape(-1, 2)
    return np.concatenate([pieces, points[-1:]]).astype(np.float32)


class Pace:
    """Does `action` when asked, but leaves `gap` seconds between, and more after a slow one.

    What is asked for too early is done once, later, if an event loop runs.
    """

    def __init__(self, action: Callable[[], None], gap: float) -> None:
        self._action, self._gap = action, gap
        self._due, self._timer = 0.0, None

    def ask(self) -> None:
        """Do it now if it is time, else later."""
        wait = self._due - time.monotonic()
        if wait <= 0:
            self.now()
        elif self._timer is None:
            with suppress(RuntimeError):
                self._timer = asyncio.get_running_loop().call_later(wait, self.now)

    def now(self) -> None:
        """Do it at once; nothing is left to be done later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        begin = time.monotonic()
        try:
            self._action()
        finally:
            end = time.monotonic()
            self._due = end + max(self._gap, 4 * (end - begin))


# ipycanvas collects the commands of all canvases in one place, and JupyterLab has several threads.
_LOCK = threading.RLock()


class Surface:
    """A white square of `size` x `size` pixels that is drawn on with mouse, finger and pen.

    A page sends no button states, no names of fingers, and a pen as a mouse or a finger. So a
    stroke ends where the pointer is lifted or leaves the canvas, and where a second finger comes.
    `grown` is called when the stroke in progress has grown, `changed` when the drawing changes
    otherwise, `leave`, with whether it goes backward, when a keyboard leaves.
    """

    def __init__(self, size: int, grown: Call, changed: Call, leave: Call, guard: Guard) -> None:
        self.size, self.pen = size, size * 0.02
        self._grown, self._changed, self._leave, self._guard = grown, changed, leave, guard
        self._states: list[tuple[np.ndarray, ...]] = [()]
        # The state shown, the stroke in progress, and how many of its points were sent.
        self._now, self._points, self._sent = 0, None, 0
        self.erases, self._erasing = False, False  # whether a pointer does, and does just now
        self.picture: bytes | None = None  # what is to be recognized in place of strokes
        self._pace = Pace(guard(self._advance), _FRAME)
        layout = widgets.Layout(width=f"{size}px", max_width="calc(100% - 4px)", height="auto")
        self.canvas = canvas = Canvas(width=size * FINE, height=size * FINE, layout=layout)
        canvas.add_class("hcr-paper")
        # A page that is loaded again knows no current canvas: drawing on another one first makes
        # ipycanvas name this one again.
        self._spare = Canvas(width=1, height=1)
        handlers = {"mouse_down": self._down, "mouse_move": self._move, "mouse_up": self._up}
        handlers |= {"mouse_out": self._up, "touch_start": self._touched}
        handlers |= {"touch_move": partial(self._touched, moves=True), "key_down": self._typed}
        handlers |= {"touch_end": self._lifted, "touch_cancel": self._lifted}
        handlers["client_ready"] = self.redraw  # what was drawn before is lost to a page
        for event, handler in handlers.items():
            getattr(canvas, f"on_{event}")(guard(handler))
        self.redraw()

    @property
    def strokes(self) -> list[np.ndarray]:
        """The finished strokes and the one in progress: float64 (k, 2) arrays, copies."""
        strokes = [stroke.copy() for stroke in self._states[self._now]]
        return strokes + ([np.array(self._points)] if self.drawing else [])

    @property
    def drawing(self) -> bool:
        """Whether a stroke is in progress."""
        return self._points is not None

    @property
    def can(self) -> tuple[bool, bool, bool]:
        """Whether there is something to undo, to redo, and to clear."""
        undo, redo = self.drawing or self._now > 0, self._now < len(self._states) - 1
        return undo, redo, bool(self.strokes or self.picture)

    def step(self, steps: int) -> None:
        """Undo a step (-1), or do it again (1), where there is one."""
        self._finish()
        self.picture = None
        self._now = min(max(self._now + steps, 0), len(self._states) - 1)
        self.redraw()
        self._changed()

    def clear(self) -> None:
        """Take everything away."""
        self._finish()
        if self._states[self._now]:
            self._append(())
        self.step(0)

    def put(self, files: Any) -> None:
        """Put the last of the files that a `FileUpload` has read in place of the drawing."""
        files = list(files.values()) if isinstance(files, dict) else files  # of ipywidgets 7
        if files:
            self.clear()
            self.picture = bytes(files[-1]["content"])
            self._changed()

    def replay(self, points: np.ndarray) -> None:
        """Draw one stroke, (k, 2), through the handlers of a mouse."""
        handlers = [self._down] + [self._move] * (len(points) - 1) + [self._up]
        for handler, (x, y) in zip(handlers, [*points, *points[-1:]], strict=False):
            self._guard(handler)(x * FINE, y * FINE)

    def redraw(self, pen: float | None = None) -> None:
        """Send everything, by another `pen`: the page may know nothing, or less exactly."""
        self.pen = pen or self.pen
        canvas, strokes = self.canvas, [smooth(stroke) for stroke in self.strokes]
        with _LOCK, hold_canvas():
            self._spare.clear()
            canvas.set_transform(FINE, 0, 0, FINE, 0, 0)
            canvas.fill_style = "#ffffff"
            canvas.fill_rect(0, 0, self.size, self.size)
            canvas.fill_style = canvas.stroke_style = "#111111"
            canvas.line_width, canvas.line_cap, canvas.line_join = self.pen, "round", "round"
            for stroke in strokes:
                self._line(stroke)

    def _advance(self) -> None:
        """Send what the stroke has gained: moves that queued up go out in one batch."""
        if self.drawing:
            # The piece that was last is drawn again: a curve's end hangs on what follows.
            new = smooth(np.array(self._points[max(self._sent - 3, 0) :]))
            self._sent = len(self._points)
            with _LOCK, hold_canvas():
                self._line(new)

    def _line(self, points: np.ndarray) -> None:
        if len(points) > 1:
            self.canvas.stroke_lines(points)
        elif len(points):
            self.canvas.fill_circle(*points[0].tolist(), self.pen / 2)

    def _finish(self) -> bool:
        """Finish the stroke in progress; whether there was one."""
        if self._points is None:
            return False
        stroke, self._points = np.array(self._points), None
        if (np.ptp(stroke, axis=0) < _TAP).all():
            stroke = stroke.mean(axis=0, keepdims=True)
        self._append((*self._states[self._now], stroke))
        return True

    def _append(self, state: tuple[np.ndarray, ...]) -> None:
        self._states[self._now + 1 :] = [state]
        del self._states[:-200]  # Whoever draws all day must not keep it all.
        self._now = len(self._states) - 1

    def _down(self, x: float, y: float) -> None:
        self._lifted()
        self._erasing, self.picture = self.erases, None
        self._points, self._sent = None if self.erases else [], 0
        self._move(x, y)

    def _move(self, x: float, y: float, last: bool = False) -> None:
        if self._erasing:
            self._erase(np.array([x, y]) / FINE)
        if self.drawing:
            point = float(x / FINE), float(y / FINE)
            if self._points[-1:] != [point]:
                self._points.append(point)
            if not last:
                self._pace.ask()
                self._grown()

    def _erase(self, place: np.ndarray) -> None:
        """Take away the strokes near a place."""
        left, t = [], np.linspace(0, 1, 32)[:, None, None]
        for each in self._states[self._now]:
            line = (each[:-1] + t * np.diff(each, axis=0)).reshape(-1, 2)
            if np.hypot(*(np.concatenate([each, line]) - place).T).min() > max(self.pen, 6):
                left.append(each)
        if len(left) < len(self._states[self._now]):
            self._append(tuple(left))
            self.step(0)

    def _up(self, x: float, y: float) -> None:
        self._move(x, y, last=True)
        self._lifted()

    def _lifted(self, touches: Sequence = ()) -> None:
        self._erasing = False
        if self._finish():
            # The answer first: the line is there already, but for its last piece.
            self._changed()
            self.redraw()

    def _touched(self, touches: Sequence, moves: bool = False) -> None:
        edge = self.size * FINE
        # Without the fingers that rest beside the canvas, such as those that hold a tablet.
        inside = [(x, y) for x, y in touches if 0 <= x <= edge and 0 <= y <= edge]
        if len(inside) == 1:
            (self._move if moves else self._down)(*inside[0])
        elif moves and len(touches) == 1:  # a finger, unlike a mouse, is followed beyond the edge
            self._up(*touches[0])
        else:  # a second finger: the stroke ends, and nothing begins
            self._lifted()

    def _typed(self, key: str, shift: bool, ctrl: bool, meta: bool) -> None:
        key, command = key.lower(), ctrl or meta
        if command and key == "z" and not shift:
            self.step(-1)
        elif command and key in ("y", "z"):
            self.step(1)
        elif key in ("delete", "backspace"):
            self.clear()
        elif key in ("tab", "escape"):
            # A canvas in focus swallows every key, these too.
            self._leave(shift)

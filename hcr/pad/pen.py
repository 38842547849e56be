"""What a page tells of mouse, finger and pen, as strokes.

A page sends no button states and no names of fingers, and it sends a pen as a mouse or as a finger.
So a stroke ends where the pointer is lifted or leaves the canvas, and where a second finger comes.
"""

from collections.abc import Callable

from ipycanvas import Canvas

from hcr.pad.paper import FINE
from hcr.pad.strokes import Drawing

Touches = list[tuple[float, float]]


class Pen:
    """Puts a drawing's strokes together from the events of a canvas.

    Args:
        drawing: What is drawn, in pad pixels.
        size: The pad's side, in its pixels.
        moved: Is called whenever the stroke in progress has grown.
        ended: Is called when a stroke is finished.
        guard: Wraps each handler, so that what goes wrong is shown.
    """

    def __init__(
        self,
        drawing: Drawing,
        size: int,
        moved: Callable[[], None],
        ended: Callable[[], None],
        guard: Callable[[Callable], Callable],
    ) -> None:
        self._drawing, self._size, self._moved, self._ended = drawing, size, moved, ended
        self._guard = guard

    def listen(self, canvas: Canvas) -> None:
        """Take part in what happens on `canvas`."""
        canvas.on_mouse_down(self._guard(self._down))
        canvas.on_mouse_move(self._guard(self._move))
        canvas.on_mouse_up(self._guard(self._up))
        canvas.on_mouse_out(self._guard(self._up))
        canvas.on_touch_start(self._guard(self._touched))
        canvas.on_touch_move(self._guard(self._slid))
        canvas.on_touch_end(self._guard(self._lifted))
        canvas.on_touch_cancel(self._guard(self._lifted))

    def replay(self, points: list[tuple[float, float]]) -> None:
        """Draw one stroke, given in pad pixels, through the handlers of a mouse."""
        fine = [(x * FINE, y * FINE) for x, y in points]
        for handler, place in zip([self._down] + [self._move] * len(fine), fine, strict=False):
            self._guard(handler)(*place)
        if fine:
            self._guard(self._up)(*fine[-1])

    def _down(self, x: float, y: float) -> None:
        self._end()
        self._drawing.begin(x / FINE, y / FINE)
        self._moved()

    def _move(self, x: float, y: float) -> None:
        if self._drawing.drawing:
            self._drawing.extend(x / FINE, y / FINE)
            self._moved()

    def _up(self, x: float, y: float) -> None:
        self._drawing.extend(x / FINE, y / FINE)
        self._end()

    def _touched(self, touches: Touches) -> None:
        inside = self._inside(touches)
        if len(inside) == 1:
            self._down(*inside[0])
        else:  # a second finger: the stroke ends, and nothing begins
            self._end()

    def _slid(self, touches: Touches) -> None:
        inside = self._inside(touches)
        if len(inside) == 1:
            self._move(*inside[0])
        elif len(touches) == 1:  # a finger, unlike a mouse, is followed beyond the edge
            self._up(*touches[0])
        else:
            self._end()

    def _lifted(self, touches: Touches) -> None:
        self._end()

    def _inside(self, touches: Touches) -> Touches:
        """Without the fingers that rest beside the canvas, such as those that hold a tablet."""
        return [each for each in touches if all(0 <= place <= self._size * FINE for place in each)]

    def _end(self) -> None:
        if self._drawing.end():
            self._ended()

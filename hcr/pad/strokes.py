"""What was drawn: the stroke in progress, the finished ones, and the way back."""

import numpy as np

_TAP = 3.0  # px: a hand that wants a dot moves this far
_STEPS = 200  # that can be undone


class Drawing:
    """Strokes in pad pixels, with undo and redo; clearing can be undone too."""

    def __init__(self) -> None:
        self._states: list[tuple[np.ndarray, ...]] = [()]
        self._now = 0
        self._points: list[tuple[float, float]] | None = None

    @property
    def strokes(self) -> list[np.ndarray]:
        """The finished strokes and the one in progress: float64 (k, 2) arrays, copies."""
        found = [stroke.copy() for stroke in self._states[self._now]]
        return [*found, self.current] if self.drawing else found

    @property
    def current(self) -> np.ndarray:
        """The stroke in progress, (k, 2); k is 0 where there is none."""
        return np.array(self._points or [], dtype=float).reshape(-1, 2)

    @property
    def drawing(self) -> bool:
        """Whether a stroke is in progress."""
        return self._points is not None

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return self.drawing or self._now > 0

    @property
    def can_redo(self) -> bool:
        """Whether something was taken back."""
        return self._now < len(self._states) - 1

    def begin(self, x: float, y: float) -> None:
        """Start a stroke; one that is in progress ends."""
        self.end()
        self._points = [(float(x), float(y))]

    def extend(self, x: float, y: float) -> None:
        """Go on with the stroke in progress, if there is one."""
        if self._points is not None and self._points[-1] != (x, y):
            self._points.append((float(x), float(y)))

    def end(self) -> bool:
        """Finish the stroke in progress. Says whether there was one."""
        if self._points is None:
            return False
        stroke = np.array(self._points, dtype=float)
        self._points = None
        if (np.ptp(stroke, axis=0) < _TAP).all():
            stroke = stroke.mean(axis=0, keepdims=True)
        self._go((*self._states[self._now], stroke))
        return True

    def clear(self) -> None:
        """Take everything away."""
        self.end()
        if self._states[self._now]:
            self._go(())

    def undo(self) -> None:
        """Take the last step back, or do nothing."""
        self.end()
        self._now = max(self._now - 1, 0)

    def redo(self) -> None:
        """Do again what was taken back, or do nothing."""
        self.end()
        self._now = min(self._now + 1, len(self._states) - 1)

    def _go(self, state: tuple[np.ndarray, ...]) -> None:
        self._states[self._now + 1 :] = [state]
        # Whoever draws all day must not keep it all.
        del self._states[:-_STEPS]
        self._now = len(self._states) - 1

"""Keeps what is done while one draws from being done too often."""

import asyncio
import time
from collections.abc import Callable


class Pace:
    """Does `action` when asked, but leaves `gap` seconds between, and more after a slow one.

    What is asked for too early is done once when the time has come, if an event loop runs, as it
    does in a kernel; else the next one that asks in time brings it along. So a crowd of messages
    that queued up while the kernel was busy causes one action, not one each.
    """

    LOAD = 4  # times as long as the action took is left between, at least

    def __init__(self, action: Callable[[], None], gap: float) -> None:
        self._action, self._gap = action, gap
        self._due, self._timer = 0.0, None

    def ask(self) -> None:
        """Do it now if it is time, else later."""
        wait = self._due - time.monotonic()
        if wait <= 0:
            self.now()
        elif self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(wait, self.now)
            except RuntimeError:
                return

    def now(self) -> None:
        """Do it at once; nothing is left to be done later."""
        self.drop()
        begin = time.monotonic()
        try:
            self._action()
        finally:
            end = time.monotonic()
            self._due = end + max(self._gap, self.LOAD * (end - begin))

    def drop(self) -> None:
        """Forget what was to be done later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

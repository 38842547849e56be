"""Say what was meant, and the drawing is kept."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Protocol

import ipywidgets as widgets
import numpy as np

from hcr.errors import ParameterError


class Drawings(Protocol):
    """Where drawings are kept."""

    def append(self, character: str, strokes: Sequence[np.ndarray], *, size: int) -> Any:
        """Keep strokes, (k, 2) arrays in pixels of a pad of side `size`, as a `character`."""
        ...

    def count(self) -> int:
        """How many are kept."""
        ...

    def undo_last(self) -> Any:
        """Forget the one that was kept last."""
        ...


class Teaching:
    """Controls to keep what was drawn, with the character that was meant.

    Args:
        drawings: Where to.
        strokes: Gives what is drawn.
        size: The pad's side, in its pixels.
        kept: Is called after a drawing was kept.
        guard: Wraps each handler, so that what goes wrong is shown.
    """

    def __init__(
        self,
        drawings: Drawings,
        strokes: Callable[[], list[np.ndarray]],
        size: int,
        kept: Callable[[], None],
        guard: Callable[[Callable], Callable],
    ) -> None:
        self._drawings, self._strokes, self._size, self._kept = drawings, strokes, size, kept
        self._mine = 0
        self._meant = widgets.Combobox(
            description="You meant",
            placeholder="character",
            ensure_option=False,
            style={"description_width": "auto"},
            layout={"width": "176px"},
        )
        self._keep = widgets.Button(
            description="Keep",
            icon="check",
            tooltip="Keep the drawing as this character, to teach a model with (Enter)",
            layout={"width": "86px"},
        )
        self._back = widgets.Button(
            description="Take back",
            tooltip="Forget the drawing that was kept last",
            layout={"width": "110px"},
            disabled=True,
        )
        self._note = widgets.HTML()
        self._meant.observe(lambda _: self.refresh(), names="value")
        self._meant.on_msg(guard(self._entered))
        self._keep.on_click(guard(self._clicked))
        self._back.on_click(guard(self._taken_back))
        self.widget = widgets.HBox(
            [self._meant, self._keep, self._back, self._note],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.refresh()
        self._say("")

    def offer(self, labels: Sequence[str]) -> None:
        """Offer these characters; others may be typed."""
        self._meant.options = tuple(labels)

    def refresh(self) -> None:
        """Enable what can be done."""
        self._keep.disabled = not (self._meant.value.strip() and self._strokes())

    def keep(self, character: str) -> None:
        """Keep what is drawn as `character`. Raises `ParameterError` where one is missing."""
        strokes, character = self._strokes(), character.strip()
        if not strokes or not character:
            raise ParameterError(
                "A drawing and the character that was meant are kept together. "
                f"Received: {len(strokes)} strokes and {character!r}."
            )
        self._drawings.append(character, strokes, size=self._size)
        self._mine += 1
        self._back.disabled = False
        self._say(f"as {character}")
        self._kept()

    def _entered(self, _widget: Any, content: dict, _buffers: Any) -> None:
        if content.get("event") == "submit" and not self._keep.disabled:
            self.keep(self._meant.value)

    def _clicked(self, _button: Any) -> None:
        self.keep(self._meant.value)

    def _taken_back(self, _button: Any) -> None:
        self._drawings.undo_last()
        self._mine -= 1
        self._back.disabled = self._mine < 1
        self._say("taken back")

    def _say(self, last: str) -> None:
        count = self._drawings.count()
        told = f"{count:,} drawing{'' if count == 1 else 's'} kept"
        told = f"{told} ({last})" if last else told
        self._note.value = f'<div class="hcr-note" role="status">{escape(told)}</div>'

"""Say what was meant, and the drawing is kept."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Protocol

import ipywidgets as widgets
import numpy as np

from hcr.errors import ParameterError
from hcr.pad.answer import error_html
from hcr.preprocessing.labels import fold_case


class Drawings(Protocol):
    """Where drawings are kept."""

    def append(self, character: str, strokes: Sequence[np.ndarray], *, size: int) -> Any:
        """Keep strokes, (k, 2) arrays in pixels of a pad of side `size`, as a `character`.

        Returns what `take_back` takes.
        """
        ...

    def count(self) -> int:
        """How many are kept."""
        ...

    def left_out(self) -> str:
        """A sentence on what lies among them and is no drawing; empty where nothing does."""
        ...

    def take_back(self, kept: Any) -> Any:
        """Forget the drawing that `append` gave as `kept`; None where it is gone already."""
        ...


class Teaching:
    """Controls to keep what was drawn, with the character that was meant.

    Args:
        drawings: Where to.
        strokes: Gives what is drawn.
        read: Gives what it is read as, by the name of each model that reads now.
        size: The pad's side, in its pixels.
        kept: Is called after a drawing was kept.
        guard: Wraps each handler, so that what goes wrong is shown.
    """

    def __init__(
        self,
        drawings: Drawings,
        strokes: Callable[[], list[np.ndarray]],
        read: Callable[[], Mapping[str, str]],
        size: int,
        kept: Callable[[], None],
        guard: Callable[[Callable], Callable],
    ) -> None:
        self._drawings, self._strokes, self._size, self._kept = drawings, strokes, size, kept
        self._read, self._names, self._told = read, (), ""
        # What was kept here, and which models had read it right; the last one last.
        self._mine: list[tuple[Any, dict[str, bool]]] = []
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
            tooltip="Forget the drawing that was kept here last",
            layout={"width": "110px"},
            disabled=True,
        )
        self._note = widgets.HTML()
        self._meant.observe(guard(lambda _: self.refresh()), names="value")
        self._meant.on_msg(guard(self._entered))
        self._keep.on_click(guard(self._clicked))
        self._back.on_click(guard(self._taken_back))
        self.widget = widgets.HBox(
            [self._meant, self._keep, self._back, self._note],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.refresh()
        self._say("")

    def compare(self, names: Sequence[str]) -> None:
        """Tell of these models how many of the drawings kept here each has read right."""
        self._names = tuple(dict.fromkeys(names))
        self._show()

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
        meant = fold_case(character)
        right = {name: fold_case(best) == meant for name, best in self._read().items()}
        self._mine.append((self._drawings.append(character, strokes, size=self._size), right))
        self._say(f"as {character}")
        self._kept()

    def _entered(self, _widget: Any, content: dict, _buffers: Any) -> None:
        if content.get("event") == "submit" and not self._keep.disabled:
            self.keep(self._meant.value)

    def _clicked(self, _button: Any) -> None:
        self.keep(self._meant.value)

    def _taken_back(self, _button: Any) -> None:
        if self._mine:
            found = self._drawings.take_back(self._mine[-1][0])
            self._mine.pop()
            self._say("taken back" if found is not None else "that one was gone already")

    def _say(self, last: str) -> None:
        """Tell how many there are, and what has happened to the `last` one."""
        try:
            count, wrong = self._drawings.count(), self._drawings.left_out()
            told = f"{count:,} drawing{'' if count == 1 else 's'} kept"
            told = escape(f"{told} ({last})" if last else told)
            self._told = told + (f"<br>{escape(wrong)}" if wrong else "")
        except Exception as error:  # a file that cannot be counted can be drawn beside
            self._told = (escape(f"Done: {last}.") if last else "") + error_html(error)
        self._show()

    def _show(self) -> None:
        self._back.disabled = not self._mine
        told = " ".join(filter(None, [self._told, self._score()]))
        self._note.value = f'<div class="hcr-note" role="status">{told}</div>'

    def _score(self) -> str:
        """How many of the drawings that all models of now have read each has read right."""
        read = [right for _, right in self._mine if set(self._names) <= right.keys()]
        if not read or not self._names:
            return ""
        counts = [f"{name} {sum(each[name] for each in read)}" for name in self._names]
        told = f"Of {len(read):,} kept here, read right but for case: {', '.join(counts)}."
        return f'<span class="hcr-score">{escape(told)}</span>'

"""Say what was meant, and the drawing is kept."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from hcr.pad.answers import error_html
from hcr.pad.models import small_button
from hcr.pad.surface import Guard, Surface
from hcr.preprocessing.labels import fold_case


class Teaching:
    """Controls to keep what is drawn on a surface, with the character that was meant.

    `drawings` has the functions of `hcr.datasets.drawings_file`; `best` gives the best answer to
    what is drawn, by the name of each model that answers now.
    """

    def __init__(
        self, drawings: Any, surface: Surface, best: Callable[[], dict[str, str]], guard: Guard
    ) -> None:
        self._drawings, self._surface, self._best = drawings, surface, best
        self._names, self._state = (), ""
        # What was kept here, and which models were right; the last one last.
        self._mine: list[tuple[Any, dict[str, bool]]] = []
        look = {"style": {"description_width": "auto"}, "layout": {"width": "176px"}}
        self._meant = widgets.Combobox(description="You meant", placeholder="character", **look)
        self._keep = small_button("Keep", "check", "Keep it, to teach a model with (Enter)")
        self._back = small_button("Take back", "", "Forget the drawing that was kept here last")
        self._note = widgets.HTML()
        self._meant.observe(guard(lambda _: self.refresh()), names="value")
        self._meant.on_msg(guard(self._entered))
        self._keep.on_click(guard(lambda _: self._keep_drawing()))
        self._back.on_click(guard(lambda _: self._take_back()))
        self.widget = widgets.HBox([self._meant, self._keep, self._back, self._note])
        self.widget.layout = {"flex_flow": "row wrap", "align_items": "center"}
        self.refresh()
        self._report("")

    def offer(self, names: Sequence[str], labels: Sequence[str]) -> None:
        """Offer these characters, others may be typed; and compare the models of these names."""
        self._names, self._meant.options = tuple(dict.fromkeys(names)), tuple(labels)
        self._show()

    def refresh(self) -> None:
        """Enable what can be done."""
        self._keep.disabled = not (self._meant.value.strip() and self._surface.strokes)

    def _entered(self, _widget: Any, content: dict, _buffers: Any) -> None:
        if content.get("event") == "submit":
            self._keep_drawing()

    def _keep_drawing(self) -> None:
        strokes, character = self._surface.strokes, self._meant.value.strip()
        if not strokes or not character:
            return
        meant = fold_case(character)
        right = {name: fold_case(best) == meant for name, best in self._best().items()}
        kept = self._drawings.append(character, strokes, size=self._surface.size)
        self._mine.append((kept, right))
        self._report(f"as {character}")
        self._surface.clear()

    def _take_back(self) -> None:
        there = self._drawings.take_back(self._mine[-1][0])
        self._mine.pop()
        self._report("taken back" if there else "that one was gone already")

    def _report(self, last: str) -> None:
        """Say how many there are, and what has happened to the `last` one."""
        try:
            n, wrong = self._drawings.count()
            kept = f"{n:,} drawing{'' if n == 1 else 's'} kept" + (f" ({last})" if last else "")
            self._state = "<br>".join(escape(text) for text in (kept, wrong) if text)
        except Exception as error:  # a file that cannot be counted can be drawn beside
            self._state = (escape(f"Done: {last}.") if last else "") + error_html(error)
        self._show()

    def _show(self) -> None:
        """Show it, and how many of the drawings kept here each of the models had right."""
        self._back.disabled = not self._mine
        text = self._state
        both = [right for _, right in self._mine if set(self._names) <= right.keys()]
        if both and self._names:
            counts = [f"{name} {sum(right[name] for right in both)}" for name in self._names]
            score = f"Of {len(both):,} kept here, right but for case: {', '.join(counts)}."
            text += f' <span class="hcr-score">{escape(score)}</span>'
        self._note.value = f'<div class="hcr-note" role="status">{text}</div>'

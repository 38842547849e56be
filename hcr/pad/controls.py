"""The pad's controls: which models answer, the buttons, and to say what was meant."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np

from hcr.pad.answers import error_html
from hcr.pad.surface import Guard, Surface
from hcr.preprocessing.labels import KINDS, spans
from hcr.recognizer import Recognition, Recognizer

NONE = "none"
Loaders = Mapping[str, Recognizer | Callable[[], Recognizer]]
_AUTO = {"description_width": "auto"}
_WRAP = {"flex_flow": "row wrap", "align_items": "center"}


def _button(label: str, icon: str, tooltip: str, action: Callable[[], None]) -> widgets.Button:
    layout = {"width": "auto", "min_width": "86px"}
    button = widgets.Button(description=label, icon=icon, tooltip=tooltip, layout=layout)
    button.on_click(lambda _: action())
    return button


class Models:
    """Models by name, of which one or two answer; `changed` is called when others were chosen."""

    def __init__(self, models: Loaders, changed: Callable) -> None:
        self._models, names = dict(models), list(models)
        self.load(names[0])
        layout = {"width": "auto", "max_width": "100%", "margin": "2px 12px 2px 2px"}
        look = {"style": _AUTO, "layout": layout}
        self._first = widgets.Dropdown(options=names, description="Model", **look)
        others = [NONE, *names]
        self._second = widgets.Dropdown(options=others, description="Compare with", **look)
        self._only = widgets.Dropdown(options=list(KINDS), description="Characters", **look)
        for menu in (self._first, self._second, self._only):
            menu.observe(changed, names="value")
        self._known = widgets.HTML()
        self.widget = widgets.HBox(layout=_WRAP)

    @property
    def chosen(self) -> list[str]:
        """The names of the one or two that answer."""
        return [name for name in (self._first.value, self._second.value) if name != NONE]

    def load(self, name: str) -> Recognizer:
        """The model of that name, loaded the first time that it is asked for."""
        model = self._models[name]
        if not hasattr(model, "recognize"):
            model = self._models[name] = model()
        return model

    def refresh(self) -> None:
        """Show the menus that leave something to choose."""
        labels = [self.load(name).labels for name in self.chosen]
        known = (f"{name}: {spans(some)}" for name, some in zip(self.chosen, labels, strict=True))
        text = "<br>".join(escape(each) for each in dict.fromkeys(known))
        self._known.value = f'<div class="hcr-note">{text}</div>'
        kinds = ["all"]
        for kind, has in KINDS.items():
            leaves = [sum(map(has, each)) for each in labels]
            if all(leaves) and leaves != list(map(len, labels)):
                kinds.append(kind)
        if self._only.options != tuple(kinds):
            kept = self._only.value if self._only.value in kinds else "all"
            self._only.options = kinds
            self._only.value = kept
        menus = [self._first, self._second] if len(self._models) > 1 else []
        only = [self._only] if len(kinds) > 1 else []
        self.widget.children = [*menus, *only, self._known]

    def limited(self, name: str) -> Recognizer:
        """The model of that name, limited to the characters that are chosen."""
        model = self.load(name)
        return model if self._only.value == "all" else model.among(self._only.value)

    def recognize(self, strokes: Sequence[np.ndarray]) -> dict[str, Recognition]:
        """The answers of those that are chosen, by name."""
        return {name: self.limited(name).recognize(strokes=strokes) for name in self.chosen}

    def saliency(self, answers: Mapping[str, Recognition]) -> dict[str, np.ndarray]:
        """The saliency of each best answer, float (28, 28), by name."""
        models = {name: self.limited(name) for name in answers}
        return {
            name: models[name].saliency(answer.image, models[name].labels.index(answer.best))
            for name, answer in answers.items()
        }


class Controls:
    """Undo, redo, clear, and whether saliency is shown; `saliency` is called when that changes."""

    def __init__(self, surface: Surface, saliency: Callable, guard: Guard) -> None:
        self._surface = surface
        self._buttons = [
            _button(label, icon, tooltip, guard(action))
            for label, icon, tooltip, action in (
                ("Undo", "undo", "Take the last step back (Ctrl-Z)", lambda: surface.step(-1)),
                ("Redo", "repeat", "Do it again (Ctrl-Shift-Z)", lambda: surface.step(1)),
                ("Clear", "trash", "Empty the pad (Delete)", surface.clear),
            )
        ]
        look = {"indent": False, "layout": {"width": "auto"}}
        self.saliency = widgets.Checkbox(description="Show saliency", **look)
        self.saliency.observe(lambda _: saliency(), names="value")
        row = widgets.HBox(self._buttons, layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([row, self.saliency])

    @property
    def first(self) -> widgets.DOMWidget:
        """The first that can take a keyboard's focus."""
        return next((button for button in self._buttons if not button.disabled), self.saliency)

    def refresh(self) -> None:
        """Enable what can be done."""
        for button, enabled in zip(self._buttons, self._surface.can, strict=True):
            button.disabled = not enabled


class Teaching:
    """Controls to keep what is drawn on a surface, with the character that was meant.

    `drawings` has the functions of `hcr.datasets.drawings_file`.
    """

    def __init__(self, drawings: Any, surface: Surface, guard: Guard) -> None:
        self._drawings, self._surface = drawings, surface
        self._mine: list[Any] = []  # what was kept here, the last one last
        look = {"style": _AUTO, "layout": {"width": "176px"}}
        self._meant = widgets.Combobox(description="You meant", placeholder="character", **look)
        keep, back = guard(self._keep_drawing), guard(self._take_back)
        self._keep = _button("Keep", "check", "Keep it, to teach a model with (Enter)", keep)
        self._back = _button("Take back", "", "Forget the drawing that was kept here last", back)
        self._note = widgets.HTML()
        self._meant.observe(lambda _: self.refresh(), names="value")
        self._meant.on_msg(lambda _, content, __: content.get("event") == "submit" and keep())
        children = [self._meant, self._keep, self._back, self._note]
        self.widget = widgets.HBox(children, layout=_WRAP)
        self._report("")

    def offer(self, labels: Sequence[str]) -> None:
        """Offer these characters; others may be typed."""
        self._meant.options = tuple(labels)

    def refresh(self) -> None:
        """Enable what can be done."""
        self._keep.disabled = not (self._meant.value.strip() and self._surface.strokes)
        self._back.disabled = not self._mine

    def _keep_drawing(self) -> None:
        strokes, character = self._surface.strokes, self._meant.value.strip()
        if not strokes or not character:
            return
        self._mine.append(self._drawings.append(character, strokes, size=self._surface.size))
        self._report(f"as {character}")
        self._surface.clear()

    def _take_back(self) -> None:
        there = self._drawings.take_back(self._mine[-1])
        self._mine.pop()
        self._report("taken back" if there else "that one was gone already")

    def _report(self, last: str) -> None:
        """Say how many there are, and what has happened to the `last` one."""
        try:
            n, wrong = self._drawings.count()
            kept = f"{n:,} drawing{'' if n == 1 else 's'} kept" + (f" ({last})" if last else "")
            text = "<br>".join(escape(text) for text in (kept, wrong) if text)
        except Exception as error:  # a file that cannot be counted can be drawn beside
            text = (escape(f"Done: {last}.") if last else "") + error_html(error)
        self._note.value = f'<div class="hcr-note" role="status">{text}</div>'
        self.refresh()

"""The pad's controls: which models answer, and the buttons."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from hcr.pad.answers import html
from hcr.pad.surface import Guard, Surface
from hcr.preprocessing.labels import KINDS, spans
from hcr.recognizer import Recognition, Recognizer

NONE = "none"
Loaders = Mapping[str, Recognizer | Callable[[], Recognizer]]


def button(label: str, icon: str, tooltip: str, action: Callable[[], None]) -> widgets.Button:
    """A button that does `action`."""
    made = widgets.Button(description=label, icon=icon, tooltip=tooltip)
    made.on_click(lambda _: action())
    return made


class Models:
    """Models by name, of which one or two answer; `changed` is called when others were chosen."""

    def __init__(self, models: Loaders, changed: Callable) -> None:
        self._models, names, self._changed = dict(models), list(models), changed
        self._taught: dict[str, str] = {}  # adapted models, and the one that each is made from
        self.load(names[0])
        self._first = widgets.Dropdown(options=names, description="Model")
        self._second = widgets.Dropdown(options=[NONE, *names], description="Compare with")
        self._only = widgets.Dropdown(options=list(KINDS), description="Characters")
        for menu in (self._first, self._second, self._only):
            menu.observe(changed, names="value")
        self._known = widgets.HTML()
        self.widget = widgets.HBox()

    @property
    def chosen(self) -> list[str]:
        """The names of the one or two that answer."""
        return [name for name in (self._first.value, self._second.value) if name != NONE]

    @property
    def base(self) -> str:
        """The name of the first one that answers; where it is adapted, of what it is made from."""
        return self._taught.get(self._first.value, self._first.value)

    def add(self, name: str, model: Recognizer) -> None:
        """Let `model` answer, adapted from the base, in place of one that was before."""
        base, second = self.base, self._second.value
        names = [name, *(each for each in self._models if self._taught.get(each) != base)]
        self._models[name], self._taught[name] = model, base
        self._second.options, self._first.options = [NONE, *names], names
        self._second.value = second if second in names else NONE
        self._changed()

    def load(self, name: str) -> Recognizer:
        """The model of that name, loaded the first time that it is asked for."""
        model = self._models[name]
        if not hasattr(model, "recognize"):
            model = self._models[name] = model()
        return model

    def refresh(self) -> None:
        """Show the menus that leave something to choose."""
        labels = [self.load(name).labels for name in self.chosen]
        self._known.value = html("known", dict(zip(self.chosen, map(spans, labels), strict=True)))
        leaves = {kind: [sum(map(has, each)) for each in labels] for kind, has in KINDS.items()}
        some = [kind for kind, n in leaves.items() if all(n) and n != leaves["all"]]
        kinds = ["all", *some]
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

    def recognize(self, **what: Any) -> dict[str, Recognition]:
        """The answers of those that are chosen, by name, to `strokes` or an `image`."""
        return {name: self.limited(name).recognize(**what) for name in self.chosen}

    def saliency(self, answers: Mapping[str, Recognition]) -> dict[str, np.ndarray]:
        """The saliency of each best answer, float (28, 28), by name."""
        return {
            name: (model := self.limited(name)).saliency(each.image, model.labels.index(each.best))
            for name, each in answers.items()
        }

    def layers(self, answers: Mapping[str, Recognition]) -> dict[str, str]:
        """What the first layers make of each answer's image, as HTML, by name."""
        maps = {name: self.load(name).feature_maps(each.image) for name, each in answers.items()}
        return {name: html("layers", name, each) for name, each in maps.items()}


class Controls:
    """Undo, redo, clear, eraser, pen, a picture; saliency and layers, of which `look` is told."""

    def __init__(self, surface: Surface, look: Callable, guard: Guard) -> None:
        self._surface = surface
        undo, redo = guard(lambda: surface.step(-1)), guard(lambda: surface.step(1))
        self._buttons = [
            button("Undo", "undo", "Take the last step back (Ctrl-Z)", undo),
            button("Redo", "repeat", "Do it again (Ctrl-Shift-Z)", redo),
            button("Clear", "trash", "Empty the pad (Delete)", guard(surface.clear)),
        ]
        tip = "Take away the strokes that it touches"
        eraser = widgets.ToggleButton(description="Eraser", icon="eraser", tooltip=tip)
        tip = "How wide lines are shown; what the model sees stays the same"
        pen = widgets.FloatSlider(surface.pen, min=1, max=20, description="Pen", tooltip=tip)
        tip = "Recognize a picture: choose one, or drop or paste it on the pad"
        picture = widgets.FileUpload(accept="image/*", description="Picture", tooltip=tip)
        self.saliency = widgets.Checkbox(description="Show saliency", indent=False)
        self.layers = widgets.Checkbox(description="Show first layers", indent=False)
        pen.readout = False
        for widget, action in (
            (eraser, lambda change: setattr(surface, "erases", change["new"])),
            (pen, lambda change: surface.redraw(change["new"])),
            (picture, lambda change: surface.put(change["new"])),
            (self.saliency, lambda _: look()),
            (self.layers, lambda _: look()),
        ):
            widget.observe(guard(action), names="value")
        rows = self._buttons, [eraser, picture, pen], [self.saliency, self.layers]
        self.widget = widgets.VBox([widgets.HBox(row) for row in rows])

    @property
    def first(self) -> widgets.DOMWidget:
        """The first that can take a keyboard's focus."""
        return next((button for button in self._buttons if not button.disabled), self.saliency)

    def refresh(self) -> None:
        """Enable what can be done."""
        for button, enabled in zip(self._buttons, self._surface.can, strict=True):
            button.disabled = not enabled

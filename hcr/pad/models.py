"""Which model answers, and which one beside it; and the buttons."""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from hcr.pad.surface import Guard, Surface
from hcr.recognizer import Recognition, Recognizer

NONE = "none"
Loaders = Mapping[str, Recognizer | Callable[[], Recognizer]]


class Models:
    """Models by name, of which one or two answer; `changed` is called when others were chosen."""

    def __init__(self, models: Loaders, changed: Callable) -> None:
        self._models, names = dict(models), list(models)
        self.load(names[0])
        layout = {"width": "auto", "max_width": "100%", "margin": "2px 12px 2px 2px"}
        look = {"style": {"description_width": "auto"}, "layout": layout}
        self._first = widgets.Dropdown(options=names, description="Model", **look)
        others = [NONE, *names]
        self._second = widgets.Dropdown(options=others, description="Compare with", **look)
        # One model leaves nothing to choose.
        menus = [self._first, self._second] if len(names) > 1 else []
        for menu in menus:
            menu.observe(changed, names="value")
        self.widget = widgets.HBox(menus, layout={"flex_flow": "row wrap"})

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

    def recognize(self, strokes: Sequence[np.ndarray]) -> dict[str, Recognition]:
        """The answers of those that are chosen, by name."""
        return {name: self.load(name).recognize(strokes=strokes) for name in self.chosen}

    def saliency(self, answers: Mapping[str, Recognition]) -> dict[str, np.ndarray]:
        """The saliency of each best answer, float (28, 28), by name."""
        return {
            name: self.load(name).saliency(answer.image, self.load(name).labels.index(answer.best))
            for name, answer in answers.items()
        }


def small_button(label: str, icon: str, tooltip: str) -> widgets.Button:
    """A button of the pad."""
    layout = {"width": "auto", "min_width": "86px"}
    return widgets.Button(description=label, icon=icon, tooltip=tooltip, layout=layout)


class Controls:
    """Undo, redo, clear, and whether saliency is shown; `saliency` is called when that changes."""

    def __init__(self, surface: Surface, saliency: Callable[[], None], guard: Guard) -> None:
        self._surface, self._buttons = surface, []
        for label, icon, tooltip, action in (
            ("Undo", "undo", "Take the last step back (Ctrl-Z)", lambda _: surface.step(-1)),
            ("Redo", "repeat", "Do it again (Ctrl-Shift-Z)", lambda _: surface.step(1)),
            ("Clear", "trash", "Empty the pad (Delete)", lambda _: surface.clear()),
        ):
            button = small_button(label, icon, tooltip)
            button.on_click(guard(action))
            self._buttons.append(button)
        look = {"indent": False, "layout": {"width": "auto"}}
        self.saliency = widgets.Checkbox(description="Show saliency", **look)
        self.saliency.observe(guard(lambda _: saliency()), names="value")
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

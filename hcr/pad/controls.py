"""The buttons beneath the drawing area, and the keys that do the same."""

from collections.abc import Callable

import ipywidgets as widgets

from hcr.pad.strokes import Drawing


class Controls:
    """Undo, redo, clear, and whether it is shown where a model looked.

    Args:
        drawing: What is drawn.
        changed: Is called when a step was taken back or done again, or the pad was cleared.
        looked: Is called when what is wanted of `looks` has changed.
        leave: Is called with whether a keyboard wants to go backward from the drawing area.
        guard: Wraps each handler, so that what goes wrong is shown.
    """

    def __init__(
        self,
        drawing: Drawing,
        changed: Callable[[], None],
        looked: Callable[[], None],
        leave: Callable[[bool], None],
        guard: Callable[[Callable], Callable],
    ) -> None:
        self._drawing, self._changed, self._leave = drawing, changed, leave
        undo = _button("Undo", "undo", "Take the last step back (Ctrl-Z)")
        redo = _button("Redo", "repeat", "Do it again (Ctrl-Shift-Z)")
        clear = _button("Clear", "trash", "Empty the pad (Delete)")
        undo.on_click(guard(lambda _: self._do(drawing.undo)))
        redo.on_click(guard(lambda _: self._do(drawing.redo)))
        clear.on_click(guard(lambda _: self._do(drawing.clear)))
        self._buttons = undo, redo, clear
        self.looks = widgets.Checkbox(
            description="Show where it looked", indent=False, layout={"width": "auto"}
        )
        self.looks.observe(guard(lambda _: looked()), names="value")
        row = widgets.HBox(self._buttons, layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([row, self.looks])

    @property
    def first(self) -> widgets.DOMWidget:
        """The first that can take a keyboard's focus."""
        return next((each for each in self._buttons if not each.disabled), self.looks)

    def refresh(self) -> None:
        """Enable what can be done."""
        undo, redo, clear = self._buttons
        undo.disabled = not self._drawing.can_undo
        redo.disabled = not self._drawing.can_redo
        clear.disabled = not self._drawing.strokes

    def typed(self, key: str, shift: bool, ctrl: bool, meta: bool) -> None:
        """Do what a key of the drawing area stands for."""
        key, command = key.lower(), ctrl or meta
        if command and key == "z" and not shift:
            self._do(self._drawing.undo)
        elif command and key in ("y", "z"):
            self._do(self._drawing.redo)
        elif key in ("delete", "backspace"):
            self._do(self._drawing.clear)
        elif key in ("tab", "escape"):
            # A canvas in focus swallows every key, these too.
            self._leave(shift)

    def _do(self, action: Callable[[], None]) -> None:
        action()
        self._changed()


def _button(label: str, icon: str, tooltip: str) -> widgets.Button:
    return widgets.Button(
        description=label, icon=icon, tooltip=tooltip, layout=widgets.Layout(width="86px")
    )

"""Which model reads, and which one reads beside it."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets
import numpy as np

from hcr.errors import ModelError, ParameterError, nearest
from hcr.pad.reading import Reader, Reading, read

NONE = "none"

Readers = Mapping[str, "Reader | Callable[[], Reader]"]


class Models:
    """Models by name, of which one or two are chosen.

    Args:
        readers: A model each, or a function that loads it when it is chosen.
        changed: Is called when another one was chosen.

    Raises:
        ParameterError: There is none.
        ModelError: The first one is no model.
    """

    def __init__(self, readers: Readers, changed: Callable) -> None:
        if not isinstance(readers, Mapping) or not readers:
            raise ParameterError(
                "readers must map names to models or to functions that load them. "
                f"Received: {readers!r:.80}. Use: recognizer.choices(reader)."
            )
        self._readers, self._loaded = dict(readers), {}
        names = list(self._readers)
        self.reader(names[0])
        style = {"description_width": "auto"}
        layout = {"width": "auto", "max_width": "100%", "margin": "2px 12px 2px 2px"}
        self._first = widgets.Dropdown(
            options=names, description="Model", style=style, layout=layout
        )
        self._second = widgets.Dropdown(
            options=[NONE, *names], description="Beside it", style=style, layout=layout
        )
        for each in (self._first, self._second):
            each.observe(changed, names="value")
        row = {"flex_flow": "row wrap"}
        # One model leaves nothing to choose.
        chooses = [self._first, self._second] if len(names) > 1 else []
        self.widget = widgets.HBox(chooses, layout=row)

    @property
    def chosen(self) -> list[str]:
        """The names of the one or two that read."""
        names = [self._first.value, self._second.value]
        return [name for name in names if name != NONE]

    @property
    def labels(self) -> tuple[str, ...]:
        """The characters that the first one knows. Raises what its loading raises."""
        return tuple(self.reader(self.chosen[0]).labels)

    @property
    def focused(self) -> widgets.DOMWidget | None:
        """The last control, for a keyboard that comes from behind it."""
        return self._second if self.widget.children else None

    def choose(self, first: str, second: str | None = None) -> None:
        """Choose one model, or two. Raises `ParameterError` where there is none of that name."""
        for name in (first, second):
            if name is not None and name not in self._readers:
                raise ParameterError(f"There is no model {name!r}.{nearest(name, self._readers)}")
        self._first.value, self._second.value = first, second or NONE

    def reader(self, name: str) -> Reader:
        """The model of that name, loaded the first time that it is asked for."""
        if name not in self._loaded:
            found = self._readers[name]
            found = found if hasattr(found, "predict") else found()
            labels = found.labels
            if not len(labels) or not all(isinstance(each, str) and each for each in labels):
                raise ModelError(f"labels must be characters. Received: {labels!r:.80} ({name}).")
            self._loaded[name] = found
        return self._loaded[name]

    def load(self) -> None:
        """Load those that are chosen. Raises what loading them raises."""
        for name in self.chosen:
            self.reader(name)

    def read(self, picture: np.ndarray) -> dict[str, Reading]:
        """What those that are chosen make of a uint8 (28, 28) picture, by name."""
        return {name: read(self.reader(name), picture) for name in self.chosen}

    def looked(self, picture: np.ndarray, readings: Mapping[str, Reading]) -> dict[str, np.ndarray]:
        """Where each one looked for its best answer, float (28, 28), by name."""
        found = {}
        for name, reading in readings.items():
            reader = self.reader(name)
            label = list(reader.labels).index(reading.best[0][0])
            found[name] = np.asarray(reader.occlusion(picture, label), dtype=float)
        return found

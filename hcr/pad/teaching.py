"""To keep what is drawn with the character that was meant, and to teach a model with it at once.

The drawings are kept with the network's features, as in Tip-Adapter (Zhang et al 2022,
arXiv:2207.09519): an image speaks for the class of the kept one that it is most like, and the more,
the more alike they are. Classes that the network lacks can be taught, too. The constants were
chosen on UNIPEN's validation contributors; docs/drawings.md has the figures. To what looks as a
known one does, a new class is held back (`KNOWN`), or it would take the clearest B for an ß.
"""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np

from hcr.errors import DataError
from hcr.pad.answers import error_html, html
from hcr.pad.controls import Models, button
from hcr.pad.surface import Guard, Surface
from hcr.preprocessing import from_strokes
from hcr.preprocessing.labels import is_character, merge
from hcr.recognizer import Recognizer
from hcr.recognizer.familiar import unit

STRENGTH = 4.0  # nats that an image equal to a kept one gains for its class
SAME = 1e-4  # 1 - cosine of an image that is a kept one itself, which is what it was kept as
FOCUS = 10.0  # how fast that falls with the distance of the features, 1 - cosine
UNSEEN = 0.25  # the probability from which a class begins that the network lacks
KNOWN = 2.5  # nats that it loses where an image equals a reference of the answer in its place
FAR = 0.1  # 1 - cosine to such a reference, where the model has none
FEW = 3  # drawings that a model can be taught with
ROUNDS = {"nothing": 0, "each once": 1, "each 3 times": 3, "each 10 times": 10}


class Taught:
    """The network of an adapted recognizer: float32 (n, n_labels) of uint8 (n, 28, 28)."""

    def __init__(self, base: Recognizer, images: np.ndarray, characters: Sequence[str]) -> None:
        self.labels, self._base = tuple(dict.fromkeys([*base.labels, *characters])), base
        self.values = np.array([self.labels.index(each) for each in characters])
        self.keys = unit(base.features(images))
        self.maps = base.feature_maps
        self.with_features = lambda images: (self(images), base.features(images))

    def __call__(self, images: np.ndarray, alone: bool = False) -> np.ndarray:
        """The probabilities; `alone` are the kept images, each without itself."""
        p, features = self._base.predict(images), unit(self._base.features(images))
        like = features @ self.keys.T
        gains = np.where(like > 1 - SAME, 99, STRENGTH * np.exp(FOCUS * (like - 1)))
        if alone:
            np.fill_diagonal(gains, 0)
        far, known = np.full(len(p), FAR), self._base._familiar
        if known:
            best = self._base._columns[p.argmax(axis=1)]
            far = known.distances(np.eye(len(known.scales))[best], features) / known.scales[best]
        unseen = UNSEEN * np.exp(-KNOWN * np.exp(-FOCUS * far))[:, None]
        unseen = np.repeat(unseen, len(self.labels) - p.shape[1], axis=1)
        logits = np.log(np.maximum(np.concatenate([p, unseen], axis=1), 1e-9))
        for value in np.unique(self.values):
            logits[:, value] += gains[:, self.values == value].max(axis=1)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def adapt(
    base: Recognizer, images: np.ndarray, characters: Sequence[str]
) -> tuple[Recognizer, list[int], list[str]]:
    """`base`, taught by uint8 (n, 28, 28) of these n `characters`; new ones join its labels.

    Returns the adapted recognizer; how many of the n are right before and after, and before only,
    each predicted by what the others have taught; and what they were taken for before, which may
    now be taken for them. Raises `ModelError` where the model has no features.
    """
    taught, other = Taught(base, images, characters), copy(base)
    other._network, other.labels, other.temperature = taught, taught.labels, 1.0
    other._columns = np.arange(len(taught.labels))
    known, other._familiar = base._familiar, None
    if known and len(known.scales) == len(base.labels):  # what was taught is familiar, too
        wide = [np.median(known.scales)] * (len(taught.labels) - len(base.labels))
        more = {"references": taught.keys, "classes": taught.values, "scales": wide}
        joined = {key: np.concatenate([getattr(known, key), each]) for key, each in more.items()}
        other._familiar = known._replace(**joined)
    best = base.predict(images).argmax(axis=1)
    before, after = (each == taught.values for each in (best, taught(images, True).argmax(axis=1)))
    counts = [int(each.sum()) for each in (before, after, before & ~after)]
    return other, counts, sorted({base.labels[i] for i in best[~before]})


class Teaching:
    """Controls to keep what is drawn on a surface, with what was meant, and to teach with it.

    `drawings` has the functions of `hcr.datasets.drawings_file`.
    """

    def __init__(self, drawings: Any, surface: Surface, models: Models, guard: Guard) -> None:
        self._drawings, self._surface, self._models = drawings, surface, models
        self._mine: list[Any] = []  # what was kept here, the last one last
        self._labels, self._last = (), ""
        self._name = widgets.Text(description="Your name", placeholder="anybody")
        self._meant = widgets.Combobox(description="You meant", placeholder="character")
        keep, back = guard(self._keep_drawing), guard(self._take_back)
        self._keep = button("Keep", "check", "Keep it, to teach a model with (Enter)", keep)
        self._back = button("Take back", "", "Forget the drawing that was kept here last", back)
        tip = "Teach the model with your drawings, here and now; for more, params/my_hand.yaml"
        self._learn = button("Learn now", "graduation-cap", tip, guard(self._teach))
        self._ask = widgets.Dropdown(options=ROUNDS, description="Ask for")
        self._show = widgets.Checkbox(description="Show all kept", indent=False)
        self._prompt, self._note, self._wall = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._meant.observe(lambda _: self.refresh(), names="value")
        self._meant.on_msg(lambda _, content, __: content.get("event") == "submit" and keep())
        for each in (self._name, self._ask, self._show):
            each.observe(guard(lambda _: self._report(self._last)), names="value")
        first = [self._meant, self._keep, self._back, self._learn, self._name]
        second = [self._ask, self._show, self._prompt]
        rows = widgets.HBox(first), self._note, widgets.HBox(second), self._wall
        self.widget = widgets.VBox(rows)

    def offer(self, labels: Sequence[str]) -> None:
        """Offer these characters; others may be typed."""
        self._meant.options = self._labels = tuple(labels)
        self._report("")

    def refresh(self) -> None:
        """Enable what can be done."""
        self._keep.disabled = not (self._meant.value.strip() and self._surface.strokes)
        self._back.disabled = not self._mine

    def _keep_drawing(self) -> None:
        strokes, character = self._surface.strokes, self._meant.value.strip()
        if not strokes or not character:
            lacks = "no character" if strokes else "no drawing"
            raise DataError(f"Keep needs a drawing and what you meant. Received: {lacks}.")
        if not is_character(character) and character not in self._labels:
            raise DataError(f"Keep needs one character. Received: {character!r:.40}. Type one.")
        name, size = self._name.value.strip() or None, self._surface.size
        self._mine.append(self._drawings.append(character, strokes, name, size))
        self._report(f"as {character}")
        self._surface.clear()

    def _take_back(self) -> None:
        there = self._drawings.take_back(self._mine[-1])
        self._mine.pop()
        self._report("taken back" if there else "that one was gone already")

    def _own(self, kept: Sequence[Any]) -> tuple[list[Any], list[str]]:
        """Those of `kept` that whoever draws here has drawn, and the model's class of each."""
        writer = self._name.value.strip() or (kept and self._drawings.own_writer())
        own = [each for each in kept if each.writer == writer]
        names = (each.character for each in own)
        return own, [each if each in self._labels else merge(each) for each in names]

    def _teach(self) -> None:
        name = self._models.base
        base, (own, classes) = self._models.load(name), self._own(self._drawings.saved()[0])
        images = np.stack([from_strokes(each.strokes, base.framing) for each in own])
        model, counts, near = adapt(base, images, classes)
        self._models.add(f"{name} + my {len(own)} drawings", model)
        self._report(html("learned", len(own), *counts, near))

    def _report(self, last: str) -> None:
        """Say how many there are, what has happened to the `last` one, and what to draw next."""
        self._last = last
        try:
            kept, wrong = self._drawings.saved()
            own, classes = self._own(kept)
            self._learn.disabled = len(own) < FEW
            few = FEW if self._learn.disabled else 0
            lacks = sorted({*classes} - {*self._labels})
            self._note.value = html("note", len(kept), last, wrong, lacks, few)
            self._wall.value = html("wall", kept) if self._show.value else ""
            self._ask_for_next(Counter(classes))
        except Exception as error:  # a file that cannot be counted can be drawn beside
            self._note.value = (escape(f"Done: {last}.") if last else "") + error_html(error)
        self.refresh()

    def _ask_for_next(self, counts: Counter) -> None:
        """Ask for the character that was drawn least, until each has been drawn as often."""
        rounds, least = self._ask.value, min(self._labels, key=counts.__getitem__)
        done = sum(min(counts[each], rounds) for each in self._labels)
        if counts[least] < rounds:
            self._meant.value = least
        self._prompt.value = html("prompt", least, done, rounds * len(self._labels))

"""Looking through pictures: ipywidgets controls in a live notebook, a still picture in a report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hcr import plots, reports
from hcr.datasets import Split
from hcr.preprocessing import from_strokes
from hcr.preprocessing.synthesis import place_on_pad
from hcr.runs import Run

PAGE = 40


@dataclass(frozen=True)
class Cover:
    """What is shown first, and alone in a report.

    Attributes:
        name: Its name among what can be chosen.
        draw: Draws it.
        caption: Of the figure in a report.
        headline: Whether the run's front page shows it.
    """

    name: str
    draw: Callable[[], Axes]
    caption: str
    headline: bool = False


def samples(
    run: Run, split: Split, characters: Sequence[str], seed: int = 0, name: str = "samples"
):
    """Look through the pictures of each class, page by page; in a report, a few of every class.

    Args:
        run: The run that the notebook writes to.
        split: The pictures.
        characters: The character of each label.
        seed: Of the draw of the few.
        name: Of the figure.
    """
    groups = {
        f"{character}  ({len(own):,})": own
        for character, own in zip(characters, _members(split.labels, characters), strict=True)
        if len(own)
    }

    def few() -> Axes:
        if not len(split):
            return plots.message("No image.")
        rng, each = np.random.default_rng(seed), max(3, 60 // len(characters))
        members = _members(split.labels, characters)
        chosen = [rng.choice(own, min(each, len(own)), replace=False) for own in members]
        return plots.groups(split.images, chosen, characters, each, max(1, 14 // each))

    def draw(indices: np.ndarray) -> Axes:
        return plots.sheet(split.images[indices], 10, [f"{index:,}" for index in indices])

    cover = Cover("a few of each", few, "Training pictures, drawn at random, by class.", True)
    return _browse(run, "class", groups, draw, name, cover)


def regions(
    run: Run,
    split: Split,
    chosen: np.ndarray,
    places: np.ndarray,
    characters: Sequence[str],
    seed: int = 0,
    name: str = "map",
):
    """Look at the map, and through its regions, the most mixed first; in a report, the map.

    Args:
        run: The run that the notebook writes to.
        split: The pictures.
        chosen: int (n,), which of them are on the map.
        places: float (n, 2), where.
        characters: The character of each label.
        seed: Of the division into regions.
        name: Of the figure.
    """
    labels = split.labels[chosen]

    def whole() -> Axes:
        return plots.image_map(split.images[chosen], places, labels, characters)

    def draw(indices: np.ndarray) -> Axes:
        captions = [f"{characters[split.labels[index]]}\n{index:,}" for index in indices]
        return plots.sheet(split.images[indices], 10, captions)

    caption = f"{len(chosen):,} training pictures on a plane; those that look alike lie together."
    cover = Cover("the whole map", whole, caption, headline=True)
    groups = {}
    if run.by_hand:
        from sklearn.cluster import KMeans

        n = min(max(1, len(chosen) // PAGE), len(np.unique(places, axis=0)))
        region = KMeans(n, n_init=2, random_state=seed).fit_predict(places)
        mixed = [_region(chosen[region == each], split.labels) for each in np.unique(region)]
        for place, (_, order, own) in enumerate(sorted(mixed, key=lambda each: each[0]), 1):
            # The number keeps two regions of the same characters apart.
            letters = " ".join(characters[label] for label in order[:4])
            groups[f"{place}: {letters}  ({len(own)})"] = own
    return _browse(run, "region", groups, draw, name, cover)


def _region(own: np.ndarray, labels: np.ndarray) -> tuple[float, list[int], np.ndarray]:
    """The share of a region's commonest class, its classes by size, and its pictures by class."""
    counts = np.bincount(labels[own])
    order = [int(each) for each in np.argsort(-counts, kind="stable") if counts[each]]
    own = own[np.lexsort((own, labels[own], -counts[labels[own]]))]
    return counts.max() / len(own), order, own


def suspects(
    run: Run,
    split: Split,
    frame: pd.DataFrame,
    characters: Sequence[str],
    name: str = "suspects",
    note: str = "",
):
    """Look through the suspected label errors, by pair of characters; in a report, the worst.

    Args:
        run: The run that the notebook writes to.
        split: The pictures.
        frame: As `audit.suspects` gives it.
        characters: The character of each label.
        name: Of the figure.
        note: What the caption says besides.
    """
    every = np.arange(len(frame))
    groups = {f"all  ({len(frame):,})": every}
    pairs = frame.groupby(["given", "suggested"], sort=False).indices
    for (given, suggested), rows in sorted(pairs.items(), key=lambda item: -len(item[1])):
        key = f"{characters[given]} or rather {characters[suggested]}  ({len(rows):,})"
        groups[key] = rows

    def draw(rows: np.ndarray) -> Axes:
        shown = frame.iloc[rows]
        index, given, suggested = (
            shown[name].to_numpy() for name in ("index", "given", "suggested")
        )
        captions = [
            f"{characters[a]} → {characters[b]}\n{at:,}"
            for a, b, at in zip(given, suggested, index, strict=True)
        ]
        return plots.sheet(split.images[index], 10, captions)

    caption = "No suspect."
    if len(frame):
        caption = "Suspected label errors, the most suspect first: the label, an arrow, what is "
        caption += "suggested, and the picture's index in the training split."
    caption = f"{caption} {note}".rstrip()
    cover = Cover(next(iter(groups)), lambda: draw(every[:PAGE]), caption)
    return _browse(run, "suspects", groups, draw, name, cover)


def mistakes(
    run: Run,
    split: Split,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    characters: Sequence[str],
    name: str = "browse",
    doubted: np.ndarray | None = None,
):
    """Look through the mistakes, by pair of characters; in a report, the surest of all.

    Args:
        run: The run that the notebook writes to.
        split: The pictures.
        predicted: int (n,), the predicted labels.
        probabilities: float (n, n_classes).
        characters: The character of each label.
        name: Of the figure.
        doubted: bool (n,), the mistakes that speak against their labels, a group of their own.
    """
    wrong = np.flatnonzero(predicted != split.labels)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    suspect = wrong[:0] if doubted is None else wrong[doubted[wrong]]
    groups = {f"doubted labels  ({len(suspect):,})": suspect} if len(suspect) else {}
    groups[f"all  ({len(wrong):,})"] = wrong
    pairs: dict[tuple[int, int], list[int]] = {}
    for index in wrong:
        pairs.setdefault((int(split.labels[index]), int(predicted[index])), []).append(index)
    for (true, read), indices in sorted(pairs.items(), key=lambda item: -len(item[1])):
        key = f"{characters[true]} read as {characters[read]}  ({len(indices):,})"
        groups[key] = np.array(indices)

    def draw(indices: np.ndarray) -> Axes:
        names, certain = np.array(characters), probabilities[indices].max(axis=1)
        true, wrongly = names[split.labels[indices]], names[predicted[indices]]
        return plots.predictions(split.images[indices], true, wrongly, certain)

    caption = "The mistakes of which the network was surest." if len(wrong) else "No mistakes."
    cover = Cover(next(iter(groups)), lambda: draw(wrong[:PAGE]), caption)
    return _browse(run, "mistakes", groups, draw, name, cover)


def drawings(
    run: Run,
    find: Callable[[], tuple[Sequence, Sequence[str]]],
    read: Callable[[Any], Sequence[tuple[str, float]]],
    name: str,
    caption: str,
    columns: int = 3,
    pad: float | None = None,
    placement: str | None = None,
    headline: bool = False,
    nothing: str = "No drawing.",
):
    """Drawings, as drawn, as the network sees them and as read; by hand, once a button asks for it.

    It takes a second or two, in which a kernel answers nothing else, such as a pad further up.

    Args:
        run: The run that the notebook writes to.
        find: Gives the drawings, lists of (k, 2) arrays each, and the character of each.
        read: From a drawing to its likeliest characters with probabilities, best first.
        name: Of the figure.
        caption: Of the figure.
        columns: Pairs in a row.
        pad: The pad's side, where each is shown as large as it was drawn; see `plots.drawings`.
        placement: Where on a pad each is put first, in `hcr.preprocessing.synthesis`.
        headline: Whether the run's front page shows it.
        nothing: What is said where `find` gives no drawing.
    """

    def draw() -> reports.Output:
        strokes, meant = find()
        if not len(strokes):
            return reports.Output(f"<p>{escape(nothing)}</p>", nothing)
        strokes = [place_on_pad(each, placement) for each in strokes] if placement else strokes
        seen = np.stack([from_strokes(each) for each in strokes])
        best = [read(each)[0] for each in strokes]
        axes = plots.drawings(strokes, seen, best, meant, columns, pad=pad)
        return reports.figure(run, axes, name, caption, headline=headline, raster=True)

    return _asked(draw, caption) if run.by_hand else draw()


def _asked(draw: Callable[[], reports.Output], caption: str) -> widgets.VBox:
    """A button, in whose place stands what it draws."""
    button = widgets.Button(description="Draw it", tooltip=f"Draw: {caption}")
    shown = widgets.HTML(f"<p>{escape(caption)}</p>")
    box = widgets.VBox([button, shown])

    def clicked(_button: widgets.Button) -> None:
        button.disabled = True
        try:
            shown.value = draw()._repr_html_()
            box.children = (shown,)
        except Exception as error:  # which ipywidgets would hide in a log
            shown.value = f"<pre>{escape(f'{type(error).__name__}: {error}')}</pre>"
            button.disabled = False

    button.on_click(clicked)
    return box


def _browse(
    run: Run,
    what: str,
    groups: Mapping[str, np.ndarray],
    draw: Callable[[np.ndarray], Axes],
    name: str,
    cover: Cover,
):
    """Controls when the notebook was opened by hand, else the cover's figure.

    Where the cover is none of the groups, it is the first that can be chosen.
    """
    if not run.by_hand:
        return reports.figure(
            run, cover.draw(), name, cover.caption, headline=cover.headline, raster=True
        )
    names = list(dict.fromkeys((cover.name, *groups)))
    one = np.zeros(1, int)
    chosen = widgets.Dropdown(options=names, description=what)
    page = widgets.IntSlider(1, 1, 1, description="page", continuous_update=False)
    picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))

    def show(_change=None) -> None:
        indices = groups.get(chosen.value, one)
        page.max = _pages(indices)
        start = (min(page.value, page.max) - 1) * PAGE
        whole = chosen.value not in groups
        picture.value = _png(cover.draw() if whole else draw(indices[start : start + PAGE]))

    def another(change) -> None:
        if page.value == 1:
            show(change)
        else:
            page.value = 1  # which shows it

    chosen.observe(another, names="value")
    page.observe(show, names="value")
    show()
    return widgets.VBox([widgets.HBox([chosen, page]), picture])


def _members(labels: np.ndarray, characters: Sequence[str]) -> list[np.ndarray]:
    """The indices of each class's pictures."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=len(characters)))[:-1])


def _pages(indices: np.ndarray) -> int:
    return max(1, -(-len(indices) // PAGE))


def _png(axes: Axes) -> bytes:
    content = BytesIO()
    axes.figure.savefig(content, format="png", dpi=120)
    return content.getvalue()

"""Looking through images: `ipywidgets` controls by hand, a still figure in a report."""

from collections.abc import Callable, Mapping, Sequence
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
Shown = widgets.VBox | reports.Output


def samples(
    run: Run, split: Split, characters: Sequence[str], seed: int = 0, name: str = "samples"
) -> Shown:
    """The images of each class; in a report, a few of every class, drawn at random by `seed`."""
    members = [np.flatnonzero(split.labels == label) for label in range(len(characters))]
    groups = {
        f"{character}  ({len(indices):,})": indices
        for character, indices in zip(characters, members, strict=True)
        if len(indices)
    }

    def few() -> Axes:
        rng, n = np.random.default_rng(seed), max(3, 60 // len(characters))
        chosen = [rng.choice(indices, min(n, len(indices)), replace=False) for indices in members]
        return plots.groups(split.images, chosen, characters, n, max(1, 14 // n))

    def draw(indices: np.ndarray) -> Axes:
        return plots.sheet(split.images[indices], 10, [f"{index:,}" for index in indices])

    caption = "Training images, drawn at random, by class."
    overview = few if groups else lambda: plots.message("No image.")
    return _gallery(run, groups, draw, name, caption, {"a few of each": overview}, headline=True)


def suspects(
    run: Run,
    split: Split,
    frame: pd.DataFrame,
    characters: Sequence[str],
    name: str = "suspects",
    note: str = "",
) -> Shown:
    """The suspected label errors, by pair of characters; in a report, the most suspect.

    `frame` has the columns index, given and suggested, as `evaluation.suspected_labels` gives it,
    and `note` ends the caption.
    """
    index, given, suggested = frame[["index", "given", "suggested"]].to_numpy().T

    def draw(rows: np.ndarray) -> Axes:
        captions = [
            f"{characters[given[row]]} → {characters[suggested[row]]}\n{index[row]:,}"
            for row in rows
        ]
        return plots.sheet(split.images[index[rows]], 10, captions)

    groups = _by_pair(np.arange(len(frame)), given, suggested, characters, "{} or rather {}")
    caption = (
        "Suspected label errors: the label, what is suggested, the index in the training split."
    )
    caption = f"{caption if len(frame) else 'No suspected label error.'} {note}".rstrip()
    return _gallery(run, groups, draw, name, caption)


def mistakes(
    run: Run,
    split: Split,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    characters: Sequence[str],
    name: str = "browse",
    doubted: np.ndarray | None = None,
) -> Shown:
    """The mistakes, by pair of characters; in a report, the most confident ones.

    `predicted`, int (n,), and `probabilities`, float (n, classes), are those of all of `split`;
    mistakes that are `doubted`, bool (n,), are a group of their own.
    """
    wrong, confidence = np.flatnonzero(predicted != split.labels), probabilities.max(axis=1)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    pair = split.labels[wrong], predicted[wrong]
    groups = _by_pair(wrong, *pair, characters, "{} predicted as {}")
    if doubted is not None and doubted[wrong].any():
        groups[f"doubted labels  ({doubted[wrong].sum():,})"] = wrong[doubted[wrong]]

    def draw(indices: np.ndarray) -> Axes:
        names = np.array(characters)
        true, answers = names[split.labels[indices]], names[predicted[indices]]
        return plots.predictions(split.images[indices], true, answers, confidence[indices], 8)

    caption = "The most confident mistakes." if len(wrong) else "No mistakes."
    return _gallery(run, groups, draw, name, caption)


def drawings(
    run: Run,
    load: Callable[[], tuple[Sequence, Sequence[str]]],
    recognize: Callable[[Any], Sequence[tuple[str, float]]],
    name: str,
    caption: str,
    columns: int = 3,
    pad: float | None = None,
    placement: str | None = None,
    headline: bool = False,
    nothing: str = "No drawing.",
) -> Shown:
    """Drawings as drawn, as the network sees them and as recognized; by hand, at a button.

    Args:
        run: The run that the notebook writes to.
        load: Gives the drawings, lists of (k, 2) arrays each, and the character of each.
        recognize: From a drawing to its likeliest characters with probabilities, best first.
        name: Of the figure.
        caption: Of the figure.
        columns: Drawings in a row.
        pad: The pad's side, where each is shown as large as it was drawn; see `plots.drawings`.
        placement: Where on a pad each is put first, in `hcr.preprocessing.synthesis`.
        headline: Whether the run's front page shows it.
        nothing: What is said where `load` gives no drawing.
    """

    def draw() -> reports.Output:
        strokes, true = load()
        if not len(strokes):
            return reports.Output(f"<p>{escape(nothing)}</p>", nothing)
        strokes = [place_on_pad(each, placement) for each in strokes] if placement else strokes
        images = np.stack([from_strokes(each) for each in strokes])
        best = [recognize(each)[0] for each in strokes]
        axes = plots.drawings(strokes, images, best, true, columns, pad=pad)
        return reports.figure(run, axes, name, caption, headline=headline, raster=True)

    if not run.by_hand:
        return draw()
    # A kernel that draws answers no pad further up, so nothing is drawn until it is asked for.
    button = widgets.Button(description="Draw it", tooltip=caption)
    shown = widgets.HTML(f"<p>{escape(caption)}</p>")
    box = widgets.VBox([button, shown])

    def clicked(_button: widgets.Button) -> None:
        try:
            shown.value = draw().html
            box.children = (shown,)
        except Exception as error:  # which ipywidgets would hide in a log
            shown.value = f"<pre>{escape(f'{type(error).__name__}: {error}')}</pre>"

    button.on_click(clicked)
    return box


def _by_pair(
    indices: np.ndarray, one: np.ndarray, other: np.ndarray, characters: Sequence[str], form: str
) -> dict[str, np.ndarray]:
    """`indices`, all and by the pair of classes `one` and `other` of each, the largest first."""
    groups = {f"all  ({len(indices):,})": indices}
    rows = pd.DataFrame({"one": one, "other": other}).groupby(["one", "other"], sort=False).indices
    for (a, b), at in sorted(rows.items(), key=lambda item: -len(item[1])):
        groups[f"{form.format(characters[a], characters[b])}  ({len(at):,})"] = indices[at]
    return groups


def _gallery(
    run: Run,
    groups: Mapping[str, np.ndarray],
    draw: Callable[[np.ndarray], Axes],
    name: str,
    caption: str,
    overview: Mapping[str, Callable[[], Axes]] | None = None,
    headline: bool = False,
) -> Shown:
    """Pages of `groups` of indices; what comes first, `overview` or a group, is in a report."""
    choices = [*(overview or {}), *groups]

    def page_of(choice: str, page: int) -> Axes:
        if overview and choice in overview:
            return overview[choice]()
        return draw(groups[choice][(page - 1) * PAGE : page * PAGE])

    if not run.by_hand:
        axes = page_of(choices[0], 1)
        return reports.figure(run, axes, name, caption, headline=headline, raster=True)
    chosen = widgets.Dropdown(options=choices, description="show")
    page = widgets.IntSlider(1, 1, 1, description="page", continuous_update=False)
    image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))

    def show(_change: Any = None) -> None:
        page.max = max(1, -(-len(groups.get(chosen.value, ())) // PAGE))
        axes, content = page_of(chosen.value, min(page.value, page.max)), BytesIO()
        axes.figure.savefig(content, format="png", dpi=120)
        image.value = content.getvalue()

    def choose(change: Any) -> None:
        if page.value == 1:
            show(change)
        else:
            page.value = 1  # which shows it

    chosen.observe(choose, names="value")
    page.observe(show, names="value")
    show()
    return widgets.VBox([widgets.HBox([chosen, page]), image])

"""Looking through pictures: ipywidgets controls in a live notebook, a still picture in a report."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes

from hcr import exhibits, plots
from hcr.datasets import Split
from hcr.plots.sheet import sheet
from hcr.runs import Run

PAGE = 40


def samples(run: Run, split: Split, characters: Sequence[str], name: str = "browse"):
    """Look through the pictures of each class, page by page; in a report, one class's first page.

    Args:
        run: The run that the notebook writes to.
        split: The pictures.
        characters: The character of each label.
        name: Of the figure.
    """
    groups = {
        f"{character}  ({int((split.labels == label).sum()):,})": np.flatnonzero(
            split.labels == label
        )
        for label, character in enumerate(characters)
    }
    shown = {key: indices for key, indices in groups.items() if len(indices)}

    def draw(indices: np.ndarray) -> Axes:
        return sheet(split.images[indices], 10, [f"{index:,}" for index in indices])

    first = next(iter(shown), "no class").partition("  ")[0]
    caption = f"Training pictures of “{first}”, each with its index."
    return _browse(run, "class", shown, draw, name, caption)


def mistakes(
    run: Run,
    split: Split,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    characters: Sequence[str],
    name: str = "browse",
):
    """Look through the mistakes, by pair of characters; in a report, the surest of all.

    Args:
        run: The run that the notebook writes to.
        split: The pictures.
        predicted: int (n,), the predicted labels.
        probabilities: float (n, n_classes).
        characters: The character of each label.
        name: Of the figure.
    """
    wrong = np.flatnonzero(predicted != split.labels)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    groups = {f"all  ({len(wrong):,})": wrong}
    pairs: dict[tuple[int, int], list[int]] = {}
    for index in wrong:
        pairs.setdefault((int(split.labels[index]), int(predicted[index])), []).append(index)
    for (true, read), indices in sorted(pairs.items(), key=lambda item: -len(item[1])):
        groups[f"{characters[true]} read as {characters[read]}  ({len(indices):,})"] = np.array(
            indices
        )

    def draw(indices: np.ndarray) -> Axes:
        return plots.mistakes(
            split.images[indices],
            split.labels[indices],
            predicted[indices],
            probabilities[indices],
            characters,
            n=max(1, len(indices)),
        )

    caption = "The mistakes of which the network was surest." if len(wrong) else "No mistakes."
    return _browse(run, "mistakes", groups, draw, name, caption)


def _browse(
    run: Run,
    what: str,
    groups: Mapping[str, np.ndarray],
    draw: Callable[[np.ndarray], Axes],
    name: str,
    caption: str,
):
    """Controls when the notebook was opened by hand, else a figure of the first group."""
    groups = groups or {"none  (0)": np.zeros(0, int)}
    first = next(iter(groups.values()))
    if not run.by_hand:
        return exhibits.figure(run, draw(first[:PAGE]), name, caption, picture=True)
    chosen = widgets.Dropdown(options=list(groups), description=what)
    page = widgets.IntSlider(1, 1, _pages(first), description="page", continuous_update=False)
    picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))

    def show(_change=None) -> None:
        indices = groups[chosen.value]
        page.max = _pages(indices)
        start = (min(page.value, page.max) - 1) * PAGE
        picture.value = _png(draw(indices[start : start + PAGE]))

    def another(change) -> None:
        if page.value == 1:
            show(change)
        else:
            page.value = 1  # which shows it

    chosen.observe(another, names="value")
    page.observe(show, names="value")
    show()
    return widgets.VBox([widgets.HBox([chosen, page]), picture])


def _pages(indices: np.ndarray) -> int:
    return max(1, -(-len(indices) // PAGE))


def _png(axes: Axes) -> bytes:
    content = BytesIO()
    axes.figure.savefig(content, format="png", dpi=120)
    return content.getvalue()

"""One look for every figure: the style, the colours and the canvas."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation import metrics

# Inches. A phone shows a figure of this width at half its size: no text is under 9 points.
WIDTH = 7.0
SMALL = 9
# Twice the screen's: also what an SVG's rasters are drawn at.
DPI = 192
# A face that tells 0 from O, and 1 from l and I.
MONO = "DejaVu Sans Mono"

# Okabe and Ito (2008), Color universal design. One meaning a colour, in every notebook.
COLOURS = {
    "train": "#0072B2",
    "validation": "#E69F00",
    "test": "#CC79A7",
    "right": "#009E73",
    "wrong": "#D55E00",
    "before": "#6F6F6F",  # a lighter grey is the test's colour to whoever lacks the green cones
    "mark": "#000000",
}
# The same on paper, dark enough for small text.
TEXT = {"plain": "#222222", "right": "#00674b", "wrong": "#a84400", "quiet": "#555555"}
# For splits of other names.
OTHERS = ("#56B4E9", "#F0E442", "#404040")
# Numbers below 0 and above, such as a kernel's; the ends of ColorBrewer's PuOr.
SIGNS = ("#7F3B08", "#542788")
# How much there is of a thing that has no colour of its own: ink, weights, work.
AMOUNT = "#3F5B6B"
# Models and runs, by their place or rank; no other thing has these. Paul Tol (2021), Colour
# schemes, "muted".
SERIES = ("#332288", "#CC6677", "#117733", "#AA4499", "#44AA99", "#882255", "#999933", "#88CCEE")

# Paper is not quite white, so that a picture's edge shows on the page.
INK = LinearSegmentedColormap.from_list("ink", ["#f1f1ec", "#16161a"])
# Where 0 should be told from a little.
SHARE = LinearSegmentedColormap.from_list(
    "share", ["#ffffff", "#b9d9ec", "#4f9bcb", "#0b559f", "#08204d"]
)

# Between silence and answer; a silent tile shows on the page.
ACTIVATION = LinearSegmentedColormap.from_list(
    "activation", ["#f1f1ec", "#8fc1de", "#0b559f", "#08204d"]
)

STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.w_pad": 0.07,
    "figure.constrained_layout.h_pad": 0.07,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10.5,
    "axes.labelcolor": "#222222",
    "axes.edgecolor": "#555555",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    # A label is text: "$" is a character to be read, not a formula.
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "hcr",
    # An SVG keeps the pixels as they are, and stays small and crisp.
    "image.interpolation": "none",
}

Plot = TypeVar("Plot", bound=Callable[..., Any])


def style() -> AbstractContextManager[None]:
    """A context in which every figure has the look of this package."""
    return mpl.rc_context(STYLE)


def styled(plot: Plot) -> Plot:
    """Draw `plot` in this package's style, whatever the notebook has set."""

    @wraps(plot)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with style():
            return plot(*args, **kwargs)

    return drawn  # type: ignore[return-value]


def canvas(height: float, width: float = WIDTH) -> Figure:
    """A new figure, in inches, that pyplot does not know: it can be neither shown nor leaked."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def axes(ax: Axes | None, height: float, width: float = WIDTH) -> Axes:
    """`ax`, or new axes on a figure of this height and width in inches."""
    return canvas(height, width).add_subplot() if ax is None else ax


def colour_of(split: str, place: int) -> str:
    """The colour of a split; one of an unknown name takes the colour of its place."""
    return COLOURS.get(split, OTHERS[place % len(OTHERS)])


def thousands(axis: Axis) -> None:
    """Write an axis' numbers as 12,000."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def percents(axis: Axis, digits: int = 0) -> None:
    """Write an axis' shares as 98 %."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.{digits}f} %"))
    axis.set_minor_formatter(NullFormatter())


def name_ticks(axis: Axis, places: ArrayLike, characters: Iterable[str]) -> None:
    """Name an axis' ticks with characters."""
    characters = list(characters)
    axis.set_ticks(np.asarray(places), labels=characters)
    small = len(characters) > 24
    for label in axis.get_ticklabels():
        label.set(parse_math=False, family=MONO, size=SMALL if small else 10.5, rotation=0)
    axis.set_tick_params(length=0)
    if axis.axis_name != "x":
        return
    if any(len(each) > (1 if small else 3) for each in characters):
        axis.set_tick_params(rotation=90)
    else:
        # On one baseline: by their tops, tall letters would hang lower than the others.
        axis.set_tick_params(pad=12)
        for label in axis.get_ticklabels():
            label.set_va("baseline")


def pictures(images: ArrayLike, name: str = "images") -> np.ndarray:
    """`images` with ink near 255: uint8 as they are, floats in [0, 1] scaled; shape (n, h, w)."""
    found = np.asarray(images)
    if found.ndim != 3 or 0 in found.shape[1:]:
        raise DataError(f"{name} must have the shape (n, height, width). Received: {found.shape}.")
    if found.shape[0] == 0:
        raise DataError(f"{name} must hold at least one picture. Received: none.")
    if found.dtype == np.uint8:
        return found
    if np.issubdtype(found.dtype, np.floating) and 0 <= found.min() <= found.max() <= 1:
        return found * 255
    raise DataError(
        f"{name} must be uint8 in 0..255 or floats in [0, 1]. "
        f"Received: {found.dtype} in {found.min():g}..{found.max():g}."
    )


def same_length(name: str, other: Sequence[Any] | np.ndarray, n: int) -> None:
    """Raise `DataError` unless `other` has one entry for each of `n` pictures."""
    if len(other) != n:
        raise DataError(
            f"{name} must have one entry a picture. Received: {len(other):,} for {n:,} pictures."
        )


def class_width(characters: Sequence[str]) -> float:
    """The width in inches of a figure with one place a class."""
    return WIDTH if len(characters) <= 24 else 8.0


def labelled(
    images: ArrayLike, labels: ArrayLike, characters: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and their class indices, checked."""
    found = pictures(images)
    classes = metrics.labels(labels, len(characters))
    same_length("labels", classes, len(found))
    return found, classes


def counts_of(values: ArrayLike, characters: Sequence[str], name: str) -> np.ndarray:
    """Counts of at least 0, one a class, checked."""
    found = np.asarray(values)
    if found.shape != (len(characters),) or len(characters) == 0 or found.min() < 0:
        raise DataError(
            f"The counts of {name!r} must be at least 0, one a class. "
            f"Received: shape {found.shape} for {len(characters)} characters."
        )
    return found


def class_axis(ax: Axes, characters: Sequence[str]) -> None:
    """Make x the axis of the classes."""
    name_ticks(ax.xaxis, np.arange(len(characters)), characters)
    ax.set_xlim(-0.6, len(characters) - 0.4)
    ax.set_xlabel("Character")


def count_axis(ax: Axes, log: bool) -> None:
    """Make y the axis of the counts."""
    if log:
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.8)
    thousands(ax.yaxis)
    ax.set_ylabel("Pictures" + (", logarithmic" if log else ""))
    ax.grid(axis="y")

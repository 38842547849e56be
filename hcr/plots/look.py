"""One look for every figure: the style, the colors, the canvas and the axes."""

import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.ticker import NullFormatter, PercentFormatter

# Inches. A phone shows a figure of this width at half its size: no text is under 9 points.
WIDTH, SMALL = 7.0, 9
DPI = 192  # twice the screen's: also what an SVG's rasters are drawn at
MONO = "DejaVu Sans Mono"  # tells 0 from O, and 1 from l and I

TABLE = tomllib.loads(Path(__file__).with_name("look.toml").read_text("utf-8"))
COLORS, TEXT, SERIES, DASHES = (TABLE[key] for key in ("colors", "text", "series", "dashes"))
INTERVAL = "#9fb8c9"  # the bar of an interval
# Paper is not quite white, so that an image's edge shows on the page.
INK = LinearSegmentedColormap.from_list("ink", ["#f1f1ec", "#16161a"])
SHARE = "Blues"

_FILE = Path(__file__).with_name("look.mplstyle")
STYLE = mpl.rc_params_from_file(_FILE, use_default_template=False)


def style() -> Any:
    """A context, or a decorator, with the look of this package, whatever the notebook has set."""
    return mpl.rc_context(STYLE)


def canvas(height: float, width: float = WIDTH) -> Figure:
    """A new figure, in inches, that pyplot does not know: it can be neither shown nor leaked."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def axes(height: float, width: float = WIDTH) -> Axes:
    """New axes on a figure of this height and width in inches."""
    return canvas(height, width).add_subplot()


def thousands(axis: Axis) -> None:
    """Write an axis' numbers as 12,000."""
    axis.set(major_formatter="{x:,.10g}", minor_formatter=NullFormatter())


def percents(*axes: Axis) -> None:
    """Write the shares of `axes` as 98 %, or as 98.4 % where the steps are not whole."""
    for axis in axes:
        axis.set(major_formatter=_Percents(1, symbol=" %"), minor_formatter=NullFormatter())


class _Percents(PercentFormatter):
    def set_locs(self, locs: np.ndarray) -> None:
        super().set_locs(locs)
        shares = 100 * np.asarray(locs)
        exact = (d for d in range(2) if np.allclose(shares, shares.round(d), rtol=0, atol=1e-6))
        self.decimals = next(exact, 2)


def name_ticks(axis: Axis, places: np.ndarray, names: Iterable[str]) -> None:
    """Name an axis' ticks with characters, or longer names."""
    names, family = lettering(names)
    size, long = SMALL if len(names) > 24 else 10.5, 1 if len(names) > 24 else 3
    axis.set_ticks(places, labels=names, parse_math=False, family=family, size=size)
    axis.set_tick_params(length=0)
    if axis.axis_name == "x" and max(map(len, names)) > long:
        axis.set_tick_params(rotation=90)


def rows(ax: Axes, names: Sequence[str]) -> None:
    """Name rows 0, 1, ... of some axes, from the top; along x are shares, on a grid."""
    ax.set_yticks(np.arange(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    percents(ax.xaxis)
    ax.grid(axis="x")


def lettering(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """`texts`, and the fonts that have their characters; one that none has becomes its `U+304A`."""
    texts = list(texts)
    fonts = {char: _font_with(char) for char in sorted(set().union(*texts) - {"\n"})}
    lost = {ord(char): f"U+{ord(char):04X}" for char, font in fonts.items() if font is None}
    family = dict.fromkeys([MONO, *filter(None, fonts.values())])
    return [text.translate(lost) for text in texts], list(family)


@cache
def _font_with(character: str) -> str | None:
    """An installed font that has the character, sans serifs before others; None where none has."""
    plain = {"style": "normal", "weight": 400, "stretch": "normal"}
    entries = [e for e in fontManager.ttflist if plain.items() <= vars(e).items()]
    entries.sort(key=lambda e: (e.name != MONO, "Sans" not in e.name, e.name))
    for entry in entries:
        try:
            has = get_font(entry.fname).get_char_index(ord(character))
        except (OSError, RuntimeError):  # it is gone, or has no outlines
            continue
        # Matplotlib's own for formulas have other characters at these places.
        if has and not entry.name.startswith(("Last Resort", "STIX", "cm")):
            return entry.name
    return None


def class_width(characters: Sequence[str]) -> float:
    """The width in inches of a figure with one place a class."""
    return WIDTH if len(characters) <= 24 else 8.0


def intervals(
    ax: Axes, frame: pd.DataFrame, value: str, places: np.ndarray, color: Any, **style: Any
) -> None:
    """Draw for each row a dot at its `value`, on a bar from low to high."""
    ax.hlines(places, frame["low"], frame["high"], color=INTERVAL, linewidth=4, zorder=2)
    style |= {"s": 45, "c": color, "edgecolor": TEXT["plain"], "zorder": 3, "clip_on": False}
    ax.scatter(frame[value], places, **style)


def series(place: int) -> dict[str, str]:
    """Color and dash of the model at a place, from 0."""
    dashes = DASHES[place // len(SERIES) % len(DASHES)]
    return {"color": SERIES[place % len(SERIES)], "linestyle": dashes}

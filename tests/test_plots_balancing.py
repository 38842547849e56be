"""The picture of a study: where dots and bars stand, and which dots are full."""

import io

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from hcr import plots
from hcr.errors import DataError
from hcr.plots.balancing import COMPARED
from hcr.plots.look import COLOURS, SMALL

NAN = float("nan")


def frame(measures=("plain accuracy", "balanced accuracy", "recall of I")) -> pd.DataFrame:
    rows = []
    for measure in measures:
        rows += [
            ("none", measure, 0.90, 0.89, 0.91, NAN, NAN, NAN),
            ("cap", measure, 0.94, 0.93, 0.95, 0.04, 0.02, 0.06),
            ("undersample", measure, 0.80, 0.78, 0.82, -0.10, -0.12, -0.08),
            ("class_weight", measure, 0.8999, 0.88, 0.92, -0.0001, -0.01, 0.01),
        ]
    return pd.DataFrame(rows, columns=COMPARED)


def render(figure) -> list[str]:
    """The figure's words, after it was drawn: what is broken often breaks only then."""
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_each_measure_has_its_panel_with_each_strategys_value_and_interval():
    figure = plots.compared(frame())
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in panels] == [
        "Plain accuracy", "Balanced accuracy", "Recall of I",
    ]  # fmt: skip
    for ax in panels:
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        assert [dot.get_xdata()[0] for dot in dots] == [0.90, 0.94, 0.80, 0.8999]
        assert [dot.get_ydata()[0] for dot in dots] == [0, 1, 2, 3]
        spans = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
        assert spans == [[0.89, 0.91], [0.93, 0.95], [0.78, 0.82], [0.88, 0.92]]
        faces = [to_hex(dot.get_markerfacecolor()) for dot in dots]
        assert faces[1:] == [COLOURS["right"].lower(), COLOURS["wrong"].lower(), "#ffffff"]


def test_the_words_name_strategies_and_differences():
    words = render(plots.compared(frame()))
    for word in ("none", "cap", "undersample", "class_weight", "+4.0", "\N{MINUS SIGN}10.0"):
        assert word in words
    # What rounds to nothing has no minus.
    assert "+0.0" in words
    assert {"above none", "below none", "not told apart"} <= set(words)
    assert not [word for word in words if "nan" in word]
    sizes = [text.get_fontsize() for text in plots.compared(frame()).findobj(Text)]
    assert min(sizes) >= SMALL


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_any_number_of_measures(n):
    figure = plots.compared(frame([f"measure {i}" for i in range(n)]))
    assert sum(ax.get_visible() for ax in figure.axes) == n
    render(figure)


def test_measures_are_chosen_and_ordered():
    figure = plots.compared(frame(), ["recall of I", "plain accuracy"])
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["Recall of I", "Plain accuracy"]
    with pytest.raises(DataError, match=r"measures must be in the frame.*\['speed'\]"):
        plots.compared(frame(), ["speed"])


def test_a_frame_without_its_columns_is_told():
    with pytest.raises(DataError, match="Missing: \\['low'\\]"):
        plots.compared(frame().drop(columns="low"))


def test_an_interval_of_no_width_is_drawn():
    found = frame(["plain accuracy"])
    found[["low", "high"]] = np.repeat(found[["value"]].to_numpy(), 2, axis=1)
    render(plots.compared(found))

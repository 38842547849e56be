"""The pictures of runs side by side: where marks stand, what is full, what the words say."""

import io

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from hcr.errors import DataError
from hcr.plots import comparing
from hcr.plots.look import COLOURS, SMALL

NAN = float("nan")
MINUS = "\N{MINUS SIGN}"


def words(drawn) -> list[str]:
    """The figure's words, after it was drawn."""
    figure = getattr(drawn, "figure", drawn)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    found = [text for text in figure.findobj(Text) if text.get_text()]
    assert min(text.get_size() for text in found) >= SMALL
    return [text.get_text() for text in found]


def ranks() -> pd.DataFrame:
    rows = []
    for label, value in (("net", 0.90), ("small", 0.80)):
        each = [value - 0.01, value + 0.01] if label == "net" else [value]
        rows.append((label, "validation", value, value - 0.02, value + 0.02, each))
        rows.append((label, "test", value - 0.05, NAN, NAN, each))
    return pd.DataFrame(rows, columns=["label", "split", "value", "low", "high", "each"])


def test_ranks_show_both_splits_with_their_intervals_and_seeds():
    ax = comparing.ranked(ranks())
    dots = {line.get_label(): line for line in ax.lines}
    assert dots["validation"].get_xdata().tolist() == [0.90, 0.80]
    assert dots["test"].get_xdata().tolist() == pytest.approx([0.85, 0.75])
    assert to_hex(dots["test"].get_color()) == COLOURS["test"].lower()
    spans = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert spans == [pytest.approx([0.88, 0.92]), pytest.approx([0.78, 0.82])]
    ticks = [line for line in ax.lines if line.get_marker() == "|"]
    assert ticks[0].get_xdata().tolist() == pytest.approx([0.89, 0.91])
    # The first rank stands above.
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    said = words(ax)
    assert {"net  1", "small  2", "one seed", "validation", "test"} <= set(said)


def priced(**changes) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "label": ["net", "small", "old"],
            "value": [0.9, 0.85, 0.8],
            "low": [0.88, 0.83, NAN],
            "high": [0.92, 0.87, NAN],
            "machine": ["A", "A", "A"],
            "seconds": [3000.0, 500.0, 700.0],
            "seconds_front": [True, True, False],
            "parameters": [1_500_000.0, 80_000.0, 20_000.0],
            "parameters_front": [True, True, True],
            "latency": [1.0, 0.5, NAN],
            "latency_front": [True, True, False],
        }
    )
    return frame.assign(**changes)


def discs(ax) -> list:
    return [line for line in ax.lines if line.get_markersize() == 13]


def test_prices_mark_what_is_on_the_front():
    figure = comparing.prices(priced())
    panels = {ax.get_xlabel(): ax for ax in figure.axes}
    assert list(panels) == ["Training (s)", "Parameters", "Strokes to answer (ms)"]
    seconds = discs(panels["Training (s)"])
    assert [disc.get_xdata()[0] for disc in seconds] == [3000, 500, 700]
    full = [to_hex(disc.get_markerfacecolor()) != "#ffffff" for disc in seconds]
    assert full == [True, True, False]
    front = next(line for line in panels["Training (s)"].lines if line.get_linestyle() == "-")
    assert front.get_xdata().tolist() == [500, 3000]
    # What is not known is not drawn.
    assert len(discs(panels["Strokes to answer (ms)"])) == 2
    said = words(figure)
    assert {"1  net", "2  small", "3  old", "1", "2", "3"} <= set(said)
    assert "1 M" in said


def test_times_have_a_front_and_a_shape_for_each_machine():
    figure = comparing.prices(priced(machine=["A", "B", ""]))
    time, size, _ = figure.axes
    assert [disc.get_marker() for disc in discs(time)] == ["o", "s", "o"]
    assert {disc.get_marker() for disc in discs(size)} == {"o"}
    fronts = [line for line in time.lines if line.get_drawstyle() == "steps-post"]
    assert [line.get_xdata().tolist() for line in fronts] == [[3000], [500]]
    assert {"A", "B"} <= set(words(figure))


def test_a_price_that_nobody_knows_has_no_panel():
    figure = comparing.prices(priced(latency=NAN))
    assert [ax.get_xlabel() for ax in figure.axes] == ["Training (s)", "Parameters"]
    with pytest.raises(DataError, match="must have a price"):
        comparing.prices(priced(latency=NAN, seconds=NAN, parameters=NAN))


@pytest.mark.parametrize("ends", [(500, 600), (0.4, 2.5), (1, 9), (3e4, 2e6), (1, 1e7)])
def test_ticks_of_prices_are_round_and_few(ends):
    found = comparing._round(*ends)
    assert 2 <= len(found) <= 5
    assert all(ends[0] <= each <= ends[1] for each in found)
    assert all(len(f"{each:.1e}".rstrip("0").replace(".0e", "e")) <= 8 for each in found)


def curve(values, chosen=None) -> pd.DataFrame:
    values = np.asarray(values, float)
    epochs = np.arange(1, len(values) + 1)
    kept = epochs == (chosen or len(values))
    return pd.DataFrame(
        {"epoch": epochs, "value": values, "low": values - 0.01, "high": values + 0.01,
         "chosen": kept}
    )  # fmt: skip


def test_histories_share_one_axis_and_a_poor_start_does_not_press_them():
    curves = [("net", curve([0.1, 0.8, 0.9, 0.89], chosen=3)), ("small", curve([0.5, 0.7, 0.85]))]
    ax = comparing.histories(curves)
    lines = [line for line in ax.lines if len(line.get_xdata()) > 1]
    assert [line.get_ydata().tolist() for line in lines] == [
        [0.1, 0.8, 0.9, 0.89], [0.5, 0.7, 0.85],
    ]  # fmt: skip
    assert [to_hex(line.get_color()) for line in lines] == [
        colour.lower() for colour in comparing.SERIES[:2]
    ]
    dots = [line for line in ax.lines if line.get_marker() == "o" and line.get_markersize() == 5]
    assert [dot.get_xdata().tolist() for dot in dots] == [[3], [3]]
    assert ax.get_ylim()[0] > 0.7
    assert {"1  net", "2  small", "Epoch"} <= set(words(ax))


def test_many_recipes_are_told_apart_by_more_than_colour():
    n = len(comparing.SERIES) + 1
    ax = comparing.histories([(f"r{i}", curve([0.5, 0.6 + i / 100])) for i in range(n)])
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert lines[0].get_color() == lines[-1].get_color()
    assert lines[0].get_linestyle() != lines[-1].get_linestyle()


def test_differences_show_what_is_told_apart():
    values = np.array([[0, 0.012, -0.03], [0, 0, 0.0001], [0, 0, 0]])
    told = np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]], bool)
    ax = comparing.differences(values, told, ["a", "b", "c"])
    said = words(ax)
    assert {"+1.2", f"{MINUS}3.0", "(+0.0)", "a  1", "b  2", "2", "3"} <= set(said)
    assert "c  3" not in said
    shown = ax.images[0].get_array()
    assert shown[0].tolist() == pytest.approx([0, 1.2, -3.0])
    assert shown[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: comparing.ranked(ranks().drop(columns="low")),
        lambda: comparing.prices(priced().iloc[:0]),
        lambda: comparing.histories([]),
        lambda: comparing.histories([("a", curve([0.5]).drop(columns="chosen"))]),
        lambda: comparing.differences(np.zeros((2, 2)), np.zeros((2, 3), bool), ["a", "b"]),
        lambda: comparing.differences(np.zeros((1, 1)), np.zeros((1, 1), bool), ["a"]),
    ],
)
def test_what_does_not_belong_together_is_refused(call):
    with pytest.raises(DataError, match="Received"):
        call()

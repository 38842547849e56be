"""Plots of an evaluation: confusions in blocks, refusals, and what spoilt pictures cost."""

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from test_plots import DIGITS, MANY, closed, names, render, some, texts  # noqa: F401

from hcr import plots
from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.evaluation.refusal import Refusal, risk_coverage
from hcr.plots import spoiling
from hcr.plots.look import SMALL
from hcr.preprocessing import corruptions


def confused(*cells, size=10, n=200):
    """Everything read right, but for (true, predicted, count)."""
    found = np.eye(size, dtype=int) * n
    for true, predicted, count in cells:
        found[true, predicted] += count
        found[true, true] -= count
    return found


def many(seed=0):
    """47 classes, every one mixed up with some others."""
    generator = np.random.default_rng(seed)
    found = generator.poisson(0.2, (47, 47)) + np.eye(47, dtype=int) * 200
    for start in range(0, 45, 3):
        found[start : start + 3, start : start + 3] += generator.integers(1, 40, (3, 3))
    return found


# Confusions in blocks


def test_blocks_are_side_by_side_and_framed():
    matrix = confused((1, 7, 40), (7, 1, 20), (4, 9, 10))
    ax = plots.confusion_blocks(matrix, DIGITS)
    assert names(ax.yaxis) == [*"0172349568"] == names(ax.xaxis)
    frames = [each for each in ax.patches if isinstance(each, Rectangle)]
    assert [(each.get_xy(), each.get_width(), each.get_height()) for each in frames] == [
        ((1, 1), 2, 2),
        ((5, 5), 2, 2),
    ]
    shares = ax.collections[0].get_array().reshape(10, 10)
    assert shares[1, 2] == pytest.approx(0.2)
    assert shares[2, 1] == pytest.approx(0.1)
    assert shares[5, 6] == pytest.approx(0.05)


def test_the_blocks_of_one_matrix_order_another():
    blocks = metrics.order.blocks(confused((1, 7, 40)))
    ax = plots.confusion_blocks(confused((2, 3, 40)), DIGITS, blocks)
    assert names(ax.xaxis) == [*"0172345689"]


def test_47_classes_are_readable_in_blocks():
    for drawn in (plots.confusion_blocks(many(), MANY), plots.within_blocks(many(), MANY)):
        figure = drawn if hasattr(drawn, "savefig") else drawn.figure
        assert len(render(figure, "svg")) < 1_500_000
        assert figure.get_size_inches()[0] <= 8
        ticks = [each.get_fontsize() for ax in figure.axes for each in ax.get_yticklabels()]
        assert min(ticks) >= SMALL


def test_each_block_alone_tells_its_shares_and_its_part_of_all_mistakes():
    matrix = confused((1, 7, 40), (7, 1, 20), (4, 9, 15), (0, 5, 25))
    matrix[8] = 0  # an absent class
    figure = plots.within_blocks(matrix, DIGITS)
    found = {"".join(names(ax.yaxis)): ax for ax in figure.axes}
    assert set(found) == {"17", "49", "05"}
    cells = [text.get_text() for text in found["17"].texts]
    assert cells == ["80", "20", "10", "90"]
    titles = {name: ax.get_title(loc="left") for name, ax in found.items()}
    assert titles == {"17": "60 %", "49": "15 %", "05": "25 %"}
    assert [text.get_text() for text in found["49"].texts] == ["92", "7.5", "", "100"]


def test_no_block_is_drawn_over_another_or_beyond_the_figure():
    figure = plots.within_blocks(many(), MANY)
    render(figure)
    boxes = [ax.get_tightbbox(figure.canvas.get_renderer()) for ax in figure.axes]
    width, height = figure.get_size_inches() * figure.dpi
    assert len(boxes) == 12
    for i, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        assert not any(box.overlaps(other) for other in boxes[:i])
    cells = {round(ax.bbox.width / len(names(ax.yaxis)), 3) for ax in figure.axes}
    assert len(cells) == 1


def test_the_blocks_with_most_mistakes_are_kept():
    matrix = confused((1, 7, 40), (4, 9, 15), (0, 5, 25))
    figure = plots.within_blocks(matrix, DIGITS, most=2)
    assert {"".join(names(ax.yaxis)) for ax in figure.axes} == {"17", "05"}


def test_a_large_block_is_drawn_smaller_and_without_figures():
    matrix = np.full((26, 26), 5) + 100 * np.eye(26, dtype=int)
    figure = plots.within_blocks(matrix, MANY[:26])
    render(figure)
    (ax,) = figure.axes
    box, width = ax.get_tightbbox(figure.canvas.get_renderer()), figure.get_size_inches()[0]
    assert 0 <= box.x0 < box.x1 <= width * figure.dpi
    assert sorted(names(ax.xaxis)) == list(MANY[:26])
    assert not ax.texts


def test_no_confusion_is_said():
    assert texts(plots.within_blocks(confused(), DIGITS)) == [
        "No two characters of a block are confused."
    ]
    # Mistakes between blocks are in none.
    few = confused((0, 1, 1), n=9999)
    assert "No two characters" in texts(plots.within_blocks(few, DIGITS))[0]


# Refusing


def curve(n=500, seed=0, sharp=2.0):
    generator = np.random.default_rng(seed)
    true = generator.integers(0, 5, n)
    logits = generator.normal(size=(n, 5))
    logits[np.arange(n), true] += sharp
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return risk_coverage(true, shares)


def test_the_curve_of_refusals_is_what_it_was_given():
    frame = curve()
    chosen = Refusal(0.9, 500, 300, 6)
    ax = plots.risk_coverage(frame, 0.99, chosen, split="validation")
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_xdata(), frame["coverage"].iloc[_all(line, frame)])
    np.testing.assert_allclose(line.get_ydata(), 1 - frame["risk"].iloc[_all(line, frame)])
    assert line.get_xdata()[-1] == 1
    assert line.get_color() == plots.COLOURS["validation"]
    assert ax.lines[1].get_ydata() == [0.99, 0.99]
    (point,) = (each for each in ax.lines if each.get_marker() == "o")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((0.6, 0.98))
    segment = ax.collections[1].get_segments()[0]
    assert tuple(segment[:, 1]) == pytest.approx(chosen.interval())
    assert "40.0 % refused: 98.00 % right" in texts(ax)
    assert "n = 500" in ax.get_xlabel()


def _all(line, frame):
    """The rows of `frame` that a line shows."""
    rows = np.searchsorted(frame["coverage"], np.asarray(line.get_xdata()) - 1e-12)
    assert len(rows) == len(set(rows))
    return rows


def test_the_band_is_wilsons():
    frame = curve(60)
    ax = plots.risk_coverage(frame)
    vertices = ax.collections[0].get_paths()[0].vertices
    last = frame.iloc[-1]
    low, high = metrics.wilson(int(last["accepted"] - last["wrong"]), int(last["accepted"]))
    ends = vertices[vertices[:, 0] == 1][:, 1]
    assert (ends.min(), ends.max()) == pytest.approx((low, high))


def test_several_models_have_a_colour_and_a_dash_each():
    ax = plots.risk_coverage({"one": curve(), "two": curve(sharp=1.0)}, goal=None)
    assert len({line.get_color() for line in ax.lines}) == 2
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert not ax.collections


@pytest.mark.parametrize("wrong", [0, 1, 9])
def test_a_curve_of_few_pictures_all_right_or_all_wrong(wrong):
    true = np.zeros(9, int)
    shares = np.tile([0.9, 0.1], (9, 1))
    shares[:wrong] = [0.2, 0.8]
    ax = plots.risk_coverage(risk_coverage(true, shares), chosen=Refusal(np.inf, 9, 0, 0))
    render(ax)
    low, high = ax.get_ylim()
    assert low <= 1 - wrong / 9 <= high


def test_a_large_curve_is_drawn_with_few_points():
    ax = plots.risk_coverage(curve(40_000))
    assert len(ax.lines[0].get_xdata()) < 700
    assert len(render(ax, "svg")) < 300_000


def test_what_is_no_curve_is_told():
    for wrong in (pd.DataFrame({"risk": [0.1]}), curve().iloc[:0], {}):
        with pytest.raises(DataError, match="a table with rows and the columns accepted, wrong"):
            plots.risk_coverage(wrong)


# Spoilt pictures


def measured(names=tuple(corruptions.CORRUPTIONS), drop=0.1):
    rows = []
    for place, name in enumerate(names):
        for strength in range(6):
            right = round(900 - drop * 1000 * strength - place)
            low, high = metrics.wilson(right, 1000)
            rows.append((name, strength, 1000, right / 1000, low, high))
    columns = ["corruption", "strength", "n", "accuracy", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def test_every_corruption_has_its_panel():
    figure = plots.robustness(measured(), split="validation")
    names = [*corruptions.CORRUPTIONS, "mean of all"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == names
    mean = figure.axes[-1]
    np.testing.assert_allclose(mean.lines[0].get_ydata(), 0.9 - 0.1 * np.arange(6) - 3.5 / 1000)
    assert not mean.collections
    for place, ax in enumerate(figure.axes[:-1]):
        expected = 0.9 - 0.1 * np.arange(6) - place / 1000
        np.testing.assert_allclose(ax.lines[0].get_ydata(), expected)
        vertices = ax.collections[0].get_paths()[0].vertices
        low, high = metrics.wilson(round(1000 * expected[5]), 1000)
        ends = vertices[vertices[:, 0] == 5][:, 1]
        assert (ends.min(), ends.max()) == pytest.approx((low, high))
    assert "n = 1,000 at each strength" in texts(figure)
    found = " | ".join(texts(figure))
    for words in ("1 to 5 px", "7 to 35°", "10 to 50 % smaller", "20 to 90 % lost"):
        assert words in found


def test_every_corruption_is_told():
    assert list(spoiling.TOLD) == list(corruptions.CORRUPTIONS)


def test_fewer_corruptions_and_several_models():
    both = {"one": measured(("blur", "mine")), "two": measured(("blur", "mine"), drop=0.15)}
    figure = plots.robustness(both)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["blur", "mine", "mean of all"]
    assert [len(ax.lines) for ax in figure.axes] == [2, 2, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    render(figure, "svg")
    figure = plots.robustness(measured(tuple(corruptions.CORRUPTIONS)[:4]), columns=2)
    assert [ax.axison for ax in figure.axes] == [True, True, True, True, True, False]
    alone = plots.robustness(measured(("blur",)))
    assert [ax.get_title(loc="left") for ax in alone.axes] == ["blur"]


def test_what_is_no_measure_is_told():
    with pytest.raises(DataError, match="columns corruption, strength, n"):
        plots.robustness(measured().drop(columns="low"))


def test_the_sheet_shows_every_corruption_at_every_strength():
    images, _ = some(2)
    ax = plots.spoilt_pictures(images, seed=3)
    board = ax.images[0].get_array()
    step = 28 + 3
    for row, name in enumerate(corruptions.CORRUPTIONS):
        for strength in range(6):
            expected = images if strength == 0 else corruptions.corrupt(images, name, strength, 3)
            for which in range(2):
                top, left = row * step + 1, (2 * strength + which) * step + 1
                shown = board[top : top + 28, left : left + 28]
                np.testing.assert_array_equal(shown, expected[which])
    found = texts(ax)
    assert found == ["as it is", *(f"strength {i}" for i in range(1, 6)), *corruptions.CORRUPTIONS]


@pytest.mark.parametrize("n", [0, 7])
def test_a_sheet_of_too_many_pictures_is_told(n):
    with pytest.raises(DataError, match="at least one picture|1 to 6 pictures"):
        plots.spoilt_pictures(np.zeros((n, 28, 28), np.uint8))


# Pictures


def test_the_most_frequent_confusions_come_with_their_pictures():
    images, _ = some(60)
    true = np.repeat(np.arange(6), 10)
    read = true.copy()
    read[:7], read[10:12] = 1, 0
    ax = plots.confused(images, true, read, DIGITS[:6], each=3)
    said = [text for text in texts(ax) if text.strip()]
    assert said == ["0 \u2192 1", "7", "1 \u2192 0", "2"]
    board = ax.images[0].get_array()
    # Of the second confusion there are two pictures, and a place that is empty.
    tile = board.shape[1] // 6
    assert np.ma.getmaskarray(board)[:20, 5 * tile + 4 : 6 * tile - 4].all()
    assert not np.ma.getmaskarray(board)[4:20, 4 * tile + 4 : 5 * tile - 4].any()
    assert "No mistake." in texts(plots.confused(images, true, true, DIGITS[:6]))


def test_what_speaks_for_an_answer_is_orange_and_against_it_blue():
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 5:20, 5:20] = 255
    maps = np.zeros((2, 28, 28))
    maps[0, 8, 8], maps[0, 12, 12] = 2.0, -2.0
    ax = plots.looked(images, maps, ["4 read as 9", "one"], columns=2)
    board = np.asarray(ax.images[0].get_array())
    assert board.shape[2] == 3
    red, _, blue = np.moveaxis(board, 2, 0)
    assert (red - blue).max() > 0.3
    assert (blue - red).max() > 0.3
    # A map without anything shows the picture in grey.
    half = board[:, board.shape[1] // 2 :]
    assert np.ptp(half, axis=2).max() == 0
    assert {"4 read as 9", "one"} <= set(texts(ax))
    # A network without a mistake.
    assert "No picture." in texts(plots.looked(images[:0], maps[:0], []))
    with pytest.raises(DataError, match="one map a picture"):
        plots.looked(images, maps[:1], ["a", "b"])

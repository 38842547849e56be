"""Plots of a training: steps, kernels above their maps, calibration, blocks, a step in numbers."""

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from test_plots import answers, closed, history, render, texts  # noqa: F401

from hcr import plots
from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.models.anatomy import Step
from hcr.plots import network
from hcr.plots.look import SMALL


def watched(epochs=4):
    lengths = np.linspace(3, 1, epochs)
    return history(epochs).assign(grad_norm=lengths, grad_norm_max=9 * lengths, clipped=0.25)


def blocks():
    rows = [
        ("picture", "scaled to 0..1", (28, 28, 1), 0, 0, ()),
        ("convolution 5 × 5", "ReLU", (14, 14, 32), 832, 156_800, (0,)),
        ("convolution 3 × 3", "", (14, 14, 32), 9_248, 1_806_336, (1,)),
        ("add", "ReLU", (14, 14, 32), 0, 0, (1, 2)),
        ("dense", "softmax", (10,), 330, 320, (3,)),
    ]
    columns = ["block", "then", "output", "parameters", "multiply-adds", "sources"]
    return pd.DataFrame(rows, columns=columns)


def example(**changed):
    given = np.zeros((28, 28))
    given[4:9, 10:15] = np.linspace(0, 1, 25).reshape(5, 5)
    patch, kernel = given[4:7, 10:13], np.array([[1.0, 0, -1], [0.5, 0, 0], [0, 0, 0.25]])
    value = float((patch * kernel).sum()) + 0.5
    before = np.arange(16.0).reshape(4, 4)
    usual = {"given": given, "corner": (4, 10), "patch": patch, "kernel": kernel, "bias": 0.5}
    usual |= {"value": value, "before": before, "after": np.array([[5.0, 7], [13, 15]])}
    return Step(**(usual | changed))


def test_steps_without_norms_are_the_learning_rate():
    figure = plots.training.steps(history())
    assert len(figure.axes) == 1
    np.testing.assert_array_equal(
        figure.axes[0].lines[0].get_ydata(), history()["learning_rate"].to_numpy()
    )


def test_steps_show_the_gradients_where_they_were_recorded():
    frame = watched()
    figure = plots.training.steps(frame, clipnorm=0.9)
    lengths = figure.axes[1]
    found = {line.get_label(): np.asarray(line.get_ydata()) for line in lengths.lines}
    np.testing.assert_array_equal(found["mean of the epoch"], frame["grad_norm"])
    np.testing.assert_array_equal(found["the longest of the epoch"], frame["grad_norm_max"])
    assert set(found["clipnorm, of each array"]) == {0.9}
    assert "Shortened in 25.0 % of the steps" in texts(figure)
    assert not any("Shortened" in text for text in texts(plots.training.steps(frame)))
    assert len(plots.training.steps(frame).axes[1].lines) == 2


def test_each_map_lies_below_its_kernel():
    kernels = np.arange(5.0)[None, None, None].repeat(3, 0).repeat(3, 1)
    maps = np.arange(5.0)[None, None].repeat(7, 0).repeat(7, 1)
    figure = plots.training.kernels_and_maps(kernels, maps)
    upper, lower = (ax.images[0].get_array() for ax in figure.axes[:2])
    for board in (upper, lower):
        seen = board.compressed() if np.ma.isMaskedArray(board) else board
        firsts = pd.unique(pd.Series(np.asarray(seen, float).ravel()).dropna())
        assert firsts.tolist() == [0, 1, 2, 3, 4]
    assert {"5 of 5 kernels", "5 of 5 channels; 1 are silent"} <= set(texts(figure))


@pytest.mark.parametrize("shape", [(3, 3, 1, 4), (3, 3, 2, 5)])
def test_maps_without_a_kernel_each_are_told(shape):
    with pytest.raises(DataError, match="one map for each kernel"):
        plots.training.kernels_and_maps(np.ones(shape), np.ones((7, 7, 5)))


def test_calibration_shows_both_with_their_errors():
    _, true, _, probabilities = answers()
    after = metrics.calibration.apply(probabilities, 0.5)
    figure = plots.evaluation.calibration(true, probabilities, after)
    found = " | ".join(texts(figure))
    for name, given in (("Before", probabilities), ("After", after)):
        error = metrics.percent(metrics.ece(true, given), 2)
        assert f"{name}: ECE {error}, log loss {metrics.log_loss(true, given):.4f}" in found
    left, right = (ax.collections[1].get_offsets() for ax in figure.axes)
    assert left[:, 0].max() < right[:, 0].max()


def test_the_diagram_names_blocks_shapes_and_ways():
    figure = network.diagram(blocks())
    found = texts(figure)
    assert {"convolution 5 × 5", "14 × 14 × 32", "9,248", "1,806,336", "softmax"} <= set(found)
    ax = figure.axes[0]
    # A way round the second convolution, beside one straight arrow a block.
    assert len(ax.lines) == 1
    assert len([patch for patch in ax.patches if hasattr(patch, "get_arrowstyle")]) == 5
    # The longest bar is of the largest number; what has none has no bar.
    bars = [patch.get_width() for patch in ax.patches if type(patch).__name__ == "Rectangle"]
    assert len(bars) == 6
    assert max(bars) == pytest.approx(network.BAR)


def test_a_diagram_needs_blocks():
    with pytest.raises(DataError, match="sources"):
        network.diagram(blocks().drop(columns="sources"))
    with pytest.raises(DataError, match="must have rows"):
        network.diagram(blocks().iloc[:0])


def test_a_step_shows_its_numbers_and_their_sum():
    found = texts(network.step(example()))
    assert f"{example().value - 0.5:.2f} + 0.50 (bias) = {example().value:.2f}" in " ".join(
        text.removeprefix("Sum: ") for text in found
    ).replace("\u2212", "-")
    assert found.count("15.00") == 2  # before and after
    assert "-0.00" not in " ".join(found).replace("\u2212", "-")


def test_a_step_without_bias_or_pooling():
    found = texts(network.step(example(bias=0.0, value=1.0, before=None, after=None)))
    assert any("no max-pooling" in text for text in found)
    assert not any("bias" in text for text in found)


def test_they_are_readable():
    for figure in (
        network.diagram(blocks()),
        network.step(example()),
        plots.training.steps(watched(), 1.0),
    ):
        render(figure, "svg")
        assert figure.get_size_inches()[0] <= 8
        sizes = {text.get_fontsize() for ax in figure.axes for text in ax.texts}
        assert not sizes or min(sizes) >= SMALL

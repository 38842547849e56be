"""Plots show what they were given: bars' heights, marks, labels and captions."""

import io

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from hcr import plots
from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.plots.look import SMALL
from hcr.plots.sheet import seen
from hcr.preprocessing import ink as ink_statistics
from hcr.reports import show

DIGITS = "0123456789"
MANY = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"


@pytest.fixture(autouse=True)
def closed():
    """No plot leaves a figure to pyplot."""
    yield
    left = plt.get_fignums()
    plt.close("all")
    assert not left


def figure_of(drawn: Axes | Figure) -> Figure:
    return drawn if isinstance(drawn, Figure) else drawn.figure


def render(drawn: Axes | Figure, kind: str = "png") -> bytes:
    """The file's bytes: what is broken often breaks only when it is drawn."""
    file = io.BytesIO()
    figure_of(drawn).savefig(file, format=kind, dpi=50)
    return file.getvalue()


def texts(drawn: Axes | Figure) -> list[str]:
    render(drawn)
    return [text.get_text() for text in drawn.findobj(Text) if text.get_text()]


def names(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def some(n=40, classes=10, seed=0):
    """Pictures of rectangles and their labels, every class among them where n is large enough."""
    generator = np.random.default_rng(seed)
    images = np.zeros((n, 28, 28), np.uint8)
    for image in images:
        top, left = generator.integers(4, 10, 2)
        image[top : top + 12, left : left + 8] = generator.integers(120, 256)
    return images, np.arange(n) % classes


def answers(n=40, classes=10, wrong=(3, 7)):
    """Pictures, labels, answers and probabilities; the pictures in `wrong` are misread."""
    images, true = some(n, classes)
    predicted = true.copy()
    predicted[list(wrong)] = (true[list(wrong)] + 1) % classes
    sure = np.linspace(0.6, 0.9, n)
    probabilities = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    probabilities[np.arange(n), predicted] = sure
    return images, true, predicted, probabilities


def history(epochs=4):
    steps = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": steps,
            "loss": 1 / steps,
            "accuracy": 1 - 0.3 / steps,
            "val_loss": 1.2 / steps,
            "val_accuracy": 1 - 0.4 / steps,
            "val_balanced_accuracy": 1 - 0.5 / steps,
            "learning_rate": 1e-3 / steps**3,
        }
    )


# Data


def test_samples_names_every_class_and_shows_its_pictures():
    images, labels = some(40)
    images[labels == 7] = 255
    ax = plots.samples(images, labels, DIGITS, per_class=3)
    assert texts(ax) == list(DIGITS)
    board = ax.images[0].get_array()
    # Three full pictures of class 7, and only in that line.
    assert (board[7 * 31 : 7 * 31 + 28] == 255).sum() == 3 * 28 * 28
    assert (board[6 * 31 : 6 * 31 + 28] == 255).sum() < 3 * 28 * 28


def test_samples_depends_on_the_seed_alone():
    images, labels = some(400)

    def board(seed):
        return plots.samples(images, labels, DIGITS, seed=seed).images[0].get_array()

    np.testing.assert_array_equal(board(1), board(1))
    assert not np.array_equal(board(1), board(2))


@pytest.mark.parametrize(("n", "characters"), [(1, "a"), (3, DIGITS), (200, MANY), (70, "xy")])
def test_samples_takes_few_pictures_and_many_classes(n, characters):
    images, labels = some(n, len(characters))
    assert texts(plots.samples(images, labels, characters)) == list(characters)


@pytest.mark.parametrize("characters", [DIGITS, MANY, "a"])
def test_class_counts_bars_equal_the_counts(characters):
    size = len(characters)
    counts = {"train": np.arange(size) * 100 + 500, "test": np.arange(size) + 20}
    ax = plots.class_counts(counts, characters)
    assert len(ax.containers) == 2
    for container, expected in zip(ax.containers, counts.values(), strict=True):
        assert [bar.get_height() for bar in container] == expected.tolist()
    first, second = ax.containers
    # Side by side, the tick between them.
    for place, (left, right) in enumerate(zip(first, second, strict=True)):
        assert left.get_x() + left.get_width() == pytest.approx(place) == right.get_x()
    assert names(ax.xaxis) == list(characters)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [f"{split}: {each.sum():,}" for split, each in counts.items()]
    assert mpl.colors.to_hex(ax.containers[0][0].get_facecolor()) == plots.COLOURS["train"].lower()


def test_class_counts_turns_logarithmic_where_it_must():
    assert plots.class_counts({"train": [5, 50]}, "ab").get_yscale() == "linear"
    assert plots.class_counts({"train": [5, 5000]}, "ab").get_yscale() == "log"
    ax = plots.class_counts({"train": [0, 5]}, "ab", log=True)
    assert "logarithmic" in ax.get_ylabel()
    render(ax)


def test_class_counts_draws_on_given_axes():
    figure = Figure()
    ax = figure.add_subplot()
    assert plots.class_counts({"train": [1, 2]}, "ab", ax=ax) is ax


def test_mean_pictures_are_the_means():
    images, labels = some(40)
    figure = plots.mean_pictures(images, labels, DIGITS)
    upper, lower = figure.axes
    assert [upper.get_title(loc="left"), lower.get_title(loc="left")][0] == "Mean"
    own = images[labels == 0]
    board = np.asarray(upper.images[0].get_array())
    np.testing.assert_allclose(board[1:29, 1:29], own.mean(axis=0))
    board = np.asarray(lower.images[0].get_array())
    np.testing.assert_allclose(board[1:29, 1:29], own.std(axis=0))
    assert set(DIGITS) <= set(texts(upper))


def test_mean_pictures_leaves_an_absent_class_blank():
    images, labels = some(4, 2)
    board = plots.mean_pictures(images, labels, "abc").axes[0].images[0].get_array()
    assert np.ma.count(board) == 2 * 28 * 28


def test_pixel_values_counts_every_pixel():
    images, _ = some(12)
    images[0] = 0
    ax = plots.pixel_values(images)
    assert sum(bar.get_height() for bar in ax.patches) == images.size
    assert ax.patches[0].get_height() == (images < 8).sum()
    assert ax.get_yscale() == "log"
    assert metrics.percent(np.mean(images == 0)) in ax.get_title(loc="left")


def test_measures_by_class_has_a_line_a_class_and_marks_the_ends():
    images = np.zeros((6, 28, 28), np.uint8)
    for label, rows in enumerate([14, 2, 7]):
        images[2 * label : 2 * label + 2, 3 : 3 + rows, 4:20] = 255
    figure = plots.measures_by_class(ink_statistics.measure(images), [0, 0, 1, 1, 2, 2], "abc")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["Ink", "Line width", "Slant", "Width", "Height"]
    assert names(figure.axes[0].yaxis) == ["a", "b", "c"]
    assert figure.axes[0].yaxis_inverted()
    height = figure.axes[4]
    dots, *ends = (line for line in height.lines if line.get_linestyle() == "None")
    assert dots.get_xdata().tolist() == [14, 2, 7]
    assert sorted(end.get_xdata()[0] for end in ends) == [2, 14]
    # All are equally wide: none is the widest.
    width = figure.axes[3]
    assert sum(line.get_linestyle() == "None" for line in width.lines) == 1


def test_measures_by_class_takes_absent_and_many_classes():
    images, labels = some(94, 47)
    assert (
        len(
            names(
                plots.measures_by_class(ink_statistics.measure(images), labels, MANY).axes[0].yaxis
            )
        )
        == 47
    )
    images, labels = some(4, 2)
    images[0] = 0
    render(plots.measures_by_class(ink_statistics.measure(images), labels, "abc"))


def test_ink_boxes_cover_the_pictures():
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, 4:24, 4:24] = 255
    images[1, 10, 10] = images[1, 12, 12] = 255
    figure = plots.ink_boxes(ink_statistics.measure(images))
    left = figure.axes[0].images[0].get_array()
    # The gap between two marks lies in their box; the blank picture doesn't count.
    assert left[11, 11] == 1
    assert left[12, 12] == 1
    assert left[13, 12] == left[12, 13] == left[4, 4] == left[23, 23] == 0.5
    assert left[0, 0] == left[24, 23] == left[23, 24] == left[27, 27] == 0
    assert any("1 blank" in text for text in texts(figure))


def test_centres_within_one_pixel_lie_in_a_window_of_ten():
    """As MNIST's, which were centred by whole pixels."""
    rng = np.random.default_rng(0)
    frame = ink_statistics.measure(np.full((500, 28, 28), 255, np.uint8))
    frame["x"], frame["y"] = rng.uniform(13.5, 14.5, (2, 500))
    right = plots.ink_boxes(frame).axes[1]
    counts = right.images[0].get_array()
    assert right.images[0].get_extent() == [8.5, 18.5, 18.5, 8.5]
    # Bins are quarters of a pixel: the pixel's sixteen hold all, and lie beside the middle.
    assert counts.shape == (40, 40)
    assert counts[20:24, 20:24].sum() == counts.sum() == 500
    assert "the picture's middle" in texts(right.figure)
    # A wide scatter gets a wide window of whole pixels.
    frame["x"] = rng.uniform(3, 24, 500)
    extent = plots.ink_boxes(frame).axes[1].images[0].get_extent()
    assert extent[0] == 2.5
    assert extent[1] == 24.5


def test_ink_boxes_at_the_edge_of_the_picture():
    frame = ink_statistics.measure(np.full((2, 28, 28), 255, np.uint8))
    assert (plots.ink_boxes(frame).axes[0].images[0].get_array() == 1).all()


def test_ink_boxes_refuses_blank_pictures():
    with pytest.raises(DataError, match="blank"):
        plots.ink_boxes(ink_statistics.measure(np.zeros((2, 28, 28), np.uint8)))


def test_counts_before_after():
    ax = plots.counts_before_after([5, 900], [100, 100], "ab")
    assert [bar.get_height() for bar in ax.patches] == [100, 100]
    marks = ax.collections[0].get_segments()
    assert [segment[0][1] for segment in marks] == [5, 900]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "before: 905",
        "after: 200",
    ]


def test_repeats_counts_the_pictures_that_are_never_drawn():
    ax = plots.repeats([0, 0, 1, 3, 3, 3], n=6)
    assert [bar.get_height() for bar in ax.patches] == [3, 1, 1, 1]
    ax = plots.repeats([0, 0, 1], n=3, weights=[1.0, 1.0, 1.0])
    assert [bar.get_height() for bar in ax.patches] == [1, 1, 1]
    assert "Times drawn" in ax.get_xlabel()
    ax = plots.repeats([0, 1, 1], n=2, weights=[0.5, 2.0, 2.0])
    assert "weights" in ax.get_xlabel()
    assert sum(bar.get_height() for bar in ax.patches) == 2


# Training


def test_curves_marks_the_epoch_that_was_kept():
    figure = plots.curves(history(), chosen=3)
    assert len(figure.axes) == 2
    for ax in figure.axes:
        marks = [line for line in ax.lines if list(line.get_xdata()) == [3, 3]]
        assert len(marks) == 1
    found = texts(figure)
    assert "epoch kept: 3" in found
    assert "training minus validation at epoch 3: +3.3 points" in found
    assert "training minus validation at epoch 3: \u22120.067" in found


def test_curves_are_the_history():
    frame = history()
    lower = plots.curves(frame).axes[1]
    drawn = {line.get_label(): line.get_ydata() for line in lower.lines}
    np.testing.assert_array_equal(drawn["training"], frame["accuracy"])
    np.testing.assert_array_equal(drawn["validation"], frame["val_accuracy"])
    np.testing.assert_array_equal(
        drawn["validation, class-balanced"], frame["val_balanced_accuracy"]
    )
    assert not any("epoch kept" in text for text in texts(lower.figure))


def test_curves_of_one_epoch_without_validation():
    figure = plots.curves(history(1)[["epoch", "loss", "accuracy"]], chosen=1)
    assert names(figure.axes[0].xaxis) == ["1"]
    assert not any("minus" in text for text in texts(figure))


def test_curves_refuses_what_is_no_history():
    with pytest.raises(DataError, match="columns epoch, loss, accuracy"):
        plots.curves(history().drop(columns="loss"))
    with pytest.raises(DataError, match="0 rows"):
        plots.curves(history().iloc[:0])
    with pytest.raises(DataError, match=r"1 to 4\. Received: 5"):
        plots.curves(history(), chosen=5)


def test_learning_rate():
    ax = plots.learning_rate(history())
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), history()["learning_rate"])
    assert ax.get_yscale() == "log"
    flat = history().assign(learning_rate=1e-3)
    ax = plots.learning_rate(flat)
    assert ax.get_yscale() == "linear"
    assert "0.001" in texts(ax)


def test_augmented_shows_pairs_and_variants():
    images, _ = some(3)
    ax = plots.augmented(images, images[:, ::-1])
    assert texts(ax) == ["before", "after"] * 3
    board = np.asarray(ax.images[0].get_array())
    np.testing.assert_array_equal(board[1:29, 1:29], images[0])
    np.testing.assert_array_equal(board[1:29, 32:60], images[0, ::-1])
    variants = np.repeat(images[:, None], 4, axis=1)
    assert texts(plots.augmented(images, variants / 255.0)) == ["original"] * 3
    with pytest.raises(DataError, match="after must hold"):
        plots.augmented(images, images[:2])


def test_filters_and_feature_maps_have_one_scale():
    weights = np.random.default_rng(0).normal(size=(3, 3, 2, 40))
    figure = plots.filters(weights, n=20)
    low, high = figure.axes[0].images[0].get_clim()
    assert high == -low == pytest.approx(np.abs(weights).max())
    assert "20 of 80 kernels" in texts(figure)
    maps = np.maximum(0, np.random.default_rng(0).normal(size=(14, 14, 3)))
    maps[..., 1] = 0
    assert "3 of 3 channels; 1 are silent" in texts(plots.feature_maps(maps))
    render(plots.feature_maps(np.zeros((7, 7, 1))))
    with pytest.raises(DataError, match="in, out"):
        plots.filters(np.zeros((3, 3)))


# Evaluation


@pytest.mark.parametrize("characters", [DIGITS, MANY, "a"])
def test_confusion_shows_shares_of_the_row(characters):
    size = len(characters)
    matrix = np.eye(size, dtype=int) * 30
    matrix[0, -1] += 10
    ax = plots.confusion(matrix, characters)
    shown = np.asarray(ax.collections[0].get_array()).reshape(size, size)
    np.testing.assert_allclose(shown, matrix / matrix.sum(axis=1, keepdims=True))
    assert names(ax.xaxis) == names(ax.yaxis) == list(characters)
    if characters == DIGITS:
        assert "75" in texts(ax)
        assert "25" in texts(ax)


def test_confusion_of_an_absent_class_is_drawn():
    render(plots.confusion([[3, 1], [0, 0]], "ab"))
    with pytest.raises(DataError, match="for 3 characters"):
        plots.confusion([[3, 1], [0, 0]], "abc")


def test_per_class_puts_the_worst_on_top():
    frame = pd.DataFrame(
        {"character": list("abcd"), "n": [10, 20, 0, 1000], "recall": [0.9, 0.5, np.nan, 1.0]}
    )
    ax = plots.per_class(frame)
    assert names(ax.yaxis) == ["b", "a", "d"]
    assert ax.yaxis_inverted()
    assert ax.lines[0].get_xdata().tolist() == [0.5, 0.9, 1.0]
    spans = {tuple(np.round(line[:, 0], 6)) for line in ax.collections[0].get_segments()}
    assert tuple(np.round(metrics.wilson(10, 20), 6)) in spans
    assert {"20", "1,000", "Mean of the recalls: 80.0 % (line)"} <= set(texts(ax))


def test_per_class_of_nothing_says_so():
    frame = pd.DataFrame({"character": ["a"], "n": [0], "recall": [np.nan]})
    assert texts(plots.per_class(frame)) == ["No class has a picture."]
    with pytest.raises(DataError, match="Missing"):
        plots.per_class(frame.drop(columns="n"))


def frames(ax: Axes) -> list[Rectangle]:
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_predictions_mark_the_wrong_ones_not_by_colour_alone():
    ax = plots.predictions(*answers(wrong=(3,)), DIGITS, n=5)
    found = texts(ax)
    assert found[::2] == ["0 \u2713", "1 \u2713", "2 \u2713", "3 read as 4 \u2717", "4 \u2713"]
    assert found[1] == "60.0 %"
    assert len(frames(ax)) == 1
    assert frames(ax)[0].get_linestyle() != "-"


def test_mistakes_come_surest_first():
    ax = plots.mistakes(*answers(wrong=(3, 7, 20)), DIGITS, n=2)
    assert texts(ax)[::2] == ["0 read as 1 \u2717", "7 read as 8 \u2717"]
    assert texts(plots.mistakes(*answers(wrong=()), DIGITS)) == ["No mistake in 40 pictures."]


def test_a_gallery_says_what_is_seen_on_it_to_who_cannot_see_it():
    images, true, predicted, probabilities = answers(wrong=(3, 7))
    ax = plots.predictions(images, true, predicted, probabilities, DIGITS)
    told = show._described(ax.figure)
    first = [each.replace(" \u2713", " right") for each in texts(ax)[:10]]
    first = [each.replace(" \u2717", "") for each in first]
    pairs = [", ".join(pair) for pair in zip(first[::2], first[1::2], strict=True)]
    assert pairs[3].startswith(f"{DIGITS[true[3]]} read as {DIGITS[predicted[3]]}, ")
    assert pairs[0].startswith(f"{DIGITS[true[0]]} right, ")
    shown = len(set(zip(texts(ax)[::2], texts(ax)[1::2], strict=True)))
    assert told == f"Figure: {'; '.join(pairs)}; and {shown - 5} more."
    # Of few, all; none twice; blanks are nothing.
    assert seen(["a\n5", "", "a\n5", "b \u2192 c\n"]) == "a, 5; b to c"
    assert seen([]) == ""
    images, _ = some(2)
    ax = plots.drawings([[], []], images, [("1", 0.98), ("7", 0.4)], ["1", "1"])
    assert show._described(ax.figure) == "Figure: 1 right, 98.0 %; 1 read as 7, 40.0 %."
    # Without captions there is nothing to add.
    assert show._described(plots.mistakes(*answers(wrong=()), DIGITS).figure) == ""


def test_predictions_refuse_arrays_that_do_not_belong_together():
    images, true, predicted, probabilities = answers()
    with pytest.raises(DataError, match="one entry a picture"):
        plots.predictions(images[:-1], true, predicted, probabilities, DIGITS)
    with pytest.raises(DataError, match="one column a character"):
        plots.predictions(images, true, predicted, probabilities, MANY)
    with pytest.raises(DataError, match="height, width"):
        plots.predictions(images.reshape(40, -1), true, predicted, probabilities, DIGITS)


def test_reliability_draws_the_bins_and_the_error():
    _, true, _, probabilities = answers()
    ax = plots.reliability(true, probabilities)
    table = metrics.reliability(true, probabilities)
    table = table[table["n"] > 0]
    np.testing.assert_allclose(
        ax.collections[1].get_offsets(), table[["confidence", "accuracy"]].to_numpy()
    )
    error = metrics.percent(metrics.ece(true, probabilities))
    assert f"Calibration error (ECE, 15 bins): {error}, n = 40" in texts(ax)


# Drawing


def test_drawings_show_strokes_picture_and_answer():
    strokes = [[[[0, 0], [100, 900]], [[50, 50]]], [np.array([[3.0, 3, 0.1], [5, 4, 0.2]])]]
    images, _ = some(2)
    ax = plots.drawings(strokes, images, [("1", 0.98), ("7", 0.4)], ["1", "1"])
    found = texts(ax)
    assert "1 \u2713  98.0 %" in found
    assert "1 read as 7 \u2717  40.0 %" in found
    assert len(ax.images) == 2
    assert len(ax.lines) == 3
    # A drawing keeps its aspect within its cell.
    x, y = ax.lines[0].get_data()
    assert np.ptp(y) / np.ptp(x) == pytest.approx(9)
    assert min(y) >= 0
    assert max(y) <= 1


def test_drawings_are_shown_where_they_were_drawn_on_a_pad():
    images, _ = some(1)
    strokes = [[np.array([[10.0, 150], [60, 190]])]]
    ax = plots.drawings(strokes, images, [("1", 1.0)], pad=200)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, [0.05, 0.3])
    np.testing.assert_allclose(y, [0.75, 0.95])


def test_drawings_without_a_wanted_character_or_ink():
    images, _ = some(1)
    assert "i  50.0 %" in texts(plots.drawings([[]], images, [("i", 0.5)]))
    assert texts(plots.drawings([], np.zeros((0, 28, 28), np.uint8), [])) == ["No drawing yet."]
    with pytest.raises(DataError, match="one entry a picture"):
        plots.drawings([[]], images, [])


# All


def every():
    images, true, predicted, probabilities = answers()
    matrix = metrics.confusion(true, predicted, 10)
    yield plots.samples(images, true, DIGITS)
    yield plots.class_counts({"train": np.arange(10)}, DIGITS)
    yield plots.mean_pictures(images, true, DIGITS)
    yield plots.pixel_values(images)
    yield plots.measures_by_class(ink_statistics.measure(images), true, DIGITS)
    yield plots.ink_boxes(ink_statistics.measure(images))
    yield plots.counts_before_after(np.arange(10), np.arange(10), DIGITS)
    yield plots.repeats([0, 1, 1], 3)
    yield plots.curves(history(), chosen=2)
    yield plots.learning_rate(history())
    yield plots.augmented(images, images)
    yield plots.filters(np.ones((3, 3, 1, 4)))
    yield plots.feature_maps(np.ones((7, 7, 4)))
    yield plots.confusion(matrix, DIGITS)
    yield plots.per_class(metrics.per_class(true, predicted, DIGITS))
    yield plots.predictions(images, true, predicted, probabilities, DIGITS)
    yield plots.mistakes(images, true, predicted, probabilities, DIGITS)
    yield plots.reliability(true, probabilities)
    yield plots.drawings([[[[0, 0], [1, 1]]]], images[:1], [("1", 0.5)], ["1"])


def test_every_plot_is_readable_and_labelled():
    for drawn in every():
        for text in figure_of(drawn).findobj(Text):
            assert text.get_fontsize() >= SMALL, text.get_text()
        for ax in figure_of(drawn).axes:
            if ax.axison and ax.get_label() != "<colorbar>":
                assert ax.get_xlabel(), drawn
                # Columns that share their lines name them once, on the left.
                shared = len(ax.get_shared_y_axes().get_siblings(ax)) > 1
                first = ax.get_subplotspec().is_first_col()
                assert ax.get_ylabel() or (shared and not first), drawn
        assert 2 <= figure_of(drawn).get_size_inches()[0] <= 8


def test_the_notebooks_own_settings_do_not_leak_in_or_out():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.spines.top": True, "font.family": ["DejaVu Serif"]}):
        ax = plots.class_counts({"train": [1, 2]}, "ab")
    assert ax.xaxis.label.get_fontfamily() == ["DejaVu Sans"]
    assert not ax.spines["top"].get_visible()
    assert dict(mpl.rcParams) == before


TRICKY = ["$a$", "_^", r"\frac{", "<b>&"]


def test_labels_are_text_and_never_formulas():
    images, labels = some(8, 4)
    probabilities = np.full((8, 4), 0.25)
    read = (labels + 1) % 4
    matrix = metrics.confusion(labels, read, 4)
    for drawn in (
        plots.samples(images, labels, TRICKY),
        plots.class_counts({"$train$": [1, 2, 3, 4]}, TRICKY),
        plots.class_counts({"train": [1, 2, 3, 4]}, TRICKY, ax=Figure().add_subplot()),
        plots.mean_pictures(images, labels, TRICKY),
        plots.measures_by_class(ink_statistics.measure(images), labels, TRICKY),
        plots.confusion(matrix, TRICKY),
        plots.per_class(metrics.per_class(labels, read, TRICKY)),
        plots.mistakes(images, labels, read, probabilities, TRICKY),
        plots.drawings([[[[0, 0]]]], images[:1], [("$a$", 0.5)], ["$b$"]),
    ):
        for kind in ("png", "svg"):
            render(drawn, kind)
        labelled = [
            text for text in drawn.findobj(Text) if "$" in text.get_text() and text.get_visible()
        ]
        assert labelled
        assert not any(text.get_parse_math() for text in labelled)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((0, 28, 28), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.full((2, 28, 28), 300.0),
        np.full((2, 28, 28), np.nan),
    ],
    ids=["none", "flat", "out of range", "nan"],
)
def test_wrong_pictures_end_in_a_clear_error(images):
    with pytest.raises(DataError, match="images must"):
        plots.pixel_values(images)


def test_wrong_labels_end_in_a_clear_error():
    images, labels = some(4, 2)
    with pytest.raises(DataError, match="at most 0"):
        plots.samples(images, labels, "a")
    with pytest.raises(DataError, match="one entry a picture"):
        plots.mean_pictures(images, labels[:3], "ab")
    with pytest.raises(DataError, match="one a class"):
        plots.class_counts({"train": [1, 2, 3]}, "ab")
    with pytest.raises(DataError, match="at least one split"):
        plots.class_counts({}, "ab")

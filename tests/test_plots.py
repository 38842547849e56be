"""Every plot shows what it is given, in one look, for every kind of name and number of classes."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from hcr import plots
from hcr.plots.look import SMALL
from hcr.preprocessing import from_strokes, ink, synthesis

CHARACTERS = list("0123456789")
NAMES = np.array(CHARACTERS)
MANY = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
TRICKY = ["$a$", "_^", "<b>", "\\n", "{", "$", "0", "é", "#", "&"]
STROKES = [synthesis.character(CHARACTERS[i % 10], i) for i in range(60)]
IMAGES = np.stack([from_strokes(strokes) for strokes in STROKES])
LABELS = np.arange(60) % 10
RNG = np.random.default_rng(0)


def figure_of(drawn):
    return drawn if isinstance(drawn, mpl.figure.Figure) else drawn.figure


def texts(drawn):
    return [text.get_text() for text in figure_of(drawn).findobj(Text) if text.get_text()]


def frames(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle) and not patch.get_fill()]


def tile(ax, place, columns):
    """The image at a place of a sheet without captions: tiles of 28 pixels, 3 apart."""
    row, column = divmod(place, columns)
    board = np.ma.filled(ax.images[0].get_array(), np.nan)
    return board[row * 31 + 1 : row * 31 + 29, column * 31 + 1 : column * 31 + 29]


def history(n=8):
    epochs = np.arange(1, n + 1)
    frame = {"epoch": epochs, "loss": 2.0 / epochs, "accuracy": 1 - 0.5 / epochs}
    frame |= {"val_loss": 2.2 / epochs, "val_accuracy": 1 - 0.6 / epochs}
    frame |= {"val_balanced_accuracy": 1 - 0.7 / epochs, "learning_rate": 0.01 / epochs}
    return pd.DataFrame(frame)


def recalls(names=CHARACTERS):
    recall = np.linspace(0.99, 0.9, len(names))
    frame = {"character": names, "n": 100, "recall": recall, "low": recall - 0.02}
    return pd.DataFrame(frame | {"high": recall + 0.005})


def bins():
    table = pd.DataFrame({"n": [0, 50, 200], "confidence": [np.nan, 0.8, 0.95]})
    table["accuracy"], table["low"], table["high"] = [np.nan, 0.8, 0.97], 0.7, 0.99
    table.attrs = {"n": 250, "ece": 0.0213, "log_loss": 0.1}
    return table


def curve(n=5000):
    coverage = np.arange(1, n + 1) / n
    frame = {"coverage": coverage, "accuracy": 1 - 0.05 * coverage**2, "low": 0.9, "high": 1.0}
    return pd.DataFrame(frame | {"accepted": np.arange(1, n + 1)})


def crossed(**values):
    """A row for each combination of `values`, with bounds."""
    index = pd.MultiIndex.from_product(values.values(), names=values)
    return index.to_frame(index=False).assign(low=0.85, high=0.99)


def corruptions():
    frame = crossed(corruption=["blur", "noise"], strength=range(6)).assign(n=100)
    drop = frame["corruption"].map({"blur": 0.1, "noise": 0.02})
    return frame.assign(accuracy=1 - drop * frame["strength"])


def ranks(*recipes):
    frame = crossed(recipe=recipes, split=["validation", "test"]).assign(value=0.9)
    return frame.assign(each=[[0.89, 0.9, 0.91]] * len(frame))


def prices():
    frame = {"recipe": ["one", "two"], "validation": [0.98, 0.97], "machine": ["a", "b"]}
    frame |= {"validation_low": 0.96, "validation_high": 0.99, "seconds": [90, 20]}
    frame |= {"parameters": [1e5, np.nan], "latency": [np.nan, np.nan]}
    fronts = {f"{cost}_front": [True, False] for cost in ("seconds", "parameters", "latency")}
    return pd.DataFrame(frame | fronts)


def effects(n_measures=3):
    differences = {"none": np.nan, "over": 0.02, "under": -0.03, "equal": 0.0004}
    names = [f"measure {i}" for i in range(n_measures)]
    frame = crossed(measure=names, recipe=list(differences))
    d = frame["recipe"].map(differences)
    frame = frame.assign(value=0.8 + d.fillna(0), difference=d)
    return frame.assign(difference_low=d - 0.01, difference_high=d + 0.01)


def answers(true, predicted, probability):
    return pd.DataFrame({"true": true, "predicted": predicted, "probability": probability})


def every_plot(names=CHARACTERS):
    array, mean = np.array(names), IMAGES[:50].reshape(5, 10, 28, 28).mean(axis=0)
    frame = ink.measure(IMAGES)
    matrix = np.diag(np.full(10, 90)) + np.arange(100).reshape(10, 10) % 4
    predicted = array[(LABELS + (LABELS == 3)) % 10]
    yield plots.sheet(IMAGES[:12], 5, names, titles=["left", "right"])
    yield plots.message("$ no formula $")
    yield plots.groups(IMAGES, [[0, 1], [2, 4, 5]], names[:2], each=3, marked=[True])
    yield plots.predictions(IMAGES, answers(array[LABELS], predicted, 0.5))
    yield plots.saliency(IMAGES[:2], RNG.normal(size=(2, 28, 28)), names[:2])
    yield plots.drawings(STROKES[:4], IMAGES[:4], [(names[0], 0.9)] * 4, names[:4], pad=9)
    yield plots.class_counts({"train": np.arange(10), "test": np.full(10, 4)}, names)
    parts = [frame[:10].add_suffix(end) for end in ("", " 5 %", " 25 %", " 75 %", " 95 %")]
    yield plots.ink_by_class(pd.concat(parts, axis=1).assign(character=names))
    yield plots.ink_boxes(mean[0] / 255, frame)
    yield plots.sheet(mean, 5, names, cmap="magma_r", limits=(0, 128))
    yield plots.image_map(IMAGES, RNG.random((60, 2)), LABELS, names)
    yield plots.curves(history(), chosen=3)
    yield plots.curves(history(1))
    yield plots.confusion(matrix, names, [[0, 6], [2, 7, 9]])
    yield plots.per_class(recalls(names))
    yield plots.reliability({"Before": bins(), "After": bins()}, split="validation")
    yield plots.risk_coverage(curve(), 0.99, curve().iloc[2500])
    yield plots.robustness(corruptions())
    yield plots.ranking(ranks(*names[:3]))
    yield plots.costs(prices())
    yield plots.histories(crossed(recipe=["one", "two"], epoch=range(1, 6)).assign(value=0.9))
    yield plots.differences(effects())


@pytest.mark.parametrize("names", [CHARACTERS, TRICKY], ids=["digits", "tricky names"])
def test_every_plot_can_be_drawn_and_read(names, tmp_path):
    for drawn in every_plot(names):
        figure = figure_of(drawn)
        figure.savefig(tmp_path / "figure.png", dpi=40)
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= SMALL
        assert figure.get_size_inches()[0] <= 8
    assert not pyplot.get_fignums()
    assert mpl.rcParams["font.size"] == mpl.rcParamsDefault["font.size"]


def test_a_sheet_shows_its_images_in_their_places():
    ax = plots.sheet(IMAGES[:7], 3)
    for place in range(7):
        np.testing.assert_array_equal(tile(ax, place, 3), IMAGES[place])
    assert np.isnan(tile(ax, 8, 3)).all()
    assert texts(plots.sheet(IMAGES[:0])) == ["No image."]
    captions = [f"{i}\n{i} →  ✓" for i in range(7)]
    ax = plots.sheet(IMAGES[:7], 3, captions, marked=[False, True])
    assert len(frames(ax)) == 1


def test_a_wrong_prediction_is_marked_and_says_what_is_true():
    ax = plots.predictions(IMAGES[:2], answers(["0", "1"], ["0", "7"], [0.987, 0.5]))
    assert texts(ax) == ["0 ✓\n98.7 %", "1 → 7 ✗\n50.0 %"]
    assert len(frames(ax)) == 1
    # Where all are wrong, frames would say nothing.
    assert not frames(plots.predictions(IMAGES[:1], answers(["1"], ["7"], [0.5])))


def drawn(strokes, **options):
    """The pen's part of a drawing's tile, 112 by 112 pixels."""
    ax = plots.drawings(strokes, IMAGES[:1], [("7", 0.5)], ["1"], **options)
    assert "1 → 7 ✗\n50.0 %" in texts(ax)
    board = np.ma.filled(ax.images[0].get_array(), np.nan)
    y, x = np.argwhere(np.isfinite(board))[0]
    return board[y : y + 112, x : x + 112]


def test_drawings_are_shown_as_they_were_drawn():
    strokes = [[np.array([[50, 50], [150, 50]]), np.array([[20, 20]])]]
    board = drawn(strokes, pad=200)
    assert board[28, 28:84].min() > 127 < board[11, 11]
    assert board[28, :24].max() == board[40:].max() == 0
    columns = np.flatnonzero(drawn(strokes).max(axis=0))
    assert np.ptp(columns) == pytest.approx(0.8 * 112, abs=6)


def test_counts_are_the_bars_heights():
    ax = plots.class_counts({"train": np.array([5, 900]), "test": np.array([2, 3])}, "ab")
    assert [bar.get_height() for bar in ax.patches] == [5, 900, 2, 3]
    assert ax.get_yscale() == "log"
    assert "train: 905" in texts(ax)


def test_saliency_is_orange_for_and_blue_against():
    maps = np.zeros((1, 28, 28))
    maps[0, 0, 0], maps[0, 0, 1] = 2, -2
    board = plots.saliency(np.zeros((1, 28, 28), np.uint8), maps, ["a"]).images[0].get_array()
    orange, blue = board[2, 32:34]
    assert orange[0] > orange[2]
    assert blue[2] > blue[0]


def test_a_confusion_matrix_shows_shares_of_the_row_and_frames_groups():
    counts = np.array([[8, 0, 2], [0, 9, 0], [1, 0, 3]])
    ax = plots.confusion(counts, "abc", [(0, 2), (1,)])
    shares = np.asarray(ax.collections[0].get_array()).reshape(3, 3)
    np.testing.assert_allclose(shares, [[0.8, 0.2, 0], [0.25, 0.75, 0], [0, 0, 1]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "c", "b"]
    assert len(frames(ax)) == 1
    assert {"75", "25", "100"} <= set(texts(ax))


def test_the_worst_recall_is_on_top_and_a_class_without_images_left_out():
    frame = recalls().assign(n=lambda frame: np.where(frame["character"] == "4", 0, 1100))
    ax = plots.per_class(frame)
    names = [label.get_text().split() for label in ax.get_yticklabels()]
    assert names[0] == ["9", "1,100"]
    assert len(names) == 9
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_recipes_that_differ_have_full_dots():
    panel = plots.differences(effects(1)).axes[0]
    dots = panel.collections[1].get_facecolor()
    sides = [mpl.colors.to_hex(color).upper() for color in dots]
    right, wrong = plots.COLORS["right"], plots.COLORS["wrong"]
    assert sides == ["#FFFFFF", right, wrong, "#FFFFFF"]
    assert {"+2.0", "−3.0", "+0.0"} <= set(texts(panel))
    assert len([ax for ax in plots.differences(effects(3)).axes if ax.get_visible()]) == 3
    # Only known costs have a panel.
    assert [ax.get_xlabel() for ax in plots.costs(prices()).axes] == ["Training (s)", "Parameters"]


def test_colors_differ_for_the_color_blind():
    """Machado, Oliveira and Fernandes (2009): deuteranopia and protanopia, in linear RGB."""
    deutan = np.array([0.367, 0.861, -0.228, 0.280, 0.673, 0.047, -0.012, 0.043, 0.969])
    protan = np.array([0.152, 1.053, -0.205, 0.115, 0.786, 0.099, -0.004, -0.048, 1.052])
    names = ("train", "validation", "test", "right", "wrong", "before", "mark")
    colors = np.array([mpl.colors.to_rgb(plots.COLORS[name]) for name in names]) ** 2.2
    for matrix in (np.eye(3), deutan.reshape(3, 3), protan.reshape(3, 3)):
        seen = np.clip(colors @ matrix.T, 0, 1) ** (1 / 2.2)
        far = np.abs(seen[:, None] - seen).max(axis=2) + np.eye(len(names))
        assert far.min() > 0.1


def test_classes_without_a_color_of_their_own_share_one_ink():
    for n in (10, 47):
        board = plots.image_map(IMAGES, RNG.random((60, 2)), np.arange(60) % n, MANY).images[0]
        assert (np.ptp(board.get_array(), axis=2).max() > 0.1) == (n == 10)


@pytest.mark.filterwarnings("error")
def test_characters_without_a_glyph_are_named_by_their_code():
    names = ["A", "क्ष", "\u0378"]  # of the last, which is not assigned, no font has a glyph
    images, places = np.zeros((3, 28, 28), np.uint8), np.eye(3, 2)
    drawn = [plots.class_counts({"train": np.arange(3)}, names), plots.sheet(images, 3, names)]
    drawn.append(plots.image_map(images, places, np.arange(3), names))
    for each in drawn:
        each.figure.canvas.draw()
        assert {"A", "U+0378"} <= set(texts(each))

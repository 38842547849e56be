"""Looking through pictures: live controls by hand, a still figure in a report."""

import io

import ipywidgets as widgets
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from hcr import browse, datasets, runs
from hcr.browse import PAGE
from hcr.datasets import Split

DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def split() -> Split:
    """350 training digits: 35 of each class, but 100 of class 3 and none of class 9."""
    train = datasets.load("mnist-sample").train
    chosen = [
        np.flatnonzero(train.labels == label)[: {3: 100, 9: 0}.get(label, 35)]
        for label in range(10)
    ]
    return train.take(np.sort(np.concatenate(chosen)))


@pytest.fixture
def run(tmp_path, request) -> runs.Run:
    return runs.Run("lab", "01_eda", tmp_path / "outputs" / "lab", by_hand=True)


@pytest.fixture
def reported(tmp_path) -> runs.Run:
    return runs.Run("quick", "01_eda", tmp_path / "outputs" / "quick", by_hand=False)


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    assert pyplot.get_fignums() == [], "a figure was left open: the notebook shows it twice"


def parts(box) -> tuple[widgets.Dropdown, widgets.IntSlider, widgets.Image]:
    controls, picture = box.children
    chosen, page = controls.children
    return chosen, page, picture


def size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


def answers(split: Split, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of which the first `wrong` are the next class, the surer the later."""
    sure = np.linspace(0.5, 0.9, len(split))
    probabilities = np.repeat((1 - sure)[:, None] / 9, 10, axis=1)
    predicted = split.labels.copy()
    predicted[:wrong] = (predicted[:wrong] + 1) % 9
    probabilities[np.arange(len(split)), predicted] = sure
    return predicted, probabilities


def test_in_a_report_the_samples_are_a_still_figure(reported, split):
    shown = browse.samples(reported, split, DIGITS)
    assert shown._repr_html_().startswith('<figure class="hcr-figure"')
    (entry,) = runs.read(reported.folder)["stages"]["01_eda"]["figures"]
    assert entry["file"] == "figures/01_browse.png"
    assert entry["caption"] == "Training pictures of “0”, each with its index."
    assert min(size(reported.path(entry["file"]).read_bytes())) > 300


def test_in_a_report_the_mistakes_are_a_still_figure(reported, split):
    shown = browse.mistakes(reported, split, *answers(split, 60), DIGITS, name="mistakes")
    assert "The mistakes of which the network was surest." in shown._repr_html_()
    assert reported.path("figures/01_mistakes.png").is_file()


def test_without_mistakes_the_report_says_so(reported, split):
    shown = browse.mistakes(reported, split, *answers(split, 0), DIGITS)
    assert "No mistakes." in shown._repr_html_()


def test_without_pictures_the_report_stays_whole(reported, run, split):
    nothing = split.take(np.zeros(0, np.int64))
    assert "no class" in browse.samples(reported, nothing, DIGITS)._repr_html_()
    assert size(parts(browse.samples(run, nothing, DIGITS))[2].value)
    predicted = np.zeros(0, np.int64)
    assert browse.mistakes(reported, nothing, predicted, np.zeros((0, 10)), DIGITS)


def test_by_hand_a_class_is_chosen_and_paged_through(run, split):
    chosen, page, picture = parts(browse.samples(run, split, DIGITS))
    # A class without a picture is not offered.
    assert chosen.options == tuple(
        f"{digit}  ({35 if digit != '3' else 100})" for digit in "012345678"
    )
    assert (page.min, page.max, page.value) == (1, 1, 1)
    zero = picture.value
    assert size(zero)
    chosen.value = "3  (100)"
    assert (page.max, page.value) == (-(-100 // PAGE), 1)
    pages = [picture.value]
    for number in range(2, page.max + 1):
        page.value = number
        pages.append(picture.value)
    assert len({zero, *pages}) == 1 + len(pages) == 4
    # The last page is shorter, and back again is the same.
    assert size(pages[-1])[1] < size(pages[0])[1]
    page.value = 1
    assert picture.value == pages[0]
    page.value = page.max
    chosen.value = "0  (35)"
    assert (page.max, page.value) == (1, 1)
    assert picture.value == zero
    assert not run.folder.exists(), "looking around leaves no file"


def test_each_step_draws_once(run, split, monkeypatch):
    drawn = []
    real = browse._png
    monkeypatch.setattr(browse, "_png", lambda axes: drawn.append(1) or real(axes))
    chosen, page, _ = parts(browse.samples(run, split, DIGITS))
    chosen.value = "3  (100)"
    page.value = 3
    chosen.value = "1  (35)"
    assert len(drawn) == 4


def test_by_hand_mistakes_are_chosen_by_pair(run, split, monkeypatch):
    sheets = []
    real = browse.plots.mistakes

    def note(pictures, labels, predicted, probabilities, characters, **options):
        sheets.append((labels, predicted, probabilities.max(axis=1)))
        return real(pictures, labels, predicted, probabilities, characters, **options)

    monkeypatch.setattr(browse.plots, "mistakes", note)
    predicted, probabilities = answers(split, 60)
    chosen, page, picture = parts(browse.mistakes(run, split, predicted, probabilities, DIGITS))
    assert chosen.options[0] == "all  (60)"
    assert page.max == 2
    pairs = dict(option.split("  ") for option in chosen.options[1:])
    counts = [int(count.strip("()")) for count in pairs.values()]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 60
    assert all(int(pair[-1]) == (int(pair[0]) + 1) % 9 for pair in pairs)
    labels, wrong, chances = sheets[-1]
    assert len(labels) == PAGE
    assert (labels != wrong).all()
    assert (np.diff(chances) <= 0).all(), "the surest come first"
    before = picture.value
    pair = chosen.options[1]
    chosen.value = pair
    labels, wrong, _ = sheets[-1]
    assert picture.value != before
    assert set(zip(labels.tolist(), wrong.tolist(), strict=True)) == {(int(pair[0]), int(pair[10]))}


def test_by_hand_without_mistakes_there_is_nothing_to_choose(run, split):
    chosen, page, picture = parts(browse.mistakes(run, split, *answers(split, 0), DIGITS))
    assert chosen.options == ("all  (0)",)
    assert page.max == 1
    assert size(picture.value)


def test_characters_are_text(reported, split):
    characters = ("<b>&$", *DIGITS[1:])
    shown = browse.samples(reported, split, characters)
    assert "&lt;b&gt;&amp;$" in shown._repr_html_()
    assert "<b>" not in shown._repr_html_()

"""Looking through pictures: live controls by hand, a still figure in a report."""

import io

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from PIL import Image

from hcr import datasets, reports, runs
from hcr.datasets import Split
from hcr.reports import galleries
from hcr.reports.galleries import PAGE

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
    shown = galleries.samples(reported, split, DIGITS)
    assert shown._repr_html_().startswith('<figure class="hcr-figure"')
    (entry,) = runs.read(reported.folder)["stages"]["01_eda"]["figures"]
    assert entry["file"] == "figures/01_samples.png"
    assert entry["caption"] == "Training pictures, drawn at random, by class."
    assert entry["headline"]
    assert min(size(reported.path(entry["file"]).read_bytes())) > 300


def test_in_a_report_the_map_is_a_still_figure(reported, split):
    chosen, places = laid_out(split)
    shown = galleries.regions(reported, split, chosen, places, DIGITS)
    assert "60 training pictures on a plane" in shown._repr_html_()
    (entry,) = runs.read(reported.folder)["stages"]["01_eda"]["figures"]
    assert entry["file"] == "figures/01_map.png"
    assert entry["headline"]


def test_in_a_report_the_mistakes_are_a_still_figure(reported, split):
    shown = galleries.mistakes(reported, split, *answers(split, 60), DIGITS, name="mistakes")
    assert "The mistakes of which the network was surest." in shown._repr_html_()
    assert reported.path("figures/01_mistakes.png").is_file()


def test_without_mistakes_the_report_says_so(reported, split):
    shown = galleries.mistakes(reported, split, *answers(split, 0), DIGITS)
    assert "No mistakes." in shown._repr_html_()


def test_without_pictures_the_report_stays_whole(reported, run, split):
    nothing = split.take(np.zeros(0, np.int64))
    assert galleries.samples(reported, nothing, DIGITS)._repr_html_()
    assert size(parts(galleries.samples(run, nothing, DIGITS))[2].value)
    predicted = np.zeros(0, np.int64)
    assert galleries.mistakes(reported, nothing, predicted, np.zeros((0, 10)), DIGITS)


def test_by_hand_a_class_is_chosen_and_paged_through(run, split):
    chosen, page, picture = parts(galleries.samples(run, split, DIGITS))
    # A class without a picture is not offered.
    classes = (f"{digit}  ({35 if digit != '3' else 100})" for digit in "012345678")
    assert chosen.options == ("a few of each", *classes)
    assert (page.min, page.max, page.value) == (1, 1, 1)
    few = picture.value
    chosen.value = "0  (35)"
    assert picture.value != few
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
    chosen.value = "3  (100)"
    page.value = 2
    chosen.value = "a few of each"
    assert (page.max, page.value) == (1, 1)
    assert picture.value == few
    assert not run.folder.exists(), "looking around leaves no file"


def test_each_step_draws_once(run, split, monkeypatch):
    drawn = []
    real = galleries._png
    monkeypatch.setattr(galleries, "_png", lambda axes: drawn.append(1) or real(axes))
    chosen, page, _ = parts(galleries.samples(run, split, DIGITS))
    chosen.value = "3  (100)"
    page.value = 3
    chosen.value = "1  (35)"
    assert len(drawn) == 4


def laid_out(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """60 pictures on the map: 20 of class 0 to the left, 30 and 10 of 1 and 2 to the right."""
    counts = {0: 20, 1: 30, 2: 10}
    chosen = [np.flatnonzero(split.labels == label)[:n] for label, n in counts.items()]
    right = np.repeat([0.0, 0.9, 0.9], list(counts.values()))
    across = right + np.linspace(0, 0.1, 60)
    return np.concatenate(chosen), np.stack([across, np.full(60, 0.5)], axis=1)


def test_by_hand_regions_of_the_map_come_most_mixed_first(run, split, monkeypatch):
    monkeypatch.setattr(galleries, "PAGE", 30)
    captions = []
    real = galleries.sheet
    monkeypatch.setattr(
        galleries,
        "sheet",
        lambda pictures, columns, texts: captions.append(texts) or real(pictures, columns, texts),
    )
    map_of = laid_out(split)
    chosen, page, picture = parts(galleries.regions(run, split, *map_of, DIGITS))
    assert chosen.options == ("the whole map", "1: 1 2  (40)", "2: 0  (20)")
    whole = picture.value
    assert size(whole)[0] == size(whole)[1]
    chosen.value = "1: 1 2  (40)"
    assert page.max == 2
    assert picture.value != whole
    # The commonest class first, each picture with its label and its index in the split.
    assert captions[-1][0] == f"1\n{map_of[0][20]:,}"
    chosen.value = "2: 0  (20)"
    assert {text.split("\n")[0] for text in captions[-1]} == {"0"}
    assert not run.folder.exists()


def doubts() -> pd.DataFrame:
    """50 suspects: the first 30 are 0 or rather 6, the others 3 or rather 5."""
    given = np.repeat([0, 3], [30, 20])
    suggested = np.repeat([6, 5], [30, 20])
    frame = {"index": np.arange(50) + 7, "given": given, "suggested": suggested}
    return pd.DataFrame(frame | {"score": np.linspace(0, 0.4, 50), "issue": True})


def test_by_hand_suspects_are_chosen_by_pair(run, split, monkeypatch):
    sheets = []
    real = galleries.plots.suspects

    def note(pictures, given, suggested, characters, indices, **options):
        sheets.append((pictures, given, suggested, indices))
        return real(pictures, given, suggested, characters, indices, **options)

    monkeypatch.setattr(galleries.plots, "suspects", note)
    chosen, page, picture = parts(galleries.suspects(run, split, doubts(), DIGITS))
    pairs = ("0 or rather 6  (30)", "3 or rather 5  (20)")
    assert chosen.options == ("all  (50)", *pairs)
    assert page.max == 2
    chosen.value = pairs[1]
    pictures, given, suggested, indices = sheets[-1]
    assert set(given) == {3}
    assert set(suggested) == {5}
    assert indices.tolist() == list(range(37, 57))
    np.testing.assert_array_equal(pictures, split.images[37:57])
    assert size(picture.value)


def test_in_a_report_the_suspects_are_a_still_figure(reported, split):
    some = galleries.suspects(reported, split, doubts(), DIGITS)
    assert (
        "Suspected label errors, the most suspect first: the label, an arrow" in some._repr_html_()
    )
    assert "index in the training split" in some._repr_html_()
    noted = galleries.suspects(reported, split, doubts(), DIGITS, note="Somebody looked.")
    assert "training split. Somebody looked." in noted._repr_html_()
    none = galleries.suspects(reported, split, doubts().iloc[:0], DIGITS)
    assert "No suspect." in none._repr_html_()


def test_by_hand_mistakes_are_chosen_by_pair(run, split, monkeypatch):
    sheets = []
    real = galleries.plots.mistakes

    def note(pictures, labels, predicted, probabilities, characters, **options):
        sheets.append((labels, predicted, probabilities.max(axis=1)))
        return real(pictures, labels, predicted, probabilities, characters, **options)

    monkeypatch.setattr(galleries.plots, "mistakes", note)
    predicted, probabilities = answers(split, 60)
    chosen, page, picture = parts(galleries.mistakes(run, split, predicted, probabilities, DIGITS))
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


def test_by_hand_doubted_labels_are_the_first_that_can_be_chosen(run, split, monkeypatch):
    sheets = []
    real = galleries.plots.mistakes

    def note(pictures, labels, predicted, probabilities, characters, **options):
        sheets.append(probabilities.max(axis=1))
        return real(pictures, labels, predicted, probabilities, characters, **options)

    monkeypatch.setattr(galleries.plots, "mistakes", note)
    predicted, probabilities = answers(split, 60)
    sure = probabilities.max(axis=1) > probabilities.max(axis=1)[51]
    given = split, predicted, probabilities, DIGITS, "browse"
    chosen, page, _ = parts(
        galleries.mistakes(run, *given, doubted=sure & (predicted != split.labels))
    )
    assert chosen.options[:2] == ("doubted labels  (8)", "all  (60)")
    assert page.max == 1
    assert sheets[-1].tolist() == sorted(probabilities.max(axis=1)[52:60], reverse=True)
    none = galleries.mistakes(run, *given, doubted=np.zeros(len(split), bool))
    assert parts(none)[0].options[0] == "all  (60)"


def test_by_hand_without_mistakes_there_is_nothing_to_choose(run, split):
    chosen, page, picture = parts(galleries.mistakes(run, split, *answers(split, 0), DIGITS))
    assert chosen.options == ("all  (0)",)
    assert page.max == 1
    assert size(picture.value)


def test_characters_are_text(reported, run, split):
    characters = ("<b>&$", *DIGITS[1:])
    assert "<b>" not in galleries.samples(reported, split, characters)._repr_html_()
    chosen, _, _ = parts(galleries.samples(run, split, characters))
    assert chosen.options[1] == "<b>&$  (35)"


# Drawings, which by hand are drawn when they are asked for


DRAWN = [np.array([[0.0, 0], [0, 9]])], [np.array([[0.0, 0], [9, 9]]), np.array([[9.0, 0], [0, 9]])]


def pens(n: int = 2, found: list | None = None):
    """Finds the first n drawings; notes in `found` that it was asked."""

    def find():
        if found is not None:
            found.append(n)
        return DRAWN[:n], "1x"[:n]

    return find


def reading(strokes):
    return [("1", 0.75) if len(strokes) == 1 else ("&", 0.5), ("z", 0.1)]


def test_in_a_report_drawings_are_a_still_figure(reported):
    shown = galleries.drawings(reported, pens(), reading, "gallery", "As drawn.", headline=True)
    assert "As drawn." in shown._repr_html_()
    (entry,) = runs.read(reported.folder)["stages"]["01_eda"]["figures"]
    assert (entry["file"], entry["headline"]) == ("figures/01_gallery.png", True)
    assert min(size(reported.path(entry["file"]).read_bytes())) > 100


def test_by_hand_nothing_is_found_or_drawn_until_it_is_asked_for(run):
    found = []
    box = galleries.drawings(run, pens(2, found), reading, "gallery", "As <drawn>.")
    button, shown = box.children
    assert "As &lt;drawn&gt;." in shown.value
    assert (found, run.folder.exists()) == ([], False)
    button.click()
    assert found == [2]
    assert run.path("figures/01_gallery.png").is_file()
    assert "<img" in shown.value
    assert "As &lt;drawn&gt;." in shown.value
    assert box.children == (shown,), "it is drawn, so there is nothing left to press"


def test_drawings_are_read_as_they_were_put_on_the_pad(reported, monkeypatch):
    read, shown = [], []
    monkeypatch.setattr(
        galleries.plots, "drawings", lambda strokes, *given, **more: shown.append(strokes) or {}
    )
    monkeypatch.setattr(reports, "figure", lambda *given, **more: None)

    def reading(strokes):
        read.append(strokes)
        return [("1", 1.0)]

    galleries.drawings(reported, pens(), reading, "people", "As drawn.", placement="large")
    assert [np.ptp(np.concatenate(each), axis=0).max() for each in read] == [250, 250]
    assert all(one is other for one, other in zip(read, shown[0], strict=True))


def test_where_there_is_no_drawing_that_is_said(run, reported):
    told = galleries.drawings(reported, pens(0), reading, "people", "As drawn.", nothing="<None>.")
    assert told._repr_html_() == "<p>&lt;None&gt;.</p>"
    box = galleries.drawings(run, pens(0), reading, "people", "As drawn.", nothing="None.")
    box.children[0].click()
    assert box.children[-1].value == "<p>None.</p>"


def test_what_goes_wrong_while_drawing_is_shown_and_may_be_tried_again(run):
    wrong = [ValueError("no <file>")]

    def find():
        if wrong:
            raise wrong.pop()
        return pens()()

    box = galleries.drawings(run, find, reading, "people", "As drawn.")
    button, shown = box.children
    button.click()
    assert "ValueError: no &lt;file&gt;" in shown.value
    assert not button.disabled
    button.click()
    assert "<img" in shown.value

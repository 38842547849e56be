"""Looking through images: live controls by hand, a still figure in a report."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from matplotlib import pyplot
from PIL import Image

from hcr import datasets, runs
from hcr.datasets.choice import CORRECTIONS, DataChoice, read_corrections, resolve
from hcr.errors import DataError
from hcr.preprocessing import synthesis
from hcr.recognizer import Recognizer
from hcr.reports import galleries

DIGITS = tuple("0123456789")
SUSPECTS = pd.DataFrame({"index": [5, 9, 7], "given": [1, 3, 1], "suggested": [7, 5, 7]})


@pytest.fixture(scope="module")
def split() -> datasets.Split:
    """350 training digits: 100 of class 3, none of class 9."""
    train = datasets.load("mnist-sample").train
    sizes = {3: 100, 9: 0}
    chosen = [np.flatnonzero(train.labels == k)[: sizes.get(k, 35)] for k in range(10)]
    return train.take(np.sort(np.concatenate(chosen)))


@pytest.fixture
def reported(tmp_path) -> runs.Run:
    return runs.Run("quick", "01_eda", tmp_path / "quick", by_hand=False)


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    assert pyplot.get_fignums() == [], "a figure was left open: the notebook shows it twice"


def every(run: runs.Run, split: datasets.Split) -> dict:
    """All galleries of `split`; its first 60 are mistakes, the more confident the later."""
    predicted = split.labels.copy()
    predicted[:60] = (predicted[:60] + 1) % 9
    answers = pd.DataFrame({"true": split.labels, "predicted": predicted}).astype(str)
    answers["probability"] = np.linspace(0.5, 0.9, len(split))
    return {
        "samples": galleries.samples(run, split, DIGITS),
        "suspects": galleries.suspects(run, split, SUSPECTS),
        "mistakes": galleries.mistakes(run, split, answers),
    }


def test_in_a_report_each_is_a_still_figure(reported, split):
    every(reported, split)
    figures = runs.read(reported.folder)["stages"]["01_eda"]["figures"]
    assert [each["name"] for each in figures] == ["01_samples", "01_suspects", "01_mistakes"]
    for each in figures:
        with Image.open(reported.path(each["file"])) as image:
            assert image.width > 300


def test_by_hand_the_images_of_each_choice_can_be_paged(tmp_path, split, monkeypatch):
    by_hand, drawn = runs.Run("lab", "01_eda", tmp_path / "lab", by_hand=True), []
    monkeypatch.setattr(galleries, "display", drawn.append)
    shown = every(by_hand, split)
    chosen, page, _ = shown["samples"].children
    assert chosen.options[:2] == ("a few of each", "0  (35)")
    assert not any(each.startswith("9") for each in chosen.options)
    suspects = shown["suspects"].children[0].options
    assert suspects == ("all  (3)", "1 or rather 7  (2)", "3 or rather 5  (1)")
    chosen.value, page.value = "3  (100)", 3
    two_rows, four_rows = drawn[-1].get_figheight(), drawn[-2].get_figheight()
    assert two_rows < 0.7 * four_rows
    chosen.value = "0  (35)"  # whose last page is the first
    assert drawn[-1].get_figheight() > two_rows
    pairs = shown["mistakes"].children[0].options
    assert (pairs[0], "3 read as 4  (5)" in pairs) == ("all  (60)", True)
    assert not by_hand.folder.exists()


def test_nothing_to_show_is_said(reported, split):
    nobody = split.take(np.array([], int))
    galleries.samples(reported, nobody, DIGITS)
    galleries.suspects(reported, split, SUSPECTS[:0])
    right = pd.DataFrame({"true": ["1"], "predicted": "1", "probability": 0.5})
    galleries.mistakes(reported, split, right)
    figures = runs.read(reported.folder)["stages"]["01_eda"]["figures"]
    assert [each["caption"].split()[0] for each in figures] == ["Training", "No", "No"]
    output = galleries.drawings(reported, lambda: ([], []), None, "d", "Drawings.")
    assert output.html == "<p>No drawing of these classes.</p>"


def test_drawings_are_a_figure(reported):
    strokes = [synthesis.character(digit, 0) for digit in "38"]
    how = {"name": "p", "caption": "P.", "placement": "large"}
    how["recognize"] = lambda strokes: [("3", 0.75)]
    output = galleries.drawings(reported, lambda: (strokes, "38"), **how)
    assert "P.</figcaption>" in output.html


def test_uploads_are_answered_at_once_and_a_quiz_takes_a_key_an_image(split, monkeypatch, capsys):
    drawn, said = [], []
    monkeypatch.setattr(galleries, "display", drawn.append)
    button, _ = galleries.upload(Recognizer.load("emnist")).children
    content = (PROJECT / "examples" / "pictures" / "ballpoint.jpg").read_bytes()
    sent = {"7.jpg": content, "torn.jpg": content[:99]}
    about = {"type": "", "size": 9, "last_modified": datetime.now(UTC)}
    button.value = [about | {"name": name, "content": each} for name, each in sent.items()]
    assert any(each.get_text().startswith("7.jpg: 7") for each in drawn[0].axes[0].texts)
    assert (len(drawn), "torn.jpg: " in capsys.readouterr().out) == (1, True)
    field, _ = galleries.quiz(split.images[:2], said).children
    for key in "7x":
        assert not field.disabled
        field.value = key
    assert (said, field.value, field.disabled) == (["7", "x"], "", True)
    pyplot.close("all")


def test_suspects_are_corrected_by_key_and_each_answer_is_saved(tmp_path):
    run, data = runs.Run("lab", "01_eda", tmp_path, by_hand=True), resolve(DataChoice(), tmp_path)
    given, path = [str(label) for label in data.train.labels[:4]], tmp_path / CORRECTIONS
    frame = pd.DataFrame({"index": range(4), "given": given, "suggested": "7"})

    def press(*keys: str) -> list:
        canvas, side = galleries.correct(run, data, frame).children
        for key in keys:
            canvas._handle_custom_msg({"event": "key_down", "key": key} | modifiers, [])
        return side.children

    modifiers = dict.fromkeys(("shift_key", "ctrl_key", "meta_key"), False)
    press("k", "x", "ArrowLeft", "3", "A")
    press("Delete")[2].click()  # goes on with the third, takes the suggestion for the fourth
    assert read_corrections(path, data) == {0: given[0], 1: "3", 2: "", 3: "7"}
    assert "4 of 4" in press()[0].value
    path.write_text("damaged")
    with pytest.raises(DataError):  # which a page shows
        press("k")
    assert path.read_text() == "damaged"

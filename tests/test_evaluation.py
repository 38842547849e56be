"""What an evaluation tells besides its headline: tables, doubts, drawings; other models."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import trained
from conftest import run_all
from sklearn import metrics as oracle

from hcr import drawings, files, insights, metrics, recognizer, runs, synthesis
from hcr.errors import DataError, ModelError
from hcr.metrics.drawings import MEAN
from hcr.recognizer import Recognizer
from hcr.synthesis.placements import PLACEMENTS

DIGITS = tuple("0123456789")


def answers(n=400, classes=6, seed=0, share=0.7):
    """Labels, and probabilities that are right about so often."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), true] += 3 * share
    found = np.exp(logits)
    return true, found / found.sum(axis=1, keepdims=True)


# Tables


def test_models_side_by_side_are_scikit_learns_figures():
    true, one = answers()
    _, other = answers(share=0.4)
    frame = insights.evaluation.side_by_side({"one": one, "other": other}, true, 0)
    assert frame["model"].tolist() == ["one", "other"]
    for row, each in zip(frame.itertuples(), (one, other), strict=True):
        read = each.argmax(axis=1)
        assert row.accuracy == oracle.accuracy_score(true, read)
        assert row.balanced == pytest.approx(oracle.balanced_accuracy_score(true, read))
        assert row.top3 == oracle.top_k_accuracy_score(true, each, k=3)
        assert row.log_loss == pytest.approx(oracle.log_loss(true, each), rel=1e-6)
        low, high = (float(end) for end in row.interval.split(" to "))
        expected = metrics.wilson(int((read == true).sum()), len(true))
        assert (low / 100, high / 100) == pytest.approx(expected, abs=1e-4)
        low, high = (float(end) for end in row.balanced_interval.split(" to "))
        assert low < 100 * row.balanced < high


def test_pairs_come_with_a_sentence_each():
    true, one = answers()
    _, other = answers(share=0.2)
    table, told = insights.evaluation.in_pairs({"one": one, "other": other, "third": one}, true)
    assert len(table) == len(told) == 3
    assert told[0].startswith("one reads better than other, by ")
    assert told[1] == "one and third read the same ones of 400 pictures right and the same wrong."


def test_the_gap_is_to_the_test_split():
    splits = {"train": answers(share=1.2), "test": answers(seed=1)}
    frame = insights.evaluation.by_split(splits, 0).set_index("split")
    assert frame["n"].tolist() == [400, 400]
    assert frame.loc["test", "gap"] == 0
    difference = frame.loc["train", "accuracy"] - frame.loc["test", "accuracy"]
    assert frame.loc["train", "gap"] == pytest.approx(100 * difference)
    assert difference > 0.05


# The headline


def test_the_headline_is_what_the_metrics_say(model):
    data = trained.data()
    found = model.predict(data.test.images)
    rows, ends = insights.evaluation.headline(data, found, None, 0)
    values = {row.key: row.value for row in rows}
    read = found.argmax(axis=1)
    right = int((read == data.test.labels).sum())
    assert values["accuracy"] == right / len(data.test)
    assert values["balanced_accuracy"] == oracle.balanced_accuracy_score(data.test.labels, read)
    assert values["top5"] >= values["top3"] >= values["accuracy"]
    assert values["n"] == len(data.test)
    assert (ends["accuracy_low"], ends["accuracy_high"]) == metrics.wilson(right, len(data.test))
    assert ends["balanced_accuracy_low"] < values["balanced_accuracy"]
    assert [row.key for row in rows if row.headline] == ["accuracy", "balanced_accuracy"]
    assert "contributors" not in rows[0].note
    assert "start_accuracy" not in values


def test_where_it_is_known_who_wrote_what_contributors_are_resampled(model):
    data = trained.data()
    # Three hands, of which the network reads one much worse than the others.
    read = data.test.labels.copy()
    hands = np.arange(len(data.test)) % 3
    read[hands == 0] = (read[hands == 0] + 1) % 10
    found = np.eye(10)[read]
    written = replace(data.test, writers=np.array([f"hand {each}" for each in hands]))
    other = replace(data, read_test=lambda: written)
    rows, ends = insights.evaluation.headline(other, found, None, 0)
    assert "3 contributors resampled" in rows[0].note
    plain, narrow = insights.evaluation.headline(data, found, None, 0)
    assert plain[0].value == rows[0].value
    width, least = (each["accuracy_high"] - each["accuracy_low"] for each in (ends, narrow))
    assert width > 3 * least


# Doubts


def test_sure_mistakes_are_counted_and_the_edas_suspects_stand_beside(outputs):
    true = np.array([0, 0, 1, 1, 2])
    sure = np.full((5, 3), 0.0025)
    for i, (read, share) in enumerate([(0, 0.995), (1, 0.995), (1, 0.995), (0, 0.9), (2, 0.995)]):
        sure[i] = (1 - share) / 2
        sure[i, read] = share
    run = runs.open("quick", "04_evaluate")
    said = insights.doubts.of_mistakes(true, sure, run)
    assert said.startswith("Of 2 mistakes 1 is answered with 99 % or more")
    assert "Of all answers so sure, 75.00 % agree with the label." in said
    assert "01_eda" not in said
    files.write_json(run.path("metrics.json"), {"01_eda": {"suspects": 1234}})
    assert "01_eda doubts 1,234 labels" in insights.doubts.of_mistakes(true, sure, run)
    # Other answers, another sentence.
    sure[1] = [0.995, 0.0025, 0.0025]
    assert insights.doubts.of_mistakes(true, sure, run).startswith("Of 1 mistake 0 are answered")


@pytest.fixture
def outputs(monkeypatch):
    monkeypatch.setenv("HCR_RUN", "quick")


# Other models


@pytest.fixture(scope="module")
def model() -> Recognizer:
    return Recognizer.load(trained.run()[0])


def test_answers_are_in_the_order_that_is_asked_for(model):
    pictures = trained.data().test.images[:40]
    turned = DIGITS[::-1]
    expected = model.predict(pictures)
    np.testing.assert_array_equal(model.answers(pictures, DIGITS), expected)
    np.testing.assert_array_equal(model.answers(pictures, turned), expected[:, ::-1])
    with pytest.raises(ModelError, match="must read the data set's 3 characters"):
        model.answers(pictures, "012")


def test_a_model_of_another_order_reads_as_well(model, tmp_path):
    shutil.copy(model.path, tmp_path / "model.tflite")
    # Whoever names the outputs anew gets the figures of these names.
    swapped = ("1", "0", *DIGITS[2:])
    other = Recognizer.load(tmp_path / "model.tflite", labels=swapped)
    pictures = trained.data().test.images[:40]
    found = other.answers(pictures, DIGITS)
    np.testing.assert_array_equal(found[:, :2], model.predict(pictures)[:, 1::-1])


def test_others_are_named_with_commas(model, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(model.path.parent, tmp_path / name)
    text = f"{tmp_path / 'one'}, {tmp_path / 'two'},"
    found = recognizer.others(text)
    assert list(found) == [str(tmp_path / "one"), str(tmp_path / "two")]
    assert recognizer.others(None) == recognizer.others(" ") == {}
    with pytest.raises(ModelError, match="must be named once"):
        recognizer.others(f"{tmp_path / 'one'},{tmp_path / 'one'}")
    with pytest.raises(ModelError, match="There is no model"):
        recognizer.others(str(tmp_path / "three"))


# Drawings


class Corner:
    """Reads all as `a` where ink reaches the picture's upper left part, else as `B`."""

    labels = ("a", "B")

    def predict(self, pictures):
        there = pictures[:, :14, :14].any(axis=(1, 2))
        return np.stack([there, ~there], axis=1).astype(float)


def test_every_placement_is_read_from_its_own_strokes(monkeypatch):
    seen = []
    monkeypatch.setattr(
        insights.people, "placed", lambda strokes, name: seen.append(name) or strokes
    )
    drawn = [synthesis.character(each, 0) for each in "aAB"]
    table = insights.people.in_placements(Corner(), drawn, list("aAB"), ["x", "x", "y"])
    assert seen == [name for name in PLACEMENTS for _ in range(3)]
    assert table["placement"].unique().tolist() == list(PLACEMENTS)
    means = table[table["contributor"] == MEAN]
    assert means["n"].tolist() == [3] * 4
    # All are read as `a`: x is right but for case twice of twice, y never.
    assert means["folded"].tolist() == [0.5] * 4
    assert means["exact"].tolist() == [0.25] * 4
    assert insights.people.spread(table) == 0
    said = insights.people.told(table, 0)
    assert said.startswith("Right but for case, 3 drawings of 2 contributors: large: 50.0 % (95 %:")
    assert said.endswith("within 0.0 points of one another.")
    table.loc[means.index[0], "folded"] = 0.75
    assert insights.people.spread(table) == pytest.approx(25)
    assert "large: 75.0 %" in insights.people.told(table, 0)


def test_ones_own_drawings_are_asked(outputs):
    run = runs.open("quick", "04_evaluate")
    with pytest.raises(DataError, match="There must be drawings of yours"):
        insights.people.asked("own", run)
    for character in "4é5":
        strokes = [200 * each for each in synthesis.character("4", 0)]
        drawings.append(character, strokes, writer="Anna")
    found, characters, writers = insights.people.asked("own", run)
    assert characters.tolist() == ["4", "5"]
    assert writers.tolist() == ["Anna", "Anna"]
    assert len(found) == 2
    assert all(len(stroke) for each in found for stroke in each)


# The notebook


@pytest.mark.slow
def test_a_model_that_a_person_brings_is_evaluated_beside_another(tmp_path):
    """No training: two files and drawings of one's own, through the real notebook."""
    folder = trained.run()[0]
    brought = tmp_path / "theirs"
    brought.mkdir()
    shutil.copy(folder / "model.tflite", brought / "net.tflite")
    own = tmp_path / "drawings"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_DRAWINGS", str(own))
        for character in "0123456789":
            strokes = [200 * each + 40 for each in synthesis.character(character, 0)]
            drawings.append(character, strokes, size=280)
    given = {
        "reader": brought / "net.tflite",
        "labels": '"0123456789"',
        "beside": folder,
        "robustness": 2,
        "drawings": "own",
    }
    words = [word for key, value in given.items() for word in ("-p", f"04_evaluate.{key}={value}")]
    words += ["--only", "04_evaluate", "--run", "theirs"]
    done = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert done.code == 0, done.text
    run = tmp_path / "runs" / "theirs"
    tables = {path.stem.split("_", 1)[1] for path in (run / "tables").glob("04_*.csv")}
    assert {"models", "pairs", "splits", "robustness", "drawings", "counts", "kinds"} <= tables
    page = (run / "04_evaluate.html").read_text()
    # The same network twice: the same answers.
    assert "read the same ones of 1,000 pictures right and the same wrong" in page
    assert "Right but for case, 10 drawings of 1 contributor" in page
    data = trained.data()
    expected = Recognizer.load(folder).predict(data.test.images).argmax(axis=1)
    found = json.loads((run / "metrics.json").read_text())["04_evaluate"]
    assert found["accuracy"] == pytest.approx((expected == data.test.labels).mean())
    # The file counts for what is up to date.
    again = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert "up to date, kept" in again.out
    shutil.copy(folder / "labels.json", brought)
    (brought / "net.tflite").write_bytes(b"no model")
    broken = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert broken.code == 1
    assert "net.tflite" in broken.text

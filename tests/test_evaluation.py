"""What an evaluation tells besides its headline: tables, doubts, drawings; other models."""

import json
import shutil
from copy import copy
from dataclasses import replace
from functools import partial

import keras2_files
import numpy as np
import pandas as pd
import pytest
import trained
from conftest import run_all
from sklearn import metrics as oracle
from statsmodels.stats.proportion import confint_proportions_2indep
from test_resampling import answers
from test_spoilt import measured

from hcr import reports, runs
from hcr.datasets import drawings_file as drawings
from hcr.errors import DataError, ParameterError
from hcr.evaluation import metrics
from hcr.evaluation.old_drawings import MEAN, interval
from hcr.preprocessing import synthesis
from hcr.preprocessing.synthesis import PLACEMENTS
from hcr.recognizer import Recognizer
from hcr.reports import insights
from hcr.runs import files

DIGITS = tuple("0123456789")


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
    frame, kept = insights.evaluation.by_split(splits, 0)
    frame = frame.set_index("split")
    assert frame["n"].tolist() == [400, 400]
    assert frame.loc["test", "gap"] == 0
    difference = frame.loc["train", "accuracy"] - frame.loc["test", "accuracy"]
    assert frame.loc["train", "gap"] == pytest.approx(100 * difference)
    assert difference > 0.05
    # Newcombe's interval, of pictures that are not the same.
    right = [round(400 * frame.loc[name, "accuracy"]) for name in ("train", "test")]
    ends = confint_proportions_2indep(right[0], 400, right[1], 400, method="newcomb")
    assert (kept["gap_train_low"], kept["gap_train_high"]) == pytest.approx(ends, abs=1e-9)
    assert kept["gap_train"] == pytest.approx(difference)
    assert frame.loc["train", "gap_interval"] == f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}"
    assert frame.loc["test", "gap_interval"] == ""
    assert set(kept) == {"gap_train", "gap_train_low", "gap_train_high"}


def test_one_page_has_one_interval(model):
    """The splits' and the models' tables have the headline's, whether hands are known or not."""
    data = trained.data()
    found = model.predict(data.test.images)
    hands = np.array([f"hand {each}" for each in np.arange(len(data.test)) % 4])
    for writers in (None, hands):
        test = replace(data.test, writers=writers)
        _, ends = insights.evaluation.headline(
            replace(data, read_test=partial(copy, test)), found, 3
        )
        splits = {"validation": answers(), "test": (test.labels, found)}
        told = {"validation": None, "test": writers}
        frame, _ = insights.evaluation.by_split(splits, 3, writers=told)
        own = frame.set_index("split").loc["test"]
        other = insights.evaluation.side_by_side({"net": found}, test.labels, 3, writers).loc[0]
        for row in (own, other):
            for column, (figure, span) in insights.evaluation.COLUMNS.items():
                if column == "top3" and row is own:
                    continue
                low, high = (ends[f"{figure}_{end}"] for end in ("low", "high"))
                scale, digits = (1, 4) if column == "log_loss" else (100, 2)
                expected = f"{scale * low:.{digits}f} to {scale * high:.{digits}f}"
                assert row[span] == expected, (column, writers is None)


def test_pictures_of_few_hands_are_told_beside_the_tests_that_count_them_as_independent():
    true, one = answers()
    _, other = answers(share=0.2)
    hands = np.array(["anna", "bob"])[np.arange(400) % 2]
    for writers, said in ((hands, "2 hands wrote them"), (hands[:1].repeat(400), "1 hand wrote")):
        _, told = insights.evaluation.in_pairs({"one": one, "other": other}, true, writers)
        assert told[0].startswith("one reads better than other, by ")
        assert told[1].startswith("Pictures count as independent, though ")
        assert said in told[1]
        (gain,) = (
            each
            for each in reports.against(
                true,
                one.argmax(axis=1),
                other.argmax(axis=1),
                insights.evaluation.independent(writers),
            )
            if each.key == "gain"
        )
        assert said in gain.note
    assert insights.evaluation.in_pairs({"one": one}, true, hands)[1] == []
    for nobody in (None, np.full(400, "")):
        assert insights.evaluation.independent(nobody) == ""
        assert len(insights.evaluation.in_pairs({"a": one, "b": other}, true, nobody)[1]) == 1


# The headline


def test_the_headline_is_what_the_metrics_say(model):
    data = trained.data()
    found = model.predict(data.test.images)
    rows, ends = insights.evaluation.headline(data, found, 0)
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
    expected = metrics.wilson(round(values["top3"] * len(data.test)), len(data.test))
    assert (ends["top3_low"], ends["top3_high"]) == expected
    notes = {row.key: row.note for row in rows}
    for key in ("accuracy", "balanced_accuracy", "top3", "top5", "log_loss", "ece"):
        assert ends[f"{key}_low"] <= values[key] <= ends[f"{key}_high"]
        assert "95 %: " in notes[key]
        assert f"n = {len(data.test):,}, 1 seed" in notes[key]
    # Byte for byte the same, whenever it is run.
    assert insights.evaluation.headline(data, found, 0)[1] == ends


def test_where_it_is_known_who_wrote_what_contributors_are_resampled(model):
    data = trained.data()
    # Three hands, of which the network reads one much worse than the others.
    read = data.test.labels.copy()
    hands = np.arange(len(data.test)) % 3
    read[hands == 0] = (read[hands == 0] + 1) % 10
    found = np.eye(10)[read]
    written = replace(data.test, writers=np.array([f"hand {each}" for each in hands]))
    other = replace(data, read_test=lambda: written)
    rows, ends = insights.evaluation.headline(other, found, 0)
    assert "3 contributors resampled" in rows[0].note
    plain, narrow = insights.evaluation.headline(data, found, 0)
    assert plain[0].value == rows[0].value
    width, least = (each["accuracy_high"] - each["accuracy_low"] for each in (ends, narrow))
    assert width > 3 * least


def test_what_the_labels_allow_is_kept_with_its_ends():
    true, found = answers()
    read = found.argmax(axis=1)
    for groups, more in (([], 0), ([(0, 1)], 6)):
        kinds = metrics.lookalikes.mistakes(true, read, "0OQ1AB", groups)
        table = metrics.lookalikes.within_and_across(true, read, "0OQ1AB", groups)
        kept = insights.evaluation.allowed(kinds, table)
        assert len(kept) == 3 + more
        assert kept["alike_low"] < kept["alike"] < kept["alike_high"]
    inside = np.isin(true, (0, 1))
    together = np.isin(read[inside], (0, 1))
    assert kept["groups_across"] == together.mean()
    ends = metrics.wilson(int(together.sum()), int(inside.sum()))
    assert (kept["groups_across_low"], kept["groups_across_high"]) == ends
    own = (read == true)[inside][together]
    assert kept["groups_within"] == pytest.approx(own.mean())


def test_spoilt_pictures_are_kept_with_their_ends():
    table = metrics.robustness.summary(*measured({"blur": 0.1}))
    kept = insights.evaluation.spoilt(table, 9)
    assert kept == pytest.approx({"n": 9, **table.iloc[-1][["mean", "low", "high"]]})
    assert 0.57 < kept["low"] < kept["mean"] < kept["high"] < 0.63
    assert kept["mean"] == pytest.approx(0.6)


def test_ends_share_a_column_on_the_page():
    frame = pd.DataFrame({"group": ["a", "b"], "low": [0.1, np.nan], "high": [0.2, np.nan]})
    frame = frame.assign(across=0.5, across_low=0.25, across_high=0.75, below=1)
    found = insights.spanned(frame)
    assert list(found) == ["group", "95 %", "across", "across, 95 %", "below"]
    assert found["95 %"].tolist() == ["10.0 to 20.0", ""]
    assert found["across, 95 %"].tolist() == ["25.0 to 75.0"] * 2


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
    said = insights.doubts.of_mistakes(true, sure, run)
    assert said.endswith("01_eda doubts 1,234 labels of the training split.")
    files.write_text(run.path("tables/01_suspects.csv"), "index\n")
    said = insights.doubts.of_mistakes(true, sure, run)
    assert said.endswith("1,234 labels of the training split (tables/01_suspects.csv).")
    # Other answers, another sentence.
    sure[1] = [0.995, 0.0025, 0.0025]
    assert insights.doubts.of_mistakes(true, sure, run).startswith("Of 1 mistake 0 are answered")


def test_every_suspect_is_listed_the_surest_first():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 500)
    sure = np.full((500, 3), 0.2)
    sure[np.arange(500), true] = 0.6
    planted = np.sort(rng.choice(500, 60, replace=False))
    shares = rng.uniform(0.991, 0.9999, 60)
    for place, share in zip(planted, shares, strict=True):
        sure[place] = (1 - share) / 2
        sure[place, (true[place] + 1) % 3] = share
    found = insights.doubts.listed(true, sure, "abc")
    assert list(found) == ["index", "label", "read as", "probability"]
    assert len(found) == 60
    assert found["index"].tolist() == planted[np.argsort(-shares)].tolist()
    assert found["probability"].tolist() == pytest.approx(sorted(shares, reverse=True))
    row = found.iloc[0]
    assert (row["label"], row["read as"]) == tuple(
        "abc"[each] for each in (true[row["index"]], (true[row["index"]] + 1) % 3)
    )
    assert insights.doubts.told_of(60, 40, "x.csv") == (
        "Labels to be doubted, the surest mistakes first: 60 suspects, the first 40 shown; "
        "all in x.csv."
    )
    assert insights.doubts.told_of(1, 40, "x.csv").endswith("first: 1 suspect, all in x.csv.")
    assert insights.doubts.told_of(0, 40, "x.csv") == "Labels to be doubted: none."
    assert insights.doubts.listed(true[:0], sure[:0], "abc").empty


# Where it looks


def test_the_most_confused_are_looked_at_unless_characters_are_chosen():
    true = np.array([0, 0, 0, 1, 1, 2, 2, 0])
    read = np.array([0, 1, 2, 0, 0, 2, 2, 2])
    picked, said = insights.looking.pictures(true, read, "abcd")
    # b is read as a twice, as is a as c.
    assert said == ["b read as a", "a read as c"]
    assert picked.tolist() == [3, 2]
    asked = insights.looking.asked("cdab", "abcd")
    picked, said = insights.looking.pictures(true, read, "abcd", asked)
    # c is always right, and of d there is none.
    assert said == ["c read as c", "a read as c", "b read as a"]
    assert picked.tolist() == [5, 2, 3]
    assert insights.looking.asked(None, "abcd") is None
    with pytest.raises(ParameterError, match="looked_at must hold characters of the data set"):
        insights.looking.asked("ax", "abcd")
    nothing, said = insights.looking.pictures(true, true, "abcd")
    assert (len(nothing), said) == (0, [])


# Models from elsewhere


def test_of_a_model_from_elsewhere_it_is_said_what_nobody_knows():
    class Net:
        temperature, groups = 1.25, [("0", "O"), ("1", "I")]

    class Bare:
        temperature, groups = 1.0, ()

    assert insights.strangers.reader("run", Net()) == ""
    said = insights.strangers.reader("emnist", Net())
    assert said.startswith("Read by emnist, which was not trained in this run")
    assert "It carries 2 groups of confused characters and temperature 1.25, found" in said
    assert said.endswith(insights.strangers.unknown(["it"]))
    assert "carries no groups and no temperature" in insights.strangers.reader("a.h5", Bare())
    assert insights.strangers.unknown([]) == ""
    both = insights.strangers.unknown(["one", "two"])
    assert both.startswith("What one and two were trained on is not checked here")
    assert "pictures of this test split may be among it" in both


@pytest.fixture
def outputs(monkeypatch):
    monkeypatch.setenv("HCR_RUN", "quick")


# Other models


@pytest.fixture(scope="module")
def model() -> Recognizer:
    return Recognizer.load(trained.run()[0])


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
    found = insights.people.ends(table, 0)
    assert list(found) == list(PLACEMENTS)
    own = table[table["placement"] == "large"]
    assert (found["large"]["low"], found["large"]["high"]) == interval(own, "folded", 0)


def test_one_hand_has_an_interval_of_its_drawings_and_is_told_as_one():
    drawn = [synthesis.character(each, 0) for each in "aAB"]
    table = insights.people.in_placements(Corner(), drawn, list("aAB"), ["x", "x", "x"])
    found = insights.people.ends(table, 0)["large"]
    assert found["folded"] == pytest.approx(2 / 3)
    assert (found["low"], found["high"]) == metrics.wilson(2, 3)
    said = insights.people.told(table, 0)
    low, high = (100 * each for each in metrics.wilson(2, 3))
    assert said.startswith("Right but for case, 3 drawings of one hand alone: large: 66.7 % (95 %:")
    assert f"small: 66.7 % (95 %: {low:.1f} to {high:.1f})" in said
    assert said.endswith("The intervals hold other drawings of this hand, not other hands.")


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
@pytest.mark.parametrize("file", ["net.tflite", "convolution.h5"])
def test_a_model_that_a_person_brings_is_evaluated_beside_another(tmp_path, file):
    """No training: two files and drawings of one's own, through the real notebook."""
    folder = trained.run()[0]
    brought = tmp_path / "theirs"
    brought.mkdir()
    shutil.copy(folder / "model.tflite", brought / "net.tflite")
    keras2_files.unpack(brought)
    own = tmp_path / "drawings"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_DRAWINGS", str(own))
        for character in "0123456789":
            strokes = [200 * each + 40 for each in synthesis.character(character, 0)]
            drawings.append(character, strokes, size=280)
    given = {
        "reader": brought / file,
        "labels": '"0123456789"',
        "beside": folder,
        "looked_at": '"73"',
        "robustness": 2,
        "drawings": "own",
    }
    scaling = "0..1" if file.endswith(".h5") else None  # of Keras 2, with weights at random
    given |= {"scaling": scaling} if scaling else {}
    words = [word for key, value in given.items() for word in ("-p", f"04_evaluate.{key}={value}")]
    words += ["--only", "04_evaluate", "--run", "theirs"]
    done = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert done.code == 0, done.text
    run = tmp_path / "runs" / "theirs"
    tables = {path.stem.split("_", 1)[1] for path in (run / "tables").glob("04_*.csv")}
    wanted = {"models", "pairs", "splits", "robustness", "drawings", "counts", "kinds", "suspects"}
    assert wanted | {"robustness_each", "groups"} <= tables
    page = (run / "04_evaluate.html").read_text()
    # The same network twice: the same answers.
    same = "read the same ones of 1,000 pictures right and the same wrong"
    assert (same in page) == (scaling is None)
    assert "was not trained in this run" in page
    assert "Right but for case, 10 drawings of one hand alone" in page
    data = trained.data()
    model = Recognizer.load(brought / file, "0123456789", scaling)
    expected = model.predict(data.test.images).argmax(axis=1)
    found = json.loads((run / "metrics.json").read_text())["04_evaluate"]
    assert found["accuracy"] == pytest.approx((expected == data.test.labels).mean())
    for key in ("top3", "log_loss", "ece", "gap_train", "gap_validation"):
        assert found[f"{key}_low"] <= found[key] <= found[f"{key}_high"], key
    assert found["robustness"]["low"] <= found["robustness"]["mean"]
    assert set(found["drawings"]) == set(PLACEMENTS)
    # The file counts for what is up to date.
    again = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert "up to date, kept" in again.out
    shutil.copy(folder / "labels.json", brought)
    (brought / file).write_bytes(b"no model")
    broken = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert broken.code == 1
    assert file in broken.text

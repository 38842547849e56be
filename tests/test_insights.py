"""What a look at a data set found is said right, and counted right."""

import numpy as np
import pandas as pd
import pytest

from hcr import datasets, runs
from hcr.datasets.split import Dataset, Info, Split
from hcr.evaluation import audit
from hcr.evaluation.verdicts import COLUMNS
from hcr.preprocessing import ink as ink_statistics
from hcr.reports import insights
from hcr.runs import environment


def rows(results) -> dict[str, tuple]:
    return {each.key: (each.value, each.note) for each in results}


def data_set(caveat: str = "", **leaks: int) -> Dataset:
    split = Split(np.zeros((4, 28, 28), np.uint8), np.array([0, 0, 0, 1]))
    names = ("train_in_validation", "train_in_test", "validation_in_test")
    names += ("removed_from_train", "removed_from_validation")
    report = {name: leaks.get(name, 0) for name in names}
    info = Info(
        "Strokes", ("a", "b"), "CC BY 4.0", "A. Writer, 2020", "https://example.org", caveat
    )
    return Dataset("strokes", info, split, split, split.labels, lambda: split, report)


def test_origin_says_where_the_data_come_from():
    data = data_set()
    data.changed["limit"] = 4
    found = insights.origin(data).set_index("What")["Value"]
    assert found["Data set"] == "Strokes"
    assert found["As a parameter"] == "dataset=strokes"
    assert found["Classes"] == "2: a b"
    assert found["Pictures"] == "train 4, validation 4, test 4"
    assert found["Changed"] == "limit = 4"
    assert found["Leak guard"] == "no picture is in two splits"
    assert found["Licence"] == "CC BY 4.0"
    assert found["Cite"] == "A. Writer, 2020"
    assert found["Digest"] == data.digest
    assert "Caveat" not in found
    assert (
        insights.origin(data_set("synthetic")).set_index("What")["Value"]["Caveat"] == "synthetic"
    )


def test_the_leak_guards_report_is_a_sentence_with_its_counts():
    data = data_set(
        train_in_validation=2,
        train_in_test=3,
        validation_in_test=1,
        removed_from_train=4,
        removed_from_validation=1,
    )
    assert insights.leaks(data.leaks) == (
        "removed from train 4 pictures that are in validation (2) or test (3), and from "
        "validation 1 that are in test"
    )
    assert insights.leaks({}) == ""


def test_a_long_tail_says_what_whole_pictures_make_of_its_factor():
    tail = {"imbalance_factor": 20, "limit": None}
    assert insights.changed(tail, np.array([350, 0, 17])) == (
        "imbalance_factor = 20, limit = None; the largest class is 20.6 times the smallest, "
        "350 over 17: whole pictures, rounded down"
    )
    assert insights.changed({"imbalance_factor": 20}, np.array([400, 20])) == (
        "imbalance_factor = 20"
    )
    assert insights.changed({"limit": 3}, np.array([350, 17])) == "limit = 3"


def test_pictures_without_ink_are_warned_of_and_listed(tmp_path):
    run = runs.Run("quick", "01_eda", tmp_path / "quick", by_hand=False)
    run.folder.mkdir()
    images = np.full((6, 28, 28), 9, np.uint8)
    labels = np.array([0, 1, 2, 0, 1, 2])
    assert insights.blanks(run, ink_statistics.measure(images), labels, "abc") == ""
    assert not (run.folder / "tables").exists()
    images[[1, 4]] = 0
    said = insights.blanks(run, ink_statistics.measure(images), labels, "abc")
    assert said.startswith("> **Warning.** 2 of 6 training pictures hold no ink, in 1 of 3 classes")
    assert "tables/01_blank.csv" in said
    listed = (run.folder / "tables" / "01_blank.csv").read_text()
    assert listed == "index,character\n1,b\n4,b\n"
    images[4] = 9
    said = insights.blanks(run, ink_statistics.measure(images), labels, "abc")
    assert said.startswith("> **Warning.** 1 of 6 training pictures holds no ink")


def test_classes_are_counted_and_the_rare_ones_named():
    found = rows(insights.of_classes(np.array([50, 5, 100, 0]), "abcd"))
    assert found["train"][0] == 155
    assert found["classes"] == (4, "1 without a training picture")
    assert found["imbalance"] == (20, "100 over 5")
    assert found["rarest"] == ("d, b, a, c", "0; 5; 50; 100")
    # Where all are equal none is rare.
    assert "rarest" not in rows(insights.of_classes(np.array([7, 7]), "ab"))


def test_ink_is_told_of_the_pictures_at_hand():
    images = np.zeros((40, 28, 28), np.uint8)
    labels = np.arange(40) % 2
    images[labels == 0, 4:24, 12:15] = 255
    for shift, image in enumerate(images[labels == 1]):
        # Class b stands everywhere, and leans to the right.
        for row in range(20):
            image[4 + row, shift % 8 + (20 - row) // 2 : shift % 8 + (20 - row) // 2 + 3] = 255
        images[2 * shift + 1] = image
    images[39] = 0
    frame = ink_statistics.measure(images)
    found = rows(insights.of_ink(frame, images, labels, "ab"))
    assert found["ink"][0] == pytest.approx(39 * 60 / (40 * 784))
    assert found["blank"][0] == 1
    assert found["widest_spread"][0] == "b, a"
    assert found["slant"][1].startswith("“a” 0 to “b” 2")
    # A minus is a minus, in the value as in the note.
    ones = labels[1::2]
    (slant,) = (
        each
        for each in insights.of_ink(
            ink_statistics.measure(images[1::2, :, ::-1]), images[1::2], ones, "ab"
        )
        if each.key == "slant"
    )
    assert slant.text.startswith("\N{MINUS SIGN}")
    assert slant.note.startswith("“b” \N{MINUS SIGN}2")
    assert "-" not in slant.text + slant.note


def test_pairs_are_named_the_most_confused_first():
    pairs = pd.DataFrame(
        {
            "character": list("0I"),
            "other": list("Ol"),
            "count": [8, 4],
            "n": [40, 5],
            "share": [0.2, 0.8],
        }
    )
    found = rows(insights.of_pairs(audit.Neighbours(100, 80, pairs, [])))
    assert found["neighbour_accuracy"] == (0.8, "95 %: 71.1 to 86.7; n = 100")
    # Of the 20 with a neighbour of another class: the order of the counts, not of the shares.
    note = "40.0 %; 20.0 % of the 20 pictures with a neighbour of another class"
    assert found["confused"] == ("0/O, I/l", note)
    none = rows(insights.of_pairs(audit.Neighbours(9, 9, pairs.iloc[:0], [])))
    assert none["confused"] == ("none", "")


def near(*pairs: tuple[int, int, bool]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["first", "second", "differ"])
    frame.attrs["n"] = 500
    return frame


def test_copies_and_leaks_are_counted():
    groups = [np.array([0, 5, 7]), np.array([1, 2])]
    copies = audit.Duplicates(9, groups, groups[1:])
    report = {"removed_from_train": 3, "removed_from_validation": 2, "train_in_test": 9}
    found = rows(insights.of_copies(copies, near((0, 1, True), (2, 3, False)), report))
    assert {key: value for key, (value, _) in found.items()} == {
        "leaks": 5,
        "copies": 3,
        "conflicts": 1,
        "near_copies": 2,
    }
    assert found["near_copies"][1] == "1 under two labels; n = 500 looked at"


def test_the_caption_of_the_copies_counts_what_is_shown():
    copies = audit.Duplicates(9, [np.array([1, 2])], [np.array([1, 2])])
    pairs = near(*((place, place + 1, False) for place in range(5)))
    assert insights.of_twins(copies, pairs, 20) == (
        "1 exact copy; 1 picture under two labels; 5 pairs nearly the same. "
        "The last two kinds are shown, 6 in all."
    )
    assert insights.of_twins(copies, pairs, 4).endswith(
        "The first 4 of the last two kinds, 6 in all, are shown."
    )
    assert insights.of_twins(audit.Duplicates(9, [], []), near((0, 1, True)), 20) == (
        "0 exact copies; 0 pictures under two labels; 1 pair nearly the same."
    )


def test_twins_under_two_labels_come_first():
    labels = np.array([0, 1, 1, 0, 0, 0, 0, 0, 0])
    copies = audit.Duplicates(9, [], [np.array([1, 2, 3])])
    pairs = insights.twins(copies, near((4, 5, False), (0, 1, True), (6, 7, False)), labels)
    assert pairs.tolist() == [[1, 3], [0, 1], [4, 5], [6, 7]]
    nothing = insights.twins(audit.Duplicates(0, [], []), near(), labels)
    assert nothing.shape == (0, 2)


def doubts() -> pd.DataFrame:
    frame = pd.DataFrame({"index": [3, 1], "given": 0, "suggested": 1, "issue": [True, False]})
    frame.attrs = {"n": 40, "accuracy": 0.9}
    return frame


def test_the_precision_is_that_of_the_pictures_the_split_holds(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(environment, "root", lambda: tmp_path)
    hashes = np.array([11, 22, 33], np.uint64)
    assert insights.looked_at(hashes) == ""
    found = rows(insights.of_suspects(doubts(), hashes, "ab"))
    assert found == {"suspects": (1, "n = 40; 90.0 % are read as labelled")}
    verdicts = zip([11, 33, 22, 99], ["wrong", "wrong", "right", "wrong"], strict=True)
    keys = audit.hash_text(np.array([11, 33, 22, 99], np.uint64))
    lines = [
        f"{place},{key},a,b,{verdict},looked at"
        for place, (key, (_, verdict)) in enumerate(zip(keys, verdicts, strict=True))
    ]
    text = "\n".join([",".join(COLUMNS), *lines, ""])
    (tmp_path / "docs" / "label_audit.csv").write_text(text, encoding="utf-8")
    value, note = rows(insights.of_suspects(doubts(), hashes, "ab"))["precision"]
    assert value == pytest.approx(2 / 3)
    assert "n = 3 looked at" in note
    assert "1 right" in note
    assert insights.looked_at(hashes).startswith("3 training pictures")
    assert insights.looked_at(hashes[:1]).startswith("1 training picture that looked most")
    assert "docs/label_audit.csv" in insights.looked_at(hashes)
    # Another data set's pictures were not looked at.
    assert insights.looked_at(np.array([5], np.uint64)) == ""
    other = insights.of_suspects(doubts(), np.array([5], np.uint64), "ab")
    assert "precision" not in rows(other)


def test_the_sample_has_an_origin_and_equal_classes():
    data = datasets.load("mnist-sample")
    assert data.info.license in insights.origin(data)["Value"].tolist()
    assert rows(insights.of_classes(data.counts["train"], data.characters))["imbalance"][0] == 1

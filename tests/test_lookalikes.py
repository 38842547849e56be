"""Mistakes by kind, groups from within and from without: counted by hand, one picture at a time."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from hcr.errors import DataError
from hcr.evaluation import lookalikes, metrics
from hcr.preprocessing import labels

CLASSES = "0O1ILAaDXY"


def answers(*pairs):
    """Labels and answers: each pair true, read; as often as the number behind it says."""
    true, read = [], []
    for pair in pairs:
        times = int(pair[2:] or 1)
        true += [CLASSES.index(pair[0])] * times
        read += [CLASSES.index(pair[1])] * times
    return np.array(true), np.array(read)


def random_answers(characters=labels.BALANCED, n=4000, seed=0):
    generator = np.random.default_rng(seed)
    true = generator.integers(0, len(characters), n)
    wrong = generator.integers(0, len(characters), n)
    return true, np.where(generator.random(n) < 0.7, true, wrong)


def test_a_mistake_is_of_the_first_kind_that_it_fits():
    true, read = answers("009", "AA6", "Aa2", "aA1", "0O3", "1L2", "0D4", "XY5", "DA1")
    groups = [(CLASSES.index("0"), CLASSES.index("O"), CLASSES.index("D"))]
    table = lookalikes.mistakes(true, read, CLASSES, groups).set_index("kind")
    assert list(table.index) == list(lookalikes.KINDS)
    assert table["n"].to_dict() == {"all": 18, "case": 3, "alike": 5, "group": 4, "other": 6}
    assert table["of_mistakes"].tolist() == pytest.approx([1, 3 / 18, 5 / 18, 4 / 18, 6 / 18])
    assert table["of_pictures"].sum() == pytest.approx(2 * 18 / 33)
    accuracy = table["accuracy"]
    assert accuracy.to_list()[:4] == pytest.approx([15 / 33, 18 / 33, 23 / 33, 27 / 33])
    assert np.isnan(accuracy["other"])
    assert (table.loc["alike", "low"], table.loc["alike", "high"]) == metrics.wilson(23, 33)


def test_setting_pairs_aside_is_reading_them_as_one_character():
    true, read = random_answers()
    table = lookalikes.mistakes(true, read, labels.BALANCED, alike=["0O"]).set_index("kind")
    folded = np.array([labels.fold_case(each) for each in labels.BALANCED])
    assert table.loc["case", "accuracy"] == oracle.accuracy_score(folded[true], folded[read])
    one = np.where(folded == "O", "0", folded)
    assert table.loc["alike", "accuracy"] == oracle.accuracy_score(one[true], one[read])
    right = one[true] == one[read]
    recalls = [right[true == each].mean() for each in np.unique(true)]
    assert table.loc["alike", "balanced"] == pytest.approx(np.mean(recalls))
    assert table.loc["all", "balanced"] == pytest.approx(oracle.balanced_accuracy_score(true, read))


def test_pairs_are_meant_with_the_letters_that_look_the_same():
    characters = labels.BYCLASS
    for pair, counts in {"0o": True, "1l": True, "5s": True, "8G": False, "gQ": False}.items():
        true, read = ([characters.index(each)] for each in pair)
        table = lookalikes.mistakes(true, read, characters).set_index("kind")
        assert table.loc["alike", "n"] == counts, pair
    # Without letters there is no such pair of 0.
    assert lookalikes.mistakes([0], [1], "01").set_index("kind").loc["other", "n"] == 1


def test_the_table_of_pairs_names_each_once_and_no_case():
    folds = [frozenset(map(labels.fold_case, pair)) for pair in lookalikes.ALIKE]
    assert all(len(pair) == 2 for pair in folds)
    assert len(set(map(frozenset, lookalikes.ALIKE))) == len(lookalikes.ALIKE)
    assert set("".join(lookalikes.ALIKE)) <= set(labels.BALANCED)


def test_groups_from_within_and_from_without():
    true, read = answers("006", "0O2", "OO1", "O03", "0X1", "113", "1I1", "XX5", "X02", "DD1")
    groups = [(0, 1), (2, 3, 4)]
    table = lookalikes.within_and_across(true, read, CLASSES, groups).set_index("group")
    assert list(table.index) == ["0 O", "1 I L", "all groups", "all others", "all"]
    assert table["n"].tolist() == [13, 4, 17, 8, 25]
    assert table["mistakes"].tolist() == [6, 1, 7, 2, 9]
    assert table["of_mistakes"].tolist() == pytest.approx([6 / 9, 1 / 9, 7 / 9, 2 / 9, 1])
    assert table["accuracy"].tolist() == pytest.approx([7 / 13, 3 / 4, 10 / 17, 6 / 8, 16 / 25])
    assert table["across"].tolist() == pytest.approx([12 / 13, 1, 16 / 17, 6 / 8, 22 / 25])
    within = [7 / 12, 3 / 4, 10 / 16, np.nan, 10 / 16]
    assert table["within"].tolist() == pytest.approx(within, nan_ok=True)
    assert tuple(table.loc["all", ["low", "high"]]) == metrics.wilson(16, 25)
    assert tuple(table.loc["all groups", ["across_low", "across_high"]]) == metrics.wilson(16, 17)
    assert tuple(table.loc["0 O", ["across_low", "across_high"]]) == metrics.wilson(12, 13)
    assert table["n_within"].tolist() == [12, 4, 16, 0, 16]
    assert tuple(table.loc["0 O", ["within_low", "within_high"]]) == metrics.wilson(7, 12)
    assert tuple(table.loc["all", ["within_low", "within_high"]]) == metrics.wilson(10, 16)
    assert np.isnan(table.loc["all others", ["within_low", "within_high"]]).all()


def test_groups_as_one_class_equal_sklearn():
    true, read = random_answers()
    groups = [(0, 24), (1, 18, 21), (9, 41, 44)]
    table = lookalikes.within_and_across(true, read, labels.BALANCED, groups).set_index("group")
    one = np.arange(47)
    for group in groups:
        one[list(group)] = group[0]
    assert table.loc["all", "across"] == pytest.approx(oracle.accuracy_score(one[true], one[read]))
    assert table.loc["all", "accuracy"] == pytest.approx(oracle.accuracy_score(true, read))


def test_no_group_no_mistake_and_an_absent_class():
    true, read = answers("001", "XX1")
    table = lookalikes.within_and_across(true, read, CLASSES, []).set_index("group")
    assert table.loc["all groups", "n"] == 0
    assert np.isnan(
        table.loc["all groups", ["accuracy", "low", "across", "across_low", "within"]]
    ).all()
    assert table.loc["all others", "accuracy"] == 1
    assert np.isnan(table["of_mistakes"]).all()
    table = lookalikes.mistakes(true, read, CLASSES, [(2, 3)])
    assert table["n"].tolist() == [0] * 5
    assert table["accuracy"].tolist()[:4] == [1] * 4
    # A group of which no picture is read as one of it.
    table = lookalikes.within_and_across([0], [5], CLASSES, [(0, 1)]).set_index("group")
    assert table.loc["0 O", "across"] == 0
    assert np.isnan(table.loc["0 O", "within"])


def test_what_is_no_group_and_no_pair_is_told():
    true, read = answers("001")
    for groups in ([(0, 1), (1, 2)], [(0, 10)], [(-1, 2)]):
        with pytest.raises(DataError, match="class indices below 10, none of them twice"):
            lookalikes.within_and_across(true, read, CLASSES, groups)
        with pytest.raises(DataError, match="none of them twice"):
            lookalikes.mistakes(true, read, CLASSES, groups)
    with pytest.raises(DataError, match="A pair must be two characters, as '0O'. Received: '0OD'"):
        lookalikes.mistakes(true, read, CLASSES, alike=["0OD"])

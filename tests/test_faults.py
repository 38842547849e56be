"""Classes with something wrong, in words: counted by hand, and silent where all is well."""

import numpy as np
import pytest

from hcr.evaluation import metrics
from hcr.reports import insights_faults as faults

CHARACTERS = "0123456789"


def answers(n=50, **read):
    """Labels and answers: `n` pictures a class, all read right but for `read`: "3": "8" * 40."""
    true = np.repeat(np.arange(10), n)
    found = true.copy()
    for character, instead in read.items():
        first = n * int(character[1:])
        found[first : first + len(instead)] = [int(each) for each in instead]
    return true, found


def test_where_all_is_well_the_worst_class_is_named():
    said = faults.of_classes(*answers(c3="8" * 5), CHARACTERS)
    assert said == (
        "No class is read far worse than the others: the worst is “3”, of which 90.0 % of 50 "
        "pictures are read right; the median is 100.0 %."
    )
    assert "95.0 %" not in said
    assert "“4”, of which 80.0 %" in faults.of_classes(*answers(c4="8" * 10), CHARACTERS)


def test_a_class_that_is_never_answered_is_a_warning():
    said = faults.of_classes(*answers(c3="8" * 30 + "5" * 20), CHARACTERS)
    assert said == (
        "> **Warning.** 1 of 10 classes is read far worse than the others (median recall 100.0 %): "
        "“3”, 0 of 50 pictures read right, never answered at all, 30 read as “8”. Look at their "
        "pictures and at their share of the training."
    )
    # Answered for others, and never right.
    said = faults.of_classes(*answers(c3="8" * 50, c4="3" * 4), CHARACTERS)
    assert "“3”, 0 of 50 pictures read right, 50 read as “8”" in said


def test_never_answered_counts_where_no_class_is_read_well():
    true = np.repeat(np.arange(3), 10)
    said = faults.of_classes(true, np.roll(true, 10) % 2, "abc")
    assert said.startswith(
        "> **Warning.** 1 of 3 classes is read far worse than the others (median recall 0.0 %): "
        "“c”, 0 of 10 pictures read right, never answered at all, 10 read as “b”."
    )


@pytest.mark.parametrize(("wrong", "told"), [(50, True), (35, True), (25, False), (10, False)])
def test_a_low_recall_must_surely_be_low(wrong, told):
    """35 wrong of 50 is a recall of 30 %, at most 44 %; 25 wrong may be 63 %."""
    said = faults.of_classes(*answers(c7="1" * wrong), CHARACTERS)
    assert said.startswith(faults.WARNING) == told
    assert (metrics.wilson(50 - wrong, 50)[1] < 0.5) == told


def test_many_broken_classes_are_counted_and_the_worst_named():
    broken = {f"c{each}": "9" * (50 - each % 2) for each in range(4)} | {"c9": "0" * 0}
    said = faults.of_classes(*answers(**broken), CHARACTERS)
    assert said.startswith("> **Warning.** 4 of 10 classes are read far worse")
    assert said.index("“0”") < said.index("“2”") < said.index("“1”")


def test_classes_with_hardly_a_picture_are_left_alone():
    true, read = answers(n=4, c3="8888")
    assert faults.of_classes(true, read, CHARACTERS) == ""
    # One such class among others.
    true, read = answers(c3="8" * 50)
    keep = (true != 3) | (np.arange(len(true)) < 154)
    said = faults.of_classes(true[keep], read[keep], CHARACTERS)
    assert said.startswith("No class is read far worse")


def test_an_absent_class_is_no_broken_one():
    true, read = answers()
    keep = true != 6
    said = faults.of_classes(true[keep], read[keep], CHARACTERS)
    assert said.startswith("No class is read far worse")
    assert "“6”" not in said


def test_exchanged_classes_are_a_warning_and_no_broken_ones():
    said = faults.of_classes(*answers(c3="8" * 48, c8="3" * 46), CHARACTERS)
    assert said == (
        "> **Warning.** “3” and “8” look exchanged: 48 of 50 pictures of “3” are read as “8”, and "
        "46 of 50 pictures of “8” as “3”. Look at the order of the model's labels, and at the "
        "labels of the data."
    )
    # One way alone is no exchange, nor is what may be a half.
    one = faults.of_classes(*answers(c3="8" * 48), CHARACTERS)
    assert "exchanged" not in one
    assert "“3”, 2 of 50 pictures read right" in one
    assert "exchanged" not in faults.of_classes(*answers(c3="8" * 28, c8="3" * 28), CHARACTERS)


def doubts(**pairs):
    """Doubted labels: a38=40, forty of 3 that look like 8."""
    kinds = [(int(key[1]), int(key[2]), times) for key, times in pairs.items()]
    given = np.concatenate([np.full(times, a) for a, _, times in kinds])
    return given, np.concatenate([np.full(times, b) for _, b, times in kinds])


def test_labels_exchanged_in_part_are_a_warning():
    said = faults.of_labels(*doubts(a38=40, a83=30, a17=9), np.full(10, 300), CHARACTERS)
    assert said == (
        "> **Warning.** Of 79 doubted labels 70 (88.6 %) lie between “3” and “8”: 40 are labelled "
        "“3” and look like “8”, 30 the other way round. That is no chance: look whether these "
        "labels were exchanged."
    )


@pytest.mark.parametrize(
    ("pairs", "n"),
    [
        # A third of all doubts; few of the two classes' labels.
        ({"a38": 20, "a83": 20, "a17": 40, "a49": 40}, 300),
        ({"a38": 10, "a83": 9, "a17": 2}, 300),
    ],
)
def test_the_most_doubted_pair_is_told_and_may_be_chance(pairs, n):
    said = faults.of_labels(*doubts(**pairs), np.full(10, n), CHARACTERS)
    assert said.startswith("Of ")
    assert "between “3” and “8”: " in said
    assert "no chance" not in said


def test_doubts_one_way_alone_are_no_exchange():
    assert faults.of_labels(*doubts(a38=90, a83=4), np.full(10, 100), CHARACTERS) == ""
    assert faults.of_labels(*doubts(a38=0), np.full(10, 100), CHARACTERS) == ""

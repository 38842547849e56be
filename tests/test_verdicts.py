"""Sentences about networks: every figure in them comes from the test that they tell of."""

import re

import numpy as np
import pytest
from test_spoilt import measured

from hcr.evaluation import metrics
from hcr.evaluation.comparison import mcnemar_of
from hcr.evaluation.refusal import Refusal
from hcr.reports import insights_faults as faults
from hcr.reports import insights_verdicts as verdicts

TEN = np.full(10, 300)


def test_the_better_model_is_named_first_whichever_is_given_first():
    text = verdicts.compared(mcnemar_of(9000, 320, 150, 530), "one", "two")
    assert text.startswith("one reads better than two, by 1.7 points (95 %: 1.3 to 2.1; n = 10,000")
    assert "320 pictures only one reads right, 150 only two" in text
    assert "fewer than 1 of 10,000 test sets (McNemar's test, p < 0.0001)" in text
    turned = verdicts.compared(mcnemar_of(9000, 150, 320, 530), "two", "one")
    assert turned == text


def test_models_that_cannot_be_told_apart():
    found = mcnemar_of(900, 6, 10, 84)
    text = verdicts.compared(found, "one", "two")
    assert text.startswith("two and one cannot be told apart on 1,000 pictures")
    assert "(95 %: \N{MINUS SIGN}0.5 to 1.3; n = 1,000)" in text
    assert f"{round(100 * found.p_value)} of 100 test sets (McNemar's exact test, p = 0.45)" in text
    assert verdicts.compared(mcnemar_of(9, 0, 0, 1), "one", "two") == (
        "one and two read the same ones of 10 pictures right and the same wrong."
    )


def test_small_differences_have_more_digits_and_no_minus_zero():
    assert "0.03 points (95 %: 0.02 to 0.04" in verdicts.compared(
        mcnemar_of(100_000, 40, 10, 9000), "one", "two"
    )
    assert "(95 %: 0.0 to 1.2; n = 1,000)" in verdicts.compared(
        mcnemar_of(900, 5, 0, 95), "one", "two"
    )


@pytest.mark.parametrize(
    ("p", "often", "text"),
    [
        (1.0, "100 of 100", "p = 1"),
        (0.4545, "45 of 100", "p = 0.45"),
        (0.0312, "3 of 100", "p = 0.031"),
        (0.0052, "5 of 1,000", "p = 0.0052"),
        (0.00012, "1 of 10,000", "p = 0.00012"),
        (0.00002, "fewer than 1 of 10,000", "p < 0.0001"),
        (0.0, "fewer than 1 of 10,000", "p < 0.0001"),
    ],
)
def test_p_values_as_text(p, often, text):
    assert verdicts.p_text(p) == text
    assert verdicts._how_often(p) == f"{often} test sets"


def test_refusing_is_told_with_what_it_costs():
    text = verdicts.refused(Refusal(0.9341, 1000, 700, 7), 0.99)
    low, high = metrics.wilson(693, 700)
    assert "read 99 % of the accepted pictures right on the validation split" in text
    assert "below a probability of 0.93 are refused" in text
    assert "refuses 30.0 % of 1,000 pictures, and 99.00 % of the others" in text
    assert f"(95 %: {100 * low:.2f} to {100 * high:.2f}; n = 700)" in text
    assert "of 0.999 are" in verdicts.refused(Refusal(0.99861, 1000, 700, 7), 0.999)
    nearly = float(np.nextafter(np.float32(1), np.float32(0)))
    assert "of 0.9999999 are" in verdicts.refused(Refusal(nearly, 1000, 700, 7), 0.99)
    assert "99.9 %" in verdicts.refused(Refusal(0.99861, 1000, 700, 7), 0.999)
    assert "without refusing any" in verdicts.refused(Refusal(0, 1000, 1000, 7), 0.99)
    assert verdicts.refused(Refusal(float("inf"), 9, 0, 0), 0.99, "training") == (
        "No threshold of the training split reads 99 % of what it accepts right."
    )
    # A threshold of another split may refuse everything here.
    assert verdicts.refused(Refusal(0.9, 9, 0, 0), 0.99).endswith("refuses all of 9 pictures.")


def test_look_alikes_are_told_with_what_is_left():
    true = np.array([0] * 10 + [2] * 6 + [3] * 4)
    read = np.array([0] * 7 + [1] * 3 + [2, 2, 2, 2, 3, 0] + [3] * 4)
    table = metrics.lookalikes.mistakes(true, read, "0OAa")
    low, high = metrics.wilson(19, 20)
    assert verdicts.alike(table, 20) == (
        "Of 5 mistakes 20.0 % are right but for the case of the letter, and 60.0 % more mix up "
        f"characters that people confuse, too. With both set aside 95.0 % are read right (95 %: "
        f"{100 * low:.1f} to {100 * high:.1f}; n = 20), instead of 75.0 %. Of the 25.0 points "
        "that are missing 20.0 lie between characters that a picture alone does not tell apart "
        "(the two cases of a letter, look-alikes), and 5.0 (95 %: "
        f"{100 * (1 - high):.1f} to {100 * (1 - low):.1f}; n = 20) are what a better network could "
        "still win on these labels. Class-balanced: of 21.1 points 15.6 lie between such "
        "characters, and 5.6 are left. That is an estimate: setting pairs aside counts each of "
        "these mistakes as one that nobody could help."
    )
    assert verdicts.alike(metrics.lookalikes.mistakes(true, true, "0OAa"), 20) == (
        "There is no mistake."
    )


def test_groups_are_told_with_what_they_hold_of_the_error():
    true = np.array([0] * 10 + [1] * 10 + [2] * 20)
    read = np.array([0] * 6 + [1] * 3 + [2] + [1] * 9 + [0] + [2] * 19 + [0])
    table = metrics.lookalikes.within_and_across(true, read, "0OA", [(0, 1)])
    across, within = metrics.wilson(19, 20), metrics.wilson(15, 19)
    assert verdicts.grouped(table, 3) == (
        "The groups hold 2 of 3 classes and 83.3 % of the error: told from all else are 95.0 % of "
        f"their pictures (95 %: {100 * across[0]:.1f} to {100 * across[1]:.1f}; n = 20), and of "
        f"these from one another 78.9 % (95 %: {100 * within[0]:.1f} to {100 * within[1]:.1f}; "
        "n = 19)."
    )
    none = metrics.lookalikes.within_and_across(true, read, "0OA", [])
    assert verdicts.grouped(none, 3).startswith("The model carries no group")
    absent = metrics.lookalikes.within_and_across(true, read, "0OAXY", [(3, 4)])
    assert verdicts.grouped(absent, 5) == (
        "The groups hold 2 of 5 classes and 0.0 % of the error; no picture is of one of these."
    )
    lost = metrics.lookalikes.within_and_across([0], [2], "0OA", [(0, 1)])
    assert "told from all else are 0.0 %" in verdicts.grouped(lost, 3)
    assert "one another" not in verdicts.grouped(lost, 3)


def sure_of(says, right, n=200, classes=4):
    """Labels, all 0, and answers that say `says`, so many of them for 0."""
    found = np.full((n, classes), (1 - says) / (classes - 1))
    found[np.arange(n), np.where(np.arange(n) < right, 0, 1)] = says
    return np.zeros(n, int), found


def test_calibration_is_told_before_and_after():
    true, before = sure_of(0.97, 160)
    after = metrics.calibration.apply(before, 2.5)
    text = verdicts.calibrated(true, before, after, 2.5)
    says, error = after.max(), metrics.ece(true, after)
    assert text == (
        "It says 97.0 % on the average, surer than it should be: 80.0 % are read right, and the "
        "calibration error (ECE) is 17.00 %. Its temperature of 2.500 makes that "
        f"{100 * says:.1f} % on the average, and lowers the error to {100 * error:.2f} %."
    )
    assert error < 0.17
    worse = verdicts.calibrated(true, after, before, 0.4)
    assert "less sure than it could be" in worse
    assert "raises the error to 17.00 %" in worse
    assert verdicts.calibrated(true, before, before, 1.0).endswith("carries no temperature.")


def counts_of(wrong, n=40):
    """Answers of ten classes, of which the class 3 is misread so often."""
    true = np.repeat(np.arange(10), n)
    return true, np.where((true == 3) & (np.arange(10 * n) % n < wrong), 8, true)


def summary(drops, plain=0.9, half=0.01):
    table = metrics.robustness.summary(*measured(drops, plain))
    return table.assign(low=table["mean"] - half, high=1.0)


def test_the_worst_and_the_least_corruption_are_named():
    text = verdicts.robust(summary({"blur": 0.02, "noise": 0.1, "shift": 0.05}), 4347)
    low, high = metrics.wilson(3912, 4347)
    assert text == (
        f"Of 4,347 pictures 90.0 % (95 %: {100 * low:.1f} to {100 * high:.1f}) are read right as "
        "they are, and 73.0 % (95 %: 72.0 to 100.0) on the average of all corruptions and "
        "strengths. What costs most is noise, with 60.0 % (95 %: 59.0 to 100.0) on the average of "
        "its strengths, least blur, with 84.0 % (95 %: 83.0 to 100.0)."
    )
    assert verdicts.robust(summary({"blur": 0.02}), 9).endswith(
        "blur, with 84.0 % (95 %: 83.0 to 100.0) on the average of its strengths."
    )


def grouped_of(wrong, groups):
    """How groups of ten classes are told apart, one mistake more being from without."""
    true, read = counts_of(wrong)
    read[0] = 9
    read[-wrong:] = 2
    return metrics.lookalikes.within_and_across(true, read, "0123456789", groups)


def figures(text):
    return set(re.findall(r"\d[\d,.]*\d|\d", text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            verdicts.compared(mcnemar_of(8000, 320, 250, 530), "A", "B"),
            verdicts.compared(mcnemar_of(700, 42, 40, 77), "A", "B"),
        ),
        (
            verdicts.refused(Refusal(0.93, 1000, 700, 7), 0.99),
            verdicts.refused(Refusal(0.84, 2000, 1500, 31), 0.98),
        ),
        (
            verdicts.robust(summary({"blur": 0.02, "noise": 0.1}), 4347),
            verdicts.robust(summary({"blur": 0.03, "noise": 0.15}, 0.95, 0.025), 4700),
        ),
        (
            verdicts.calibrated(*sure_of(0.97, 160), sure_of(0.9, 160)[1], 1.413),
            verdicts.calibrated(*sure_of(0.88, 170), sure_of(0.83, 170)[1], 1.226),
        ),
        (
            verdicts.alike(metrics.lookalikes.mistakes(*counts_of(31), "0O23Aa6789"), 400),
            verdicts.alike(metrics.lookalikes.mistakes(*counts_of(17), "0O23Aa67Q8"), 380),
        ),
        (
            verdicts.grouped(grouped_of(31, [(3, 8), (2, 5)]), 10),
            verdicts.grouped(grouped_of(17, [(3, 8, 0)]), 11),
        ),
        (
            faults.of_classes(*counts_of(38), "0123456789"),
            faults.of_classes(*counts_of(36, 47), "0123456789"),
        ),
        (
            faults.of_classes(*counts_of(6), "0123456789"),
            faults.of_classes(*counts_of(4, 43), "0123456789"),
        ),
        (
            faults.of_labels(
                np.array([3] * 11 + [8] * 9), np.array([8] * 11 + [3] * 9), TEN, "0123456789"
            ),
            faults.of_labels(
                np.array([3] * 7 + [8] * 6 + [1]), np.array([8] * 7 + [3] * 7), TEN, "0123456789"
            ),
        ),
    ],
)
def test_another_model_changes_every_figure(one, other):
    """No sentence holds a figure of its own, but for the level of its interval."""
    same = figures(one) & figures(other)
    # The level, a test set's size, how many classes are meant, their names, none and all.
    assert same <= {"95", "1,000", "1", "3", "8", "10", "0.0", "100.0"}, (one, other)
    assert len(figures(one)) > 3

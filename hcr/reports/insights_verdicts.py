"""What a test of networks says, in sentences whose every figure comes from the test."""

import numpy as np
import pandas as pd

from hcr.evaluation import metrics
from hcr.evaluation.comparison import Comparison
from hcr.evaluation.lookalikes import ALL_GROUPS
from hcr.evaluation.refusal import Refusal
from hcr.reports.insights_wording import counted, minus


def compared(found: Comparison, first: str, second: str) -> str:
    """What McNemar's test says of two models on the same pictures.

    Args:
        found: As `metrics.comparison.mcnemar` gives it.
        first: The first model's name.
        second: The second one's.

    Returns:
        One or two sentences: which is better, by how many points with the interval, and how often
        chance would do as much; or that they cannot be told apart.
    """
    pictures = counted(found.n, "picture")
    if not found.only_first + found.only_second:
        return f"{first} and {second} read the same ones of {pictures} right and the same wrong."
    if found.difference < 0:
        first, second = second, first
    sign = -1 if found.difference < 0 else 1
    digits = 1 if found.high - found.low > 0.004 else 2
    points, *ends = (
        f"{100 * sign * each:z.{digits}f}" for each in (found.difference, found.low, found.high)
    )
    low, high = ends[::sign]
    span = f"{100 * found.level:g} %: {low} to {high}; n = {found.n:,}"
    own, other = sorted((found.only_first, found.only_second), reverse=True)
    alone = f"{counted(own, 'picture')} only {first} reads right, {other:,} only {second}"
    test = f"McNemar's {'exact ' if found.exact else ''}test, {p_text(found.p_value)}"
    if found.told_apart:
        text = f"{first} reads better than {second}, by {points} points ({span}): {alone}. Two "
        text += f"equally good models would differ so much in {_how_often(found.p_value)} ({test})."
    else:
        text = f"{first} and {second} cannot be told apart on {pictures}: they differ by {points} "
        text += f"points ({span}), and {alone}. Two equally good models would differ at least so "
        text += f"much in {_how_often(found.p_value)} ({test})."
    return minus(text)


def refused(found: Refusal, accuracy: float, chosen_on: str = "validation") -> str:
    """What comes of refusing unsure answers, at a threshold that was chosen on other pictures.

    Args:
        found: As `metrics.refusal.at` gives it.
        accuracy: The share that was to be read right where the threshold was chosen.
        chosen_on: The split that it was chosen on.
    """
    goal = metrics.percent(accuracy, 0 if round(100 * accuracy, 6).is_integer() else 1)
    if found.threshold == 0:
        text = f"On the {chosen_on} split {goal} are read right without refusing any. "
    elif found.threshold == float("inf"):
        return f"No threshold of the {chosen_on} split reads {goal} of what it accepts right."
    else:
        text = f"To read {goal} of the accepted pictures right on the {chosen_on} split, answers "
        text += f"below a probability of {_probability(found.threshold)} are refused. "
    if not found.accepted:
        return text + f"Here that refuses all of {counted(found.n, 'picture')}."
    low, high = found.interval()
    return text + (
        f"Here that refuses {metrics.percent(found.refused)} of {counted(found.n, 'picture')}, and "
        f"{metrics.percent(found.accuracy, 2)} of the others are read right "
        f"({metrics.interval_text(low, high, found.accepted, digits=2)})."
    )


def calibrated(true: np.ndarray, before: np.ndarray, after: np.ndarray, temperature: float) -> str:
    """How sure a network says it is, how often it is right, and what its temperature changes.

    Args:
        true: Class indices, int (n,).
        before: Its answers without the temperature, float (n, classes).
        after: With it.
        temperature: That it carries; 1 changes nothing.
    """
    share = metrics.accuracy(true, before.argmax(axis=1))
    says, error = float(before.max(axis=1).mean()), metrics.ece(true, before)
    sure = "surer than it should be" if says > share else "less sure than it could be"
    text = f"It says {metrics.percent(says)} on the average, {sure}: "
    text += f"{metrics.percent(share)} are read right, and the calibration error (ECE) is "
    text += f"{metrics.percent(error, 2)}."
    if temperature == 1:
        return f"{text} It carries no temperature."
    now = metrics.ece(true, after)
    way = "lowers" if now < error else "raises" if now > error else "leaves"
    return (
        f"{text} Its temperature of {temperature:.3f} makes that "
        f"{metrics.percent(float(after.max(axis=1).mean()))} on the average, and {way} the error "
        f"{'at' if way == 'leaves' else 'to'} {metrics.percent(now, 2)}."
    )


def alike(table: pd.DataFrame, n: int) -> str:
    """How much of the error lies between look-alikes, and how far it is to what the labels allow.

    Args:
        table: As `metrics.lookalikes.mistakes` gives it.
        n: Of how many pictures.
    """
    rows = table.set_index("kind")
    wrong, whole = int(rows.loc["all", "n"]), rows.loc["all"]
    if not wrong:
        return "There is no mistake."
    case, pairs = rows.loc["case"], rows.loc["alike"]
    text = f"Of {counted(wrong, 'mistake')} {metrics.percent(case['of_mistakes'])} are right but "
    text += f"for the case of the letter, and {metrics.percent(pairs['of_mistakes'])} more mix up "
    text += "characters that people confuse, too. With both set aside "
    span = metrics.interval_text(pairs["low"], pairs["high"], n)
    text += f"{metrics.percent(pairs['accuracy'])} are read right ({span}), instead of "
    text += f"{metrics.percent(whole['accuracy'])}. "
    missing, left = 1 - whole["accuracy"], 1 - pairs["accuracy"]
    span = metrics.interval_text(1 - pairs["high"], 1 - pairs["low"], n)
    text += (
        f"Of the {_points(missing)} points that are missing {_points(missing - left)} lie between "
    )
    text += "characters that a picture alone does not tell apart (the two cases of a letter, "
    text += f"look-alikes), and {_points(left)} ({span}) are what a better network could still win "
    text += "on these labels. "
    missing, left = 1 - whole["balanced"], 1 - pairs["balanced"]
    text += f"Class-balanced: of {_points(missing)} points {_points(missing - left)} lie between "
    text += f"such characters, and {_points(left)} are left. "
    return text + (
        "That is an estimate: setting pairs aside counts each of these mistakes as one that nobody "
        "could help."
    )


def grouped(table: pd.DataFrame, n_classes: int) -> str:
    """What the groups of confused characters hold of the error, and how well they are told apart.

    Args:
        table: As `metrics.lookalikes.within_and_across` gives it.
        n_classes: Of the data set.
    """
    groups = table[: table["group"].tolist().index(ALL_GROUPS)]
    if groups.empty:
        return "The model carries no group of characters that it confused on validation."
    row = table.set_index("group").loc[ALL_GROUPS]
    held = sum(len(each.split()) for each in groups["group"])
    across = metrics.interval_text(row["across_low"], row["across_high"], int(row["n"]))
    text = f"The groups hold {held} of {counted(n_classes, 'class', 'classes')}"
    if np.isfinite(row["of_mistakes"]):
        text += f" and {metrics.percent(row['of_mistakes'])} of the error"
    if not row["n"]:
        return text + "; no picture is of one of these."
    text += (
        f": told from all else are {metrics.percent(row['across'])} of their pictures ({across})"
    )
    if not row["n_within"]:
        return text + "."
    within = metrics.interval_text(row["within_low"], row["within_high"], int(row["n_within"]))
    return text + f", and of these from one another {metrics.percent(row['within'])} ({within})."


def robust(table: pd.DataFrame, n: int) -> str:
    """Which corruption costs most, which least, and the mean of them all.

    Args:
        table: As `metrics.robustness.summary` gives it.
        n: Of how many pictures.
    """
    each, mean = table.iloc[:-1], table.iloc[-1]
    worst, best = each.loc[each["lost"].idxmax()], each.loc[each["lost"].idxmin()]
    plain = metrics.wilson(round(n * mean["plain"]), n)
    text = f"Of {counted(n, 'picture')} {metrics.percent(mean['plain'])} {_ends(*plain)} are read "
    text += f"right as they are, and {_with_ends(mean)} on the average of all corruptions and "
    text += f"strengths. What costs most is {worst['corruption']}, with {_with_ends(worst)} on the "
    text += "average of its strengths"
    if len(each) > 1:
        text += f", least {best['corruption']}, with {_with_ends(best)}"
    return text + "."


def p_text(p: float) -> str:
    """A p-value as text: `"p = 0.031"`, `"p < 0.0001"`."""
    if p < 1e-4:
        return "p < 0.0001"
    return f"p = {p:.2g}" if p < 0.995 else "p = 1"


def _points(share: float) -> str:
    """A share in percentage points, without a minus before a 0."""
    return f"{100 * share:z.1f}"


def _with_ends(row: pd.Series) -> str:
    """The mean of a row of `metrics.robustness.summary`, with its interval."""
    return f"{metrics.percent(row['mean'])} {_ends(row['low'], row['high'])}"


def _ends(low: float, high: float) -> str:
    return f"(95 %: {100 * low:.1f} to {100 * high:.1f})"


def _how_often(p: float) -> str:
    """A p-value as so many of so many test sets."""
    for whole in (100, 1000, 10_000):
        if p * whole >= 0.95:
            return f"{round(p * whole):,} of {whole:,} test sets"
    return "fewer than 1 of 10,000 test sets"


def _probability(value: float) -> str:
    """A threshold with as many digits as tell it from 1."""
    digits = 2
    # A float32 below 1 differs from it in the eighth digit at the latest.
    while f"{value:.{digits}f}" == f"{1:.{digits}f}" and digits < 8:
        digits += 1
    return f"{value:.{digits}f}"

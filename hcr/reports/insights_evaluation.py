"""How networks read a split, in tables: several on the same pictures, one on several splits."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hcr import reports
from hcr.datasets import Dataset
from hcr.evaluation import metrics, resampling
from hcr.reports import Result
from hcr.reports import insights_verdicts as verdicts
from hcr.reports.insights_wording import counted, minus

# Column of the tables to the figure's name in `metrics.json`, and to that of its interval.
COLUMNS = {
    "accuracy": ("accuracy", "interval"),
    "balanced": ("balanced_accuracy", "balanced_interval"),
    "top3": ("top3", "top3_interval"),
    "log_loss": ("log_loss", "log_loss_interval"),
    "ece": ("ece", "ece_interval"),
}


def headline(
    data: Dataset, probabilities: np.ndarray, seed: int
) -> tuple[list[Result], dict[str, float]]:
    """How the test split is read: the figures that every run has.

    Where it is known who wrote what, contributors are resampled in all intervals; else shares have
    Wilson's interval, the other figures a bootstrap over the pictures.

    Args:
        data: Whose test split was read.
        probabilities: float (n, classes), the answers.
        seed: Of the resampling.

    Returns:
        The results, and the ends of all intervals by their keys in `metrics.json`.
    """
    true, predicted = data.test.labels, probabilities.argmax(axis=1)
    n, classes = probabilities.shape
    hands = resampling.known(data.test.writers)
    ends = resampling.of_answers(true, probabilities, seed, hands)
    told = ", 1 seed"
    if hands is not None:
        told += f", {len(set(hands.tolist()))} contributors resampled"
    notes = {key: metrics.interval_text(*each, n) + told for key, each in ends.items()}
    low, high = ends["log_loss"]
    notes["log_loss"] = f"95 %: {low:.4f} to {high:.4f}; n = {n:,}{told}"
    balanced = metrics.balanced_accuracy(true, predicted, classes)
    rows = [
        reports.share(
            "accuracy",
            metrics.accuracy(true, predicted),
            "Accuracy",
            notes["accuracy"],
            headline=True,
        ),
        reports.share(
            "balanced_accuracy",
            balanced,
            "Class-balanced accuracy",
            notes["balanced_accuracy"],
            headline=True,
        ),
    ]
    for k in (each for each in resampling.FIRST if each < classes):
        share, name = metrics.top_k(true, probabilities, k), f"top{k}"
        rows.append(reports.share(name, share, f"Right among the first {k}", notes[name]))
    loss, error = metrics.log_loss(true, probabilities), metrics.ece(true, probabilities)
    rows += [
        reports.number("log_loss", loss, "Log loss", ".4f", notes["log_loss"]),
        reports.share("ece", error, "Calibration error (ECE)", notes["ece"]),
        reports.count("n", n, "Test pictures"),
    ]
    return rows, {
        f"{key}_{end}": value
        for key, pair in ends.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }


def independent(writers: np.ndarray | None) -> str:
    """That pictures are counted as if each were by another hand, and how many hands wrote them.

    Args:
        writers: Whose each is, str (n,); None where nobody knows, of which nothing is said.
    """
    names = set() if writers is None else set(writers.tolist()) - {""}
    if not names:
        return ""
    wrote = f"{counted(len(names), 'hand')} wrote them"
    return f"pictures count as independent, though {wrote}: that is surer than it should be"


def in_pairs(
    answers: Mapping[str, np.ndarray], true: np.ndarray, writers: np.ndarray | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """McNemar's test of every two of several models, and each in a sentence.

    Args:
        answers: By the model's name its probabilities, float (n, classes).
        true: Class indices, int (n,).
        writers: Whose each picture is, str (n,), where it is known.

    Returns:
        What `metrics.comparison.each_pair` gives, and a sentence a row; a last one where it is
        known whose the pictures are.
    """
    read = {name: each.argmax(axis=1) for name, each in answers.items()}
    table = metrics.comparison.each_pair(true, read)
    told = []
    for first, second in zip(table["first"], table["second"], strict=True):
        found = metrics.comparison.mcnemar(true, read[first], read[second])
        told.append(verdicts.compared(found, first, second))
    note = independent(writers)
    if told and note:
        told.append(f"{note[0].upper()}{note[1:]}.")
    return table, told


def side_by_side(
    answers: Mapping[str, np.ndarray],
    true: np.ndarray,
    seed: int,
    writers: np.ndarray | None = None,
) -> pd.DataFrame:
    """Several models on the same pictures.

    Args:
        answers: By the model's name its probabilities, float (n, classes).
        true: Class indices, int (n,).
        seed: Of the bootstrap.
        writers: Whose each picture is, str (n,), where it is known.

    Returns:
        A row a model, in their order: model, and then accuracy, balanced (class-balanced accuracy),
        top3 (where there are more classes), log_loss and ece, each with its interval of 95 % behind
        it, as a text: interval, balanced_interval and so on, those of `headline`.
    """
    rows = [_row("model", name, each, true, seed, writers)[0] for name, each in answers.items()]
    return pd.DataFrame(rows)


def by_split(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    seed: int,
    base: str = "test",
    writers: Mapping[str, np.ndarray | None] | None = None,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """One model on several splits, and by how much it is better there than on the split `base`.

    Args:
        splits: By the split's name the labels, int (n,), and the probabilities, (n, classes).
        seed: Of the bootstrap.
        base: One of these names.
        writers: By the split's name whose each picture is, str (n,), where it is known.

    Returns:
        A row a split: split, n, and the columns of `side_by_side` but those of top3; then gap, the
        accuracy less that on `base`, in points, and gap_interval, its interval of 95 %
        (`metrics.resampling.difference`), empty for `base`. And the gaps of the others with their
        ends, as shares, by their keys in `metrics.json`.
    """
    rows, ends = [], {}
    for name, (true, answers) in splits.items():
        row, ends[name] = _row("split", name, answers, true, seed, (writers or {}).get(name))
        row = {key: each for key, each in row.items() if not key.startswith("top")}
        rows.append({"split": name, "n": len(true)} | row)
    own = next(row["accuracy"] for row in rows if row["split"] == base)
    kept: dict[str, float] = {}
    for row in rows:
        name = row["split"]
        gap = row["accuracy"] - own
        row |= {"gap": 100 * gap, "gap_interval": ""}
        if name != base:
            low, high = resampling.difference(row["accuracy"], ends[name], own, ends[base])
            row["gap_interval"] = minus(f"{100 * low:+z.2f} to {100 * high:+z.2f}")
            kept |= {f"gap_{name}": gap, f"gap_{name}_low": low, f"gap_{name}_high": high}
    return pd.DataFrame(rows), kept


def allowed(kinds: pd.DataFrame, groups: pd.DataFrame) -> dict[str, float]:
    """How far the labels and the groups let a model come, by the keys in `metrics.json`.

    Args:
        kinds: As `metrics.lookalikes.mistakes` gives it.
        groups: As `metrics.lookalikes.within_and_across` gives it.

    Returns:
        alike, the accuracy with both cases and look-alikes set aside, and its ends; and where there
        are groups, groups_across and groups_within with theirs.
    """
    row = kinds.set_index("kind").loc["alike"]
    found = {"alike": row["accuracy"], "alike_low": row["low"], "alike_high": row["high"]}
    row = groups.set_index("group").loc[metrics.lookalikes.ALL_GROUPS]
    columns = [f"{key}{end}" for key in ("across", "within") for end in ("", "_low", "_high")]
    return found | ({f"groups_{key}": row[key] for key in columns} if row["n"] else {})


def spoilt(table: pd.DataFrame, n: int) -> dict[str, float]:
    """The mean accuracy under all corruptions, with low and high end of its interval, and n.

    Args:
        table: As `metrics.robustness.summary` gives it.
        n: Of how many pictures.
    """
    row = table.iloc[-1]
    return {key: row[key] for key in ("mean", "low", "high")} | {"n": n}


def _row(
    key: str,
    name: str,
    answers: np.ndarray,
    true: np.ndarray,
    seed: int,
    writers: np.ndarray | None,
) -> tuple[dict, tuple[float, float]]:
    """A row of a table, and the ends of its accuracy's interval."""
    read = answers.argmax(axis=1)
    ends = resampling.of_answers(true, answers, seed, resampling.known(writers))
    values = {
        "accuracy": metrics.accuracy(true, read),
        "balanced": metrics.balanced_accuracy(true, read, answers.shape[1]),
        "log_loss": metrics.log_loss(true, answers),
        "ece": metrics.ece(true, answers),
    }
    if "top3" in ends:
        values["top3"] = metrics.top_k(true, answers, 3)
    row = {key: name}
    for column, (figure, span) in COLUMNS.items():
        if column in values:
            row |= {column: values[column], span: _span(figure, *ends[figure])}
    return row, ends["accuracy"]


def _span(figure: str, low: float, high: float) -> str:
    """Ends as a table has them: of shares in per cent."""
    if figure == "log_loss":
        return f"{low:.4f} to {high:.4f}"
    return f"{100 * low:.2f} to {100 * high:.2f}"

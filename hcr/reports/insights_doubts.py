"""Copies, and labels that are doubted: how many, and what a look at them found."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hcr import reports, runs
from hcr.evaluation import audit, metrics
from hcr.reports import Result
from hcr.reports.insights_wording import counted, interval
from hcr.runs import environment

VERDICTS = "docs/label_audit.csv"
SURE = 0.99  # from this probability on a mistake speaks against its label


def of_copies(copies: audit.Duplicates, near: pd.DataFrame, report: dict[str, int]) -> list[Result]:
    """How many pictures stand there twice, under one label or two, and what the leak guard did.

    Args:
        copies: As `audit.duplicates` gives it.
        near: As `audit.near_duplicates` gives it.
        report: The leak guard's, `data.leaks`.
    """
    note = f"{near['differ'].sum():,} under two labels; n = {near.attrs['n']:,} looked at"
    removed = sum(each for key, each in report.items() if key.startswith("removed"))
    return [
        reports.count("leaks", removed, "Pictures removed by the leak guard"),
        reports.count("copies", copies.extra, "Exact copies within train"),
        reports.count("conflicts", len(copies.conflicts), "Equal pictures under two labels"),
        reports.count("near_copies", len(near), "Pairs that are nearly the same", note),
    ]


def of_twins(copies: audit.Duplicates, near: pd.DataFrame, most: int) -> str:
    """A caption: how many copies there are of each kind, and which of them a figure shows.

    Args:
        copies: As `audit.duplicates` gives it.
        near: As `audit.near_duplicates` gives it.
        most: How many of `twins` the figure shows at most.
    """
    conflicts, pairs = len(copies.conflicts), len(near)
    total = conflicts + pairs
    text = f"{counted(copies.extra, 'exact copy', 'exact copies')}; {counted(conflicts, 'picture')}"
    text += f" under two labels; {counted(pairs, 'pair')} nearly the same."
    if total > most:
        return f"{text} The first {most} of the last two kinds, {total:,} in all, are shown."
    if conflicts and pairs:
        return f"{text} The last two kinds are shown, {total:,} in all."
    return text


def twins(copies: audit.Duplicates, near: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
    """Pairs of pictures that are the same or nearly so, those under two labels first.

    Args:
        copies: As `audit.duplicates` gives it.
        near: As `audit.near_duplicates` gives it, `first` and `second` as indices of `labels`.
        labels: Class indices, int (n,).

    Returns:
        int64 (k, 2).
    """
    pairs = [
        (group[0], group[np.flatnonzero(labels[group] != labels[group[0]])[0]])
        for group in copies.conflicts
    ]
    order = np.argsort(~near["differ"].to_numpy(bool), kind="stable")
    near_pairs = near[["first", "second"]].to_numpy()[order]
    return np.concatenate([np.array(pairs, np.int64).reshape(-1, 2), near_pairs])


def of_suspects(frame: pd.DataFrame, hashes: np.ndarray, characters: Sequence[str]) -> list[Result]:
    """How many labels are doubted, and how often a look at the worst confirmed it.

    The verdicts in `docs/label_audit.csv` count where the training split holds their pictures.

    Args:
        frame: As `audit.suspects` gives it.
        hashes: Of all training pictures, uint64 (n,).
        characters: The classes' names.
    """
    n, doubted = frame.attrs["n"], int(frame["issue"].sum())
    note = f"n = {n:,}; {metrics.percent(frame.attrs['accuracy'])} are read as labelled"
    rows = [reports.count("suspects", doubted, "Suspected label errors", note)]
    held = _judged(hashes)
    if len(held):
        wrong = int((held == "wrong").sum())
        others = (f"{(held == name).sum()} {name}" for name in audit.VERDICTS if name != "wrong")
        note = f"{interval(wrong, len(held))} looked at, {VERDICTS}; {', '.join(others)}"
        rows.append(
            reports.share("precision", wrong / len(held), "Of the most suspect, wrong", note)
        )
    return rows


def looked_at(hashes: np.ndarray) -> str:
    """A sentence on verdicts that were found by looking; empty where they are of other pictures.

    Args:
        hashes: Of all training pictures, uint64 (n,).
    """
    n = len(_judged(hashes))
    if not n:
        return ""
    return (
        f"{counted(n, 'training picture')} that looked most suspect {'was' if n == 1 else 'were'} "
        f"judged by eye: what was found stands in {VERDICTS}, and its share below."
    )


def of_mistakes(true: np.ndarray, probabilities: np.ndarray, run: runs.Run) -> str:
    """A sentence on mistakes of which the network is so sure that their labels are suspect.

    Beside them stand the suspects of `01_eda` among the training pictures, where the run has them.

    Args:
        true: Class indices, int (n,).
        probabilities: Calibrated, float (n, classes).
        run: Whose `metrics.json` is asked.
    """
    doubted = int(surely_wrong(true, probabilities).sum())
    surely = int((probabilities.max(axis=1) >= SURE).sum())
    n = int((probabilities.argmax(axis=1) != true).sum())
    text = (
        f"Of {counted(n, 'mistake')} {doubted:,} {'is' if doubted == 1 else 'are'} answered with "
    )
    text += f"{100 * SURE:g} % or more: labels to be doubted. "
    if surely:
        share = metrics.percent(1 - doubted / surely, 2)
        text += f"Of all answers so sure, {share} agree with the label."
    before = runs.read_metrics(run.folder).get("01_eda", {}).get("suspects")
    if before is not None:
        text += f" 01_eda doubts {counted(before, 'label')} of the training split"
        listed = run.path("tables/01_suspects.csv").is_file()
        text += " (tables/01_suspects.csv)." if listed else "."
    return text


def surely_wrong(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Which mistakes the network makes with a probability of `SURE` or more, bool (n,).

    Args:
        true: Class indices, int (n,).
        probabilities: Calibrated, float (n, classes).
    """
    wrong = probabilities.argmax(axis=1) != true
    return wrong & (probabilities.max(axis=1) >= SURE)


def listed(true: np.ndarray, probabilities: np.ndarray, characters: Sequence[str]) -> pd.DataFrame:
    """All of `surely_wrong`, the surest first.

    Args:
        true: Class indices, int (n,).
        probabilities: Calibrated, float (n, classes).
        characters: The classes' names.

    Returns:
        Columns index, in the split; label and read as (text); probability, of that answer.
    """
    found = np.flatnonzero(surely_wrong(true, probabilities))
    sure = probabilities[found].max(axis=1)
    order = np.argsort(-sure, kind="stable")
    found, names = found[order], np.array(list(characters))
    return pd.DataFrame(
        {
            "index": found,
            "label": names[true[found]],
            "read as": names[probabilities[found].argmax(axis=1)],
            "probability": sure[order].astype(float),
        }
    )


def told_of(n: int, shown: int, file: str) -> str:
    """A caption: how many suspects there are, how many are shown, and where all of them are.

    Args:
        n: Suspects.
        shown: As many as there is room for.
        file: That lists all.
    """
    if not n:
        return "Labels to be doubted: none."
    text = f"Labels to be doubted, the surest mistakes first: {counted(n, 'suspect')}"
    return f"{text}{f', the first {shown} shown;' if n > shown else ','} all in {file}."


def _judged(hashes: np.ndarray) -> pd.Series:
    """The verdicts on those of the pictures that were looked at; none where there is no file."""
    path = environment.root() / VERDICTS
    if not path.is_file():
        return pd.Series([], dtype=str)
    judged = audit.verdicts(path)
    return judged.table["verdict"][judged.find(hashes) >= 0]

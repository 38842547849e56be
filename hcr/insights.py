"""What a look at a data set found, in words: where it comes from and what to take along."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hcr import audit, balance, environment, exhibits, measures, metrics
from hcr.datasets import Data
from hcr.exhibits import Result

MOST = 5  # classes or pairs that are named in one line


def origin(data: Data) -> pd.DataFrame:
    """What is known of a data set before one looks at its pictures: columns What and Value.

    The licence, the citation and the digest, the pictures of each split, what the leak guard
    removed, and what the options of `datasets.load` changed.
    """
    counts = {split: f"{values.sum():,}" for split, values in data.counts.items()}
    rows = {
        "Data set": f"{data.title} ({data.name})",
        "Caveat": data.caveat,
        "Classes": f"{len(data.characters)}: {' '.join(data.characters)}",
        "Pictures": ", ".join(f"{split} {number}" for split, number in counts.items()),
        "Changed": ", ".join(f"{key} = {value}" for key, value in data.changed.items()),
        "Leak guard": leaks(data.leaks),
        "Licence": data.info.licence,
        "Cite": data.info.citation,
        "From": data.info.url,
        "Digest": data.digest,
    }
    kept = {key: value for key, value in rows.items() if value}
    return pd.DataFrame({"What": list(kept), "Value": list(kept.values())})


def leaks(report: dict[str, int]) -> str:
    """The leak guard's report as a sentence; empty where there is none."""
    if not report:
        return ""
    removed = {split: report[f"removed_from_{split}"] for split in ("train", "validation")}
    if not any(removed.values()):
        return "no picture is in two splits"
    return (
        f"removed from train {removed['train']:,} pictures that are in validation "
        f"({report['train_in_validation']:,}) or test ({report['train_in_test']:,}), and from "
        f"validation {removed['validation']:,} that are in test"
    )


def of_classes(counts: np.ndarray, characters: Sequence[str]) -> list[Result]:
    """How many pictures and classes there are, and how unequal the classes.

    Args:
        counts: Training pictures a class, int (classes,).
        characters: The classes' names.
    """
    found = balance.imbalance(counts)
    span = f"{counts.max():,} over {counts[counts > 0].min():,}"
    rows = [
        exhibits.count("train", counts.sum(), "Training pictures", headline=True),
        exhibits.count("classes", len(counts), "Classes", _empty(found.empty)),
        exhibits.number("imbalance", found.ratio, "Largest class over smallest", note=span),
        exhibits.number("gini", found.gini, "Gini coefficient of the classes", ".2f", "0: equal"),
        exhibits.number(
            "effective_classes",
            found.effective_classes,
            "Effective number of classes",
            note="so many equal ones are as hard to guess",
        ),
    ]
    # Where all are equal none is rare.
    if counts.max() > counts.min():
        few = np.argsort(counts, kind="stable")[:MOST]
        numbers = "; ".join(f"{each:,}" for each in counts[few])
        rows.append(exhibits.text("rarest", _named(few, characters), "Rarest classes", numbers))
    return rows


def of_ink(
    frame: pd.DataFrame, images: np.ndarray, labels: np.ndarray, characters: Sequence[str]
) -> list[Result]:
    """What the measures of the pictures tell.

    Args:
        frame: As `measures.of` gives it.
        images: The same pictures, uint8 (n, 28, 28).
        labels: Class indices, int (n,).
        characters: The classes' names.
    """
    table = measures.by_class(frame, labels, characters)
    _, spread = measures.mean_and_spread(images, labels, len(characters))
    loose = np.sqrt((spread**2).mean(axis=(1, 2)))
    widest = [each for each in np.argsort(-loose, kind="stable") if np.isfinite(loose[each])][:MOST]
    stroke, slant = frame["stroke"].quantile([0.05, 0.5, 0.95]), table["slant"].dropna()
    ends = [f"“{characters[at]}” {round(slant[at])}" for at in (slant.idxmin(), slant.idxmax())]
    leaning = f"{' to '.join(ends)}, partly by their form".replace("-", "\N{MINUS SIGN}")
    return [
        exhibits.share("ink", frame["ink"].mean(), "Mean share of ink"),
        exhibits.count("blank", (frame["ink"] == 0).sum(), "Pictures without ink"),
        exhibits.number(
            "stroke",
            stroke[0.5],
            "Median line width",
            ".2f px",
            f"90 % are from {stroke[0.05]:.2f} to {stroke[0.95]:.2f} px",
        ),
        exhibits.number(
            "slant",
            frame["slant"].median(),
            "Median slant to the right, in degrees",
            ".1f",
            note=leaning,
        ),
        exhibits.text(
            "widest_spread",
            _named(widest, characters),
            "Classes whose pictures differ most",
            "spread: " + "; ".join(f"{loose[each]:.1f}" for each in widest) + " (root mean square)",
        ),
    ]


def of_pairs(found: audit.Neighbours) -> list[Result]:
    """Which classes will be confused, as their nearest neighbours are."""
    worst = found.pairs[:MOST]
    names = ", ".join(f"{a}/{b}" for a, b in zip(worst["character"], worst["other"], strict=True))
    shares = "; ".join(metrics.percent(each) for each in worst["share"])
    note = _interval(found.right, found.n)
    return [
        exhibits.share(
            "neighbour_accuracy", found.accuracy, "Nearest neighbour of the same class", note
        ),
        exhibits.text("confused", names or "none", "Pairs that will be confused", shares),
    ]


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
        exhibits.count("leaks", removed, "Pictures removed by the leak guard"),
        exhibits.count("copies", copies.extra, "Exact copies within train"),
        exhibits.count("conflicts", len(copies.conflicts), "Equal pictures under two labels"),
        exhibits.count("near_copies", len(near), "Pairs that are nearly the same", note),
    ]


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
    rows = [exhibits.count("suspects", doubted, "Suspected label errors", note)]
    path = environment.root() / "docs" / "label_audit.csv"
    if not path.is_file():
        return rows
    judged = audit.verdicts(path)
    held = judged.table["verdict"][judged.find(hashes) >= 0]
    if len(held):
        wrong = int((held == "wrong").sum())
        others = (f"{(held == name).sum()} {name}" for name in audit.VERDICTS if name != "wrong")
        note = f"{_interval(wrong, len(held))} looked at; {', '.join(others)}"
        rows.append(
            exhibits.share("precision", wrong / len(held), "Of the most suspect, wrong", note)
        )
    return rows


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


def _named(order: Sequence[int], characters: Sequence[str]) -> str:
    return ", ".join(characters[each] for each in order)


def _empty(number: int) -> str:
    return f"{number} without a training picture" if number else ""


def _interval(right: int, n: int) -> str:
    low, high = metrics.wilson(right, n)
    return f"95 %: {100 * low:.1f} to {100 * high:.1f}; n = {n:,}"

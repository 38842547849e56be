"""How well drawings are read, by who drew them: people differ more than drawings do."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hcr.errors import DataError
from hcr.evaluation.intervals import check_level, expanded
from hcr.evaluation.probabilities import probabilities_of
from hcr.preprocessing import labels

# Column to what it counts among the drawings of a contributor.
KINDS = {
    "digits": labels.DIGITS,
    "capitals": labels.LETTERS,
    "small letters": labels.LETTERS.lower(),
}
MEAN = "mean"


def by_contributor(
    probabilities: ArrayLike,
    characters: Sequence[str],
    drawn: Sequence[str],
    contributors: Sequence[str],
) -> pd.DataFrame:
    """How the drawings of each contributor are read.

    Args:
        probabilities: float (n, classes), the answers.
        characters: The character of each class.
        drawn: What was drawn, n of 0-9, A-Z, a-z.
        contributors: Who gave each, n names.

    Returns:
        A row a contributor, in the order of their names, and a last one, `mean`: that of the
        contributors' figures, each counting the same. Columns:

        - contributor, and n, the drawings; in the last row all drawings;
        - exact: the share read as the class of what was drawn (`labels.merge`, where the
          classes do not tell its case);
        - folded: the share read right but for case; top 3: that with one of the three best answers;
        - digits, capitals, small letters: `folded` among these, NaN where there are none.
    """
    answers, _ = probabilities_of(probabilities, np.zeros(len(drawn), np.int64))
    if answers.shape != (len(drawn), len(characters)) or len(contributors) != len(drawn):
        raise DataError(
            "There must be one answer, one character and one contributor a drawing. Received: "
            f"answers of shape {answers.shape}, {len(drawn)} characters of {len(characters)} "
            f"classes and {len(contributors)} contributors."
        )
    names = np.array(list(characters))
    wanted = np.array([_class_of(each, names) for each in drawn])
    folds = np.array([labels.fold_case(each) for each in names])
    fold = np.array([labels.fold_case(str(each)) for each in drawn])
    best = np.argsort(-answers, axis=1, kind="stable")[:, :3]
    shares = pd.DataFrame(
        {
            "contributor": list(map(str, contributors)),
            "exact": names[best[:, 0]] == wanted,
            "folded": folds[best[:, 0]] == fold,
            "top 3": (folds[best] == fold[:, None]).any(axis=1),
        }
    )
    for kind, those in KINDS.items():
        inside = np.isin(list(map(str, drawn)), list(those))
        shares[kind] = np.where(inside, shares["folded"], np.nan)
    grouped = shares.groupby("contributor")
    table = grouped.mean(numeric_only=True).astype(float)
    last = table.mean().to_frame(MEAN).T
    table = pd.concat([table, last]).rename_axis("contributor").reset_index()
    table.insert(1, "n", [*grouped.size(), len(shares)])
    return table


def interval(
    table: pd.DataFrame, column: str, seed: int, n: int = 10_000, level: float = 0.95
) -> tuple[float, float]:
    """The bootstrap interval of the mean of the contributors' figures, contributors resampled.

    It tells how far the mean would lie with other contributors of this kind. Like that of
    `metrics.bootstrap` with groups it is widened where they are few.

    Args:
        table: As `by_contributor` gives it.
        column: One of its figures, as "folded". Contributors without one are left out.
        seed: Of the resampling.
        n: How many resamples.
        level: The share of resamples that it holds, before it is widened.

    Raises:
        DataError: Fewer than two contributors have this figure.
    """
    check_level(level)
    values = table.loc[table["contributor"] != MEAN, column].dropna().to_numpy(float)
    if len(values) < 2:
        raise DataError(
            f"An interval of {column!r} over contributors needs at least two of them. "
            f"Received: {len(values)}."
        )
    drawn = np.random.default_rng(seed).choice(values, (n, len(values))).mean(axis=1)
    wide = expanded(level, len(values))
    low, high = np.quantile(drawn, [(1 - wide) / 2, (1 + wide) / 2])
    return float(low), float(high)


def _class_of(character: str, names: np.ndarray) -> str:
    """The class of what was drawn, among `names`."""
    return str(character) if character in names else labels.merge(str(character))

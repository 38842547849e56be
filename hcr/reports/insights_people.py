"""How people's pen drawings are read, wherever and however large they drew."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from hcr.datasets import drawings_file as kept
from hcr.datasets import unipen
from hcr.errors import DataError
from hcr.evaluation import metrics
from hcr.evaluation.old_drawings import MEAN, by_contributor, interval
from hcr.preprocessing import from_strokes, labels
from hcr.preprocessing.synthesis import PLACEMENTS, place_on_pad
from hcr.reports.insights_wording import counted
from hcr.runs import Run, files

UNIPEN, OWN = "unipen", "own"

Drawn = tuple[list[list[np.ndarray]], np.ndarray, np.ndarray]


class Reader(Protocol):
    """A model, as `hcr.recognizer.Recognizer` is one."""

    labels: Sequence[str]

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities (n, n_labels) of uint8 (n, 28, 28) pictures."""
        ...


def in_placements(
    reader: Reader,
    drawings: Sequence[Sequence[np.ndarray]],
    characters: Sequence[str],
    contributors: Sequence[str],
) -> pd.DataFrame:
    """Every drawing put on a pad in four ways, and read as the pad reads it.

    Args:
        reader: The model.
        drawings: n lists of (k, 2) strokes, x right and y down, in any unit.
        characters: What was drawn, n of 0-9, A-Z, a-z.
        contributors: Who drew it, n names.

    Returns:
        A row a placement (`placements`) and contributor, with the placement's last
        row their mean: the columns of `hcr.evaluation.drawings.by_contributor`, after `placement`.
    """
    tables = []
    for placement in PLACEMENTS:
        pictures = np.stack([from_strokes(place_on_pad(each, placement)) for each in drawings])
        answers = reader.predict(pictures)
        table = by_contributor(answers, reader.labels, characters, contributors)
        table.insert(0, "placement", placement)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def spread(table: pd.DataFrame, column: str = "folded") -> float:
    """How far the means of the placements in `in_placements` lie apart, in points."""
    means = table.loc[table["contributor"] == MEAN, column]
    return float(100 * (means.max() - means.min()))


def asked(which: str, run: Run) -> Drawn:
    """The drawings that an evaluation reads besides its data set; their opening is recorded.

    Of UNIPEN's the run's pages then say whose they are.

    Args:
        which: `"unipen"`, those of the test split's contributors, or `"own"`, a person's own.
        run: Whose record it is.

    Returns:
        As `hcr.datasets.unipen.drawings_of`.

    Raises:
        DataError: There are none.
    """
    if which == UNIPEN:
        found = unipen.drawings_of(unipen.TEST)
        points = [stroke for each in found[0] for stroke in each]
        digest = files.digest(np.concatenate(points).tobytes(), found[1].tolist())
        run.test_opened(UNIPEN, len(found[0]), digest)
        run.also(unipen.CREDIT)
        return found
    mine = [each for each in kept.read() if each.character in labels.BYCLASS]
    if not mine:
        raise DataError(
            f"There must be drawings of yours in {kept.path()}. Received: none. Draw some in "
            "notebooks/05_draw.ipynb, and say what you meant."
        )
    return (
        [list(each.strokes) for each in mine],
        np.array([each.character for each in mine]),
        np.array([each.writer for each in mine]),
    )


def told(table: pd.DataFrame, seed: int) -> str:
    """What `in_placements` found, in words, with intervals as `ends` gives them.

    Args:
        table: As `in_placements` gives it.
        seed: Of the interval's draws.
    """
    text = []
    for placement, found in ends(table, seed).items():
        line = f"{placement}: {metrics.percent(found['folded'])}"
        text.append(f"{line} (95 %: {100 * found['low']:.1f} to {100 * found['high']:.1f})")
    people = table["contributor"].nunique() - 1
    n = int(table["n"].max())
    whose = "one hand alone" if people == 1 else counted(people, "contributor")
    head = f"Right but for case, {counted(n, 'drawing')} of {whose}: "
    apart = f"The placements lie within {spread(table):.1f} points of one another."
    if people == 1:
        apart += " The intervals hold other drawings of this hand, not other hands."
    return f"{head}{'; '.join(text)}. {apart}"


def ends(table: pd.DataFrame, seed: int) -> dict[str, dict[str, float]]:
    """By placement the share read right but for case, and its interval of 95 %.

    Of several contributors it is the mean of theirs, and they are resampled; of one alone the
    interval is Wilson's, over the drawings.

    Args:
        table: As `in_placements` gives it.
        seed: Of the interval's draws.

    Returns:
        folded, low and high by placement.
    """
    found = {}
    for placement, own in table.groupby("placement", sort=False):
        mean = own[own["contributor"] == MEAN].iloc[0]
        n = int(mean["n"])
        low, high = (
            interval(own, "folded", seed)
            if len(own) > 2
            else metrics.wilson(round(n * mean["folded"]), n)
        )
        found[str(placement)] = {"folded": float(mean["folded"]), "low": low, "high": high}
    return found

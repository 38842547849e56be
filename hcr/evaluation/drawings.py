"""How pen drawings are recognized, by where they are on the pad and by who drew them.

People differ more than drawings do, so means are over contributors, each counting the same, and
contributors are resampled.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hcr.datasets import drawings_file as saved
from hcr.datasets import unipen
from hcr.errors import DataError
from hcr.evaluation.confidence import alternatives
from hcr.evaluation.scores import mean_interval, wilson
from hcr.preprocessing import from_strokes, labels
from hcr.preprocessing.synthesis import PLACEMENTS, place_on_pad
from hcr.recognizer import Recognizer
from hcr.runs import Run, files

KINDS = {
    "digits": labels.DIGITS,
    "capitals": labels.LETTERS,
    "small letters": labels.LETTERS.lower(),
}
MEAN = "mean"


def validation_drawings(
    run: Run, characters: Sequence[str]
) -> tuple[np.ndarray, np.ndarray] | None:
    """The drawings of `characters` by UNIPEN's validation contributors; None without that file.

    Returns images, uint8 (n, 28, 28), and labels, int64 (n,), indices into `characters`.
    """
    try:
        strokes, drawn, _ = unipen.drawings_of(unipen.VALIDATION)
    except DataError:
        return None
    index = {character: i for i, character in enumerate(characters)}
    labels_ = [index.get(each, index.get(labels.merge(each), -1)) for each in drawn.tolist()]
    chosen = np.flatnonzero(np.array(labels_) >= 0)
    if not len(chosen):
        return None
    run.append("data_also", unipen.CREDIT, same="name")
    return np.stack([from_strokes(strokes[i]) for i in chosen]), np.array(labels_)[chosen]


def load_drawings(run: Run, which: str) -> tuple[list, np.ndarray, np.ndarray]:
    """Strokes, characters and contributors of the drawings that `04_evaluate` predicts.

    `which` is `"unipen"`, those of the contributors of UNIPEN's test split, whose opening the run
    records, or `"own"`, a person's own. Raises `DataError` where there are none.
    """
    if which == "unipen":
        drawings = unipen.drawings_of(unipen.TEST)
        points = np.concatenate([stroke for strokes in drawings[0] for stroke in strokes])
        digest = files.digest(points.tobytes(), drawings[1].tolist())
        run.test_opened(which, len(drawings[0]), digest)
        run.append("data_also", unipen.CREDIT, same="name")
        return drawings
    own = [drawing for drawing in saved.read() if drawing.character in labels.BYCLASS]
    if not own:
        raise DataError(
            f"There must be drawings of yours in {saved.path()}. Received: none. Draw some in "
            "notebooks/05_draw.ipynb, and say what you meant."
        )
    characters, writers = (
        np.array([getattr(drawing, name) for drawing in own]) for name in ("character", "writer")
    )
    return [list(drawing.strokes) for drawing in own], characters, writers


def score_drawings(
    recognizer: Recognizer,
    strokes: Sequence[Sequence[np.ndarray]],
    characters: Sequence[str],
    contributors: Sequence[str],
    threshold: float | None = None,
) -> pd.DataFrame:
    """Every drawing put on a pad in four ways and recognized as the pad does it.

    `strokes` are n drawings, lists of (k, 2) arrays, x right and y down, in any unit; `characters`
    what was drawn, of 0-9, A-Z, a-z; `contributors` who drew it. From the probability `threshold`
    on a class is an alternative.

    Returns a row a placement and contributor, and their `mean`: placement, contributor, n; the
    shares exact, folded (right but for case), top 3 (folded), folded among digits, capitals and
    small letters; and with a threshold covered (folded, among the alternatives) and alternatives,
    their mean number.
    """
    names, drawn = np.array(recognizer.labels), list(map(str, characters))
    wanted = np.array([c if c in recognizer.labels else labels.merge(c) for c in drawn])
    folds = np.array([labels.fold_case(c) for c in names])
    right = folds == np.array([labels.fold_case(c) for c in drawn])[:, None]
    tables = []
    for placement in PLACEMENTS:
        drawings = [from_strokes(place_on_pad(each, placement)) for each in strokes]
        probabilities = recognizer.predict(np.stack(drawings))
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
        top = np.take_along_axis(right, order, axis=1)
        frame = pd.DataFrame({"contributor": list(map(str, contributors))})
        frame["exact"], frame["folded"] = names[order[:, 0]] == wanted, top[:, 0]
        frame["top 3"] = top.any(axis=1)
        for kind, those in KINDS.items():
            frame[kind] = np.where(np.isin(drawn, list(those)), top[:, 0], np.nan)
        if threshold is not None:
            sets = alternatives(probabilities, threshold)
            frame["covered"], frame["alternatives"] = (sets & right).any(axis=1), sets.sum(axis=1)
        grouped = frame.groupby("contributor")
        table = grouped.mean().astype(float)
        table = pd.concat([table, table.mean().to_frame(MEAN).T])
        table = table.rename_axis("contributor").reset_index()
        table.insert(1, "n", [*grouped.size(), len(frame)])
        table.insert(0, "placement", placement)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def drawing_intervals(
    frame: pd.DataFrame, seed: int = 0, column: str = "folded"
) -> dict[str, dict[str, float]]:
    """By placement the mean of a share of `score_drawings`, and its interval low and high.

    Contributors are resampled, widened because they are few; of one alone the interval is Wilson's.
    """
    intervals = {}
    for placement, rows in frame.groupby("placement", sort=False):
        mean, values = rows.iloc[-1], rows[column].iloc[:-1].dropna().to_numpy(float)
        if len(values) > 1:
            low, high = mean_interval(values, seed, np.arange(len(values)))
        else:
            low, high = map(float, wilson(round(mean["n"] * mean[column]), mean["n"]))
        intervals[str(placement)] = {column: float(mean[column]), "low": low, "high": high}
    return intervals

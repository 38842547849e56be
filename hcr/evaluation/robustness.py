"""How robust recognition is: pen drawings by place on the pad and contributor, corrupted images.

People differ more than drawings do, so means are over contributors, each counting the same, and
contributors are resampled. Images are corrupted on purpose, in eight ways and five strengths.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hcr.datasets import drawings_file as saved
from hcr.datasets import unipen
from hcr.datasets.drawings import REMEDY
from hcr.errors import DataError
from hcr.evaluation.confidence import alternatives
from hcr.evaluation.scores import Predict, balanced_accuracy, mean_interval, wilson
from hcr.preprocessing import EMNIST, Framing, from_strokes, labels
from hcr.preprocessing.corruptions import CORRUPTIONS, corrupt
from hcr.preprocessing.synthesis import PLACEMENTS, place_on_pad
from hcr.recognizer import Recognizer
from hcr.runs import Run, files

KINDS = {"digits": labels.DIGITS, "capitals": labels.LETTERS}
KINDS["small letters"] = labels.LETTERS.lower()


def validation_drawings(
    run: Run, characters: Sequence[str], framing: Framing = EMNIST
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
    return np.stack([from_strokes(strokes[i], framing) for i in chosen]), np.array(labels_)[chosen]


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
    everything = saved.read()
    own = [drawing for drawing in everything if drawing.character in tuple(labels.BYCLASS)]
    if others := sorted({drawing.character for drawing in everything} - set(labels.BYCLASS)):
        n = len(everything)
        print(f"Left out {n - len(own):,} of {n:,} drawings, of {' '.join(others)}.")
    if not own:
        raise DataError(f"Drawings of yours must be in {saved.path()}. Received: none. {REMEDY}")
    characters = np.array([drawing.character for drawing in own])
    writers = np.array([drawing.writer for drawing in own])
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
    small letters; with a threshold covered (folded, by the alternatives) and alternatives (a mean).
    """
    names, drawn = np.array(recognizer.labels), list(map(str, characters))
    wanted = np.array([c if c in recognizer.labels else labels.merge(c) for c in drawn])
    folds = np.array([labels.fold_case(c) for c in names])
    right = folds == np.array([labels.fold_case(c) for c in drawn])[:, None]
    tables = []
    for placement in PLACEMENTS:
        placed = [place_on_pad(each, placement) for each in strokes]
        drawings = [from_strokes(each, recognizer.framing) for each in placed]
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
        table = pd.concat([table, table.mean().to_frame("mean").T])
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


def corruption_scores(
    predict: Predict, images: np.ndarray, labels: np.ndarray, seed: int = 0
) -> tuple[pd.DataFrame, np.ndarray]:
    """The accuracy on the same images as they are and under every corruption and strength.

    `predict` maps `images`, uint8 (n, 28, 28), to probabilities, float (n, classes); `labels` are
    int (n,). Returns a row a corruption and strength from 0, the images as they are, to 5:
    corruption, strength, amplitude (NaN at 0), n, right (counts), accuracy, low, high (Wilson's),
    balanced. And which images were right, bool (1 + 5 corruptions, n): plain, then as in the rows.
    """

    def scores(corrupted: np.ndarray) -> dict[str, float]:
        predicted = predict(corrupted).argmax(axis=1)
        hits.append(predicted == labels)
        right, n = int(hits[-1].sum()), len(labels)
        low, high = wilson(right, n)
        row = {"n": n, "right": right, "accuracy": right / n, "low": low, "high": high}
        return row | {"balanced": balanced_accuracy(labels, predicted)}

    hits: list[np.ndarray] = []
    plain, rows = scores(images), []
    for name, amplitudes in CORRUPTIONS.items():
        rows.append({"corruption": name, "strength": 0, "amplitude": np.nan, **plain})
        for strength, amplitude in enumerate(amplitudes, start=1):
            row = {"corruption": name, "strength": strength, "amplitude": amplitude}
            rows.append(row | scores(corrupt(images, name, strength, seed)))
    return pd.DataFrame(rows), np.array(hits)


def corruption_summary(frame: pd.DataFrame, right: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """What `corruption_scores` measured, a row a corruption and a last one, `mean`, of them all.

    Columns corruption; plain, the accuracy of the images as they are; 1 to 5, that at a strength;
    mean, of the five; lost, plain less mean; low, high, lost_low, lost_high: 95 % intervals, a
    bootstrap over the images, each drawn with all its corrupted copies.
    """
    wide = frame.pivot(index="corruption", columns="strength", values="accuracy")
    wide = wide.loc[frame["corruption"].unique()]
    table = wide.rename(columns=lambda strength: str(strength) if strength else "plain")
    table["mean"] = wide.drop(columns=0).mean(axis=1)
    table["lost"] = table["plain"] - table["mean"]
    table = pd.concat([table, table.mean().to_frame("mean").T])
    table = table.rename_axis(index="corruption", columns=None).reset_index()
    means = right[1:].reshape(len(wide), -1, right.shape[1]).mean(axis=1)
    means = np.vstack([means, means.mean(axis=0)])
    for prefix, values in (("", means), ("lost_", right[0] - means)):
        table[[f"{prefix}low", f"{prefix}high"]] = [mean_interval(v, seed) for v in values]
    return table

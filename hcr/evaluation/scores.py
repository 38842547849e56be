"""Accuracy, log loss, top-k and calibration error with intervals of 95 %; two models compared.

Shares have Wilson's interval, other scores a bootstrap over the images; where the writers are known
they are resampled instead, because images by one hand are alike.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special, stats

from hcr.errors import DataError, ModelError

BINS = 15  # of the calibration error, as in Guo et al. (2017)
RESAMPLES = 1000
DRAWS = 4000  # of the bootstrap of two models' difference
# Values within a thousandth of their range count as their mean: so a resample is one multinomial
# draw over a thousand cells, however many images there are.
STEPS = 1000

Interval = tuple[float, float]
Predict = Callable[[np.ndarray], np.ndarray]  # images to probabilities, as of `predictor`


def evaluate(
    labels: ArrayLike, probabilities: ArrayLike, seed: int = 0, writers: ArrayLike | None = None
) -> pd.DataFrame:
    """The scores of a model's probabilities, float (n, classes), of images with `labels`, int (n,).

    `seed` is that of the bootstrap; `writers`, (n,), wrote the images, where that is known. Returns
    columns value, low, high; rows accuracy, balanced_accuracy (the mean recall of the classes
    present), top3 and top5 (where there are more classes), log_loss (nats), ece. Raises `DataError`
    where labels and probabilities are no such arrays, or don't fit together.
    """
    labels, probabilities = check(labels, probabilities)
    writers, classes = known_writers(writers), probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    # Of equally probable classes the first comes first.
    order = np.argsort(-probabilities, axis=1, kind="stable")
    rank = (order == labels[:, None]).argmax(axis=1)
    loss = losses(labels, probabilities)
    rows = {"accuracy": (np.mean(rank < 1), *share_interval(rank < 1, seed, writers))}
    interval = balanced_accuracy_interval(labels, predicted, seed, writers)
    rows["balanced_accuracy"] = (balanced_accuracy(labels, predicted), *interval)
    for k in (3, 5):
        if k < classes:
            rows[f"top{k}"] = (np.mean(rank < k), *share_interval(rank < k, seed, writers))
    rows["log_loss"] = (loss.mean(), *mean_interval(loss, seed, writers))
    right, confidence, place = confidences(labels, probabilities)
    sums, n = _resample(right - confidence, place, seed, writers)
    error, draws = ece(labels, probabilities), np.abs(sums).sum(axis=1) / n.sum(axis=1)
    # Chance alone makes an ECE larger than 0 and resampling adds as much again, so the resamples
    # are moved until their mean is the score itself.
    low, high = _ends(draws - draws.mean() + error, writers)
    rows["ece"] = (error, max(0.0, low), min(1.0, max(0.0, high)))
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])
    return frame.rename_axis("score")


def check(labels: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays. Raises `DataError` where they are not what `evaluate` takes."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if (
        probabilities.ndim != 2
        or labels.shape != probabilities.shape[:1]
        or not len(labels)
        or not np.issubdtype(labels.dtype, np.integer)
        or not 0 <= labels.min() <= labels.max() < probabilities.shape[1]
        # NaN, too, for which no comparison is true.
        or not np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max() <= 0.01
    ):
        rule = "labels must be class indices, (n,), and probabilities (n, classes), rows of sum 1"
        raise DataError(f"{rule}. Received: {labels.shape} and {probabilities.shape}, or others.")
    return labels, probabilities


def balanced_accuracy(labels: ArrayLike, predicted: ArrayLike) -> float:
    """The mean recall over the classes that have at least one image."""
    labels = np.asarray(labels)
    return float(np.nanmean(recalls(labels == predicted, labels, int(labels.max()) + 1)))


def recalls(right: ArrayLike, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """The mean of `right`, (n,), in each class, float64 (n_classes,); NaN where it has none."""
    n = np.bincount(labels, minlength=n_classes)
    return divide(np.bincount(labels, weights=right, minlength=n_classes), n)


def confusion(labels: ArrayLike, predicted: ArrayLike, n_classes: int) -> np.ndarray:
    """Counts, int64 (n_classes, n_classes): rows the true class, columns the predicted one."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, predicted, labels=np.arange(n_classes))


def per_class(labels: ArrayLike, predicted: ArrayLike, characters: Sequence[str]) -> pd.DataFrame:
    """A row a class: character, n, recall, its interval low and high, precision, f1.

    NaN where a score is undefined: recall without images, precision of a class never predicted.
    """
    from sklearn.metrics import precision_recall_fscore_support

    classes = np.arange(len(characters))
    precision, recall, f1, n = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=np.nan
    )
    low, high = wilson(np.nan_to_num(recall * n).round(), n)
    frame = pd.DataFrame({"character": list(characters), "n": n, "recall": recall})
    return frame.assign(low=low, high=high, precision=precision, f1=f1)


def log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of -log(probability of the label), in nats.

    A probability below the float type's epsilon counts as that (1.2e-7 in float32).
    """
    return float(losses(np.asarray(labels), np.asarray(probabilities)).mean())


def ece(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The expected calibration error of the predicted class, in [0, 1].

    The distance of accuracy and confidence in bins of equal width, weighted by their images: Guo et
    al. (2017), On calibration of modern neural networks, ICML.
    """
    right, confidence, place = confidences(labels, probabilities)
    return float(np.abs(np.bincount(place, right - confidence)).sum() / len(place))


def confidences(labels: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, ...]:
    """Whether each image is right, its confidence float64 (n,), and which of `BINS` it is in."""
    probabilities = np.asarray(probabilities)
    confidence = probabilities.max(axis=1).astype(np.float64)
    place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    return probabilities.argmax(axis=1) == labels, confidence, place


def wilson(successes: ArrayLike, n: ArrayLike) -> tuple:
    """The Wilson score interval of `successes` out of `n`, numbers or arrays; NaN where n is 0.

    E. B. Wilson (1927), JASA 22, 209-212. It stays in [0, 1] and is not empty at 0 or n.
    """
    k, n, z2 = np.asarray(successes, float), np.asarray(n, float), special.ndtri(0.975) ** 2
    center = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (divide(k * (n - k), n) + z2 / 4)) / (n + z2)
    return np.maximum(center - half, 0.0)[()], np.minimum(center + half, 1.0)[()]


def share_interval(right: ArrayLike, seed: int = 0, writers: ArrayLike | None = None) -> Interval:
    """The interval of the share of `right`, bool (n,): over the writers, else Wilson's.

    Where all are right, resamples would say that no mistake is possible.
    """
    if writers is not None and not np.all(right):
        return mean_interval(right, seed, writers)
    low, high = wilson(np.sum(right), np.size(right))
    return float(low), float(high)


def mean_interval(values: ArrayLike, seed: int, writers: ArrayLike | None = None) -> Interval:
    """The bootstrap interval of the mean of `values`, (n,), over images, or over writers."""
    sums, n = _resample(values, np.zeros(np.size(values), int), seed, writers)
    return _ends(sums[:, 0] / n[:, 0], writers)


def balanced_accuracy_interval(
    labels: ArrayLike, predicted: ArrayLike, seed: int, writers: ArrayLike | None = None
) -> Interval:
    """The bootstrap interval of the balanced accuracy, over images, or over writers.

    A class that a resample misses is left out of its mean.
    """
    right = np.equal(labels, predicted)
    if right.all():
        return share_interval(right)
    sums, n = _resample(right, np.asarray(labels), seed, writers)
    return _ends(np.nanmean(divide(sums, n), axis=1), writers)


def seed_interval(
    values: np.ndarray, labels: np.ndarray, weights: np.ndarray, scale: tuple[float, float]
) -> tuple[float, float, float]:
    """A weighted mean of class means, averaged over seeds, with an interval for images and seeds.

    The variance of a stratified mean (Cochran 1977, Sampling techniques, chapter 5) and that of the
    mean over seeds are added; the factor is Student's t at the degrees of freedom of Satterthwaite
    (1946), Biometrics Bulletin 2. For one class alone half an image at either end of the scale is
    added, so that a class without an error has an interval, too (Agresti and Coull 1998).

    `values`, (seeds, n), are 0 or 1 for wrong and right, or -1, 0 or 1 for a difference of two
    models, and `scale` their least and largest; `labels` are int (n,); `weights` float (classes,),
    of sum 1, 0 for a class without images.
    """
    classes, seeds = len(weights), len(values)
    n = np.maximum(np.bincount(labels, minlength=classes), 1)
    mean = values.mean(axis=0, dtype=np.float64)
    total = np.bincount(labels, weights=mean, minlength=classes)
    squares = np.bincount(labels, weights=mean**2, minlength=classes)
    if np.count_nonzero(weights) == 1:
        ends = np.array(scale, float)
        more, squares = total + ends.mean(), squares + (ends**2).mean()
        variance = squares / (n + 1) - (more / (n + 1)) ** 2
    else:
        variance = (squares - total**2 / n) / np.maximum(n - 1, 1)
    images = float((weights**2 * np.maximum(variance, 0) / n).sum())
    scores = np.array([np.bincount(labels, weights=v, minlength=classes) / n for v in values])
    scores = scores @ weights
    value, between = float(scores.mean()), 0.0
    factor = stats.norm.ppf(0.975)
    if seeds > 1 and (between := float(scores.var(ddof=1) / seeds)) > 0:
        freedom = (images + between) ** 2 / (between**2 / (seeds - 1))
        factor = stats.t.ppf(0.975, freedom)
    half = float(factor * np.sqrt(images + between))
    return value, max(scale[0], value - half), min(scale[1], value + half)


def mcnemar(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> dict[str, float]:
    """McNemar's exact test of two models' predictions, int (n,), of the same images.

    Only the images that one model predicts right and the other wrong tell which is better; if they
    were equally good, each would win half of these (Q. McNemar 1947, Psychometrika 12, 153-157).
    Returns n; only_first, only_second; difference of the accuracies, first less second, its
    interval low and high (A. Agresti and Y. Min 2005, Statistics in Medicine 24, 729-740); p_value.
    """
    right = (np.asarray(first) == labels).astype(int) - (np.asarray(second) == labels)
    n, one, other = len(right), int((right > 0).sum()), int((right < 0).sum())
    p_value = float(stats.binomtest(one, one + other).pvalue) if one + other else 1.0
    ends = seed_interval(right[None], np.zeros(n, np.int64), np.ones(1), (-1, 1))
    row = {"n": n, "only_first": one, "only_second": other}
    return row | dict(zip(("difference", "low", "high"), ends, strict=True)) | {"p_value": p_value}


def balanced_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray
) -> dict[str, float]:
    """The difference of two models' balanced accuracies, first less second: a paired bootstrap.

    Takes int (n,). Within each class images are drawn again (B. Efron and R. Tibshirani 1993, An
    introduction to the bootstrap), each with what both models predict of it. Returns balanced, its
    95 % interval balanced_low and balanced_high, and balanced_p, two-sided.
    """
    right = (first == labels).astype(int) - (second == labels) + 1
    rng, value, draws = np.random.default_rng(0), 0.0, np.zeros(DRAWS)
    present = np.unique(labels)
    for label in present:
        counts = np.bincount(right[labels == label], minlength=3)
        n = counts.sum()
        drawn = rng.multinomial(n, counts / n, DRAWS)
        value += (counts[2] - counts[0]) / n / len(present)
        draws += (drawn[:, 2] - drawn[:, 0]) / n / len(present)
    low, high = np.quantile(draws, (0.025, 0.975))
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    p_value = min(1.0, 2 * (tail + 1) / (DRAWS + 1))
    row = {"balanced": float(value), "balanced_low": float(low), "balanced_high": float(high)}
    return row | {"balanced_p": float(p_value)}


def holm(p_values: pd.Series) -> pd.Series:
    """p-values corrected for their number (S. Holm 1979, Scand. J. Statistics 6, 65-70)."""
    ordered = p_values.sort_values(kind="stable")
    return (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1.0)


def known_writers(writers: ArrayLike | None) -> np.ndarray | None:
    """`writers` where each image's is known and there are two at least, else None."""
    names = set() if writers is None else set(np.asarray(writers).tolist())
    return np.asarray(writers) if len(names) > 1 and "" not in names else None


def percent(x: float, digits: int = 1) -> str:
    """A share as text: `"98.4 %"` for 0.984; `"n/a"` where it is undefined."""
    return f"{100 * x:.{digits}f} %" if isfinite(x) else "n/a"


def interval_text(low: float, high: float, n: int, digits: int = 1) -> str:
    """The interval of a share as text: `"95 %: 97.4 to 99.0; n = 1,000"`."""
    ends = f"{100 * low:.{digits}f} to {100 * high:.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return f"95 %: {ends}; n = {n:,}"


def divide(above: ArrayLike, below: ArrayLike) -> np.ndarray:
    """`above / below`, NaN where `below` is 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)


def losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """What each image adds to `log_loss`, float64 (n,)."""
    label = probabilities[np.arange(labels.size), labels].astype(np.float64)
    return -np.log(np.clip(label, np.finfo(probabilities.dtype).eps, 1.0))


def _resample(
    values: ArrayLike, bins: np.ndarray, seed: int, writers: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """The sum of `values` in each bin and their number, (RESAMPLES, bins), in each resample."""
    # A. C. Davison and D. V. Hinkley (1997), Bootstrap Methods and their Application, section 3.8.
    values, n_bins = np.asarray(values, float), int(bins.max()) + 1
    if writers is None:
        low, high = values.min(), values.max()
        step = np.minimum((values - low) / ((high - low) or 1) * STEPS, STEPS - 1)
        unit = bins * STEPS + step.astype(np.int64)
    else:
        unit = np.asarray(writers)
    _, unit, sizes = np.unique(unit, return_inverse=True, return_counts=True)
    cells, size = unit * n_bins + bins, len(sizes) * n_bins
    sums = np.bincount(cells, values, size).reshape(-1, n_bins)
    n = np.bincount(cells, minlength=size).reshape(-1, n_bins)
    drawn, shares = len(sizes), np.full(len(sizes), 1 / len(sizes))
    if writers is None:  # A cell's images are drawn one by one, a writer's all together.
        sums, n = sums / sizes[:, None], n / sizes[:, None]
        drawn, shares = len(values), sizes / len(values)
    times = np.random.default_rng(seed).multinomial(drawn, shares, RESAMPLES)
    return times @ sums, times @ n


def _ends(draws: np.ndarray, writers: ArrayLike | None) -> Interval:
    """The percentiles of resampled scores, farther out where only a few writers were resampled."""
    tail = 0.025
    if writers is not None:
        # T. C. Hesterberg (2015), The American Statistician 69, 371-386. In 2,000 trials the truth
        # was then in 92 of 100 intervals with 6 writers, in 94 with 10 or more, with 3 in 73 only.
        n = len(np.unique(np.asarray(writers)))
        tail = stats.norm.cdf(stats.t.ppf(tail, n - 1) * sqrt(n / (n - 1)))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def score_table(
    predictions: Mapping[str, tuple[np.ndarray, np.ndarray, ArrayLike | None]], seed: int = 0
) -> pd.DataFrame:
    """`evaluate` of labels, probabilities, writers by name: columns name, n, x, x_low, x_high."""
    rows = []
    for name, (labels, probabilities, writers) in predictions.items():
        row = {"name": name, "n": len(labels)}
        for score, value, low, high in evaluate(labels, probabilities, seed, writers).itertuples():
            row |= {score: value, f"{score}_low": low, f"{score}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def predictor(model: Any, characters: Sequence[str]) -> Predict:
    """A function from images to a recognizer's probabilities of `characters`, rows of sum 1.

    The model may know more characters. Raises `ModelError` where it does not know them all.
    """
    if not set(characters) <= set(model.labels):
        rule = f"The model must know the dataset's characters, {''.join(characters)}"
        raise ModelError(f"{rule}. Received: a model for {''.join(model.labels)}. Use another.")
    columns = [model.labels.index(character) for character in characters]

    def predict(images: np.ndarray) -> np.ndarray:
        probabilities = model.predict(images)[:, columns]
        if len(columns) < len(model.labels):
            probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-30)
        return probabilities

    return predict

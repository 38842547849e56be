"""How sure a mean over pictures and seeds is."""

import numpy as np


def recalls(right: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """The mean of `right`, (n,), in each class, float64 (n_classes,); NaN where it has none."""
    n = np.bincount(labels, minlength=n_classes)
    total = np.bincount(labels, weights=right, minlength=n_classes)
    return np.divide(total, n, out=np.full(n_classes, np.nan), where=n > 0)


def spread(
    values: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    scale: tuple[float, float],
    level: float = 0.95,
) -> tuple[float, float, float]:
    """A weighted mean of class means, averaged over seeds, and an interval that holds two chances.

    One is the draw of the validation pictures, class by class: the variance of a stratified mean,
    which is what a bootstrap within the classes tends to (Cochran, Sampling techniques, 1977,
    chapter 5). The other is the seeds: the variance of their mean. The two are added, and the
    factor is Student's t at the degrees of freedom of Satterthwaite (1946), An approximate
    distribution of estimates of variance components, Biometrics Bulletin 2, where the pictures'
    part counts as known. With one seed the interval holds the pictures alone.

    For a mean of one class alone, half a picture at either end of the scale is added to its
    variance, so that a class that is read without an error still has an interval (as Agresti and
    Coull 1998 and Agresti and Min 2005 do for shares and for paired differences).

    Args:
        values: (seeds, n), a number a network and picture: 0 or 1 for wrong and right, or -1, 0, 1
            for the difference of two networks.
        labels: int (n,), the pictures' classes.
        weights: float (classes,), of sum 1; 0 for a class without pictures.
        scale: The least and the largest that a value may be.
        level: Of the interval.

    Returns:
        The mean, the low and the high end, these within `scale`.
    """
    from scipy.stats import norm, t

    classes, seeds = len(weights), len(values)
    n = np.maximum(np.bincount(labels, minlength=classes), 1)
    mean = values.mean(axis=0, dtype=np.float64)
    total = np.bincount(labels, weights=mean, minlength=classes)
    squares = np.bincount(labels, weights=mean**2, minlength=classes)
    if np.count_nonzero(weights) == 1:
        ends = np.array(scale, float)
        total_, squares_, n_ = total + ends.mean(), squares + (ends**2).mean(), n + 1
        variance = squares_ / n_ - (total_ / n_) ** 2
    else:
        variance = (squares - total**2 / n) / np.maximum(n - 1, 1)
    pictures = float((weights**2 * np.maximum(variance, 0) / n).sum())

    own = np.array([np.bincount(labels, weights=each, minlength=classes) / n for each in values])
    each = own @ weights
    value = float(each.mean())
    between = float(each.var(ddof=1) / seeds) if seeds > 1 else 0.0
    factor = norm.ppf(0.5 + level / 2)
    if between > 0:
        freedom = (pictures + between) ** 2 / (between**2 / (seeds - 1))
        factor = t.ppf(0.5 + level / 2, freedom)
    half = float(factor * np.sqrt(pictures + between))
    return value, max(scale[0], value - half), min(scale[1], value + half)

"""Likely label errors: labels that a cheap classifier, which has not seen them, contradicts.

Each picture gets probabilities from a small network on 150 features that was fitted to the other
folds; cleanlab ranks the labels by them (Northcutt, Jiang and Chuang 2021, Confident learning,
JAIR 70). Candidates, fitted to four fifths of the 141,475 pictures of `emnist-subset-train` and
measured on the rest, on two cores: nearest neighbours (15) in 50 components of blurred pixels
84.0 % and 7 s; quadratic discriminant 82.1 % and 0.4 s; one hidden layer of 128 there 85.2 % and
2 s; on 150 components of edge directions quadratic discriminant 85.4 % and 2 s, a hidden layer of
256 88.9 % and 5 s, of 512 89.1 % and 9 s. The layer of 256 is taken: five folds of it take half a
minute, and its log loss of 0.32 (0.66 and more for the neighbours and the discriminants) says that
its probabilities can be ranked.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from hcr.errors import DataError, ParameterError
from hcr.evaluation.features import CHUNK, draw, features

if TYPE_CHECKING:
    import pandas as pd

COMPONENTS = 150
HIDDEN = 256
BATCH = 256  # fewer where there are less than 32 times as many pictures
EPOCHS = 8
# Few pictures are passed over more often, so that the network takes about this many steps.
STEPS = 400


def suspects(
    images: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    folds: int = 5,
    seed: int = 0,
    sample: int | None = None,
) -> "pd.DataFrame":
    """The pictures whose labels are contradicted, the most suspect first.

    Pictures without ink are not looked at: no label of one is more likely than another.

    Args:
        images: uint8 (n, 28, 28); never a test split.
        labels: Class indices, int (n,).
        n_classes: How many classes there are; one may have no picture.
        folds: Of the cross-validation.
        seed: Of the sample, the folds and the network.
        sample: Look at this many pictures, drawn at random; None: at all of them.

    Returns:
        One row for each picture that is read as something else than its label: `index` among
        `images`, `given` and `suggested` (class indices), `score` (cleanlab's normalized margin,
        (p(given) - p(suggested) + 1) / 2, in [0, 0.5]; 0 is worst) and `issue` (whether cleanlab
        counts it among the label errors). In `attrs`: `n`, the pictures looked at, and
        `accuracy`, the share of them that is read as labelled.

    Raises:
        DataError: Pictures and labels don't fit together.
        ParameterError: There are fewer than 2 classes or folds, or fewer pictures than folds.
    """
    labels = np.asarray(labels)
    if n_classes < 2:
        raise ParameterError(f"Suspects need at least 2 classes. Received: {n_classes}.")
    if labels.shape != (len(images),):
        raise DataError(
            f"labels must have one entry a picture. Received: {labels.shape} for {len(images):,}."
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise DataError(
            f"labels must be in 0..{n_classes - 1}. Received: {labels.min()} to {labels.max()}."
        )
    chosen = draw(len(images), sample, seed)
    own = images if len(chosen) == len(images) else images[chosen]
    blank = ~_inked(own)
    if blank.any():
        chosen, own = chosen[~blank], own[~blank]
    if not 2 <= folds <= len(chosen):
        raise ParameterError(
            "folds must be from 2 to the number of pictures that hold ink, "
            f"{len(chosen):,}. Received: {folds}."
        )
    given = labels[chosen].astype(np.int64)
    found = probabilities(
        features(own, COMPONENTS, seed, of="directions"), given, n_classes, folds, seed
    )
    return _rank(chosen, given, found)


def _inked(images: np.ndarray) -> np.ndarray:
    """Whether each picture holds ink, bool (n,); a memory map is read a chunk at a time."""
    parts = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    return np.concatenate([np.zeros(0, bool), *(part.any(axis=(1, 2)) for part in parts)])


def _rank(chosen: np.ndarray, given: np.ndarray, found: np.ndarray) -> "pd.DataFrame":
    """The ranking of cleanlab by held-out probabilities, float (n, n_classes)."""
    import pandas as pd

    # Imported here because it takes more than a second.
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    suggested = found.argmax(axis=1)
    score = get_label_quality_scores(given, found, method="normalized_margin")
    with warnings.catch_warnings():
        # A class of a picture or two can hold no suspect; that is no news.
        warnings.filterwarnings("ignore", "May not flag all label issues", UserWarning)
        issue = find_label_issues(given, found, n_jobs=1)
    order = np.argsort(score, kind="stable")
    order = order[suggested[order] != given[order]]
    frame = pd.DataFrame(
        {
            "index": chosen[order],
            "given": given[order],
            "suggested": suggested[order],
            "score": score[order],
            "issue": issue[order],
        }
    )
    frame.attrs = {"n": len(given), "accuracy": float((suggested == given).mean())}
    return frame


def probabilities(
    found: np.ndarray, labels: np.ndarray, n_classes: int, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Each picture's class probabilities from a network that was fitted to the other folds.

    Args:
        found: Features, float32 (n, d).
        labels: Class indices, int (n,).
        n_classes: How many classes there are.
        folds: How many parts; each class is spread over them evenly.
        seed: Of the parts and of the network.

    Returns:
        float64 (n, n_classes), rows that sum to 1.
    """
    from joblib import Parallel, cpu_count, delayed
    from threadpoolctl import threadpool_limits

    scaled = found / (float(found.std()) or 1.0)
    part = parts(labels, folds, seed)

    jobs = Parallel(n_jobs=min(folds, cpu_count()), prefer="threads")
    # One thread a fold: on matrices this small, threads that share one wait for each other, on a
    # busy machine six times as long as the work takes.
    with threadpool_limits(1):
        held = jobs(
            delayed(_fold)(scaled, labels, n_classes, part == fold, seed) for fold in range(folds)
        )
    result = np.empty((len(labels), n_classes))
    for fold, each in enumerate(held):
        result[part == fold] = each
    return result / result.sum(axis=1, keepdims=True)


def _fold(
    found: np.ndarray, labels: np.ndarray, n_classes: int, held: np.ndarray, seed: int
) -> np.ndarray:
    """The probabilities of the pictures `held` back."""
    from sklearn.neural_network import MLPClassifier

    known, values = found[~held], labels[~held]
    batch = min(BATCH, max(32, len(known) // 32), len(known))
    # A generator, not a number: each pass is then in another order.
    network = MLPClassifier((HIDDEN,), batch_size=batch, random_state=np.random.RandomState(seed))
    for _ in range(max(EPOCHS, -(-STEPS * batch // len(known)))):
        network.partial_fit(known, values, classes=np.arange(n_classes))
    return network.predict_proba(found[held])


def parts(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """A fold, 0 to `folds` - 1, for each picture; a class's pictures are dealt out like cards."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    result = np.empty(len(labels), np.int64)
    result[order] = np.arange(len(labels)) % folds
    return result

"""Whether ink looks like a character that a model knows, and like one alone.

docs/recognizer.md says what the distance was compared with, and how often each is told.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.network import Network
from hcr.runs import files

FILE = "familiar.npz"  # beside the model
ACCEPTED = 0.98  # of characters as those of validation
EACH, MOST, BYTES = 500, 10, 280_000  # a class' training images, its references; bytes of all
GAP, BAR, TALL = 0.12, 0.2, 0.5  # of the height; chosen by UNIPEN's validation contributors
PIECES = 2  # of which a digit or a letter is at most, as i


class Familiar(NamedTuple):
    """How characters look to a model, from the file beside it.

    An image is as far from them as its features are from the nearest reference of the class that is
    predicted, by 1 - cosine (after Sun, Ming, Zhu and Li 2022, arXiv:2204.06507).
    """

    references: np.ndarray  # (m, d), of length 1
    classes: np.ndarray  # (m,), of the references
    scales: np.ndarray  # (n_classes,), by which the distance to one of a class is multiplied
    images: float = 0.0  # the distance up to which one is familiar
    drawings: float = 0.0

    def distances(self, probabilities: np.ndarray, features: np.ndarray) -> np.ndarray:
        """The distances (n,) of what the network gives: (n, n_classes) and (n, d)."""
        far, predicted = 1 - unit(features) @ self.references.T, probabilities.argmax(axis=1)
        far[self.classes != predicted[:, None]] = np.inf
        return far.min(axis=1) * self.scales[predicted]


def load(model: Path) -> Familiar | None:
    """What the file beside says of this very `model`. Raises `ModelError` where it is damaged."""
    path = model.with_name(FILE)
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            known = {key: arrays[key] for key in ("sha256", *Familiar._fields)}
    except Exception as error:  # of NumPy, zipfile or zlib
        raise ModelError(f"{path} must be whole. Received: {error}. Delete it.") from error
    known["references"] = known["references"].astype(np.float32)
    return Familiar(**known) if known.pop("sha256") == files.sha256(model) else None


def write(
    model: Path, images: np.ndarray, labels: np.ndarray, validation: Mapping[str, np.ndarray]
) -> None:
    """Write the file beside a model that has features; beside another one there is none.

    References are k-means centers of training images, uint8 (n, 28, 28), with `labels` (n,); the
    thresholds are of validation's "images" and "drawings", or of its images alone.
    """
    from sklearn.cluster import KMeans

    model.with_name(FILE).unlink(missing_ok=True)
    network, rng, references, classes = Network(model), np.random.default_rng(0), [], []
    scales, known = np.ones(network.n_classes, np.float32), np.unique(labels)
    for label in known:
        chosen = rng.permutation(np.flatnonzero(labels == label))[:EACH]
        try:
            own = unit(network.with_features(images[chosen])[1])
        except ModelError:
            return
        most = min(MOST, BYTES // (2 * len(known) * own.shape[1]), len(own) // MOST)
        means = KMeans(max(1, most), n_init=1, random_state=0).fit(own).cluster_centers_
        references.append(unit(means).astype(np.float16))
        classes += [label] * len(means)
        # Between the distance and its ratio to the class' largest: classes are wide or narrow.
        largest = np.quantile((1 - own @ references[-1].T).min(axis=1), ACCEPTED)
        scales[label] = max(largest, 1e-4) ** -0.5
    found = Familiar(np.concatenate(references), np.array(classes), scales)
    far = {x: found.distances(*network.with_features(those)) for x, those in validation.items()}
    far = {x: np.quantile(values, ACCEPTED, method="higher") for x, values in far.items()}
    found = found._replace(images=far["images"], drawings=far.get("drawings", far["images"]))
    with files.writing(model.with_name(FILE)) as aside:
        np.savez(aside, sha256=files.sha256(model), **found._asdict())


def falls_apart(strokes: Sequence) -> bool:
    """Whether strokes, (k, 2) each, are tall pieces side by side, as those of "42".

    Where one is a bar, as of H or K, the gap must be wider; of two bars nobody knows.
    """
    arrays = [np.asarray(stroke, float).reshape(-1, 2) for stroke in strokes]
    boxes = np.array(sorted([*x.min(axis=0), *x.max(axis=0)] for x in arrays if len(x)))
    unit = np.ptp(boxes[:, [1, 3]]) if len(boxes) else 0.0
    for i in range(1, len(boxes)):
        sides, gap = (boxes[:i], boxes[i:]), boxes[i, 0] - boxes[:i, 2].max()
        if gap > GAP * unit and min(np.ptp(side[:, [1, 3]]) for side in sides) > TALL * unit:
            thin, wide = sorted(np.ptp(side[:, [0, 2]]) for side in sides)
            if wide > BAR * unit and (thin > BAR * unit or gap > 2.5 * GAP * unit):
                return True
    return False


def pieces(strokes: Sequence) -> int:
    """Into how many pieces strokes, (k, 2) each, fall: more than `GAP` of the longer side apart."""
    lines = [np.asarray(stroke, float).reshape(-1, 2) @ [1, 1j] for stroke in strokes]
    lines, points = [line for line in lines if len(line)], []
    for line in lines:  # evenly spaced: a page sends few points of a fast stroke
        along = np.append(0, np.abs(np.diff(line)).cumsum())
        t = np.linspace(0, along[-1], max(8, 256 // len(lines)))
        points.append(np.interp(t, along, line))
    unit = max(map(np.ptp, (np.real(points), np.imag(points)))) if points else 0
    far = [np.abs(line[:, None, None] - points).min(axis=(0, 2)) for line in points]
    near = np.array(far) <= GAP * unit
    for _ in points:
        near = near @ near
    return len(np.unique(near, axis=0))


def unit(features: np.ndarray) -> np.ndarray:
    """`features`, (n, d), of length 1 each."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)

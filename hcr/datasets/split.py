"""A dataset and its splits, how they are drawn, and their digests."""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import DataError
from hcr.preprocessing import check_images
from hcr.preprocessing.labels import LABEL_SETS
from hcr.runs import files

# One fixed shuffle for every user and seed: figures of different runs stay comparable.
SPLIT_SEED = 20170217
SPLITS = ("train", "validation", "test")
_TABLE = tomllib.loads(Path(__file__).with_name("datasets.toml").read_text("utf-8"))
# Name to module.
DATASETS = {name: f"hcr.datasets.{module}" for name, module in _TABLE.pop("modules").items()}


@dataclass(frozen=True)
class Strokes:
    """Drawings: i has strokes `sample_ptr[i:i + 2]`, stroke s has points `stroke_ptr[s:s + 2]`."""

    points: np.ndarray  # float32 (p, 2), x right and y down
    stroke_ptr: np.ndarray  # int64 (n_strokes + 1,)
    sample_ptr: np.ndarray  # int64 (n + 1,)

    def __len__(self) -> int:
        return len(self.sample_ptr) - 1

    def __getitem__(self, i: int) -> list[np.ndarray]:
        """The strokes of drawing `i`, float32 (k, 2) each."""
        i = range(len(self))[i]
        bounds = self.stroke_ptr[self.sample_ptr[i] : self.sample_ptr[i + 1] + 1]
        return [self.points[a:b] for a, b in pairwise(bounds)]

    def take(self, indices: np.ndarray) -> "Strokes":
        """The drawings at `indices`, int (m,)."""
        return Strokes.of(self[int(i)] for i in indices)

    @classmethod
    def of(cls, drawings: Iterable[Sequence[np.ndarray]]) -> "Strokes":
        """Gather `drawings`, each a list of (k, 2) arrays."""
        points, counts = [np.zeros((0, 2), np.float32)], [0]
        for drawing in drawings:
            points += [np.asarray(stroke, np.float32).reshape(-1, 2) for stroke in drawing]
            counts.append(len(drawing))
        ends = (np.cumsum(sizes, dtype=np.int64) for sizes in ([*map(len, points)], counts))
        return cls(np.concatenate(points), *ends)


@dataclass(frozen=True)
class Split:
    """Images and their labels, and what belongs to them where it is known."""

    images: np.ndarray  # uint8 (n, 28, 28), ink 255 on 0, upright; perhaps a read-only memory map
    labels: np.ndarray  # int64 (n,)
    strokes: Strokes | None = None  # the n drawings that the images were made from
    writers: np.ndarray | None = None  # str (n,)
    sources: np.ndarray | None = None  # int64 (n,), which of the datasets that were joined
    originals: np.ndarray | None = None  # uint64 (n,), hashes of the images before `reframed`

    def __post_init__(self) -> None:
        check_images(self.images)
        for values in (self.labels, self.strokes, self.writers, self.sources, self.originals):
            if values is not None and len(self.images) != len(values):
                rule = "There must be one label, drawing, writer and source per image"
                raise DataError(f"{rule}. Received: {len(values)} for {len(self.images)} images.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """The images at `indices`, int (m,), with all that belongs to them."""
        strokes = None if self.strokes is None else self.strokes.take(indices)
        more = (self.writers, self.sources, self.originals)
        more = (None if each is None else each[indices] for each in more)
        return Split(self.images[indices], self.labels[indices], strokes, *more)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the images' and labels' bytes, in hexadecimal."""
        # A view, not a copy: there may be 640 MB of them.
        pixels = np.ascontiguousarray(self.images).reshape(-1).data
        return files.digest(str(self.images.shape), pixels, self.labels.astype("<i8").tobytes())


@dataclass(frozen=True)
class Options:
    """What besides its name decides what a dataset is read from."""

    path: str | None = None  # of the user's own data, or the A–Z file
    orientation: str = "upright"  # a key of `hcr.datasets.own.ORIENTATIONS`
    framing: str = "original"  # or "emnist": every image gets EMNIST's


@dataclass(frozen=True)
class Info:
    """What is known of a dataset before it is read."""

    title: str  # for people
    characters: tuple[str, ...]  # of the labels
    license: str
    citation: str
    url: str
    caveat: str = ""  # what must stand beside every figure, such as "synthetic"


@cache
def described() -> dict[str, Info]:
    """What is known of every dataset but a person's own, by name."""
    known = {}
    for terms in _TABLE.values():
        sets, parts = terms.pop("sets"), terms.pop("parts", {})
        if parts:
            licenses = (f"{who}: {_TABLE[each]['license']}" for who, each in parts.items())
            citations = (_TABLE[each]["citation"] for each in parts.values())
            terms |= {"license": ". ".join(licenses), "citation": ". ".join(citations)}
        for name, characters, title in sets:
            known[name] = Info(title, tuple(LABEL_SETS[characters]), **terms)
    return known


@dataclass
class Dataset:
    """One dataset; the first use of `test` is recorded."""

    name: str  # the key in `DATASETS`
    info: Info
    train: Split  # to fit on
    validation: Split  # to choose everything on
    test_labels: np.ndarray  # int64 (n,), for counting
    read_test: Callable[[], Split]
    leaks: dict[str, int] = field(default_factory=dict)  # of `hcr.datasets.leaks.guard`
    changed: dict[str, Any] = field(default_factory=dict)  # the options that cut `train`
    indices: np.ndarray | None = None  # int64 (m,), of the whole training split; None: all
    # Called with the name, the number of test images and their digest.
    on_test_opened: Callable[[str, int, str], None] | None = field(default=None, repr=False)

    def keep(self, chosen: np.ndarray, **changed: Any) -> None:
        """Keep the training images at `chosen`, int (m,), because of the options `changed`."""
        self.changed |= changed
        if len(chosen) < len(self.train):
            self.train = self.train.take(chosen)
            self.indices = chosen if self.indices is None else self.indices[chosen]

    @cached_property
    def train_and_validation(self) -> Split:
        """Both splits as one, without strokes; what knows no source is of the first dataset."""
        both = {"images": 0, "labels": 0, "writers": "", "sources": 0}
        for key, missing in list(both.items()):
            parts = [(len(part), getattr(part, key)) for part in (self.train, self.validation)]
            filled = [np.full(n, missing) if values is None else values for n, values in parts]
            known = any(values is not None for _, values in parts)
            both[key] = np.concatenate(filled) if known else None
        return Split(**both)

    @property
    def characters(self) -> tuple[str, ...]:
        """The character of each label."""
        return self.info.characters

    @cached_property
    def test(self) -> Split:
        """The test split."""
        split = self.read_test()
        if self.on_test_opened is not None:
            self.on_test_opened(self.name, len(split), split.digest)
        return split

    @property
    def counts(self) -> dict[str, np.ndarray]:
        """How many images each class has, int64 (n_classes,), by split."""
        labels = (self.train.labels, self.validation.labels, self.test_labels)
        counts = [np.bincount(values, minlength=len(self.characters)) for values in labels]
        return dict(zip(SPLITS, counts, strict=True))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of characters, training and validation images and test labels."""
        labels = self.test_labels.astype("<i8").tobytes()
        parts = self.train.digest, self.validation.digest
        return files.digest(list(self.characters), *parts, labels)

    def facts(self) -> dict[str, Any]:
        """What `run.json` says of the data."""
        names = self.characters
        return {
            "name": self.name,
            "title": self.info.title,
            "caveat": self.info.caveat,
            "digest": self.digest,
            "validation_digest": self.validation.digest,
            "classes": len(self.characters),
            "characters": ("" if all(len(c) == 1 for c in names) else " ").join(names),
            "counts": {split: int(counts.sum()) for split, counts in self.counts.items()},
            "leaks": self.leaks,
            "changed": self.changed,
            "licence": self.info.license,
            "citation": self.info.citation,
            "url": self.info.url,
        }


def by_hash(hashes: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Split indices by the images' hashes: an image falls into the same part for ever.

    `hashes` are uint64 (n,), of `pixel_hashes`; `shares` are in (0, 1], together 1. Returns one
    sorted int64 array of indices per share.
    """
    part = np.searchsorted(np.cumsum(shares[:-1]), hashes / 2.0**64, side="right")
    return [np.flatnonzero(part == i) for i in range(len(shares))]


def stratified(labels: np.ndarray, shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Split indices of `labels`, int (n,), so that every class is split alike.

    `shares` are each in (0, 1], together at most 1. Returns one sorted int64 array per share.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    ends = np.cumsum([0.0, *shares])
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        cuts = np.round(ends * len(indices)).astype(int)
        for part, (start, stop) in zip(parts, pairwise(cuts), strict=True):
            part.append(indices[start:stop])
    return [np.sort(np.concatenate(part)) for part in parts]


def stratified_sample(labels: np.ndarray, limit: int, seed: int, n_classes: int) -> np.ndarray:
    """Indices of at most `limit` of `labels`, every class with its share and at least one."""
    if limit < n_classes:
        rule = f"limit must leave an image for each of the {n_classes} classes"
        raise DataError(f"{rule}. Received: {limit}. Give at least {n_classes}, or no limit.")
    if limit >= len(labels):
        return np.arange(len(labels))
    counts = np.bincount(labels, minlength=n_classes)
    exact = counts * (limit / len(labels))
    quota = np.minimum(counts, np.maximum(1, np.floor(exact).astype(int)))
    # Those that are furthest below their share get what rounding down has left over.
    for label in np.argsort(quota - exact, kind="stable"):
        if quota.sum() >= limit:
            break
        quota[label] += quota[label] < counts[label]
    while quota.sum() > limit:
        quota[np.argmax(quota)] -= 1
    rng = np.random.default_rng([seed, SPLIT_SEED])
    chosen = [rng.permutation(np.flatnonzero(labels == i))[:n] for i, n in enumerate(quota)]
    return np.sort(np.concatenate(chosen))

"""The splits of a data set, how they are drawn, and what is told of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from hcr.datasets.strokes import Strokes
from hcr.errors import DataError
from hcr.runs import files

# One fixed shuffle for every user and seed: figures of different runs stay comparable.
SPLIT_SEED = 20170217

__all__ = ["SPLIT_SEED", "Data", "Info", "Options", "Split", "Strokes", "by_hash", "stratified"]


@dataclass(frozen=True)
class Split:
    """Pictures and their labels.

    Attributes:
        images: uint8 (n, 28, 28), ink 255 on 0, upright; may be a read-only memory map.
        labels: int64 (n,).
        strokes: The n drawings that the pictures were made from, where they are known.
        writers: str (n,), who wrote each, where it is known.
        sources: int64 (n,), which of the sets that were put together each comes from, counted from
            0, where there are several.
    """

    images: np.ndarray
    labels: np.ndarray
    strokes: Strokes | None = None
    writers: np.ndarray | None = None
    sources: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (28, 28):
            raise DataError(
                "Pictures must be uint8 of shape (n, 28, 28). "
                f"Received: {self.images.dtype} {self.images.shape}."
            )
        for what, found in (
            ("label", self.labels),
            ("drawing", self.strokes),
            ("source", self.sources),
        ):
            if found is not None and len(self.images) != len(found):
                raise DataError(
                    f"There must be one {what} a picture. Received: "
                    f"{len(self.images)} pictures and {len(found)} {what}s."
                )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """The pictures, labels, drawings, writers and sources at `indices`, int (m,)."""
        return Split(
            self.images[indices],
            self.labels[indices],
            None if self.strokes is None else self.strokes.take(indices),
            None if self.writers is None else self.writers[indices],
            None if self.sources is None else self.sources[indices],
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pictures' and labels' bytes, in hexadecimal."""
        # Not a copy: there may be 640 MB of them.
        pixels = np.ascontiguousarray(self.images).reshape(-1).data
        return files.digest(str(self.images.shape), pixels, self.labels.astype("<i8").tobytes())


@dataclass(frozen=True)
class Options:
    """What besides its name decides what a data set is read from.

    Attributes:
        path: Where a set of the user's own lies, or the A-Z file.
        orientation: A key of `hcr.datasets.own.ORIENTATIONS`, for the user's own pictures.
    """

    path: str | None = None
    orientation: str = "upright"


@dataclass(frozen=True)
class Info:
    """What is known of a data set before it is read.

    Attributes:
        title: The name for people.
        characters: The character of each label.
        licence: Under which terms it may be used.
        citation: What to cite.
        url: Where it comes from.
        caveat: What must stand beside every figure, as `"synthetic"`; mostly empty.
        drawer: Whom an accuracy is named by, where one person drew all: `"You"`; mostly empty.
    """

    title: str
    characters: tuple[str, ...]
    licence: str
    citation: str
    url: str
    caveat: str = ""
    drawer: str = ""


@dataclass
class Data:
    """One data set; the test pictures are read when they are first used.

    Attributes:
        name: The key in `DATASETS`.
        info: What is known of it.
        train: What a network is fitted on.
        validation: What everything is chosen on.
        test_labels: int64 (n,), for counting; the pictures come with `test`.
        read_test: Reads the test split.
        leaks: What the leak guard found and removed, as `hcr.datasets.leaks.guard` reports it.
        changed: How the training split was made smaller on purpose, by the options of `load`.
        indices: int64 (m,), which images of the whole training split were kept on purpose, or None.
        on_test_opened: Called when `test` is first used, with the name, the number of pictures and
            the split's digest.
    """

    name: str
    info: Info
    train: Split
    validation: Split
    test_labels: np.ndarray
    read_test: Callable[[], Split]
    leaks: dict[str, int] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    indices: np.ndarray | None = None
    on_test_opened: Callable[[str, int, str], None] | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """The name for people."""
        return self.info.title

    @property
    def characters(self) -> tuple[str, ...]:
        """The character of each label."""
        return self.info.characters

    @property
    def caveat(self) -> str:
        """What must stand beside every figure; mostly empty."""
        return self.info.caveat

    def accuracy_of(self, split: Split) -> str:
        """What an accuracy on `split` is called, as `"Accuracy"` or `"You, 124 drawings"`."""
        if not self.info.drawer:
            return "Accuracy"
        people = len(np.unique(split.writers))
        who = self.info.drawer if people == 1 else f"{people:,} people"
        return f"{who}, {len(split):,} drawings"

    @cached_property
    def test(self) -> Split:
        """The test split. Its opening is recorded."""
        split = self.read_test()
        if self.on_test_opened is not None:
            self.on_test_opened(self.name, len(split), split.digest)
        return split

    @property
    def counts(self) -> dict[str, np.ndarray]:
        """How many pictures each class has, int64 (n_classes,), by split."""
        n = len(self.characters)
        return {
            "train": np.bincount(self.train.labels, minlength=n),
            "validation": np.bincount(self.validation.labels, minlength=n),
            "test": np.bincount(self.test_labels, minlength=n),
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of characters, training and validation pictures and test labels.

        The test pictures are left out, so that it can be had without opening them.
        """
        labels = self.test_labels.astype("<i8").tobytes()
        return files.digest(
            list(self.characters), self.train.digest, self.validation.digest, labels
        )

    def facts(self) -> dict[str, Any]:
        """What `run.json` says of the data."""
        return {
            "name": self.name,
            "title": self.title,
            "caveat": self.caveat,
            "digest": self.digest,
            "validation_digest": self.validation.digest,
            "classes": len(self.characters),
            "characters": "".join(self.characters),
            "counts": {split: int(counts.sum()) for split, counts in self.counts.items()},
            "leaks": self.leaks,
            "changed": self.changed,
            "licence": self.info.licence,
            "citation": self.info.citation,
            "url": self.info.url,
        }


def by_hash(hashes: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Split indices by the pictures' hashes: a picture falls into the same part for ever.

    Args:
        hashes: uint64 (n,), evenly spread, as `hcr.datasets.leaks.pixel_hashes` gives them.
        shares: The share of all hashes, in (0, 1], that each part takes; together at most 1.

    Returns:
        One sorted int64 array of indices a share. Equal pictures are always in one part.
    """
    place = hashes.astype(np.float64) / 2.0**64
    ends = np.cumsum([0.0, *shares])
    ends[-1] = np.inf if np.isclose(ends[-1], 1) else ends[-1]
    return [np.flatnonzero((place >= start) & (place < end)) for start, end in pairwise(ends)]


def stratified(labels: np.ndarray, shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Split indices of `labels` so that every class is split alike.

    Args:
        labels: int (n,).
        shares: The share of each class, in (0, 1], that each part takes; together at most 1.
        seed: Of the shuffle within a class.

    Returns:
        One sorted int64 array of indices a share.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    ends = np.cumsum([0.0, *shares])
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        cuts = np.round(ends * len(indices)).astype(int)
        for part, start, stop in zip(parts, cuts, cuts[1:], strict=False):
            part.append(indices[start:stop])
    return [np.sort(np.concatenate(part)) for part in parts]


def stratified_sample(labels: np.ndarray, limit: int, seed: int, n_classes: int) -> np.ndarray:
    """Indices of at most `limit` of `labels`, every class with its share and at least one.

    Raises `DataError` where `limit` is less than the number of classes.
    """
    if limit < n_classes:
        raise DataError(
            f"limit must leave a picture for each of the {n_classes} classes. Received: {limit}. "
            f"Give at least {n_classes}, or null for all."
        )
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
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[: quota[label]]
        for label in range(n_classes)
    ]
    return np.sort(np.concatenate(chosen))

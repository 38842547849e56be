"""Many drawings as pen strokes, in three arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Strokes:
    """Drawings as pen strokes, all in three arrays.

    Drawing i is the strokes `sample_ptr[i]:sample_ptr[i + 1]`, stroke s the points
    `stroke_ptr[s]:stroke_ptr[s + 1]`.

    Attributes:
        points: float32 (p, 2), x right and y down.
        stroke_ptr: int64 (n_strokes + 1,).
        sample_ptr: int64 (n + 1,).
    """

    points: np.ndarray
    stroke_ptr: np.ndarray
    sample_ptr: np.ndarray

    def __len__(self) -> int:
        return len(self.sample_ptr) - 1

    def __getitem__(self, i: int) -> list[np.ndarray]:
        """The strokes of drawing `i`, float32 (k, 2) each."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"There are {len(self)} drawings. Received: {i}.")
        i %= len(self)
        bounds = self.stroke_ptr[self.sample_ptr[i] : self.sample_ptr[i + 1] + 1]
        return [self.points[a:b] for a, b in pairwise(bounds)]

    def take(self, indices: np.ndarray) -> "Strokes":
        """The drawings at `indices`, int (m,)."""
        return Strokes.of(self[int(i)] for i in indices)

    @classmethod
    def of(cls, drawings: Iterable[Sequence[np.ndarray]]) -> "Strokes":
        """Gather `drawings`, each a list of (k, 2) arrays."""
        points, lengths, counts = [], [], []
        for drawing in drawings:
            arrays = [np.asarray(stroke, np.float32).reshape(-1, 2) for stroke in drawing]
            points += arrays
            lengths += [len(stroke) for stroke in arrays]
            counts.append(len(arrays))
        return cls(
            np.concatenate(points) if points else np.zeros((0, 2), np.float32),
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
        )

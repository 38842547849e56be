"""What a model makes of a picture: the likeliest characters, and between which it hesitates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.doubt import Best, hesitation

SHOWN = 5  # characters


class Reader(Protocol):
    """A model as the pad is given it. `hcr.recognizer.Recognizer` is one.

    Attributes:
        labels: The characters, in the order of the probabilities.
        groups: Characters that it was found to take for one another, on validation; may be empty.
    """

    labels: Sequence[str]
    groups: Sequence[Sequence[str]]

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (n, n_labels) of uint8 (n, 28, 28) pictures."""
        ...

    def occlusion(self, picture: np.ndarray, label: int) -> np.ndarray:
        """How much each pixel of a uint8 (28, 28) picture speaks for a label, float (28, 28)."""
        ...


@dataclass(frozen=True)
class Reading:
    """An answer to one picture.

    Attributes:
        best: The likeliest characters, at most `SHOWN`, with their probabilities, best first.
        doubt: The characters between which it hesitates, likeliest first; empty where it is sure.
        alike: Whether these were found to be confused on validation.
    """

    best: Best
    doubt: tuple[str, ...] = ()
    alike: bool = False


def read(reader: Reader, picture: np.ndarray) -> Reading:
    """The reading of a uint8 (28, 28) picture.

    Raises `ModelError` where `reader` does not keep its promise.
    """
    labels = reader.labels
    shares = np.asarray(reader.predict(picture[None]), dtype=float)
    if shares.shape != (1, len(labels)) or not np.isfinite(shares).all():
        raise ModelError(
            f"predict must return (1, {len(labels)}) finite probabilities. "
            f"Received: shape {shares.shape}. Use a model of hcr.recognizer."
        )
    order = np.argsort(-shares[0], kind="stable")
    ranked = [(labels[index], float(shares[0, index])) for index in order]
    doubt = hesitation(ranked, reader.groups)
    alike = any(set(doubt) <= set(group) for group in reader.groups) if doubt else False
    return Reading(ranked[:SHOWN], doubt, alike)


def words(reading: Reading) -> str:
    """One sentence on how sure an answer is."""
    if not reading.doubt:
        return f"Read as {reading.best[0][0]}."
    *most, last = reading.doubt
    rest = len(reading.doubt) - SHOWN
    if rest > 0:
        most, last = reading.doubt[:SHOWN], f"{rest} other{'s' if rest > 1 else ''}"
    told = f"Not sure: {', '.join(most)} or {last}."
    return f"{told} On validation, too, it confused these." if reading.alike else told

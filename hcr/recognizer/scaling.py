"""How a foreign model wants its pictures: the range of its numbers, paper or ink, which way up."""

import re
from dataclasses import dataclass

import numpy as np

from hcr.errors import ModelError

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})", re.IGNORECASE)
WORDS = ("inverted", "transposed")
SHAPES = ((28, 28), (28, 28, 1), (1, 28, 28), (784,))
"""What a foreign model may take, the first axis, n, left out."""


@dataclass(frozen=True)
class Scaling:
    """What a model was trained on, in place of the picture contract.

    Attributes:
        paper: The number for the ground.
        ink: The number for full ink.
        transposed: Whether rows and columns are swapped, as in EMNIST's files.
    """

    paper: float
    ink: float
    transposed: bool = False

    @property
    def factor(self) -> float:
        """What a pixel of 0..255 is multiplied by."""
        return (self.ink - self.paper) / 255

    @property
    def text(self) -> str:
        """The same in words, as `parse` takes it."""
        return f"{self.paper:.9g}..{self.ink:.9g}" + (" transposed" if self.transposed else "")

    def apply(self, pictures: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Pictures as the model takes them.

        Args:
            pictures: uint8 (n, 28, 28), ink 255 on 0, upright.
            shape: One of `SHAPES`.

        Returns:
            float32 (n, *shape).
        """
        if self.transposed:
            pictures = pictures.transpose(0, 2, 1)
        values = pictures.astype(np.float32) * np.float32(self.factor) + np.float32(self.paper)
        return values.reshape(len(pictures), *shape)


def parse(text: "str | Scaling | None") -> Scaling | None:
    """A scaling from its words; None for None, the picture contract.

    Args:
        text: The numbers of ground and ink, as `0..1`, `-1..1`, `0..255` or any other two
            (`-0.4242..2.8215` for a mean of 0.1307 and a deviation of 0.3081), and after it, if it
            is so, `inverted` (dark ink on light ground: the two numbers change places) and
            `transposed`; blanks or commas between.

    Raises:
        ModelError: It is something else.
    """
    if text is None or isinstance(text, Scaling):
        return text
    words = re.split(r"[\s,]+", text.strip()) if isinstance(text, str) else [""]
    found = RANGE.fullmatch(words[0])
    if not found or not set(words[1:]) <= set(WORDS) or float(found[1]) == float(found[2]):
        raise ModelError(
            "scaling must be the numbers of ground and ink, as '0..1', '-1..1' or '0..255', and "
            f"then, if it is so, 'inverted', 'transposed'. Received: {str(text)[:80]!r}."
        )
    paper, ink = float(found[1]), float(found[2])
    if "inverted" in words:
        paper, ink = ink, paper
    return Scaling(paper, ink, "transposed" in words)

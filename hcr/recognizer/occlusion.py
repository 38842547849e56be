"""Where a network looked: what becomes of an answer when a part of the picture is covered.

After Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks"
(arXiv:1311.2901), section 4.2: a square is moved over the picture, and the answer is asked for at
each place. The square is paper here, so where there is no ink nothing need be asked.
"""

from collections.abc import Callable

import numpy as np

from hcr.errors import ParameterError
from hcr.preprocessing import SIDE, check_images

COVER = 6  # px: the square's side, twice a line's width
STEP = 2  # px: between two places
_LEAST = 1e-6  # probabilities nearer to 0 or 1 are taken for this


def occlusion(
    predict: Callable[[np.ndarray], np.ndarray], picture: np.ndarray, label: int
) -> np.ndarray:
    """How much each pixel of a picture speaks for a label.

    Args:
        predict: From uint8 (n, 28, 28) pictures to (n, n_labels) probabilities. It is asked once,
            about 145 pictures at most.
        picture: uint8 (28, 28), ink 255 on 0, upright.
        label: The index of the label.

    Returns:
        float64 (28, 28): by how much the label's log-odds fall when the pixel is covered, in nats,
        the mean over the squares that cover it. Positive speaks for the label, negative against
        it; 0 where there is no ink near.

    Raises:
        DataError: `picture` breaks the picture contract.
        ParameterError: There is no such label.
    """
    picture = check_images(np.asarray(picture)[None])[0]
    starts = range(0, SIDE - COVER + 1, STEP)
    squares = [
        np.s_[row : row + COVER, column : column + COVER] for row in starts for column in starts
    ]
    inked = [square for square in squares if picture[square].any()]
    pictures = np.repeat(picture[None], 1 + len(inked), axis=0)
    for covered, square in zip(pictures[1:], inked, strict=True):
        covered[square] = 0
    shares = np.asarray(predict(pictures), dtype=float)
    if not 0 <= label < shares.shape[1]:
        raise ParameterError(
            f"label must be an index from 0 to {shares.shape[1] - 1}. Received: {label}."
        )
    shares = np.clip(shares[:, label], _LEAST, 1 - _LEAST)
    odds = np.log(shares / (1 - shares))
    fallen, times = np.zeros((2, SIDE, SIDE))
    for square in squares:
        times[square] += 1
    for square, change in zip(inked, odds[0] - odds[1:], strict=True):
        fallen[square] += change
    return fallen / times

"""Two pictures in one, and their labels with them: mixup and CutMix."""

import keras
import numpy as np
from keras import ops

from hcr.models.batches import Batches


class MixedBatches(Batches):
    """`Batches` whose pictures are mixed two by two: with the one at the batch's other end.

    A batch is ((pictures, own), targets): `own`, float32 (n, 28, 28), is what each pixel keeps of
    its own picture, for `Mix`, which mixes after each of the two was varied; `targets`, float32
    (n, classes), holds the shares of the two labels, times the pictures' weights. All is drawn
    from (seed, epoch, batch), so a resumed run draws the same.

    Args:
        given: Those of `Batches`.
        n_classes: Of the targets.
        mixing: `mixup` (Zhang et al. 2018, mixup: beyond empirical risk minimization) blends the
            two, `cutmix` (Yun et al. 2019, CutMix) puts a box of the one into the other.
        alpha: Both numbers of the beta distribution that the share of the own picture is drawn
            from; above 0.
        options: Those of `Batches`.
    """

    def __init__(self, *given, n_classes: int, mixing: str, alpha: float, **options):
        super().__init__(*given, **options)
        self.n_classes, self.mixing, self.alpha = n_classes, mixing, alpha

    def __getitem__(self, i: int):
        pictures, labels, *weights = super().__getitem__(i)
        # The last number keeps this stream apart from that of the random layers.
        rng = np.random.default_rng([self.seed, self.epoch, i, 1])
        share = rng.beta(self.alpha, self.alpha, len(labels)).astype(np.float32)
        if self.mixing == "mixup":
            own = np.ones(pictures.shape, np.float32) * share[:, None, None]
        else:
            own = _boxes(rng, share, pictures.shape[1])
            share = own.mean(axis=(1, 2))
        targets = np.eye(self.n_classes, dtype=np.float32)[labels]
        if weights:
            targets *= weights[0][:, None]
        targets = share[:, None] * targets + (1 - share[:, None]) * targets[::-1]
        return (pictures, own), targets


@keras.saving.register_keras_serializable("hcr")
class Mix(keras.layers.Layer):
    """Mixes each picture of a batch with the one at the batch's other end, when training."""

    def call(self, inputs, training=False):
        """(pictures, own) to pictures: uint8 and float32 to uint8, all (n, 28, 28)."""
        pictures, own = inputs
        if not training:
            return pictures
        mine = ops.cast(pictures, "float32")
        other = ops.flip(mine, axis=0)
        return ops.cast(ops.round(other + own * (mine - other)), pictures.dtype)

    def compute_output_shape(self, input_shape):
        """That of the pictures."""
        return input_shape[0]


def _boxes(rng: np.random.Generator, share: np.ndarray, size: int) -> np.ndarray:
    """0 in a box with 1 - share of the area, cut where it leaves the picture, and 1 beside it."""
    half = size * np.sqrt(1 - share)[:, None] / 2
    # Pixels that a box's edge crosses belong to it by the half that their middle lies in.
    middles = rng.uniform(0, size, (2, len(share), 1))
    rows, columns = np.abs(np.arange(size) + 0.5 - middles) < half
    return 1 - (rows[:, :, None] & columns[:, None, :]).astype(np.float32)

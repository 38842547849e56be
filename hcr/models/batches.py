"""A plan's pictures, batch by batch, in an order of each epoch's own."""

import keras
import numpy as np

from hcr.datasets import Split
from hcr.datasets.balancing import Plan
from hcr.models.losses import coded


class Batches(keras.utils.PyDataset):
    """The plan's pictures in batches, in an order that follows from (seed, epoch) alone.

    Args:
        split: The training split that `plan` was made for.
        plan: Which pictures, and with what weight.
        batch_size: Pictures a batch; the last of a pass may have fewer.
        seed: Of the order.
        epoch: The number of the first pass, from 0.
        steps: How many full batches to give instead of one pass: as many passes as that takes.
        coded_for: The number of classes, where labels shall tell of which set a picture is, too
            (`hcr.models.losses.coded`).
    """

    def __init__(
        self,
        split: Split,
        plan: Plan,
        batch_size: int,
        seed: int,
        epoch: int,
        steps: int | None = None,
        coded_for: int | None = None,
    ):
        super().__init__()
        self.split, self.plan, self.batch_size = split, plan, batch_size
        self.labels = split.labels
        if coded_for is not None:
            self.labels = coded(split.labels, split.sources, coded_for)
        self.seed, self.epoch = seed, epoch
        self.draws = len(plan) if steps is None else steps * batch_size
        self.weighted = bool(np.ptp(plan.weights) > 0)
        self._shuffle()

    def __len__(self) -> int:
        return -(-self.draws // self.batch_size)

    def __getitem__(self, i: int):
        drawn = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        indices = self.plan.indices[drawn]
        batch = self.split.images[indices], self.labels[indices]
        return (*batch, self.plan.weights[drawn]) if self.weighted else batch

    def on_epoch_end(self) -> None:
        """Called by Keras once an epoch."""
        self.epoch += self.passes
        self._shuffle()

    @property
    def passes(self) -> int:
        """How many passes over the plan an epoch begins."""
        return -(-self.draws // len(self.plan))

    def _shuffle(self) -> None:
        orders = [
            np.random.default_rng([self.seed, self.epoch + i]).permutation(len(self.plan))
            for i in range(self.passes)
        ]
        self.order = np.concatenate(orders)[: self.draws]

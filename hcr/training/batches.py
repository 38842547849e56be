"""A plan's pictures, batch by batch, in an order of each epoch's own."""

import keras
import numpy as np

from hcr.balance import Plan
from hcr.datasets import Split


class Batches(keras.utils.PyDataset):
    """The plan's pictures in batches, in an order that follows from (seed, epoch) alone."""

    def __init__(self, split: Split, plan: Plan, batch_size: int, seed: int, epoch: int):
        super().__init__()
        self.split, self.plan, self.batch_size = split, plan, batch_size
        self.seed, self.epoch = seed, epoch
        self.weighted = bool(np.ptp(plan.weights) > 0)
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.plan) // self.batch_size)

    def __getitem__(self, i: int):
        drawn = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        indices = self.plan.indices[drawn]
        batch = self.split.images[indices], self.split.labels[indices]
        return (*batch, self.plan.weights[drawn]) if self.weighted else batch

    def on_epoch_end(self) -> None:
        """Called by Keras once an epoch."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.plan))

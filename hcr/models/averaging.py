"""The moving average of a network's weights: what answers in place of the last ones."""

import keras
import numpy as np
from keras import ops

from hcr.models.distillation import Taught


@keras.saving.register_keras_serializable("hcr")
class Averaged(keras.layers.Wrapper):
    """A network in training, and beside it the exponential moving average of its weights.

    The averages are weights of this layer, brought up to date in the training graph, so every
    checkpoint holds them. A batch norm's means and variances are averaged like all else: those of
    the last weights don't fit the averaged ones, and come from the last few batches alone.

    An average begins young: after t steps the decay is at most t / (t + 9), as TensorFlow's
    `ExponentialMovingAverage` has it, so that the first, untrained weights are soon forgotten.
    What a step changes comes in with the step after it.

    Args:
        layer: The network.
        decay: The share of the old average, in (0, 1).
        options: The layer's.
    """

    def __init__(self, layer, decay=0.999, **options):
        super().__init__(layer, **options)
        self.decay = decay

    def build(self, input_shape=None):
        """Add the averages."""
        super().build(input_shape)
        self.steps = self.add_weight((), initializer="zeros", trainable=False, name="steps")
        self.averages = [
            self.add_weight(each.shape, initializer="zeros", trainable=False, name=f"average_{i}")
            for i, each in enumerate(self.layer.weights)
        ]

    def call(self, inputs, training=False):
        """What the network makes of `inputs`."""
        outputs = self.layer(inputs, training=training)
        if training:
            steps = ops.convert_to_tensor(self.steps)
            new = 1 - ops.minimum(self.decay, steps / (steps + 9))
            for average, weight in zip(self.averages, self.layer.weights, strict=True):
                average.assign(average + new * (ops.cast(weight, "float32") - average))
            self.steps.assign(steps + 1)
        return outputs

    def compute_output_shape(self, input_shape):
        """That of the network."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), "decay": self.decay}


def learner(trainer: keras.Model) -> keras.layers.Layer:
    """The layer of `trainer` that learns: the network, or its `Averaged`."""
    return next(each for each in reversed(trainer.layers) if not isinstance(each, Taught))


def answering(trainer: keras.Model) -> list[np.ndarray]:
    """The weights that the network in `trainer` answers with: averaged where it averages them."""
    last = learner(trainer)
    if isinstance(last, Averaged):
        return [ops.convert_to_numpy(each) for each in last.averages]
    return last.get_weights()

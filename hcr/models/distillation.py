"""A second network that a first one teaches: it learns the teacher's answers beside the labels."""

import keras
from keras import ops

from hcr.models.losses import LEAST


@keras.saving.register_keras_serializable("hcr")
class Taught(keras.layers.Wrapper):
    """Adds to the loss how far a network's answers are from those of its teacher.

    This is the distillation of Hinton, Vinyals and Dean (2015, Distilling the knowledge in a neural
    network), at temperature 1, where the teacher sees the very picture that the network sees,
    varied as it is (Beyer et al. 2022, Knowledge distillation: a good teacher is patient and
    consistent). The teacher's weights stay as they are.

    Where the labels of a picture are doubtful, or wrong, the teacher's answer says so. Answers that
    lack the prior, as balanced softmax leaves them, are compared as they are.

    Args:
        layer: The teacher.
        share: Of the teacher in the loss, in (0, 1); the labels have the rest.
        options: The layer's.
    """

    def __init__(self, layer, share=0.5, **options):
        super().__init__(layer, **options)
        layer.trainable = False
        self.share = share

    def call(self, inputs, training=False):
        """(pictures, answers) to the answers, float32 (n, classes), as they came."""
        pictures, answers = inputs
        if training:
            wanted = ops.stop_gradient(self.layer(pictures, training=False))
            logarithms = ops.log(ops.maximum(ops.cast(answers, "float32"), LEAST))
            self.add_loss(self.share * ops.mean(-ops.sum(wanted * logarithms, axis=-1)))
        return answers

    def compute_output_shape(self, input_shape):
        """That of the answers."""
        return input_shape[1]

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), "share": self.share}

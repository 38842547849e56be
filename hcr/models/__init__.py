"""Networks and their training: the only subpackage with Keras, which is loaded when it is needed.

`build` a network by its name in `MODELS`, `train` it by a `Recipe`, `export` it as Keras and LiteRT
files. Every network maps uint8 (n, 28, 28) to probabilities, float32 (n, classes).
"""

from hcr import lazy

# The keys are the functions' names in architectures.py. Parameters are checked against them as
# text, so it stays a literal.
MODELS = {
    "hcr_small": "three convolutions, the quick one",
    "hcr_net": "residual blocks at 14x14 and 7x7, the accurate one",
    "hcr_pair": "two of hcr_net, averaged",
    "mnist_nist": "two convolutions; andreanlay, first state",
    "mnist_nist_deep": "seven convolutions; andreanlay, last state",
    "emnist_cnn": "two convolutions and a dense layer; parnamondal",
    "digits_nine_layer": "two convolutions and two dense layers; jamesY777",
    "emnist_bn3": "three blocks with batch norm; barkiayoub",
    "az_mnist": "two convolutions and a wide output; JRaul7",
}

_MODULES = {
    "architectures": "build builder classifier image_input multiply_adds patch_below summary",
    "augment": "augmentation vary",
    "backend": "precision predict",
    "convert": "copy_weights export load save",
    "objective": "loss optimizer",
    "recipe": "Recipe",
    "training": "TrainingResult code_digest edited progress train validate",
}
_PLACES = {name: f"{module}:{name}" for module, names in _MODULES.items() for name in names.split()}
__all__ = ["MODELS", *_PLACES]
__getattr__ = lazy(__name__, _PLACES)

"""A network taken apart: its layers in plain words, its blocks, and a step of it in numbers.

Networks are Keras models, but nothing here imports Keras: a layer tells its kind and its settings.
"""

from hcr.models.anatomy_inside import Step, first_maps, step
from hcr.models.anatomy_structure import blocks
from hcr.models.anatomy_words import sentence

__all__ = ["Step", "blocks", "first_maps", "sentence", "step"]

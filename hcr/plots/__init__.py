"""A data frame or arrays in, Axes out (a Figure where it has several panels); computes nothing.

Nothing is shown and no file is written. Every plot has one look and one palette that is safe for
the color-blind; a color means the same in every notebook (`COLORS`). Images show ink dark on paper.
"""

from hcr.plots.comparison import costs, histories, ranking, strategies
from hcr.plots.data import class_counts, image_map, ink_boxes, ink_by_class, mean_images, repeats
from hcr.plots.evaluation import confusion, per_class, reliability, risk_coverage, robustness
from hcr.plots.images import (
    augmented,
    drawings,
    groups,
    message,
    pairs,
    predictions,
    saliency,
    sheet,
)
from hcr.plots.look import COLORS, style
from hcr.plots.training import curves, kernels_and_maps, learning_rate

__all__ = ["COLORS", "augmented", "class_counts", "confusion", "costs"]
__all__ += ["curves", "drawings", "groups", "histories", "image_map", "ink_boxes"]
__all__ += ["ink_by_class", "kernels_and_maps", "learning_rate", "mean_images", "message", "pairs"]
__all__ += ["per_class", "predictions", "ranking", "reliability", "repeats"]
__all__ += ["risk_coverage", "robustness", "saliency", "sheet", "strategies", "style"]

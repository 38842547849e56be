"""A data frame or arrays in, Axes out (a Figure where it has several panels); computes nothing.

Nothing is shown and no file is written. Every plot has one look and one palette that is safe for
the color-blind; a color means the same in every notebook (`COLORS`). Images show ink dark on paper.
"""

# ruff: noqa: F401
from hcr.plots.comparison import class_differences, costs, curves, differences, histories, ranking
from hcr.plots.data import class_counts, image_map, image_map_places, ink_boxes, ink_by_class
from hcr.plots.evaluation import confusion, confusion_places, per_class, reliability, robustness

from hcr.plots.evaluation import risk_coverage  # isort: skip
from hcr.plots.images import drawings, groups, message, predictions, saliency, sheet
from hcr.plots.look import COLORS, style

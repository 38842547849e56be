"""Data and, where there is one panel, an optional `ax` in; `Axes` or a `Figure` out.

Nothing is shown and no file is written. Every plot has one look and one palette, which is safe for
the colour-blind; a colour means the same in every notebook (`COLOURS`). Pictures show ink dark on
paper. A function raises `DataError` where its arrays don't belong together.
"""

from hcr.plots.auditing import conflicts, near_duplicates, neighbour_pairs, suspects, typical
from hcr.plots.balancing import compared, counts_before_after, repeats
from hcr.plots.blocks import confusion_blocks, within_blocks
from hcr.plots.data import class_counts, mean_pictures, samples
from hcr.plots.drawing import drawings
from hcr.plots.evaluation import confusion, mistakes, per_class, predictions, reliability
from hcr.plots.ink import ink_boxes, measures_by_class, pixel_values
from hcr.plots.look import COLOURS, style
from hcr.plots.looking import confused, looked
from hcr.plots.refusing import risk_coverage
from hcr.plots.spoiling import robustness, spoilt_pictures
from hcr.plots.survey import picture_map
from hcr.plots.training import augmented, curves, feature_maps, filters, learning_rate

__all__ = [
    "COLOURS",
    "augmented",
    "class_counts",
    "compared",
    "conflicts",
    "confused",
    "confusion",
    "confusion_blocks",
    "counts_before_after",
    "curves",
    "drawings",
    "feature_maps",
    "filters",
    "ink_boxes",
    "learning_rate",
    "looked",
    "mean_pictures",
    "measures_by_class",
    "mistakes",
    "near_duplicates",
    "neighbour_pairs",
    "per_class",
    "picture_map",
    "pixel_values",
    "predictions",
    "reliability",
    "repeats",
    "risk_coverage",
    "robustness",
    "samples",
    "spoilt_pictures",
    "style",
    "suspects",
    "typical",
    "within_blocks",
]

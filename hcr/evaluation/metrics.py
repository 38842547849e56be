"""Labels and probabilities become accuracies with intervals, per-class tables and confusions.

`true` and `predicted` are class indices, integers of shape (n,); `probabilities` are floats of
shape (n, classes) whose rows sum to 1; `characters` names the classes in order, one string each.
Every function raises `DataError` for other input, and where there is no picture at all.
"""

from hcr.evaluation import (
    ambiguity,
    calibration,
    comparison,
    lookalikes,
    order,
    refusal,
    resampling,
)
from hcr.evaluation import (
    old_robustness as robustness,
)
from hcr.evaluation.counts import (
    accuracy,
    balanced_accuracy,
    confusion,
    labels,
    matrix_of,
    per_class,
    worst_confusions,
)
from hcr.evaluation.intervals import bootstrap, interval_text, percent, wilson
from hcr.evaluation.probabilities import ece, log_loss, probabilities_of, reliability, top_k

__all__ = [
    "accuracy",
    "ambiguity",
    "balanced_accuracy",
    "bootstrap",
    "calibration",
    "comparison",
    "confusion",
    "ece",
    "interval_text",
    "labels",
    "log_loss",
    "lookalikes",
    "matrix_of",
    "order",
    "per_class",
    "percent",
    "probabilities_of",
    "refusal",
    "reliability",
    "resampling",
    "robustness",
    "top_k",
    "wilson",
    "worst_confusions",
]

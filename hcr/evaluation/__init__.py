"""How good a model is: scores with intervals, calibration, alternatives, confusions, and runs.

`labels` and `predicted` are class indices, int (n,); `probabilities` are floats (n, classes), rows
sum to 1; `characters` names the classes. Intervals are of 95 %.
"""

from hcr import lazy

_MODULES = {
    "scores": "balanced_accuracy balanced_accuracy_interval balanced_difference confusion divide "
    "ece evaluate holm interval_text known_writers log_loss mcnemar mean_interval per_class "
    "percent predictor recalls score_table seed_interval share_interval wilson",
    "confidence": "alternatives alternatives_threshold apply_temperature fit_temperature "
    "rejection_threshold reliability risk_coverage",
    "confusable": "confusable_groups score_groups swapped_labels warnings worst_confusions",
    "robustness": "corruption_scores corruption_summary drawing_intervals load_drawings "
    "score_drawings validation_drawings",
    "label_audit": "check_framing check_orientation edge_directions image_features "
    "nearest_neighbors neighbor_pairs sample_indices suspected_labels ORIENTATIONS",
    "comparison": "compare compare_runs differences find_runs save_predictions",
}
_PLACES = {name: f"{module}:{name}" for module, names in _MODULES.items() for name in names.split()}
__all__ = sorted(_PLACES)
__getattr__ = lazy(__name__, _PLACES)

"""Which metrics there are: the one list that `Evaluation`, its JSON form and the scores share."""

from facetwise.schema import Kind

__all__ = ["ATTRIBUTE_METRICS", "CATEGORY_METRICS", "CLASS_METRICS", "ERRORS", "GROUP_METRICS", "OVERALL_METRICS"]

_ONE_CLASS = (
    "labelled",
    "coverage",
    "accuracy",
    "macro_f1",
    "macro_f1_all",
    "micro_f1",
    "weighted_f1",
    "harmonic_mean",
    "mean_class_accuracy",
    "decided_accuracy",
    "decided_macro_f1",
)

# Per kind the metrics of an attribute, in the order in which they are written.
ATTRIBUTE_METRICS: dict[Kind, tuple[str, ...]] = {
    Kind.CATEGORICAL: _ONE_CLASS,
    Kind.BINARY: (*_ONE_CLASS, "f1", "average_precision"),
    Kind.ORDINAL: (*_ONE_CLASS, "mae", "quadratic_kappa"),
    Kind.MULTILABEL: (
        "labelled",
        "coverage",
        "exact_match",
        "macro_f1",
        "macro_f1_all",
        "micro_f1",
        "weighted_f1",
        "harmonic_mean",
        "map",
        "decided_exact_match",
        "decided_macro_f1",
    ),
    Kind.NUMERIC: ("labelled", "coverage", "mae", "rmse", "r2", "mae_over_floor"),
}

CLASS_METRICS = ("support", "precision", "recall", "f1")

# Means over attributes; `GROUP_METRICS` are also told of each group of the schema.
GROUP_METRICS = (
    "labelled",
    "mean_macro_f1",
    "mean_macro_f1_all",
    "mean_accuracy",
    "mean_weighted_f1",
    "mean_harmonic_mean",
    "mean_mae_over_floor",
    "exact_match",
    "label_macro_f1",
)
OVERALL_METRICS = (
    *GROUP_METRICS,
    "nested_harmonic_mean",
    "mean_decided_macro_f1",
    "mean_decided_accuracy",
    "decided_exact_match",
    "coverage",
    "applicability_f1",
    "applicability_f1_applicable",
    "applicability_f1_not_applicable",
)
CATEGORY_METRICS = ("items", "mean_macro_f1", "nested_harmonic_mean", "exact_match")

# Lower is better: a score has to subtract these.
ERRORS = frozenset({"mae", "rmse", "mae_over_floor", "mean_mae_over_floor"})

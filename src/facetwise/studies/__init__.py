"""Many runs, or a run and other data: what changed, what is better, and whether it matters."""

from facetwise.studies._audit import Audit, audit, audit_run, queue_csv
from facetwise.studies._audit_page import audit_page
from facetwise.studies._compare import compare
from facetwise.studies._compare_page import comparison_csv, comparison_page, notes_of
from facetwise.studies._diff import AttributeDifference, Difference, diff
from facetwise.studies._distill import Distilled, Pupil, distill
from facetwise.studies._drift import AttributeDrift, Drift, drift, drift_of_features
from facetwise.studies._findings import KINDS, Finding
from facetwise.studies._search import SPACES, Dimension, dimension_of, space_of
from facetwise.studies._soup import Ingredient, Soup, soup
from facetwise.studies._statistics import holm, paired_difference, resampled_interval
from facetwise.studies._suggest import Suggested, pictures_of, suggest, suggestions_csv, suggestions_page
from facetwise.studies._sweep import sweep
from facetwise.studies._sweep_result import Sweep, SweepTrial
from facetwise.studies._variants import LADDERS, Variant, variants_of
from facetwise.studies._verdicts import Compared, Comparison, judge_cells
from facetwise.studies._zero_shot import ZeroShot, zero_shot

__all__ = [
    "KINDS",
    "LADDERS",
    "SPACES",
    "AttributeDifference",
    "AttributeDrift",
    "Audit",
    "Compared",
    "Comparison",
    "Difference",
    "Dimension",
    "Distilled",
    "Drift",
    "Finding",
    "Ingredient",
    "Pupil",
    "Soup",
    "Suggested",
    "Sweep",
    "SweepTrial",
    "Variant",
    "ZeroShot",
    "audit",
    "audit_page",
    "audit_run",
    "compare",
    "comparison_csv",
    "comparison_page",
    "diff",
    "dimension_of",
    "distill",
    "drift",
    "drift_of_features",
    "holm",
    "judge_cells",
    "notes_of",
    "paired_difference",
    "pictures_of",
    "queue_csv",
    "resampled_interval",
    "soup",
    "space_of",
    "suggest",
    "suggestions_csv",
    "suggestions_page",
    "sweep",
    "variants_of",
    "zero_shot",
]

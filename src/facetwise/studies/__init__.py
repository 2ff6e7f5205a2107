"""Many runs, or a run and other data: what changed, and whether it matters."""

from facetwise.studies._diff import AttributeDifference, Difference, diff
from facetwise.studies._drift import AttributeDrift, Drift, drift, drift_of_features

__all__ = ["AttributeDifference", "AttributeDrift", "Difference", "Drift", "diff", "drift", "drift_of_features"]

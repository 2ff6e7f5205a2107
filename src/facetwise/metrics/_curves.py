"""Curves to draw: how often a confidence is right, and what precision costs in coverage."""

from typing import Any

import numpy as np

from facetwise.metrics._calibration_error import bin_edges

__all__ = ["PRECISIONS", "reliability_curve", "risk_coverage_curve"]

# Precisions that a user asks for; the coverage that each is reached at is told.
PRECISIONS = (0.9, 0.95, 0.97, 0.99)
# Points of a curve: more than a drawing shows.
_POINTS = 40


def reliability_curve(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]] | None:
    """Per bin of the calibration error `rows`, mean `confidence` and share `right`; None without rows.

    Source: DeGroot, Fienberg 1983; bins as in `calibration_error`, with about as many rows each.

    Args:
        confidence: (row,) probability of what was given.
        right: (row,) bool.

    >>> reliability_curve(np.repeat([0.9, 0.6], 20), np.array([True] * 20 + [True, False] * 10))[0]
    {'rows': 20, 'confidence': 0.6, 'right': 0.5}
    """
    if not len(confidence):
        return None
    order = np.argsort(confidence, kind="stable")
    given = confidence[order].astype(np.float64)
    edges = bin_edges(given)
    rows = np.diff(edges, append=len(given))
    sure = np.add.reduceat(given, edges) / rows
    hits = np.add.reduceat(right[order].astype(np.float64), edges) / rows
    return [
        {"rows": int(count), "confidence": round(float(one), 6), "right": round(float(hit), 6)}
        for count, one, hit in zip(rows, sure, hits, strict=True)
    ]


def risk_coverage_curve(confidence: np.ndarray, right: np.ndarray) -> dict[str, Any] | None:
    """What share of errors is left when only the surest answers are given.

    `coverage` and `risk` are points of the curve: of the share c of surest rows, the share that is wrong. `area` is the
    mean of the risk over all coverages (AURC). `coverage_at` is by precision the largest coverage at which at least
    this share is right, 0 where none is. Rows of equal confidence are given together or not at all.

    Source: El-Yaniv, Wiener 2010, "On the Foundations of Noise-free Selective Classification"; Geifman, Uziel, El-Yaniv
    2019, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers" (AURC; there ties are broken by order).

    Args:
        confidence: (row,) probability of what was given.
        right: (row,) bool.

    >>> curve = risk_coverage_curve(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True]))
    >>> curve["coverage_at"]["0.97"], round(curve["risk"][-1], 2)
    (0.5, 0.25)
    """
    if not len(confidence):
        return None
    order = np.argsort(-confidence, kind="stable")
    given, wrong = confidence[order], np.cumsum(~right[order])
    last = np.append(given[1:] != given[:-1], True)  # the end of each run of equal confidences
    ends = np.flatnonzero(last) + 1
    risk = wrong[ends - 1] / ends
    coverage = ends / len(given)
    points = np.unique(np.minimum(np.searchsorted(coverage, np.linspace(0, 1, _POINTS + 1)[1:]), len(ends) - 1))
    reached = {f"{precision:g}": risk <= 1.0 - precision + 1e-12 for precision in PRECISIONS}
    return {
        "coverage": [round(float(one), 6) for one in coverage[points]],
        "risk": [round(float(one), 6) for one in risk[points]],
        "area": float((risk * np.diff(coverage, prepend=0.0)).sum()),
        "coverage_at": {
            name: float(coverage[np.flatnonzero(good)[-1]]) if good.any() else 0.0 for name, good in reached.items()
        },
    }

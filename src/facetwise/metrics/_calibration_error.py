"""How far confidence is from being right, and how far chance alone would put it."""

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._confidences import confidences
from facetwise.metrics._evaluation import Figure
from facetwise.schema import Labels, Schema

__all__ = ["bin_edges", "calibration_error", "calibration_of", "error_of_the_calibrated", "measure_calibration"]

# Fifteen bins, as the literature has it (Guo et al. 2017), but each with about as many rows as the next: bins of equal
# width are empty where a good model says little, and their error is that of a handful of rows (Nixon et al. 2019,
# "Measuring Calibration in Deep Learning"; Roelofs et al. 2022, "Mitigating Bias in Calibration Error Estimation"),
BINS = 15
# and no bin has fewer rows than this: of a single one the error is its own doubt.
FEWEST_IN_BIN = 10
DRAWS = 1000
# Beyond this many rows a bin's hits are as good as normal, and drawing every one of them would take minutes.
MOST_DRAWN = 20_000
_SEED = 20_170_806


def _gap(confidence: np.ndarray, hits: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(draw,) sum over bins of |hits - confidence| / rows."""
    gaps = np.add.reduceat(hits - confidence, edges, axis=-1)
    return np.abs(gaps).sum(axis=-1) / len(confidence)


def bin_edges(rising: np.ndarray) -> np.ndarray:
    """Where each bin begins; rows of equal confidence stay in one, so that their order says nothing."""
    bins = max(1, min(BINS, len(rising) // FEWEST_IN_BIN))
    return np.unique(np.searchsorted(rising, rising[np.arange(bins) * len(rising) // bins], side="left"))


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float | None:
    """ECE = sum over bins (n_b / n) |share right - mean confidence|, in 15 bins of equal mass; None without rows.

    Args:
        confidence: (row,) probability of what was decided.
        right: (row,) bool.

    Source: Naeini, Cooper, Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (there
    with bins of equal width).

    >>> calibration_error(np.repeat([0.9, 0.6], 20), np.array([True] * 20 + [True, False] * 10))
    0.1
    """
    if not len(confidence):
        return None
    order = np.argsort(confidence, kind="stable")
    given = confidence[order].astype(np.float64)
    return round(float(_gap(given, right[order].astype(np.float64), bin_edges(given))), 12)


def error_of_the_calibrated(confidence: np.ndarray, *, share: float = 0.95, seed: int = _SEED) -> float | None:
    """The quantile of the calibration error that a perfectly calibrated model with these confidences shows.

    1,000 times every row is right with the probability that it claims; even then the error is never 0. Above 20,000
    rows the hits of each bin are drawn at once, normal with the same mean and variance.

    Args:
        confidence: (row,) probability of what was decided.
        share: Which quantile.
        seed: Of the draws.

    Source: Vaicenavicius et al. 2019, "Evaluating model calibration in classification", section 4 (consistency
    resampling); Bröcker, Smith 2007.
    """
    if not len(confidence):
        return None
    given, generator = np.sort(confidence).astype(np.float64), np.random.default_rng(seed)
    edges = bin_edges(given)
    if len(given) > MOST_DRAWN:
        spread = np.sqrt(np.add.reduceat(given * (1.0 - given), edges))
        found = np.abs(generator.normal(size=(DRAWS, len(edges))) * spread).sum(axis=1) / len(given)
    else:
        found = np.concatenate(
            [_gap(given, generator.random((DRAWS // 10, len(given))) < given, edges) for _ in range(10)]
        )
    return float(np.quantile(found, share))


def measure_calibration(schema: Schema, truth: Labels, decisions: Decisions) -> dict[str, dict[str, Figure]]:
    """By column: `error`, `error_if_calibrated` and mean `confidence`, over the cells that have a value in the truth.

    The chance of the decided class against whether it is the true one; multilabel: the chance of each label against
    whether it is there, all labels of the attribute together.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
    """
    found: dict[str, dict[str, Figure]] = {}
    for place, attribute in enumerate(schema.attributes):
        _, confidence, right = confidences(schema, truth, decisions, place)
        if len(confidence):
            found[attribute.column] = calibration_of(confidence, right)
    return found


def calibration_of(confidence: np.ndarray, right: np.ndarray) -> dict[str, Figure]:
    """The same of one attribute: (row,) chances of what is given, at least one, and whether it is right."""
    return {
        "error": calibration_error(confidence, right),
        "error_if_calibrated": error_of_the_calibrated(confidence),
        "confidence": float(confidence.mean(dtype=np.float64)),
    }

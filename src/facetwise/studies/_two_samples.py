"""Two samples: can they be told apart, and how far are two distributions over the same classes?"""

import numpy as np

__all__ = ["chance_index", "stability_index", "told_apart"]

# Rows of each sample that the classifier sees: the solve is cubic in their number, and 1,000 a side put the standard
# error of the area at 0.013.
ROWS = 1000
# Ridge of the classifier, in units of the mean squared length of a row.
RIDGE = 0.1
# The 99 % quantile of the standard normal distribution, for `chance_index`.
Z99 = 2.3263


def _area(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve by ranks; ties count half (Hanley and McNeil 1982)."""
    order = np.argsort(scores, kind="stable")
    values, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    del values
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    n = positive.sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n)))


def told_apart(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> float | None:
    """How well a linear classifier tells two samples apart: 0.5 not at all, 1.0 perfectly.

    Kernel ridge regression on the sample's number, fitted on one half of the rows and judged on the other, both ways.
    Source: Lopez-Paz and Oquab (2017), the classifier two-sample test, with the area under the ROC curve in place of
    the accuracy so that the sizes of the samples do not matter.

    Args:
        first, second: (item, width), standardised alike.
        seed: Of the sampled rows and the halves.

    Returns:
        The area, or None where a sample has fewer than four rows.

    >>> rng = np.random.default_rng(0)
    >>> same = told_apart(rng.normal(0, 1, (200, 5)), rng.normal(0, 1, (200, 5)))
    >>> other = told_apart(rng.normal(0, 1, (200, 5)), rng.normal(2, 1, (200, 5)))
    >>> same < 0.6, other > 0.95
    (True, True)
    """
    if min(len(first), len(second)) < 4:
        return None
    rng = np.random.default_rng(seed)
    parts = [each[rng.permutation(len(each))[:ROWS]].astype(np.float64) for each in (first, second)]
    half = np.concatenate([np.arange(len(part)) % 2 for part in parts])
    positive = np.concatenate([np.full(len(part), number, bool) for number, part in enumerate(parts)])
    rows = np.concatenate(parts)
    areas = []
    for side in (0, 1):
        fit, judge = half == side, half != side
        # Each sample weighs the same, whatever its size.
        target = np.where(positive[fit], 1.0 / positive[fit].sum(), -1.0 / (~positive[fit]).sum()) * fit.sum()
        centre = rows[fit].mean(axis=0)
        known, asked = rows[fit] - centre, rows[judge] - centre
        kernel = known @ known.T
        kernel[np.diag_indices_from(kernel)] += RIDGE * max(np.trace(kernel) / len(kernel), 1e-12)
        areas.append(_area(asked @ (known.T @ np.linalg.solve(kernel, target)), positive[judge]))
    return float(np.mean(areas))


def stability_index(before: np.ndarray, after: np.ndarray) -> float:
    """PSI = Σ_k (q_k - p_k) ln(q_k / p_k), with half a count added to every class so that an empty one stays finite.

    Source: Yurdakul and Naranjo (2020), eq. 1.

    >>> round(stability_index(np.array([50, 50]), np.array([50, 50])), 6)
    0.0
    """
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def chance_index(before: np.ndarray, after: np.ndarray) -> float:
    """What the index exceeds in one of a hundred cases although nothing changed: χ²_{K-1, 0.99} (1/n + 1/m).

    Source: Yurdakul and Naranjo (2020), theorem 1; the quantile by Wilson and Hilferty (1931).
    """
    freedom = max(1, int(((before + after) > 0).sum()) - 1)
    quantile = freedom * (1 - 2 / (9 * freedom) + Z99 * np.sqrt(2 / (9 * freedom))) ** 3
    return float(quantile * (1 / max(1, before.sum()) + 1 / max(1, after.sum())))

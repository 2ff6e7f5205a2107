"""Frequent classes are likelier than a network says that was taught to favour rare ones."""

import numpy as np

from facetwise.decisions._temperature import COLDEST, HOTTEST, SMALLEST

__all__ = ["LARGEST_SHIFT", "fit_shift", "shifted"]

# A share of the frequency beyond this is an accident of the rows: 1 undoes weights of 1 / n_c in full.
LARGEST_SHARE = 3.0
# Twice the gain in log-likelihood that one more parameter reaches by chance one time in a hundred (chi-squared, one
# degree of freedom).
BEYOND_CHANCE = 6.635
# Its exponential is a number in float32 too; next to it no network says anything.
LARGEST_SHIFT = 80.0
STEPS = 50


def shifted(scores: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """p_c exp(s_c), not scaled: what a temperature is applied to.

    Args:
        scores: (row, class) probabilities.
        shifts: (class,) or shorter: classes that were learnt later, the last ones, are not shifted.

    >>> shifted(np.array([[0.5, 0.25, 0.25]]), np.log([1.0, 2.0])).tolist()
    [[0.5, 0.5, 0.25]]
    """
    factor = np.ones(scores.shape[1])
    factor[: len(shifts)] = np.exp(shifts)
    return scores * factor


def fit_shift(
    scores: np.ndarray, truth: np.ndarray, counts: np.ndarray, temperature: float
) -> tuple[np.ndarray, float] | None:
    r"""Shifts s_c and a temperature T with the least negative log-likelihood of p'_c ∝ (p_c e^{s_c})^{1/T}.

    s_c / T = κ (log n_c - mean of log n), n_c the training rows of class c (at least 1): one number, κ, beside 1 / T.
    A network that learns with weights w_c answers w_c P(c | x), scaled; weights 1 / n_c are undone by κ = 1, their
    roots by 1/2, and validation says how much is left to undo. NLL is convex in (1 / T, κ); Newton's steps are halved
    until they lower it. None where κ brings no more than chance would (a likelihood ratio, p = 0.01), or where all
    classes are equally frequent.

    Args:
        scores: (row, class) probabilities.
        truth: (row,) class.
        counts: (class,) training rows.
        temperature: The best one without shifts: where the search begins.

    Source: Saerens, Latinne, Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities",
    whose ratio of frequencies is κ = 1. Alexandari, Kundaje, Shrikumar 2020, "Maximum Likelihood with Bias-Corrected
    Calibration", fit a number per class; rare classes have too few validation rows for one.

    >>> said = np.array([[0.5, 0.5]] * 100)  # of classes with 900 and 100 rows: it was taught to favour neither
    >>> shifts, temperature = fit_shift(said, np.array([0] * 90 + [1] * 10), np.array([900, 100]), 1.0)
    >>> chances = shifted(said[:1], shifts) ** (1 / temperature)
    >>> (chances / chances.sum()).round(3).tolist()
    [[0.9, 0.1]]
    """
    frequency = np.log(np.maximum(counts, 1.0))
    frequency = frequency - frequency.mean()
    if not np.ptp(frequency):
        return None
    logs = np.log(np.maximum(np.asarray(scores, dtype=np.float64), SMALLEST))
    at = np.arange(len(logs))
    low, high = np.array([1.0 / HOTTEST, -LARGEST_SHARE]), np.array([1.0 / COLDEST, LARGEST_SHARE])

    def measured(point: np.ndarray) -> tuple[float, np.ndarray]:
        given = point[0] * logs + point[1] * frequency
        given -= given.max(axis=1, keepdims=True)
        weights = np.exp(given)
        total = weights.sum(axis=1, keepdims=True)
        return float((np.log(total[:, 0]) - given[at, truth]).sum()), weights / total

    point = np.array([1.0 / temperature, 0.0])
    loss, weights = measured(point)
    before = loss
    for _ in range(STEPS):
        mean_log, mean_frequency = (weights * logs).sum(axis=1), weights @ frequency
        slope = np.array([(mean_log - logs[at, truth]).sum(), (mean_frequency - frequency[truth]).sum()])
        both = ((weights * logs) @ frequency - mean_log * mean_frequency).sum()
        bend = np.array(
            [[((weights * logs**2).sum(axis=1) - mean_log**2).sum(), both],
             [both, (weights @ frequency**2 - mean_frequency**2).sum()]]
        )  # fmt: skip
        # A hair on the diagonal: rows that are all certain bend nowhere.
        step = np.linalg.solve(bend + 1e-9 * (1.0 + np.trace(bend)) * np.eye(2), slope)
        share = 1.0
        while share > 1e-6:
            following = np.clip(point - share * step, low, high)
            found, told = measured(following)
            if found < loss:
                break
            share /= 2.0
        else:
            break
        gained, point, loss, weights = loss - found, following, found, told
        if gained <= 1e-9 * (1.0 + loss):
            break
    shifts = point[1] * frequency / point[0]
    if 2.0 * (before - loss) <= BEYOND_CHANCE or np.abs(shifts).max() > LARGEST_SHIFT:
        return None
    return shifts, float(1.0 / point[0])

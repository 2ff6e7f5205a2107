"""One temperature for the probabilities of an attribute with one of several classes."""

import numpy as np

__all__ = ["fit_temperature", "temper"]

# Beyond these a temperature is an accident of the rows: at 20 every answer is a guess, at 0.05 every one is certain.
COLDEST, HOTTEST = 0.05, 20.0
# Probabilities come in float32, where 0 stands for anything below this.
SMALLEST = float(np.finfo(np.float32).tiny)


def temper(scores: np.ndarray, temperature: float) -> np.ndarray:
    """p_c^(1/T) / sum_k p_k^(1/T): what softmax(logits / T) is, from softmax(logits).

    The order of the classes stays; 0 and 1 stay. A row of zeros stays a row of zeros.

    Args:
        scores: (row, class) probabilities.
        temperature: T > 0; above 1 softens.

    >>> temper(np.array([[0.8, 0.2], [1.0, 0.0]]), 2.0).round(3).tolist()
    [[0.667, 0.333], [1.0, 0.0]]
    """
    top = scores.max(axis=1, keepdims=True, initial=0.0)
    shares = np.divide(scores, top, out=np.zeros(scores.shape), where=top > 0) ** (1.0 / temperature)
    total = shares.sum(axis=1, keepdims=True)
    return np.divide(shares, total, out=shares, where=total > 0)


def fit_temperature(scores: np.ndarray, truth: np.ndarray, *, groups: np.ndarray | None = None) -> float:
    """The temperature with the least negative log-likelihood.

    NLL(b) = mean_i [ log sum_c exp(b z_ic) - b z_iy ], with z = log p and b = 1 / T. It is convex in b, with slope
    mean(E_b[z] - z_y) and curvature mean(Var_b[z]); Newton's steps are kept inside a bracket that halves.

    Args:
        scores: (row, class) probabilities.
        truth: (row,) class.
        groups: (class,) number of the group that each class belongs to: only the classes of the true class's group
            take part in its row, so that it is P(class | group) that is tempered. All, if not given.

    Source: Guo, Pleiss, Sun, Weinberger 2017, "On Calibration of Modern Neural Networks", section 4.2. scikit-learn's
    `CalibratedClassifierCV(method="temperature")` searches log b between -10 and 10; here T stays within
    [0.05, 20]: rows without a single mistake would ask for T = 0.

    >>> sure, truth = np.tile([[0.9, 0.1]], (10, 1)), np.array([0] * 8 + [1] * 2)
    >>> round(fit_temperature(sure, truth), 4)  # log(0.9 / 0.1) / log(0.8 / 0.2)
    1.585
    """
    logs = np.log(np.maximum(np.asarray(scores, dtype=np.float64), SMALLEST))
    if groups is not None:
        logs = np.where(groups[None, :] == groups[truth][:, None], logs, -np.inf)
    own = logs[np.arange(len(logs)), truth]
    finite = np.where(np.isfinite(logs), logs, 0.0)
    low, high, inverse = 1.0 / HOTTEST, 1.0 / COLDEST, 1.0
    for _ in range(100):
        weights = np.exp(inverse * (logs - logs.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights * finite).sum(axis=1)
        slope = float((mean - own).mean())
        bend = float(((weights * finite**2).sum(axis=1) - mean**2).mean())
        if slope == 0.0:
            break
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        step = inverse - slope / bend if bend > 0 else np.inf
        following = step if low < step < high else (low + high) / 2
        if abs(following - inverse) <= 1e-12 * inverse:
            break
        inverse = following
    return float(1.0 / inverse)

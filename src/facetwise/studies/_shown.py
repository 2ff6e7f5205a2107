"""Whether pictures show an attribute at all: what a model that has not seen an item explains of its labels."""

import numpy as np

__all__ = ["shown_of_classes", "shown_of_numbers"]

_TINY = 1e-6


def shown_of_classes(chances: np.ndarray, index: np.ndarray) -> float:
    r"""1 - L / H, L the mean of -log p_y out of fold, H the same with the classes' frequencies for p.

    Not above 0 where the pictures say no more than the frequencies do.

    Source: McFadden (1974), Conditional logit analysis of qualitative choice behavior (the likelihood ratio index).

    >>> even = np.full((4, 2), 0.5)
    >>> shown_of_classes(even, np.array([0, 1, 0, 1])), shown_of_classes(np.eye(2)[[0, 1]], np.array([0, 1]))
    (0.0, 1.0)

    Args:
        chances: (row, class) out of fold.
        index: (row,) the labels, of two classes at least.
    """
    own = chances[np.arange(len(index)), index].astype(np.float64)
    frequency = np.bincount(index, minlength=chances.shape[1])[index] / len(index)
    return float(1.0 - np.log(np.maximum(own, _TINY)).mean() / np.log(frequency).mean())


def shown_of_numbers(chances: np.ndarray, index: np.ndarray, numbers: np.ndarray) -> float:
    r"""1 - squared error / variance of the expected number, each class standing for the mean of its numbers.

    Not above 0 where the pictures say no more than the mean does: the coefficient of determination, out of fold.

    Args:
        chances: (row, class) out of fold.
        index: (row,) the class that each number falls into.
        numbers: (row,) the numbers.
    """
    means = np.bincount(index, numbers, minlength=chances.shape[1]) / np.bincount(index, minlength=chances.shape[1])
    return float(1.0 - ((chances @ means - numbers) ** 2).mean() / numbers.var())

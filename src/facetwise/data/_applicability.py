"""Which categories have which attributes, read from which cells are empty; never from a single missing cell.

A category with at least 20 rows and no value at all of an attribute does not have it. Empty cells alone prove
nothing, since a rare attribute is absent from most categories by chance; so the rows of such categories are compared
with what chance would give. With n_c rows in category c and a share q of empty cells over all of them, a category is
empty by chance with probability q^n_c, and the rows of empty categories have the mean sum(n_c q^n_c) and the variance
sum(n_c^2 q^n_c (1 - q^n_c)).
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["ENOUGH_ROWS", "Emptiness", "emptiness"]

# INTERFACES: applicability is mined from categories with at least 20 rows.
ENOUGH_ROWS = 20
# Standard deviations above chance: about one false alarm in thirty thousand attributes.
_ABOVE_CHANCE = 4.0
# Where fewer rows are explained, the category is no explanation worth a rule.
_EXPLAINED_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptiness:
    """Categories against attributes.

    Args:
        sizes: (category,) rows.
        values: (category, attribute) cells with a value.
        depends: (attribute,) bool: whether the category explains which cells are empty.
        gain: (attribute,) nats by which the category shortens the description of which cells are empty, after half
            a logarithm of the rows for every category that had to be decided (as in the BIC); 0 where not `depends`.
    """

    sizes: np.ndarray
    values: np.ndarray
    depends: np.ndarray
    gain: np.ndarray


def _log_likelihood(hits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    share = np.clip(hits / np.maximum(rows, 1), 1e-12, 1 - 1e-12)
    return hits * np.log(share) + (rows - hits) * np.log1p(-share)


def emptiness(present: np.ndarray, category: np.ndarray, num_categories: int) -> Emptiness:
    """Compare categories with the attributes that they have.

    Args:
        present: (row, attribute) bool: the cell has a value.
        category: (row,) place of the row's category, -1 where it is not known.
        num_categories: How many categories there are.

    >>> present = np.repeat([[True], [False]], 40, axis=0)
    >>> emptiness(present, np.repeat([0, 1], 40), 2).depends.tolist()
    [True]
    """
    known = np.flatnonzero(category >= 0)
    order = known[np.argsort(category[known], kind="stable")]
    sizes = np.bincount(category[known], minlength=num_categories)
    values = np.zeros((num_categories, present.shape[1]), dtype=np.int64)
    filled = np.flatnonzero(sizes)
    if len(order):
        starts = np.concatenate([[0], np.cumsum(sizes[filled])[:-1]])
        values[filled] = np.add.reduceat(present[order].astype(np.int64), starts, axis=0)
    large = sizes >= ENOUGH_ROWS
    num_large, rows = int(large.sum()), sizes[large].astype(np.float64)
    total, hits = rows.sum(), values[large].sum(axis=0).astype(np.float64)
    none = values[large] == 0
    explained = rows @ none
    chance = (1.0 - hits / max(total, 1.0))[None, :] ** rows[:, None]
    mean, variance = rows @ chance, rows**2 @ (chance * (1.0 - chance))
    depends = (explained > mean + _ABOVE_CHANCE * np.sqrt(variance)) & (explained >= _EXPLAINED_SHARE * total)
    depends &= hits > 0
    gain = _log_likelihood(hits, total - explained) - _log_likelihood(hits, np.full_like(hits, total))
    gain = np.where(depends, np.maximum(gain - 0.5 * np.log(max(total, 1.0)) * num_large, 0.0), 0.0)
    return Emptiness(sizes=sizes, values=values, depends=depends & (gain > 0), gain=gain)

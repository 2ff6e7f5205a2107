"""Groups to sides so that every value of every attribute is shared out in proportion.

Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, algorithm 1) over groups instead of rows: the value with
the fewest rows left is shared out first, each of its groups to the side that still wants most rows of this value, of
those to the one that wants most rows at all. We differ in two points: a group brings all of its values at once, and
larger groups go first, since small ones can still even things out. Ties fall to the order of the groups, which is
their hash, and to the earlier side, so the result does not depend on the order of rows.
"""

import numpy as np

__all__ = ["stratify"]

# Sums of fractions differ in their last digits; wishes closer than this are equal.
_EQUAL = 1e-9


def _favourite(wishes: np.ndarray, totals: np.ndarray) -> int:
    best = np.flatnonzero(wishes >= wishes.max() - _EQUAL)
    return int(best[0]) if len(best) == 1 else int(best[totals[best].argmax()])


def stratify(
    sizes: np.ndarray,
    order: np.ndarray,
    ratios: np.ndarray,
    fixed: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
    num_values: int,
) -> np.ndarray:
    """A side for every group.

    Args:
        sizes: (group,) rows.
        order: (group,) rank of each group's hash.
        ratios: (side,) wanted shares, adding up to 1; a side of 0 gets nothing.
        fixed: (group,) side of groups that have one, else -1.
        pairs: Three arrays (group, value, rows): how many rows of a group carry a value.
        num_values: How many values there are.

    Returns:
        (group,) side.
    """
    group, value, rows = pairs
    sides = fixed.copy()
    open_sides = ratios > 0
    wishes = np.bincount(value, weights=rows, minlength=num_values)[:, None] * ratios[None, :]
    totals = sizes.sum() * ratios
    settled = sides[group] >= 0
    np.subtract.at(wishes, (value[settled], sides[group][settled]), rows[settled])
    np.subtract.at(totals, fixed[fixed >= 0], sizes[fixed >= 0])
    wishes[:, ~open_sides], totals[~open_sides] = -np.inf, -np.inf
    # Without any value numpy counts in whole numbers.
    left = np.bincount(value[~settled], weights=rows[~settled], minlength=num_values).astype(np.float64)
    # Compressed rows: the values of each group, and the groups of each value, largest first.
    by_group = np.lexsort((value, group))
    group_start = np.searchsorted(group[by_group], np.arange(len(sizes) + 1))
    by_value = np.lexsort((order[group], -sizes[group], value))
    value_start = np.searchsorted(value[by_value], np.arange(num_values + 1))

    def assign(one: int, side: int) -> None:
        own = by_group[group_start[one] : group_start[one + 1]]
        sides[one] = side
        wishes[value[own], side] -= rows[own]
        left[value[own]] -= rows[own]
        totals[side] -= sizes[one]

    while (left > 0).any():
        rarest = int(np.where(left > 0, left, np.inf).argmin())
        for one in group[by_value[value_start[rarest] : value_start[rarest + 1]]]:
            if sides[one] < 0:
                assign(int(one), _favourite(wishes[rarest], totals))
        left[rarest] = 0
    for one in np.lexsort((order, -sizes)):
        if sides[one] < 0:
            assign(int(one), _favourite(totals, totals))
    return sides

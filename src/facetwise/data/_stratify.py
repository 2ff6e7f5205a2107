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
# Values whose smallest is remembered together; about the root of the most values that tables have.
_BLOCK = 512


def _favourite(wishes: np.ndarray, totals: np.ndarray) -> int:
    best = np.flatnonzero(wishes >= wishes.max() - _EQUAL)
    return int(best[0]) if len(best) == 1 else int(best[totals[best].argmax()])


class _Rarest:
    """Finds the value with the fewest rows left, the first of several, without looking at all values each time.

    Args:
        left: (value,) rows left; the caller changes it in place and says where.
    """

    def __init__(self, left: np.ndarray) -> None:
        self.left = left
        self.least = np.full(-(-len(left) // _BLOCK), np.inf)
        self.change(np.arange(0, len(left), _BLOCK))

    def change(self, values: np.ndarray) -> None:
        """Take note that the rows left of some values are others now."""
        for block in np.unique(values // _BLOCK).tolist():
            own = self.left[block * _BLOCK : (block + 1) * _BLOCK]
            self.least[block] = own[own > 0].min(initial=np.inf)

    def place(self) -> int | None:
        """The value, or None where no row is left."""
        if not len(self.least) or np.isinf(self.least[block := int(self.least.argmin())]):
            return None
        own = self.left[block * _BLOCK : (block + 1) * _BLOCK]
        return block * _BLOCK + int(np.where(own > 0, own, np.inf).argmin())


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

    rare = _Rarest(left)
    while (rarest := rare.place()) is not None:
        touched = [np.array([rarest])]
        for one in group[by_value[value_start[rarest] : value_start[rarest + 1]]]:
            if sides[one] < 0:
                assign(int(one), _favourite(wishes[rarest], totals))
                touched.append(value[by_group[group_start[one] : group_start[one + 1]]])
        left[rarest] = 0
        rare.change(np.concatenate(touched))
    for one in np.lexsort((order, -sizes)):
        if sides[one] < 0:
            assign(int(one), _favourite(totals, totals))
    return sides

"""How often every class of an attribute occurs on every side of the split."""

from dataclasses import dataclass

import numpy as np

from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Labels, Schema, Transform

__all__ = ["BINS", "SIDES", "Binned", "Counted", "count_cells"]

SIDES = ("train", "val", "test")
BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Binned:
    """Training numbers in bins of one width (of the logarithm, where the attribute is bent by it).

    Args:
        counts: Cells per bin.
        low, middle, high: Smallest number, median, largest number, in the user's unit.
        logarithmic: Whether the bins have one width on a logarithmic scale.
    """

    counts: tuple[int, ...]
    low: float
    middle: float
    high: float
    logarithmic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One attribute's cells.

    Args:
        attribute: The attribute.
        rows: Training rows.
        filled, absent: Training rows with a value, and those that it does not apply to; the others are unknown.
        classes: (class, side) cells with the class, sides as in `SIDES`; no rows for a number.
        numbers: Training numbers, where there are any.
    """

    attribute: Attribute
    rows: int
    filled: int
    absent: int
    classes: np.ndarray
    numbers: Binned | None = None

    @property
    def rarest(self) -> int | None:
        """Training cells of the rarest class."""
        return int(self.classes[:, 0].min()) if len(self.classes) else None


def _binned(values: np.ndarray, *, logarithmic: bool) -> Binned | None:
    if not len(values):
        return None
    bent = np.log(values) if logarithmic else values
    # Halves, so that the distance between the largest and the smallest number that there are has no overflow.
    low, high = bent.min() / 2, bent.max() / 2
    width = high - low
    places = np.zeros(len(bent), dtype=np.int64)
    if width > 0:
        places = np.minimum(((bent / 2 - low) / width * BINS).astype(np.int64), BINS - 1)
    middle = np.sort(values)[(len(values) - 1) // 2]
    counts = np.bincount(places, minlength=BINS if width > 0 else 1)
    return Binned(
        counts=tuple(counts.tolist()), low=float(values.min()), middle=float(middle), high=float(values.max()),
        logarithmic=logarithmic,
    )  # fmt: skip


def count_cells(schema: Schema, labels: Labels, side: np.ndarray) -> tuple[Counted, ...]:
    """Count the cells of every attribute, in the schema's order.

    Args:
        schema: The vocabulary.
        labels: Coded cells of some rows.
        side: (row,) "train", "val" or "test".
    """
    sides = [np.flatnonzero(side == name) for name in SIDES]
    train, blocks, found = sides[0], schema.layout().blocks, []
    for place, attribute in enumerate(schema.attributes):
        known = [rows[labels.state[rows, place] == VALUE] for rows in sides]
        numbers = None
        if attribute.kind is Kind.NUMERIC:
            classes = np.zeros((0, len(SIDES)), dtype=np.int64)
            values = labels.number[known[0], place]
            numbers = _binned(values[np.isfinite(values)], logarithmic=attribute.transform is Transform.LOG)
        elif attribute.kind is Kind.MULTILABEL:
            columns = blocks[place].scores
            classes = np.stack([labels.members[rows, columns].sum(axis=0, dtype=np.int64) for rows in known], axis=1)
        else:
            width = len(attribute.classes)
            classes = np.stack([np.bincount(labels.index[rows, place], minlength=width) for rows in known], axis=1)
        absent = int((labels.state[train, place] == NOT_APPLICABLE).sum())
        found.append(
            Counted(
                attribute=attribute,
                rows=len(train),
                filled=len(known[0]),
                absent=absent,
                classes=classes,
                numbers=numbers,
            )
        )
    return tuple(found)

"""The attribute that decides which others apply: the simplest one that explains which cells are empty.

Every categorical attribute that is mostly known is tried. Its gain is measured in nats, after a price for each of its
classes, so that many classes must earn their keep; of those that gain nearly as much as the best one, the one with the
fewest classes is taken.
"""

import numpy as np

from facetwise.data._applicability import ENOUGH_ROWS, emptiness
from facetwise.data._readings import ColumnReading
from facetwise.data._spelling import parse_number
from facetwise.data._table import Table
from facetwise.schema import Kind

__all__ = ["find_category"]

# A category that is known for fewer rows cannot tell for most cells what applies. It need not be complete: its gain is
# counted over the rows where it is known, so gaps cost it already.
_COMPLETE = 0.75
# "Nearly as much": the coarser of two explanations wins unless the finer one gains more than a tenth.
_NEARLY = 0.9


def find_category(table: Table, readings: list[ColumnReading], present: np.ndarray) -> tuple[str | None, str]:
    """The category column and why, or None and why not.

    Args:
        table: The table.
        readings: The attributes.
        present: (row, attribute) bool: the cell has a value.
    """
    open_places = [place for place in range(len(readings)) if not present[:, place].all()]
    if not open_places:
        return None, "no attribute has empty cells"
    found: list[tuple[float, int, str, int]] = []
    for place, reading in enumerate(readings):
        if reading.kind is not Kind.CATEGORICAL or present[:, place].mean() < _COMPLETE:
            continue
        coded = table.coded(reading.column)
        if np.sum(coded.counts >= ENOUGH_ROWS) < 2:
            continue
        others = [other for other in open_places if other != place]
        category = np.where(present[:, place], coded.codes, -1)
        evidence = emptiness(present[:, others], category, len(coded.values))
        dependent = int(evidence.depends.sum())
        # Bare numbers are often dates or batches, and one attribute that starts with a batch proves nothing.
        bare = all(parse_number(value) is not None for value in coded.values if value)
        if dependent >= (2 if bare else 1):
            found.append((float(evidence.gain.sum()), reading.distinct, reading.column, dependent))
    if not found:
        return None, f"no attribute explains which cells of the {len(open_places)} incomplete attributes are empty"
    best = max(gain for gain, *_ in found)
    near = [item for item in found if item[0] >= _NEARLY * best]
    gain, classes, column, dependent = min(near, key=lambda item: (item[1], -item[0], item[2]))
    reason = (
        f"{dependent} of {len(open_places)} incomplete attributes are entirely empty in some of its {classes} classes "
        f"(gain {gain:,.0f} nats)"
    )
    rest = sorted((item for item in found if item[2] != column), reverse=True)[:3]
    if rest:
        reason += "; next: " + ", ".join(f"{name} ({size} classes, {other:,.0f})" for other, size, name, _ in rest)
    return column, reason

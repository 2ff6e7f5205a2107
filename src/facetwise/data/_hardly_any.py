"""Categories where an attribute has next to no value, though the schema says that they have it: perhaps a slip.

One value is enough for a category to have an attribute, since tables are sparse; so one wrong label is enough as well.
It is named, and a person decides.
"""

import numpy as np

from facetwise.data._applicability import ENOUGH_ROWS
from facetwise.data._cells import class_places
from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.data._table import Table
from facetwise.schema import Attribute, Schema

__all__ = ["about_hardly_any"]

# So few cells may all be slips, if they are so small a share of the category.
_FEW_CELLS, _SMALL_SHARE = 2, 0.05
# Somewhere the attribute must be usual, or it is only sparse.
_USUAL_SHARE = 0.5
_NAMES_SHOWN = 5


def about_hardly_any(schema: Schema, table: Table, train_rows: np.ndarray) -> list[Notice]:
    """One notice per attribute that some categories hardly have, though others mostly have it.

    Args:
        schema: The vocabulary, complete.
        table: The table.
        train_rows: Places of the training rows.
    """
    category = schema.category_attribute
    if category is None:
        return []
    silent = frozenset(schema.unknown) | frozenset(schema.not_applicable)
    places = class_places(category, table.coded(category.column), silent)[train_rows]
    known = places >= 0
    sizes = np.bincount(places[known], minlength=len(category.classes))
    notices = []
    for attribute in schema.attributes:
        if attribute.column == category.column:
            continue
        present = ~table.coded(attribute.column).among(silent)[train_rows]
        values = np.bincount(places[known & present], minlength=len(category.classes))
        share = np.where(sizes >= ENOUGH_ROWS, values / np.maximum(sizes, 1), 0.0)
        usual = int(share.argmax())
        hardly = [place for place in range(len(sizes)) if _hardly(attribute, category, place, values, sizes)]
        if not hardly or share[usual] < _USUAL_SHARE:
            continue
        rows = train_rows[present & np.isin(places, hardly)]
        numbers = table.row_numbers(np.sort(rows), count=ROWS_SHOWN)
        message = _message(category, hardly, values, sizes)
        message += f" but in {100 * share[usual]:.0f} % of {category.classes[usual]!r}. "
        names = ", ".join(repr(category.classes[place]) for place in hardly[:_NAMES_SHOWN])
        slip = f"If that is a slip, there or in {category.column!r}, correct it, or" if len(rows) else "Perhaps"
        message += f"{slip} leave {names} out of applies_to."
        notices.append(Notice(code="hardly-applies", message=message, column=attribute.column, rows=numbers))
    return notices


def _hardly(attribute: Attribute, category: Attribute, place: int, values: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether a category of enough rows has next to no value of an attribute that it is said to have."""
    count, size = int(values[place]), int(sizes[place])
    named = attribute.applies_to is not None and category.classes[place] in attribute.applies_to
    said = named or (attribute.applies_to is None and count > 0)
    return said and size >= ENOUGH_ROWS and count <= _FEW_CELLS and count < _SMALL_SHARE * size


def _message(category: Attribute, hardly: list[int], values: np.ndarray, sizes: np.ndarray) -> str:
    parts = [f"in {values[place] or 'none'} of {sizes[place]} {category.classes[place]!r}" for place in hardly]
    more = f" and {len(parts) - _NAMES_SHOWN} more" if len(parts) > _NAMES_SHOWN else ""
    return f"Of the training rows it has a value {', '.join(parts[:_NAMES_SHOWN])}{more},"

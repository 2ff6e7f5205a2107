"""The schema: the one vocabulary that every room and every artefact shares."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from facetwise.errors import SchemaError, nearest
from facetwise.schema._attribute import Attribute, Kind
from facetwise.schema._check import complaints_about
from facetwise.schema._layout import Layout, build_layout
from facetwise.schema._rule import Rule, about_rules

__all__ = ["Schema"]

# Cells that read as "unknown" or "not applicable" unless the schema says otherwise. "NA" is not in the list: it is a
# country code, a size and a brand in real tables, so it has to be declared.
DEFAULT_UNKNOWN = ("",)
DEFAULT_NOT_APPLICABLE: tuple[str, ...] = ("N/A", "n/a", "not applicable", "Not applicable", "Not Applicable")


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Attributes, their classes and their order, and the columns that play a role.

    Args:
        images: Columns that hold image paths.
        attributes: The attributes in the table's order.
        group: Column whose equal values stay on one side of a split.
        category: Column of the attribute that decides which others apply; itself one of the attributes.
        groups: Named lists of attribute columns, for metrics by group.
        unknown: Cell texts that mean "nobody knows".
        not_applicable: Cell texts that mean "this item has no such thing".
        weight: Column that says how much a row counts.
        box: Column with the part of the picture that a row describes: x0 y0 x1 y1 in pixels.
        rules: What holds between attributes; answers that break one are repaired.

    Raises:
        SchemaError: Everything that is wrong, at once.
    """

    images: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    group: str | None = None
    category: str | None = None
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = DEFAULT_UNKNOWN
    not_applicable: tuple[str, ...] = DEFAULT_NOT_APPLICABLE
    weight: str | None = None
    box: str | None = None
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        complaints = complaints_about(
            attributes=self.attributes,
            category=self.category,
            groups=self.groups,
            unknown=self.unknown,
            not_applicable=self.not_applicable,
            roles={"weight": self.weight, "box": self.box},
            images=self.images,
        )
        complaints += about_rules(self.rules, {attribute.column: attribute for attribute in self.attributes})
        if complaints:
            raise SchemaError(complaints)

    @cached_property
    def index(self) -> dict[str, int]:
        """Place of each attribute by column name."""
        return {attribute.column: place for place, attribute in enumerate(self.attributes)}

    def attribute(self, column: str) -> Attribute:
        """The attribute of a column.

        Raises:
            KeyError: No such attribute; the message has the nearest names.
        """
        if column not in self.index:
            raise KeyError(f"no attribute {column!r}; {nearest(column, self.index)}")
        return self.attributes[self.index[column]]

    @property
    def category_attribute(self) -> Attribute | None:
        """The attribute that decides which others apply."""
        return None if self.category is None else self.attribute(self.category)

    @cached_property
    def explained(self) -> "np.ndarray":
        """(category, attribute) float64: 1 applies, 0 does not, NaN not known; without a category one row of ones."""

        category = self.category_attribute
        if category is None:
            table = np.ones((1, len(self.attributes)))
        else:
            known = {True: 1.0, False: 0.0, None: np.nan}
            table = np.array([[known[a.applicability(name)] for a in self.attributes] for name in category.classes])
        table.flags.writeable = False
        return table

    def children(self, column: str) -> tuple[Attribute, ...]:
        """The attributes whose parent is this column (at most one, by rule)."""
        return tuple(a for a in self.attributes if a.parent is not None and a.parent.column == column)

    def of_kind(self, *kinds: Kind) -> tuple[int, ...]:
        """Places of the attributes of some kinds."""
        return tuple(place for place, attribute in enumerate(self.attributes) if attribute.kind in kinds)

    @cached_property
    def _layout(self) -> Layout:
        return build_layout(self.attributes, self.category)

    def layout(self) -> Layout:
        """Where every attribute lives in the packed logits and scores."""
        return self._layout

"""Rows by attribute and class."""

from collections.abc import Sequence

import numpy as np

from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Labels, Schema

__all__ = ["category_codes", "rows_by_class"]


def rows_by_class(
    schema: Schema, labels: Labels, attributes: Sequence[str] | None = None
) -> dict[str, list[np.ndarray]]:
    """Per attribute the rows of each class that has any; attributes without labelled rows are left out.

    A multilabel row is a row of each of its classes (of none: of a class of its own), every row with a number is of
    one class, and "not applicable" is a class where the attribute decides on it by itself.

    Args:
        schema, labels: The vocabulary and the coded rows.
        attributes: Columns to look at; all if not given.

    Raises:
        ConfigError: A column that is no attribute.
    """
    unknown = [column for column in attributes or () if column not in schema.index]
    if unknown:
        place, rule = "config: sampler.attributes", "this is an attribute"
        raise ConfigError(
            [Complaint(place=place, rule=rule, found=repr(c), fix=nearest(c, schema.index)) for c in unknown]
        )
    found: dict[str, list[np.ndarray]] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        if attributes is not None and attribute.column not in attributes:
            continue
        valued = labels.state[:, place] == VALUE
        if attribute.kind is Kind.NUMERIC:
            groups = [np.flatnonzero(valued)]
        elif attribute.kind is Kind.MULTILABEL:
            members = labels.members[:, block.scores] > 0
            groups = [np.flatnonzero(valued & own) for own in (*members.T, ~members.any(axis=1))]
        else:
            # Sorted once: a mask per class would be a look at every row for each of thousands of classes.
            rows = np.flatnonzero(valued)
            codes = labels.index[rows, place]
            order = rows[np.argsort(codes, kind="stable")]
            groups = np.split(order, np.cumsum(np.bincount(codes, minlength=len(attribute.classes)))[:-1])
        if block.applicability is not None:
            groups.append(np.flatnonzero(labels.state[:, place] == NOT_APPLICABLE))
        if filled := [group for group in groups if len(group)]:
            found[attribute.column] = filled
    return found


def category_codes(schema: Schema, labels: Labels) -> np.ndarray:
    """(item) code of each row's category; rows whose category is not known have the code after the last.

    Raises:
        ConfigError: The schema has no category.
    """
    category = schema.category_attribute
    if category is None:
        rule, fix = "a sampler by category has one", "name the column (category=...), or choose another sampler"
        raise ConfigError([Complaint(place="config: sampler", rule=rule, found="no category", fix=fix)])
    place = schema.index[category.column]
    valued = labels.state[:, place] == VALUE
    return np.where(valued, labels.index[:, place], len(category.classes))

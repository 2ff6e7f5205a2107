"""The schema's groups of attributes as numbers, for heads whose penalty knows them."""

from typing import NamedTuple

from facetwise.errors import Complaint, ConfigError
from facetwise.schema import Schema

__all__ = ["AttributeGroups", "attribute_groups"]


class AttributeGroups(NamedTuple):
    """Group number of each attribute that has logits, and the name of each group.

    An attribute outside all groups is one by itself, with its own name.
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]


def attribute_groups(schema: Schema) -> AttributeGroups:
    """Groups that have an attribute with logits, in the schema's order; then the attributes outside.

    Raises:
        ConfigError: An attribute is in several groups.

    >>> from facetwise.schema import Attribute, Kind
    >>> made = [Attribute(column=c, id=f"a0{n}", kind=Kind.BINARY, classes=("no", "yes")) for n, c in enumerate("abc")]
    >>> attribute_groups(Schema(images=("image",), attributes=tuple(made), groups={"both": ("a", "c")}))
    AttributeGroups(numbers=(0, 1, 0), names=('both', 'b'))
    """
    inside: dict[str, list[str]] = {}
    for group, columns in schema.groups.items():
        for column in columns:
            inside.setdefault(column, []).append(group)
    twice = {column: groups for column, groups in inside.items() if len(groups) > 1}
    if twice:
        rule, fix = "attribute groups are disjoint for this head", "leave it in one group"
        raise ConfigError(
            [
                Complaint(place=f"schema: groups, {column!r}", rule=rule, found=", ".join(groups), fix=fix)
                for column, groups in twice.items()
            ]
        )
    # Attributes that have logits; a parent whose probabilities are sums has none.
    columns = [schema.attributes[place].column for place in schema.layout().present]
    used = [group for group in schema.groups if any(inside.get(column) == [group] for column in columns)]
    alone = [column for column in columns if column not in inside]
    group_number = {group: number for number, group in enumerate(used)}
    own_number = {column: len(used) + number for number, column in enumerate(alone)}
    numbers = [group_number[inside[column][0]] if column in inside else own_number[column] for column in columns]
    return AttributeGroups(tuple(numbers), (*used, *alone))

"""A schema that has grown: what it was before, and one attribute of it alone."""

from collections.abc import Collection
from dataclasses import replace

from facetwise.schema._attribute import Attribute
from facetwise.schema._schema import Schema

__all__ = ["alone", "free_id", "without"]


def alone(schema: Schema, identity: str) -> Schema:
    """The schema of one attribute by itself; its logits have the names that they have in the whole.

    There is no category any more that could say where it applies: whether it does is its own sigmoid, where the whole
    has one, and the category's business where the whole has none.

    >>> from facetwise.schema import Attribute, Kind, Schema
    >>> heel = Attribute(column="heel", id="a01", kind=Kind.BINARY, classes=("no", "yes"), applies_to=("Heels",))
    >>> sort = Attribute(column="sort", id="a00", kind=Kind.CATEGORICAL, classes=("Heels", "Shirts"))
    >>> whole = Schema(images=("image",), attributes=(sort, heel), category="sort")
    >>> alone(whole, "a01").layout().names
    ('a01/yes',)
    """
    attribute = _by_id(schema, identity)
    sigmoid = schema.layout().blocks[schema.index[attribute.column]].applicability is not None
    bare = replace(attribute, applies_to=None, undecided=(), own_applicability=sigmoid, parent=None)
    return Schema(
        images=schema.images, attributes=(bare,), group=schema.group, unknown=schema.unknown,
        not_applicable=schema.not_applicable, weight=schema.weight, box=schema.box,
    )  # fmt: skip


def without(schema: Schema, identities: Collection[str]) -> Schema:
    """The schema before some attributes were added to it: they are nobody's category, parent or rule."""
    kept = tuple(attribute for attribute in schema.attributes if attribute.id not in identities)
    return schema if len(kept) == len(schema.attributes) else replace(schema, attributes=kept)


def free_id(schema: Schema) -> str:
    """The id after the last one of the schema.

    >>> from facetwise.schema import Attribute, Kind, Schema
    >>> free_id(Schema(images=("image",), attributes=(Attribute(column="price", id="a07", kind=Kind.NUMERIC),)))
    'a08'
    """
    numbers = [int(attribute.id[1:]) for attribute in schema.attributes if attribute.id[1:].isdecimal()]
    width = max([2, *(len(attribute.id) - 1 for attribute in schema.attributes if attribute.id[1:].isdecimal())])
    return f"a{max(numbers, default=-1) + 1:0{width}d}"


def _by_id(schema: Schema, identity: str) -> Attribute:
    return next(attribute for attribute in schema.attributes if attribute.id == identity)

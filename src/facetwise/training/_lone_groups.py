"""Groups of one attribute each, where a head shares by groups."""

from facetwise.models import FacetModel, attribute_groups
from facetwise.schema import Schema

__all__ = ["about_lone_groups"]


def about_lone_groups(schema: Schema, model: FacetModel) -> str | None:
    """What to say where the head's penalty goes by groups and no two attributes are in one.

    The norm of a group of one number is its absolute value: l1, which favours no sharing.
    """
    if model.head.groups is None:
        return None
    numbers = attribute_groups(schema).numbers
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        return None
    return (
        f"the head shares latent tasks by groups of attributes, and each of the {len(numbers)} attributes is a group "
        "by itself: the group norm is a plain l1 then, and nothing makes them share. Put those that should share "
        "together under `groups` in the schema"
    )

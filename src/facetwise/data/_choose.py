"""Which columns a user wants: --attributes and --exclude."""

from collections.abc import Collection, Sequence

from facetwise.errors import Complaint, ConfigError, nearest

__all__ = ["chosen_columns"]


def chosen_columns(
    known: Sequence[str], *, attributes: Collection[str] | None, exclude: Collection[str]
) -> tuple[str, ...]:
    """The columns that are asked for, in their known order.

    Raises:
        ConfigError: Names that are not known, all at once, or nothing left.

    >>> chosen_columns(["colour", "price", "brand"], attributes=None, exclude=["brand"])
    ('colour', 'price')
    """
    complaints = [
        Complaint(place=place, rule="a named column is an attribute", found=repr(name), fix=nearest(name, known))
        for place, names in (("attributes", attributes or ()), ("exclude", exclude))
        for name in names
        if name not in known
    ]
    if complaints:
        raise ConfigError(complaints)
    chosen = tuple(name for name in known if (attributes is None or name in attributes) and name not in exclude)
    if not chosen:
        complaint = Complaint(
            place="attributes", rule="at least one attribute is left", found="none", fix="exclude fewer columns"
        )
        raise ConfigError([complaint])
    return chosen

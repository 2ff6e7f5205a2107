"""One attribute: a column of the table that the model fills in."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Attribute", "Kind", "Parent", "Transform"]


class Kind(StrEnum):
    """What kind of value an attribute has."""

    CATEGORICAL = "categorical"  # one of several classes
    BINARY = "binary"  # one of two, the second is the positive one
    MULTILABEL = "multilabel"  # any number of classes at once
    ORDINAL = "ordinal"  # one of several classes that have an order
    NUMERIC = "numeric"  # a number with a unit


class Transform(StrEnum):
    """How a number is bent before it is standardised (mean 0, deviation 1 over the training rows)."""

    NONE = "none"
    LOG = "log"  # log(x); refused where a training value is not above 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The coarser attribute that every class of this one belongs to.

    `of` maps each class of the child to a class of the parent. `alone` lists the parent's classes that some training
    row carries without a child: only those get a logit of their own.
    """

    column: str
    of: dict[str, str]
    alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A column with a kind, its classes in order, and the categories that it applies to.

    Args:
        column: Name of the column in the user's table; only ever data.
        id: Safe, stable name (`a00`, `a01`, ...) used for files, modules and outputs.
        kind: The kind of value.
        classes: Class names in order. Binary: (negative, positive), as they are spelled in the table. Numeric: none.
        applies_to: Categories that have this attribute; None where it does not depend on the category.
        undecided: Categories with too few training rows to tell; the image decides.
        parent: The coarser attribute, for a categorical attribute.
        unit: Unit of a number, for people.
        transform: Bending of a number.
        own_applicability: Whether the table says 'not applicable' in a way that no category explains, so that the
            attribute needs a sigmoid of its own.
        separator: What stands between the classes of a multilabel cell.
        prompts: For a model that reads words: (class, texts that describe it); the class "" stands for all that are not
            named. `{value}`, `{attribute}` and `{category}` are filled in.
    """

    column: str
    id: str
    kind: Kind
    classes: tuple[str, ...] = ()
    applies_to: tuple[str, ...] | None = None
    undecided: tuple[str, ...] = ()
    parent: Parent | None = None
    unit: str = ""
    transform: Transform = Transform.NONE
    own_applicability: bool = False
    separator: str = "|"
    prompts: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def applicability(self, category: str) -> bool | None:
        """Whether the attribute applies to a category: True, False, or None where it is not known.

        >>> heel = Attribute(column="heel", id="a00", kind=Kind.BINARY, classes=("no", "yes"), applies_to=("Heels",))
        >>> heel.applicability("Heels"), heel.applicability("Shirts")
        (True, False)
        """
        if self.applies_to is None:
            return True
        if category in self.applies_to:
            return True
        return None if category in self.undecided else False

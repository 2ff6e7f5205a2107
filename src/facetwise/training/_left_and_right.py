"""Mirror images, where an attribute tells left from right."""

import re
from collections.abc import Sequence

from facetwise.schema import Schema
from facetwise.training.augmentation import Augmentation

__all__ = ["about_mirrors"]

# As a word of its own, or with a capital: "left", "Left side", "left_eye", "EyeRight"; not "leftover", "bright".
_SIDES = re.compile(r"(?<![a-z])(left|right)(?:[-_ ]?(?:side|hand|ward|wards|handed))?(?![a-z])|(Left|Right)(?![a-z])")


def about_mirrors(schema: Schema, steps: Sequence[Augmentation]) -> str | None:
    """A warning, where pictures are mirrored and the names of attributes or classes say left or right.

    >>> from facetwise.schema import Attribute, Kind
    >>> worn = Attribute(column="worn on", id="a00", kind=Kind.CATEGORICAL, classes=("left", "right"))
    >>> from facetwise.training.augmentation import HorizontalFlip
    >>> about_mirrors(Schema(images=("image",), attributes=(worn,)), [HorizontalFlip()]) is not None
    True
    """
    if not any(step.mirrors and getattr(step, "flip", getattr(step, "probability", 1.0)) > 0 for step in steps):
        return None
    found = [
        attribute.column
        for attribute in schema.attributes
        if any(_SIDES.search(text) or _SIDES.search(text.lower()) for text in (attribute.column, *attribute.classes))
    ]
    if not found:
        return None
    named = ", ".join(map(repr, found))
    return (
        f"augmentation mirrors pictures, and {named} tells left from right: the mirror image of a left is a right. "
        "Fix: set flip: 0 in the preset, or leave the attribute out"
    )

"""Which column of the packed scores belongs to which attribute, as matrices that a graph multiplies with."""

from functools import cached_property

import numpy as np

from facetwise.inference.exporting._weave import Weave
from facetwise.schema import Coding, Kind, Schema

__all__ = ["LEAST", "ONE", "ZERO", "Places", "divided"]

ZERO, ONE, LEAST = np.array(0.0, np.float32), np.array(1.0, np.float32), np.array(1e-30, np.float32)


class Places:
    """The packed scores, in which sums over each attribute's classes are two matrix products.

    Args:
        schema: The vocabulary.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.layout = schema.layout()
        self.widths = np.array([block.score_stop - block.score_start for block in self.layout.blocks])
        self.starts = np.array([block.score_start for block in self.layout.blocks])
        self.owner = np.repeat(np.arange(len(self.widths)), self.widths)

    @cached_property
    def members(self) -> np.ndarray:
        """(class, attribute) 1 where the class is the attribute's."""
        return (self.owner[:, None] == np.arange(len(self.widths))[None]).astype(np.float32)

    def of_kind(self, *kinds: Kind) -> np.ndarray:
        """(class,) whether it belongs to an attribute of these kinds."""
        own = np.array([attribute.kind in kinds for attribute in self.schema.attributes], dtype=bool)
        return own[self.owner]

    @cached_property
    def numbers(self) -> np.ndarray:
        """(class,) whether it is the mean or the deviation of a number."""
        return np.array([block.coding is Coding.GAUSS for block in self.layout.blocks])[self.owner]

    def by_class(self, weave: Weave, by_attribute: str) -> str:
        """(item, attribute) to (item, class): each class has its attribute's."""
        return weave("Gather", by_attribute, self.owner, axis=1)

    def totals(self, weave: Weave, packed: str) -> str:
        """(item, class) sums over the classes of the same attribute."""
        return self.by_class(weave, weave("MatMul", packed, self.members))


def divided(weave: Weave, above: str, below: str) -> str:
    """above / below, 0 where below is not above 0."""
    there = weave("Greater", below, ZERO)
    return weave("Where", there, weave("Div", above, weave("Where", there, below, ONE)), ZERO)

"""What every trunk promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from facetwise.models._fact import Fact

__all__ = ["CategoryTrunk", "Trunk"]


class Trunk(nn.Module, ABC):
    """Features to a representation that the heads read.

    `output` says which shape comes out: "batch width" (one representation for all attributes) or
    "batch attribute width" (one per attribute); the composition checks it against the head. `facts` says what each of
    the diagnostics is about.

    The composition gives a trunk, by name, what its signature asks for among `features` (width of the input), `levels`
    (widths of its parts), `attributes` (a stable id per attribute that has logits, from which the parameters of that
    attribute are drawn), `categories` (class names of the category), `before` (words for what feeds it) and `seed`;
    what has a default is the user's to set.
    """

    output: ClassVar[Literal["batch width", "batch attribute width"]]
    facts: ClassVar[Mapping[str, Fact]] = {}

    @property
    @abstractmethod
    def width(self) -> int:
        """Width of the representation."""

    @property
    def basis(self) -> Tensor | None:
        """L (features, width), where the representation is h = Lᵀ x and nothing else; else None."""
        return None

    @abstractmethod
    def represent(self, features: Float[Tensor, "batch features"]) -> tuple[Tensor, dict[str, Tensor]]:
        """Features to the representation and side products by name.

        "attribute_penalty" (attribute) is added to the loss of each attribute that the batch has labels for.
        """

    def forward(self, features: Float[Tensor, "batch features"]) -> Tensor:
        """Features to the representation."""
        return self.represent(features)[0]

    @abstractmethod
    def shared_parameters(self) -> list[nn.Parameter]:
        """All parameters that the losses of several attributes reach: the exact option of Gramian balancers."""

    @abstractmethod
    def shared_cut(self) -> list[nn.Parameter]:
        """The last parameters that every attribute reaches; Gramian balancers act there. Empty: none are shared."""

    @abstractmethod
    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """What the trunk does with these items, for people: gates, entropies, similarities. Empty: nothing to show."""


class CategoryTrunk(Trunk):
    """A trunk that may be told the category of each item."""

    @abstractmethod
    def represent(
        self, features: Float[Tensor, "batch features"], category: Int[Tensor, " batch"] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As above; `category` is the class of each item, -1 where it is unknown, or None: predicted."""

"""What every adapter promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from facetwise.models._fact import Fact

__all__ = ["Adapter", "CategoryReader"]


class Adapter(nn.Module, ABC):
    """Features to features, between the levels and the trunk: "batch width" in and out.

    The composition gives an adapter, by name, what its signature asks for among `levels` (widths of the parts of the
    input), `categories` (class names of the category), `seed` and `name` (of this place in the chain); what has a
    default is the user's to set.

    `facts` says what each of the diagnostics is about.
    """

    facts: ClassVar[Mapping[str, Fact]] = {}

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """Widths of the parts of what comes out; one part where the levels are mixed."""

    @abstractmethod
    def adapt(self, features: Float[Tensor, "batch features"]) -> tuple[Tensor, dict[str, Tensor]]:
        """Features to features, and side products by name.

        "category_logits" (batch, category) are to be taught the category, where it is labelled.
        """

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch adapted"]:
        """Features to features."""
        return self.adapt(features)[0]

    @abstractmethod
    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """What the adapter does with these items, for people. Empty: nothing to show."""


class CategoryReader(Adapter):
    """An adapter that may be told the category of each item."""

    @abstractmethod
    def adapt(
        self, features: Float[Tensor, "batch features"], category: Int[Tensor, " batch"] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As above; `category` is the class of each item, -1 where it is unknown, or None: predicted."""

"""What every head promises."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from facetwise.models._fact import Fact
from facetwise.models._rows import Packed

__all__ = ["Head"]


class Head(Packed):
    """Representation to packed logits.

    `accepts` says which shapes it reads; `provides` which promises it keeps beyond the logits, for losses that need
    one: "cosine" (logits are cosines times a scale, before what the levels add; both are side products). `facts` says
    what each of the diagnostics is about.

    The composition gives a head, by name, what its signature asks for among `names` (one stable name per logit, from
    which its row is drawn), `owner` (attribute of each logit), `attributes` (their stable ids), `groups` (a group
    number per attribute), `width` (of the representation) and `seed`; what has a default is the user's to set.
    """

    accepts: ClassVar[tuple[Literal["batch width", "batch attribute width"], ...]]
    provides: ClassVar[frozenset[str]]
    facts: ClassVar[Mapping[str, Fact]] = {}

    @property
    def matrix(self) -> Tensor | None:
        """W (logit, width) of z = h Wᵀ + b; None where logits are something else."""
        return None

    @property
    def groups(self) -> Tensor | None:
        """Group number of each logit (logit), where the rows of `matrix` come and go by groups; else None."""
        return None

    def diagnostics(self) -> dict[str, np.ndarray | float]:
        """What the head has chosen, for people. Nothing to show unless a head says so."""
        return {}

    @abstractmethod
    def read(self, representation: Float[Tensor, "batch *attribute width"]) -> tuple[Tensor, dict[str, Tensor]]:
        """Representation to packed logits and side products by name."""

    def forward(self, representation: Float[Tensor, "batch *attribute width"]) -> Float[Tensor, "batch logit"]:
        """Representation to packed logits."""
        return self.read(representation)[0]

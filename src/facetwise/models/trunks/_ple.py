"""Progressive layered extraction: shared experts, and experts of each attribute's own."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._fact import Fact
from facetwise.models._options import Activation, Rule, check_options, share
from facetwise.models.trunks._experts import GATE_FACTS, gate_facts, similarity
from facetwise.models.trunks._ple_level import PleLevel
from facetwise.models.trunks._trunk import Trunk

__all__ = ["PleTrunk"]


class PleTrunk(Trunk):
    r"""h_a = Σ_e g_a(x)_e f_e(x) over the shared experts and those of attribute a alone; `levels` times.

    One level is CGC, customised gate control. In each level the shared experts are two products, all attributes'
    experts two, their gates one. Own experts of every attribute read all features: with many attributes that is most
    of the parameters.

    Source: Tang et al. (2020, equations 1 to 7). Experts as in mixtures of experts (LN, Linear, GELU, Dropout, Linear,
    GELU); the paper leaves them open.

    Args:
        features: Width of the input.
        attributes: Stable ids, from which their experts and gates are drawn.
        seed: Seed of the initial weights.
        layers: Number of levels.
        shared_experts: Experts that all attributes read, in each level.
        own_experts: Experts of each attribute, in each level.
        hidden: Width inside an expert.
        width: Width of what an expert gives.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation inside an expert.
        temperature: Of the gates' softmax.

    Example:
        >>> import torch
        >>> trunk = PleTrunk(features=8, attributes=["a00", "a01", "a02"], seed=0, layers=2, hidden=6, width=5)
        >>> trunk(torch.zeros(2, 8)).shape
        torch.Size([2, 3, 5])
    """

    output = "batch attribute width"
    facts: ClassVar[Mapping[str, Fact]] = {
        **GATE_FACTS,
        "gate": Fact(
            "gates: weight of each expert, the shared ones first, then the attribute's own; mean over items",
            ("attribute", "expert"),
        ),
        "own_share": Fact("weight of its own experts", ("attribute",)),
        "expert_similarity": Fact(
            "how alike shared experts answer: cosine, mean over items", ("shared expert", "shared expert")
        ),
    }

    def __init__(
        self,
        *,
        features: int,
        attributes: Sequence[str],
        seed: int,
        layers: int = 1,
        shared_experts: int = 4,
        own_experts: int = 1,
        hidden: int = 128,
        width: int = 128,
        activation: Activation = "gelu",
        dropout: float = 0.1,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        check_options(
            "trunk",
            Rule("layers", layers, layers >= 1, "at least 1"),
            Rule("shared_experts", shared_experts, shared_experts >= 1, "at least 1"),
            Rule("own_experts", own_experts, own_experts >= 1, "at least 1"),
            Rule("hidden", hidden, hidden >= 1, "at least 1"),
            Rule("width", width, width >= 1, "at least 1"),
            share("dropout", dropout),
            Rule("temperature", temperature, temperature > 0, "above 0"),
        )
        self.levels = nn.ModuleList(
            PleLevel(
                name=f"level{number}",
                inputs=width if number else features,
                hidden=hidden,
                width=width,
                attributes=attributes,
                shared_experts=shared_experts,
                own_experts=own_experts,
                activation=activation,
                dropout=dropout,
                temperature=temperature,
                seed=seed,
                first=number == 0,
                last=number == layers - 1,
            )
            for number in range(layers)
        )
        self._width = width

    @property
    def width(self) -> int:
        """Width of each representation."""
        return self._width

    @property
    def last(self) -> PleLevel:
        """The last level."""
        level = self.levels[-1]
        assert isinstance(level, PleLevel)
        return level

    def _before_last(self, features: Tensor) -> tuple[Tensor, Tensor]:
        shared, own = features, features
        for level in list(self.levels)[:-1]:
            shared, own = level(shared, own)
        return shared, own

    def represent(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch attribute width"], dict[str, Tensor]]:
        """Features to one representation per attribute."""
        return self.last(*self._before_last(features))[1], {}

    def shared_parameters(self) -> list[nn.Parameter]:
        """The shared experts of the last level, and everything below it."""
        below = [parameter for level in list(self.levels)[:-1] for parameter in level.parameters()]
        return [*below, *self.last.shared.parameters()]

    def shared_cut(self) -> list[nn.Parameter]:
        """The shared experts' last linear layers, of the last level."""
        return list(self.last.shared.last.parameters())

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """Of the last level: gate (attribute, expert: shared ones first, then its own), gate_entropy (attribute),
        own_share (attribute): the weight that stays with its own experts; expert_similarity of the shared ones.
        """
        read = self.last.read(*self._before_last(features))
        own = read.weights[:, :, read.shared.shape[1] :].sum(dim=2).mean(dim=0).cpu().numpy()
        return {**gate_facts(read.weights), "own_share": own, "expert_similarity": similarity(read.shared)}

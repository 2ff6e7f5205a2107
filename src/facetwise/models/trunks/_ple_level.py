"""One level of extraction: experts for all, experts for one, and gates over both."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._bank import LinearBank
from facetwise.models._options import Activation
from facetwise.models.trunks._experts import Experts

__all__ = ["PleLevel"]

# On standardised features a gate's logits start with this deviation: the weights are those of `nn.Linear`.
GATE_SPREAD = 3.0**-0.5


class _Read(NamedTuple):
    shared: Tensor  # (batch, expert, width): the shared experts
    own: Tensor  # (batch, attribute, expert, width): the attributes' own
    weights: Tensor  # (batch, attribute, expert): over the shared ones, then over its own


class PleLevel(nn.Module):
    """Customised gate control: attribute a mixes the shared experts and its own, and sees nobody else's.

    Below the last level the shared path goes on as a mixture of all experts, so there every attribute's experts are
    reached by the losses of all.

    Source: Tang et al. (2020, section 4.1; section 4.2 for the levels below the last).

    Args:
        name: Of the level, from which parameters are drawn.
        inputs, hidden, width: Widths.
        attributes: Stable ids.
        shared_experts, own_experts: Number of experts for all, and of each attribute.
        activation, dropout, temperature, seed: As in the trunk.
        first: Whether all attributes read the same here.
        last: Whether no level follows.
    """

    def __init__(
        self,
        *,
        name: str,
        inputs: int,
        hidden: int,
        width: int,
        attributes: Sequence[str],
        shared_experts: int,
        own_experts: int,
        first: bool,
        activation: Activation,
        dropout: float,
        temperature: float,
        seed: int,
        last: bool,
    ) -> None:
        super().__init__()
        places = range(len(attributes))
        own = [f"{name}/{attribute}/expert{n}" for attribute in attributes for n in range(own_experts)]
        all_names = [f"{name}/shared/expert{n}" for n in range(shared_experts)]
        self.shared = Experts(
            names=all_names,
            inputs=inputs,
            hidden=hidden,
            width=width,
            activation=activation,
            dropout=dropout,
            seed=seed,
        )
        self.own = Experts(
            names=own, inputs=inputs, hidden=hidden, width=width, activation=activation, dropout=dropout, seed=seed,
            owner=[place for place in places for _ in range(own_experts)] if last else None, each=not first,
        )  # fmt: skip
        spread = GATE_SPREAD * inputs**-0.5
        self.gate = LinearBank(
            names=[f"{name}/{attribute}/gate" for attribute in attributes],
            inputs=inputs, outputs=shared_experts + own_experts, seed=seed, deviation=spread,
            owner=places if last else None, each=not first,
        )  # fmt: skip
        # A row per expert, so that each is drawn by the expert's name.
        self.shared_gate = None
        if not last:
            rows = [f"{expert}/shared gate" for expert in (*all_names, *own)]
            self.shared_gate = LinearBank(names=rows, inputs=inputs, outputs=1, seed=seed, deviation=spread)
        self.num_own, self.num_shared, self.temperature = own_experts, shared_experts, temperature

    def read(
        self,
        shared: Float[Tensor, "batch inputs"],
        own: Float[Tensor, "batch inputs"] | Float[Tensor, "batch attribute inputs"],
    ) -> _Read:
        """Experts and gates of what all read and of what each attribute reads (the features, on the first level)."""
        for_own = own if own.ndim == 2 else own.repeat_interleave(self.num_own, dim=1)
        found = self.own(for_own)
        return _Read(
            self.shared(shared),
            found.unflatten(1, (found.shape[1] // self.num_own, self.num_own)),
            (self.gate(own) / self.temperature).softmax(dim=2),
        )

    def forward(
        self,
        shared: Float[Tensor, "batch inputs"],
        own: Float[Tensor, "batch inputs"] | Float[Tensor, "batch attribute inputs"],
    ) -> tuple[Float[Tensor, "batch width"] | None, Float[Tensor, "batch attribute width"]]:
        """What all read next (None on the last level), and what each attribute reads next."""
        read = self.read(shared, own)
        from_shared, from_own = read.weights.split([self.num_shared, self.num_own], dim=2)
        mixed = torch.bmm(from_shared, read.shared) + (from_own.unsqueeze(3) * read.own).sum(dim=2)
        if self.shared_gate is None:
            return None, mixed
        weights = (self.shared_gate(shared).squeeze(2) / self.temperature).softmax(dim=1)
        everything = torch.cat([read.shared, read.own.flatten(1, 2)], dim=1)
        return torch.bmm(weights.unsqueeze(1), everything).squeeze(1), mixed

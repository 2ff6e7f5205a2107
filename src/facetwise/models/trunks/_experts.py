"""Experts computed together, and what their gates do with them."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._bank import LinearBank
from facetwise.models._fact import Fact
from facetwise.models._options import ACTIVATIONS, Activation

__all__ = ["GATE_FACTS", "Experts", "gate_facts", "similarity"]

# Largest share of the rows that the busiest expert may have for the sparse way to be the faster one. Measured with 8
# experts, forward and backward, sparse / dense: 0.5 at a share of 0.16, 0.6 at 0.3, 0.74 at 0.46, 0.94 at 0.7, 1.2 at 1
# (`benchmarks/experts.py`).
SPARSE_BELOW = 0.7


class Experts(nn.Module):
    r"""f_e(x) = φ(V_e dropout(φ(W_e norm(x) + b_e)) + c_e) for all experts e in two products.

    norm is a layer norm without scale and shift: those of a public expert (LN, Linear, GELU, Dropout, Linear, GELU)
    are absorbed by the linear layer behind them, and the statistics are the same for every expert, so one normalisation
    serves all.

    Args:
        names: One stable name per expert.
        inputs, hidden, width: Widths.
        activation: φ, a word of `ACTIVATIONS`.
        dropout: Probability of zeroing a hidden activation.
        seed: Seed of the initial weights.
        owner: Attribute of each expert; None: shared by all.
        each: Whether each expert has an input of its own.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        inputs: int,
        hidden: int,
        width: int,
        activation: Activation,
        dropout: float,
        seed: int,
        owner: Sequence[int] | None = None,
        each: bool = False,
    ) -> None:
        super().__init__()
        first, last = ([f"{name}/{place}" for name in names] for place in ("first", "last"))
        self.first = LinearBank(names=first, inputs=inputs, outputs=hidden, seed=seed, owner=owner, each=each)
        self.last = LinearBank(names=last, inputs=hidden, outputs=width, seed=seed, owner=owner, each=True)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        given: Float[Tensor, "batch inputs"] | Float[Tensor, "batch expert inputs"],
        used: Bool[Tensor, "batch expert"] | None = None,
    ) -> Float[Tensor, "batch expert width"]:
        """Every expert of every item; where `used` is given, what is not used may be zero."""
        given = functional.layer_norm(given, given.shape[-1:])
        if used is not None and given.ndim == 2 and not torch.compiler.is_compiling():
            rows = int(used.sum(dim=0).max())  # of the busiest expert
            if rows < SPARSE_BELOW * len(given):
                return self._sparse(given, used, rows)
        return self.activation(self.last(self.dropout(self.activation(self.first(given)))))

    def _sparse(
        self, given: Float[Tensor, "batch inputs"], used: Bool[Tensor, "batch expert"], rows: int
    ) -> Float[Tensor, "batch expert width"]:
        """Each expert's own rows, padded to those of the busiest one; the padding is rows nobody uses."""
        chosen = used.to(torch.int8).argsort(dim=0, descending=True, stable=True)[:rows].T  # (expert, row)
        gathered = given[chosen]  # (expert, row, inputs)
        found = self.activation(self.last.grouped(self.dropout(self.activation(self.first.grouped(gathered)))))
        whole = found.new_zeros(self.last.size, len(given), self.last.outputs)
        return whole.scatter(1, chosen.unsqueeze(2).expand_as(found), found).transpose(0, 1)


# What `gate_facts` tells.
GATE_FACTS = {
    "gate": Fact("gates: weight of each expert, mean over items", ("attribute", "expert")),
    "gate_entropy": Fact("entropy of the gate (nats)", ("attribute",)),
}


def gate_facts(weights: Float[Tensor, "batch attribute expert"]) -> dict[str, np.ndarray | float]:
    """Mean weight of each expert per attribute; the entropy of the weights (nats), mean over items, per attribute."""
    entropy = torch.special.entr(weights).sum(dim=2).mean(dim=0)
    return {"gate": weights.mean(dim=0).cpu().numpy(), "gate_entropy": entropy.cpu().numpy()}


def similarity(given: Float[Tensor, "batch expert width"]) -> np.ndarray:
    """(expert, expert) cosine of what two experts say about an item, mean over items."""
    unit = functional.normalize(given, dim=2)
    return torch.einsum("bew,bfw->ef", unit, unit).div(len(given)).cpu().numpy()

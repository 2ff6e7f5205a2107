"""The plain block that trunks and adapters are made of."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from facetwise.models._norms import BatchNormBank
from facetwise.models._options import ACTIVATIONS, Activation, Norm

__all__ = ["dense_blocks"]

_NORMS = {
    "layer": nn.LayerNorm,
    "batch": lambda width: BatchNormBank(width=width, bank=1),
    "none": lambda _: nn.Identity(),
}


def dense_blocks(sizes: Sequence[int], *, norm: Norm, activation: Activation, dropout: float) -> nn.Sequential:
    """Linear, norm, activation, dropout between each pair of sizes."""
    blocks: list[nn.Module] = []
    for before, after in pairwise(sizes):
        blocks += [nn.Linear(before, after), _NORMS[norm](after), ACTIVATIONS[activation](), nn.Dropout(dropout)]
    return nn.Sequential(*blocks)

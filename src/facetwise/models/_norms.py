"""Normalisations of hidden layers, for one network or for many that are computed together."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.models._options import Norm
from facetwise.models._rows import Packed, RowOwners

__all__ = ["BatchNormBank", "LayerNormBank", "make_norm"]

# The defaults of PyTorch's layers of the same names.
EPS, MOMENTUM = 1e-5, 0.1


def _owners(owner: Sequence[int] | None, width: int) -> dict[str, RowOwners]:
    if owner is None:
        return {}
    rows = RowOwners("attribute", tuple(a for a in owner for _ in range(width)))
    return {"weight": rows, "bias": rows}


class LayerNormBank(Packed):
    """Layer normalisation of (batch, bank, width) over the width, with a scale and a shift per network.

    Source: Ba, Kiros and Hinton (2016).
    """

    def __init__(self, *, width: int, bank: int, owner: Sequence[int] | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(bank * width))
        self.bias = nn.Parameter(torch.zeros(bank * width))
        self.width, self.bank, self._owner = width, bank, owner

    def row_owners(self) -> dict[str, RowOwners]:
        """Each network's scale and shift."""
        return _owners(self._owner, self.width)

    def forward(self, given: Float[Tensor, "batch bank width"]) -> Float[Tensor, "batch bank width"]:
        """Mean 0 and deviation 1 over the width, then scale and shift."""
        plain = functional.layer_norm(given, (self.width,), eps=EPS)
        shape = (self.bank, self.width)
        return torch.addcmul(self.bias.view(shape), plain, self.weight.view(shape))


class BatchNormBank(Packed):
    """Batch normalisation of (batch, bank, width), or of (batch, width) where the bank is one.

    A batch of one has no deviation; it is normalised by the running statistics, in training too (`nn.BatchNorm1d`
    raises an error there). With several processes `total` adds sums over all of them, so that the statistics are those
    of the global batch; gradient accumulation normalises each part by itself. `momentum` is how far the running
    statistics move towards those of a batch.

    Source: Ioffe and Szegedy (2015, algorithm 1).
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, *, width: int, bank: int, owner: Sequence[int] | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(bank * width))
        self.bias = nn.Parameter(torch.zeros(bank * width))
        self.register_buffer("mean", torch.zeros(bank * width))
        self.register_buffer("variance", torch.ones(bank * width))
        self.width, self._owner = width, owner
        self.momentum: float | None = MOMENTUM  # None, as in PyTorch's layers, is 0 here
        # Set from above where there are several processes: a differentiable sum over them.
        self.total: Callable[[Tensor], Tensor] | None = None

    def row_owners(self) -> dict[str, RowOwners]:
        """Each network's scale and shift."""
        return _owners(self._owner, self.width)

    def _statistics(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        count = flat.new_full((1,), float(len(flat)))
        sums = torch.cat([count, flat.sum(dim=0)])
        if self.total is not None:
            sums = self.total(sums)
        count, mean = sums[0], sums[1:] / sums[0]
        squares = (flat - mean).square().sum(dim=0)
        if self.total is not None:
            squares = self.total(squares)
        if self.momentum:
            with torch.no_grad():
                self.mean.lerp_(mean.to(self.mean.dtype), self.momentum)
                self.variance.lerp_((squares / (count - 1).clamp_min(1.0)).to(self.variance.dtype), self.momentum)
        return mean, squares / count

    def forward(
        self, given: Float[Tensor, "batch bank width"] | Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch bank width"] | Float[Tensor, "batch width"]:
        """Mean 0 and deviation 1 over the batch, then scale and shift."""
        flat = given.reshape(given.shape[0], -1)
        own = self.training and (len(flat) > 1 or self.total is not None)
        mean, variance = self._statistics(flat) if own else (self.mean, self.variance)
        normed = (flat - mean) * (variance + EPS).rsqrt()
        return torch.addcmul(self.bias, normed, self.weight).view(given.shape)


def _no_norm(*, width: int, bank: int, owner: Sequence[int] | None) -> nn.Module:  # noqa: ARG001  (one signature)
    return nn.Identity()


_BANKS: dict[str, Callable[..., nn.Module]] = {"layer": LayerNormBank, "batch": BatchNormBank, "none": _no_norm}


def make_norm(norm: Norm, *, width: int, bank: int, owner: Sequence[int] | None = None) -> nn.Module:
    """The normalisation of that name, for a bank of networks."""
    return _BANKS[norm](width=width, bank=bank, owner=owner)

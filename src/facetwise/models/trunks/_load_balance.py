"""Penalties that keep experts in use."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.models.gates import Gated

__all__ = ["BALANCES", "importance", "switch"]


def importance(gated: Gated) -> Float[Tensor, " attribute"]:
    """CV² = Var_e(I_e) / mean_e(I_e)², I_e the sum of an expert's weights over the batch, for each attribute's gate.

    Weights of experts that are not selected have no gradient: once one expert gets every item this cannot bring the
    others back, noise can.

    Source: Shazeer et al. (2017, equations 6 and 7).

    >>> weights = torch.tensor([[[0.5, 0.5]], [[1.0, 0.0]]])
    >>> importance(Gated(weights, weights))
    tensor([0.2500])
    """
    total = gated.weights.sum(dim=0)
    return total.var(dim=1, correction=0) / total.mean(dim=1).square().clamp_min(1e-12)


def switch(gated: Gated) -> Float[Tensor, " attribute"]:
    """E Σ_e f_e P_e, f_e the share of items whose largest weight is e's, P_e its mean weight before the selection.

    1 where all is even.

    Source: Fedus et al. (2022, equations 4 to 6).

    >>> weights = torch.tensor([[[0.6, 0.4]], [[0.4, 0.6]]])
    >>> switch(Gated(weights, weights))
    tensor([1.])
    """
    weights, experts = gated.weights, gated.weights.shape[2]
    first = torch.nn.functional.one_hot(weights.argmax(dim=2), experts).to(weights.dtype).mean(dim=0)
    return experts * (first * gated.soft.mean(dim=0)).sum(dim=1)


BALANCES: dict[str, Callable[[Gated], Tensor]] = {"importance": importance, "switch": switch}

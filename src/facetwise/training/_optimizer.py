"""AdamW that leaves alone what a batch says nothing about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

__all__ = ["BlockAdamW", "ParameterGroup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Parameters that share a learning rate.

    Args:
        parameters: The parameters.
        learning_rate: Peak learning rate; the schedule multiplies it.
        weight_decay: Decoupled weight decay; only matrices are decayed.
        owner: For packed parameters, the attribute of each row; None for shared ones.
    """

    parameters: Sequence[Tensor]
    learning_rate: float
    weight_decay: float
    owner: Tensor | None = None


class BlockAdamW:
    r"""AdamW whose packed parameters step per attribute.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;
    θ ← θ (1 - η λ) - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε),

    with t counted per row of a packed parameter. A row whose attribute has no label in the batch is skipped: no step,
    no decay, no change of m, v or t. (With plain AdamW such rows get zero gradients, and momentum and decay still move
    them.)

    Source: Loshchilov and Hutter (2019, algorithm 2); β, ε are the defaults of PyTorch.

    Args:
        groups: Parameters with their settings.
        betas: β₁, β₂.
        eps: ε.
    """

    def __init__(
        self, groups: Iterable[ParameterGroup], *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self.groups = list(groups)
        self.betas, self.eps = betas, eps
        self.scale = 1.0
        self.state: list[list[dict[str, Tensor]]] = [
            [self._fresh(parameter, group.owner) for parameter in group.parameters] for group in self.groups
        ]

    @staticmethod
    def _fresh(parameter: Tensor, owner: Tensor | None) -> dict[str, Tensor]:
        steps = torch.zeros(1 if owner is None else len(owner), dtype=torch.float32, device=parameter.device)
        return {"m": torch.zeros_like(parameter), "v": torch.zeros_like(parameter), "t": steps}

    @torch.no_grad()
    def step(self, active: Bool[Tensor, " attribute"]) -> None:
        """One step; `active` says which attributes have a label in the (global) batch."""
        everything = bool(active.all())
        for group, states in zip(self.groups, self.state, strict=True):
            rows = None
            if group.owner is not None and not everything:
                rows = active[group.owner].nonzero().squeeze(1)
            for parameter, state in zip(group.parameters, states, strict=True):
                if parameter.grad is None or (rows is not None and not len(rows)):
                    continue
                self._update(parameter, parameter.grad, state, group, rows)

    def _update(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: ParameterGroup, rows: Tensor | None
    ) -> None:
        rate, decay = group.learning_rate * self.scale, group.weight_decay if parameter.ndim > 1 else 0.0
        names = ("m", "v", "t")
        value, g = parameter, gradient
        m, v, t = (state[name] for name in names)
        if rows is not None:
            value, g, m, v, t = (tensor.index_select(0, rows) for tensor in (parameter, gradient, m, v, t))
        beta1, beta2 = self.betas
        t += 1
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        shape = [-1] + [1] * (parameter.ndim - 1)
        first, second = (1 - beta1**t).reshape(shape), (1 - beta2**t).sqrt().reshape(shape)
        value.mul_(1 - rate * decay)
        # η (m / c₁) / (√v / c₂ + ε) = (η c₂ / c₁) m / (√v + ε c₂)
        value.sub_(v.sqrt().add_(self.eps * second).reciprocal_().mul_(m).mul_(rate * second / first))
        if rows is not None:
            for target, part in zip((parameter, *(state[name] for name in names)), (value, m, v, t), strict=True):
                target.index_copy_(0, rows, part)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """Moments and step counts by place, ready for safetensors."""
        return {
            f"{g}.{p}.{name}": tensor
            for g, states in enumerate(self.state)
            for p, state in enumerate(states)
            for name, tensor in state.items()
        }

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        for g, states in enumerate(self.state):
            for p, state in enumerate(states):
                for name in state:
                    state[name].copy_(tensors[f"{g}.{p}.{name}"])

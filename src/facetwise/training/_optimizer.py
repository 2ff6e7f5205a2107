"""AdamW that leaves alone what a batch says nothing about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from facetwise.training.together import own_part

__all__ = ["BlockAdamW", "ParameterGroup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Parameters that share a learning rate.

    Args:
        parameters: The parameters.
        learning_rate: Peak learning rate; the schedule multiplies it.
        weight_decay: Decoupled weight decay; only matrices are decayed.
        owner: For packed parameters, the block of each row (an attribute, say) whose labels move it; None: shared.
    """

    parameters: Sequence[Tensor]
    learning_rate: float
    weight_decay: float
    owner: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Rows of one parameter that belong to one attribute (all rows of a shared one), with their moments.

    `number` counts the blocks of the parameter, `heights` are the rows of each of them.
    """

    attribute: int | None
    parameter: Tensor
    number: int
    heights: list[int]
    value: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor


class BlockAdamW:
    r"""AdamW whose packed parameters step per attribute.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;
    θ ← θ (1 - η λ) - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε),

    with t counted per attribute. The rows of an attribute without a label in the batch are skipped: no step, no decay,
    no change of m, v or t. (With plain AdamW such rows get zero gradients, and momentum and decay still move them.)
    Every block of rows is one tensor of PyTorch's fused kernel, so that a step is one pass over the parameters. Of a
    parameter that is sharded over processes each steps its own rows.

    Source: Loshchilov and Hutter (2019, algorithm 2); β, ε are the defaults of PyTorch.

    Args:
        groups: Parameters with their settings; vectors are not decayed.
        betas: β₁, β₂.
        eps: ε.
    """

    def __init__(
        self, groups: Iterable[ParameterGroup], *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self.groups = list(groups)
        self.betas, self.eps = betas, eps
        self.scale = 1.0  # factor of every learning rate, set by the schedule
        self.state = [[self._fresh(p, group.owner) for p in group.parameters] for group in self.groups]
        self._alike = [_alike(group, states) for group, states in zip(self.groups, self.state, strict=True)]
        self._owners = [_owners(group) for group in self.groups]

    @staticmethod
    def _fresh(parameter: Tensor, owner: Tensor | None) -> dict[str, Tensor]:
        steps = torch.zeros(1 if owner is None else len(_spans(owner)), device=parameter.device)
        return {"m": torch.zeros_like(parameter), "v": torch.zeros_like(parameter), "t": steps}

    @torch.no_grad()
    def step(self, active: Bool[Tensor, " block"]) -> None:
        """One step; `active` says per owner whether the (global) batch has a label for it."""
        told = active.tolist()
        for group, states, alike, owners in zip(self.groups, self.state, self._alike, self._owners, strict=True):
            for parameter, state in zip(group.parameters, states, strict=True):
                if parameter.grad is not None:
                    state["t"] += 1 if owners is None else active[owners]
            for blocks in alike:
                moving = [
                    block
                    for block in blocks
                    if block.parameter.grad is not None and (block.attribute is None or told[block.attribute])
                ]
                self._update(moving, group)

    def _update(self, blocks: list[_Block], group: ParameterGroup) -> None:
        if not blocks:
            return
        # What `torch.optim.adamw.adamw(..., fused=True)` ends in. On the way it would look up the kind of every block
        # and count the steps of each by itself, which takes as long as the arithmetic where blocks are small.
        torch._fused_adamw_(
            [block.value for block in blocks],
            _gradients(blocks),
            [block.first for block in blocks],
            [block.second for block in blocks],
            [],
            [block.steps for block in blocks],
            lr=group.learning_rate * self.scale,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=group.weight_decay if blocks[0].parameter.ndim > 1 else 0.0,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """Moments and step counts by place; those of a sharded parameter are sharded as it is."""
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
                    own_part(state[name]).copy_(own_part(tensors[f"{g}.{p}.{name}"]))


def _alike(group: ParameterGroup, states: Sequence[dict[str, Tensor]]) -> list[list[_Block]]:
    """The blocks of a group, those apart that do not fit into one call: matrices and vectors, kinds of numbers."""
    found: dict[object, list[_Block]] = {}
    for parameter, state in zip(group.parameters, states, strict=True):
        key = (parameter.ndim > 1, parameter.dtype, parameter.device)
        found.setdefault(key, []).extend(_blocks(parameter, group.owner, state))
    return list(found.values())


def _owners(group: ParameterGroup) -> Tensor | None:
    """The attribute of each block."""
    if group.owner is None or not group.parameters:
        return None
    return torch.tensor([attribute for attribute, _, _ in _spans(group.owner)], device=group.parameters[0].device)


def _gradients(blocks: list[_Block]) -> list[Tensor]:
    """The rows of the gradients, each gradient cut once: there may be a thousand blocks in a step of milliseconds."""
    cut: dict[int, Sequence[Tensor]] = {}
    for block in blocks:
        gradient = block.parameter.grad
        if gradient is not None and id(block.parameter) not in cut:
            own = own_part(gradient)
            cut[id(block.parameter)] = own.split(block.heights) if block.heights else [own]
    return [cut[id(block.parameter)][block.number] for block in blocks]


def _spans(owner: Tensor) -> list[tuple[int, int, int]]:
    """(attribute, first row, last row + 1) of every run of rows with one owner.

    >>> _spans(torch.tensor([0, 0, 1, 0]))
    [(0, 0, 2), (1, 2, 3), (0, 3, 4)]
    """
    attributes = owner.tolist()
    edges = [row for row in range(len(attributes)) if row == 0 or attributes[row] != attributes[row - 1]]
    return [(attributes[a], a, b) for a, b in zip(edges, [*edges[1:], len(attributes)], strict=True)]


def _blocks(parameter: Tensor, owner: Tensor | None, state: dict[str, Tensor]) -> list[_Block]:
    mine, first, second = own_part(parameter), own_part(state["m"]), own_part(state["v"])
    if owner is None:
        return [
            _Block(
                attribute=None, parameter=parameter, number=0, heights=[], value=mine.detach(), first=first,
                second=second, steps=state["t"][0],
            )
        ]  # fmt: skip
    spans = _spans(owner)
    heights = [stop - start for _, start, stop in spans]
    return [
        _Block(
            attribute=attribute,
            parameter=parameter,
            number=number,
            heights=heights,
            value=mine.detach()[start:stop],
            first=first[start:stop],
            second=second[start:stop],
            steps=state["t"][number],
        )
        for number, (attribute, start, stop) in enumerate(spans)
    ]

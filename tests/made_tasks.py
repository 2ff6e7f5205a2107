"""A small trunk with a packed head over several attributes, in float64, for tests of balancers.

Parameters and labels go by the attributes' names, so that leaving an attribute out, or another order, is the same
problem otherwise.
"""

from collections.abc import Sequence
from functools import cache
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetwise.objectives import BALANCERS, Balancer, LooksAgain, PackedHead, Shared

BATCH, FEATURES, WIDTH, CLASSES = 12, 6, 5, 3


@cache
def drawn(name: str, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers that depend on a name alone."""
    generator = torch.Generator().manual_seed(crc32(name.encode()))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


class Tasks(nn.Module):
    """Linear, LayerNorm, GELU, Linear (the cut), LayerNorm, GELU, and three logits per attribute."""

    def __init__(self, names: Sequence[str], *, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.names, self.dtype, self._packed = tuple(names), dtype, None
        self.trunk = nn.Sequential(
            nn.Linear(FEATURES, 8),
            nn.LayerNorm(8),
            nn.GELU(),
            nn.Linear(8, WIDTH),
            nn.LayerNorm(WIDTH),
            nn.GELU(),
        ).to(dtype)
        with torch.no_grad():
            for name, parameter in self.trunk.named_parameters():
                if parameter.ndim == 2:
                    parameter.copy_(0.5 * drawn(name, *parameter.shape))
                else:
                    parameter.fill_(1.0 if name in ("1.weight", "4.weight") else 0.1)
        rows = [drawn(f"head/{name}", CLASSES, WIDTH, dtype=dtype) for name in self.names]
        self.head = nn.Parameter(torch.cat(rows))
        self.cut = self.trunk[3]
        self.reads = torch.arange(len(self.names)).repeat_interleave(CLASSES) == torch.arange(len(self.names))[:, None]

    def shared(self, *, watch: bool = True, packed: bool = True) -> Shared:
        """Who the parameters belong to; without `watch` gradients are taken on the parameters themselves."""
        shared = Shared(cut=list(self.cut.parameters()), all=list(self.trunk.parameters()), own=[self.head])
        if watch:
            shared.watch(self)
        self._packed = shared if packed else None
        return shared

    def losses(self, features: Tensor, index: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy per attribute over labelled cells, exactly 0 without any; and which have some."""
        hidden = self.trunk(features)
        logits = functional.linear(hidden, self.head)
        if self._packed is not None and logits.requires_grad:
            self._packed.head = PackedHead(logits, hidden, self.head, self.reads)
        log = logits.view(len(features), len(self.names), CLASSES).log_softmax(dim=2)
        each = torch.where(mask, -log.gather(2, index[:, :, None])[:, :, 0], 0.0)
        return each.sum(dim=0) / mask.sum(dim=0).clamp_min(1), mask.any(dim=0)

    def batch(self, step: int, *, absent: Sequence[str] = (), missing: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
        """Features, classes, and which cells are labelled; of an absent attribute none are. Sixteen, then again."""
        step %= 16
        features = drawn(f"features {step}", BATCH, FEATURES, dtype=self.dtype)
        index, mask = [], []
        for name in self.names:
            index.append((drawn(f"index {name} {step}", BATCH) > 0.3).long() + (features[:, 0] > 0.5).long())
            known = drawn(f"mask {name} {step}", BATCH).erf().add(1).div(2) > missing
            known[crc32(name.encode()) % BATCH] = True  # one label at least
            mask.append(known & (name not in absent))
        return features, torch.stack(index, dim=1), torch.stack(mask, dim=1)


def made(name: str, names: Sequence[str], **options: object) -> Balancer:
    """A line of the table."""
    return BALANCERS[name](names=names, seed=4, **options)


def train(
    model: Tasks,
    balancer: Balancer,
    steps: Sequence[int],
    *,
    absent: dict[int, Sequence[str]] | Sequence[str] = (),
    shared: Shared | None = None,
    rate: float = 0.05,
    missing: float = 0.3,
) -> list[Tensor]:
    """Plain gradient descent, three steps an epoch; the weights of every step."""
    shared = shared or model.shared()
    told = []
    for step in steps:
        gone = absent.get(step, ()) if isinstance(absent, dict) else absent
        batch = model.batch(step, absent=gone, missing=missing)
        if step % 3 == 0 or step == steps[0]:
            balancer.begin_epoch(step // 3)
        losses, active = model.losses(*batch)
        model.zero_grad()
        told.append(balancer.backward(losses, active, shared))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(rate * parameter.grad)
            if isinstance(balancer, LooksAgain) and balancer.looks_again:
                balancer.look_again(model.losses(*batch)[0], shared)
    return told

"""A backbone in front of the model: pixels to standardised features, with gradients."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["PRECISIONS", "PictureReader", "Precision"]

Precision = Literal["float32", "bf16", "fp16"]
PRECISIONS: dict[str, torch.dtype | None] = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
# The constants of torch.amp.GradScaler: the factor grows after so many steps without an overflow.
FIRST_FACTOR, GROWTH_STEPS = 65536.0, 2000


class PictureReader(nn.Module):
    r"""Pixels of items to what the model reads: x = clip((d(pixels) - mean) / deviation, ±farthest).

    d is the backbone's descriptor, with unit length per level if asked. Mean and deviation are those of the *initial*
    backbone over the training rows and stay as they are: the model begins as one of a run on cached features, and the
    bundle reads tuned features with the same numbers. The clip is passed straight through on the way back (Bengio,
    Léonard and Courville 2013), or a feature that has drifted beyond it could never come back.

    With fp16 the gradients of the network alone are scaled up on the way back, and down again at each parameter, so
    that whoever compares gradients sees true ones; a step in which they overflow moves the heads only.

    Args:
        describer: The network, pixels to descriptor.
        mean, deviation: (width,) of the levels that are read.
        levels: Widths of these levels, the last of those that the describer gives.
        l2_normalize: Unit length per level first.
        farthest: Where features are clipped.
        precision: What the network computes in, under autocast.
        frozen_statistics: Batch normalisation uses its running statistics and keeps them: a row then depends on its
            own pixels only, so that accumulated batches equal large ones. Otherwise the statistics of the batch, or of
            the micro-batch where there are some, and the running ones learn.
        learned: Parameters of the describer that learn; all of them if not given.
        freeze_epochs: Epochs before they begin to.
    """

    mean: Tensor
    deviation: Tensor
    factor: Tensor
    clean: Tensor

    def __init__(
        self,
        describer: nn.Module,
        *,
        mean: np.ndarray,
        deviation: np.ndarray,
        levels: Sequence[int],
        l2_normalize: bool,
        farthest: float,
        precision: str = "float32",
        frozen_statistics: bool = True,
        learned: Sequence[str] | None = None,
        freeze_epochs: int = 0,
    ) -> None:
        super().__init__()
        self.describer = describer
        self.levels, self.l2_normalize, self.farthest = tuple(levels), l2_normalize, farthest
        self.dtype, self.frozen_statistics = PRECISIONS[precision], frozen_statistics
        everything = [name for name, _ in describer.named_parameters()]
        self.learned, self.freeze_epochs = tuple(everything if learned is None else learned), freeze_epochs
        self.begin_epoch(freeze_epochs)
        self.merge: Callable[[nn.Module], None] = lambda _: None
        self.register_buffer("mean", torch.from_numpy(mean.copy()), persistent=False)
        self.register_buffer("deviation", torch.from_numpy(deviation.copy()), persistent=False)
        self.register_buffer("factor", torch.tensor(FIRST_FACTOR if self._scales else 1.0))
        self.register_buffer("clean", torch.tensor(0))
        self.sharded = False  # whether the describer's parameters lie in rows on several processes
        self._overflow: Tensor | None = None
        if self._scales:
            for name, parameter in describer.named_parameters():
                if name in self.learned:
                    parameter.register_hook(self._unscale)

    @property
    def _scales(self) -> bool:
        return self.dtype is torch.float16

    def begin_epoch(self, epoch: int) -> None:
        """From `freeze_epochs` on, and not before, the chosen parameters learn; the others never do."""
        chosen = set(self.learned) if epoch >= self.freeze_epochs else set()
        for name, parameter in self.describer.named_parameters():
            parameter.requires_grad_(name in chosen)

    @property
    def _learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.describer.parameters())

    def train(self, mode: bool = True) -> "PictureReader":  # noqa: FBT001, FBT002 -- torch's signature
        """As torch's, but what does not learn stays in evaluation mode."""
        super().train(mode)
        if not self._learns:
            self.describer.eval()
        for module in self.describer.modules():
            still = self.frozen_statistics or not any(p.requires_grad for p in module.parameters(recurse=False))
            if isinstance(module, _BatchNorm) and still:
                module.eval()
        return self

    def forward(self, pixels: UInt8[Tensor, "batch rows columns 3"]) -> Float[Tensor, "batch features"]:
        """Pixels at the backbone's size to standardised features."""
        device = pixels.device.type
        with (
            torch.set_grad_enabled(torch.is_grad_enabled() and self._learns),
            # Kept casts of every weight would hold the whole of a sharded network until the end of the pass.
            torch.autocast(
                device, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None,
                cache_enabled=not self.sharded,
            ),
        ):  # fmt: skip
            described = self.describer(pixels).float()
        if self._scales and described.requires_grad:
            described = _ScaledOnTheWayBack.apply(described, self.factor)
        features = described[:, described.shape[1] - sum(self.levels) :]
        if self.l2_normalize:
            parts = features.split(self.levels, dim=1)
            features = torch.cat([part / part.norm(dim=1, keepdim=True).clamp_min(1e-12) for part in parts], dim=1)
        centred = (features - self.mean) / self.deviation
        return centred + (centred.clamp(-self.farthest, self.farthest) - centred).detach()

    def _unscale(self, gradient: Tensor) -> Tensor:
        true = gradient / self.factor
        bad = ~torch.isfinite(true).all()
        self._overflow = bad if self._overflow is None else self._overflow | bad
        return torch.where(torch.isfinite(true), true, 0.0)

    def settle(self) -> None:
        """After the gradients of a step: where they overflowed the network rests, and the factor halves."""
        if not self._scales or self._overflow is None:
            return
        if bool(self._overflow):
            self.factor.mul_(0.5)
            self.clean.zero_()
            for parameter in self.describer.parameters():
                parameter.grad = None
        else:
            self.clean.add_(1)
            if int(self.clean) >= GROWTH_STEPS:
                self.factor.mul_(2.0)
                self.clean.zero_()
        self._overflow = None

    def tensors(self) -> dict[str, np.ndarray]:
        """Parameters and buffers of the network as it is now, whatever was added for training merged into them."""
        self.merge(self.describer)
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.describer.state_dict().items()}


class _ScaledOnTheWayBack(torch.autograd.Function):
    """x, whose gradient is multiplied by a factor."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return values.view_as(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return above[0] * factor, None

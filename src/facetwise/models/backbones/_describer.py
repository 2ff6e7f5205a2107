"""Descriptors from every depth of a convolutional network, in the one pass that computes the last."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

__all__ = ["DepthDescriber", "deviation"]


def deviation(centred: Float32[Tensor, "batch channel position"]) -> Float32[Tensor, "batch channel"]:
    r"""The standard deviation :math:`\sqrt{\frac{1}{P} \sum_p d_p^2}` of differences from the mean, with a gradient.

    Where a channel is blank the slope of the root is infinite, and the gradient would be not a number; it is zero here.
    """
    variance = centred.square().mean(2)
    some = variance > 0
    return torch.where(some, variance, 1.0).sqrt() * some


class DepthDescriber(nn.Module):
    r"""Run a network stage by stage and describe what comes out of each.

    For a map :math:`x` of a stage, with positions :math:`p = 1 \dots P`, and for each of its channels:

    .. math::
        \mu = \frac{1}{P} \sum_p x_p \qquad \sigma = \sqrt{\frac{1}{P} \sum_p (x_p - \mu)^2}

    and for the last map :math:`\mu` and :math:`\max_p x_p`. The deviation is computed from differences and not as
    :math:`E[x^2] - \mu^2`, which loses all digits where a picture is blank. Statistics are in float32, whatever the
    network computes in. Why several depths: colour and texture are read low in a network, the kind of thing high.

    Args:
        stages: the network in pieces, the first of which reads the normalised picture `batch 3 height width`.
        last: what follows the last stage, giving the last map.
        mean: per channel, of values between 0 and 1.
        std: per channel, of values between 0 and 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        stages: Sequence[nn.Module],
        last: nn.Module,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.last = last
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, pixels: UInt8[Tensor, "batch rows columns 3"]) -> Float32[Tensor, "batch width"]:
        """All levels one after the other, in the order of the stages; the last begins with the mean of the last map."""
        images = (pixels.float() / 255 - self.mean) / self.std
        images = images.permute(0, 3, 1, 2)
        parts: list[Tensor] = []
        for stage in self.stages:
            images = stage(images)
            positions = images.flatten(2).float()
            mean = positions.mean(2, keepdim=True)
            parts += [mean.squeeze(2), deviation(positions - mean)]
        positions = self.last(images).flatten(2).float()
        return torch.cat([*parts, positions.mean(2), positions.amax(2)], dim=1)

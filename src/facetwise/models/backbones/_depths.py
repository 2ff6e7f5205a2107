"""From what a network computes at its depths to one row of numbers per picture."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from facetwise.errors import UserError
from facetwise.models.backbones._backbone import Level
from facetwise.models.backbones._describer import deviation

__all__ = ["PixelDescriber", "chosen_blocks", "map_row", "measure", "token_level", "token_row"]


def chosen_blocks(count: int, depths: int) -> list[int]:
    """The blocks to listen to, evenly spaced and ending with the last, counted from 1.

    Raises:
        UserError: more depths than blocks.

    >>> chosen_blocks(12, 4), chosen_blocks(24, 4), chosen_blocks(12, 1)
    ([3, 6, 9, 12], [6, 12, 18, 24], [12])
    """
    if not 1 <= depths <= count:
        raise UserError(f"`depths` should be between 1 and {count}, the network's blocks. Found depths = {depths}")
    return [round(count * part / depths) for part in range(1, depths + 1)]


def token_row(
    first: Float[Tensor, "batch width"] | None, patches: Float[Tensor, "batch token width"], tokens: str
) -> Float32[Tensor, "batch features"] | None:
    r"""A transformer's tokens at one depth: the class token, the mean :math:`\frac1N\sum_n p_n` of the patch tokens, or
    both one after the other. Registers are neither. None where a network without a class token is asked for it."""
    parts = [first.float()] if first is not None and "cls" in tokens else []
    parts += [patches.float().mean(1)] if "mean" in tokens else []
    return torch.cat(parts, dim=1) if parts else None


def map_row(positions: Float[Tensor, "batch channel position"]) -> Float32[Tensor, "batch features"]:
    """A stage of a convolutional network: mean, then standard deviation per channel, as in `DepthDescriber`."""
    positions = positions.float()
    mean = positions.mean(2, keepdim=True)
    return torch.cat([mean.squeeze(2), deviation(positions - mean)], dim=1)


def token_level(patches: Float[Tensor, "batch token width"]) -> dict[str, Tensor]:
    """All patch tokens, row after row of the picture, as the one level of a backbone with `patch_tokens`."""
    return {f"tokens:{patches.shape[1]}": patches.float().flatten(1)}


class PixelDescriber(nn.Module):
    """Pixels in, descriptor out: normalises, asks the network for its levels, puts them one after the other.

    It is a plain module whose parameters can be trained; `network` is the network with its depths.

    Args:
        network: normalised pictures `batch 3 rows columns` to a dictionary from level to `batch width`.
        mean: per channel, of values between 0 and 1.
        std: per channel, of values between 0 and 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(tuple(mean)), persistent=False)
        self.register_buffer("std", torch.tensor(tuple(std)), persistent=False)

    def forward(self, pixels: UInt8[Tensor, "batch rows columns 3"]) -> Float32[Tensor, "batch width"]:
        """All levels one after the other, in the network's order."""
        images = (pixels.float() / 255 - self.mean) / self.std
        levels = self.network(images.permute(0, 3, 1, 2))
        return torch.cat([level.float() for level in levels.values()], dim=1)


def measure(network: nn.Module, size: int) -> tuple[Level, ...]:
    """The levels of a network that was made on torch's `meta` device, where nothing is computed but shapes."""
    with torch.inference_mode():
        levels = network.eval()(torch.zeros(1, 3, size, size, device="meta"))
    return tuple(Level(name, level.shape[1]) for name, level in levels.items())

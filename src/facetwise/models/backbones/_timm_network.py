"""The depths of a network of timm."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models.backbones._depths import chosen_blocks, map_row, token_level, token_row

__all__ = ["TimmNetwork", "has_depths", "is_transformer"]


def is_transformer(network: nn.Module) -> bool:
    """Whether its blocks all give tokens of one width; otherwise it has stages of maps."""
    return hasattr(network, "num_prefix_tokens") and hasattr(network, "blocks")


def has_depths(network: nn.Module) -> bool:
    """Whether timm can say what comes out in the middle of it."""
    return hasattr(network, "forward_intermediates")


class TimmNetwork(nn.Module):
    """A network of timm as levels.

    Transformers: the tokens after evenly spaced blocks, each normalised by the network's last norm; the first prefix
    token is the class token, the others (registers, distillation) are left out. Stages of maps: mean and deviation of
    each; `last` is the vector that the network's classifier would read, then the maximum of the last map.

    Args:
        network: made by timm, without a classifier.
        tokens: of a transformer: cls, mean or cls+mean.
        depths: of a transformer: how many blocks are levels.
        patch_tokens: every patch token in place of all levels.
    """

    def __init__(self, network: nn.Module, *, tokens: str, depths: int, patch_tokens: bool) -> None:
        super().__init__()
        self.network: Any = network
        self.tokens = tokens
        self.patch_tokens = patch_tokens
        self.blocks: list[int] = []
        if is_transformer(network):
            self.blocks = chosen_blocks(len(self.network.blocks), 1 if patch_tokens else depths)

    def forward(self, images: Float[Tensor, "batch 3 rows columns"]) -> dict[str, Tensor]:
        """Level to `batch width`."""
        return self._of_tokens(images) if self.blocks else self._of_maps(images)

    def _of_tokens(self, images: Tensor) -> dict[str, Tensor]:
        prefix = bool(self.network.num_prefix_tokens)
        final, taken = self.network.forward_intermediates(
            images,
            indices=[block - 1 for block in self.blocks],
            norm=True,
            output_fmt="NLC",
            **({"return_prefix_tokens": True} if prefix else {}),
        )
        if self.patch_tokens:
            return token_level(taken[-1][0] if prefix else taken[-1])
        has_class = prefix and getattr(self.network, "cls_token", None) is not None
        levels: dict[str, Tensor] = {}
        for block, found in zip(self.blocks, taken, strict=True):
            patches, first = (found[0], found[1][:, 0]) if prefix else (found, None)
            last = block == self.blocks[-1]
            if not has_class:
                first = self.network.forward_head(final, pre_logits=True) if last else None
            row = token_row(first, patches, self.tokens)
            if row is not None:
                levels["last" if last else f"block{block}"] = row
        return levels

    def _of_maps(self, images: Tensor) -> dict[str, Tensor]:
        final, maps = self.network.forward_intermediates(images)
        # Of many networks the last map is what their classifier pools; described twice it would only be longer.
        stages = maps[:-1] if final is maps[-1] else maps
        positions = _positions(final, self.network.num_features)
        if self.patch_tokens:
            return token_level(positions.transpose(1, 2))
        levels = {f"stage{number}": map_row(stage.flatten(2)) for number, stage in enumerate(stages, start=1)}
        pooled = self.network.forward_head(final, pre_logits=True)
        levels["last"] = _joined(pooled, positions)
        return levels


def _joined(pooled: Tensor, positions: Tensor) -> Tensor:
    return torch.cat([pooled.flatten(1).float(), positions.float().amax(2)], dim=1)


def _positions(final: Tensor, channels: int) -> Float[Tensor, "batch channel position"]:
    """The last map with its positions in a row, wherever timm keeps the channels of this network."""
    if final.ndim == 4 and final.shape[1] == channels:
        return final.flatten(2)
    return final.flatten(1, -2).transpose(1, 2)

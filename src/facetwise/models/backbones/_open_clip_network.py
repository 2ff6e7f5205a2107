"""The depths of an image tower of open_clip."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models.backbones._depths import chosen_blocks, map_row, token_level, token_row
from facetwise.models.backbones._timm_network import is_transformer

__all__ = ["OpenClipNetwork"]


class OpenClipNetwork(nn.Module):
    """An image tower as levels.

    Args:
        network: the tower, made by open_clip: its own transformer or residual network, or a network of timm.
        tokens: of a transformer: cls, mean or cls+mean; cls brings the projected embedding with it.
        depths: of a transformer: how many blocks are levels; 0, of any tower: its own output and nothing else.
        patch_tokens: every patch token in place of all levels.
    """

    def __init__(self, network: nn.Module, *, tokens: str, depths: int, patch_tokens: bool) -> None:
        super().__init__()
        self.network: Any = network
        self.tokens = tokens
        self.patch_tokens = patch_tokens
        self.own_only = depths == 0 and not patch_tokens
        self.blocks: list[int] = []
        inner = getattr(network, "transformer", None) or getattr(network, "trunk", None)
        blocks = getattr(inner, "resblocks", None)
        if blocks is None and inner is not None and is_transformer(inner):
            blocks = inner.blocks
        if blocks is not None and not self.own_only:
            self.blocks = chosen_blocks(len(blocks), 1 if patch_tokens else depths)
        # open_clip's own transformers always have a class token; timm's may have several prefix tokens or none.
        self.has_class = getattr(inner, "cls_token", None) is not None or hasattr(network, "class_embedding")
        # Where attention pools the tokens, the last norm comes after it and has another width.
        self.normalised = getattr(network, "attn_pool", None) is None
        self.prefix = getattr(inner, "num_prefix_tokens", int(self.has_class))
        # The projection of open_clip's own transformers, which is no layer: listed first, used last.
        own = getattr(network, "proj", None)
        self.late_parameters = ("network.proj",) if isinstance(own, nn.Parameter) else ()

    def forward(self, images: Float[Tensor, "batch 3 rows columns"]) -> dict[str, Tensor]:
        """Level to `batch width`."""
        if self.own_only:
            return {"last": self.network(images).float()}
        return self._of_tokens(images) if self.blocks else self._of_maps(images)

    def _of_tokens(self, images: Tensor) -> dict[str, Tensor]:
        found = self.network.forward_intermediates(
            images,
            indices=[block - 1 for block in self.blocks],
            normalize_intermediates=self.normalised,
            output_fmt="NLC",
            output_extra_tokens=self.prefix > 0,
        )
        patches = found["image_intermediates"]
        if self.patch_tokens:
            return token_level(patches[-1])
        prefixes = found.get("image_intermediates_prefix")
        levels: dict[str, Tensor] = {}
        for place, block in enumerate(self.blocks):
            first = prefixes[place][:, 0] if self.has_class else None
            row = token_row(first, patches[place], self.tokens)
            if row is not None:
                levels[f"block{block}"] = row
        # Of a tower without class token, asked for nothing else, the own output is all there is.
        own = [found["image_features"].float()] if "cls" in self.tokens else []
        before = levels.pop(f"block{self.blocks[-1]}", None)
        levels["last"] = torch.cat([*([] if before is None else [before]), *own], dim=1)
        return levels

    def _of_maps(self, images: Tensor) -> dict[str, Tensor]:
        found = self.network.forward_intermediates(images)
        maps = found["image_intermediates"]
        if self.patch_tokens:
            return token_level(maps[-1].flatten(2).transpose(1, 2))
        levels = {f"stage{number}": map_row(stage.flatten(2)) for number, stage in enumerate(maps, start=1)}
        levels["last"] = found["image_features"].float()
        return levels

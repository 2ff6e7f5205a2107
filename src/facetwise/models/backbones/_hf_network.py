"""The depths of an image encoder of transformers."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models.backbones._depths import chosen_blocks, map_row, token_level, token_row

__all__ = ["HfNetwork"]


class HfNetwork(nn.Module):
    """An encoder of transformers as levels; transformers itself reports the states between its blocks.

    Args:
        network: made by transformers.
        norm: the name of its last norm, which every depth goes through.
        size: pixels per side that it will see; position embeddings are interpolated if it was made for another.
        tokens: of a transformer: cls, mean or cls+mean.
        depths: of a transformer: how many blocks are levels.
        patch_tokens: every patch token in place of all levels.
    """

    def __init__(
        self, network: nn.Module, *, norm: str, size: int, tokens: str, depths: int, patch_tokens: bool
    ) -> None:
        super().__init__()
        self.network: Any = network
        config = self.network.config
        self.norm = norm
        self.tokens = tokens
        self.patch_tokens = patch_tokens
        self.blocks: list[int] = []
        if not hasattr(config, "hidden_sizes"):
            self.blocks = chosen_blocks(config.num_hidden_layers, 1 if patch_tokens else depths)
        # Encoders with a head pool their tokens with it and have no class token.
        self.has_class = not hasattr(self.network, "head")
        self.prefix = int(self.has_class) + getattr(config, "num_register_tokens", 0)
        # CLIP and SigLIP interpolate only when told; DINOv2 does it by itself, DINOv3 has nothing to interpolate.
        told = norm == "post_layernorm" and config.image_size != size
        self.extra = {"interpolate_pos_encoding": True} if told else {}

    def forward(self, images: Float[Tensor, "batch 3 rows columns"]) -> dict[str, Tensor]:
        """Level to `batch width`."""
        found = self.network(pixel_values=images, output_hidden_states=True, **self.extra)
        return self._of_tokens(found) if self.blocks else self._of_maps(found)

    def _of_tokens(self, found: Any) -> dict[str, Tensor]:
        norm = getattr(self.network, self.norm)
        levels: dict[str, Tensor] = {}
        for block in self.blocks:
            # The first state is what goes into the first block.
            states = norm(found.hidden_states[block])
            patches, last = states[:, self.prefix :], block == self.blocks[-1]
            if self.patch_tokens:
                return token_level(patches)
            first = states[:, 0] if self.has_class else found.pooler_output if last else None
            row = token_row(first, patches, self.tokens)
            if row is not None:
                levels["last" if last else f"block{block}"] = row
        return levels

    def _of_maps(self, found: Any) -> dict[str, Tensor]:
        maps = found.hidden_states[1:]
        if self.patch_tokens:
            return token_level(found.last_hidden_state[:, 1:])
        levels = {f"stage{number}": map_row(stage.flatten(2)) for number, stage in enumerate(maps[:-1], start=1)}
        levels["last"] = torch.cat([found.pooler_output.float(), maps[-1].flatten(2).float().amax(2)], dim=1)
        return levels

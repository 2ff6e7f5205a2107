"""Which parameters of a backbone are decayed: matrices and filters, as in the papers that fine-tune with AdamW."""

import pytest
import torch

from facetwise.training._backbone_groups import _decayed


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("blocks.0.attn.qkv.weight", (6, 2)),
        ("transformer.resblocks.0.attn.in_proj_weight", (6, 2)),  # of torch's own attention
        ("proj", (4, 3)),  # open_clip's projection of the picture
        ("patch_embed.proj.weight", (4, 3, 2, 2)),
        ("blocks.0.mlp_tokens.fc1.weight", (5, 4)),  # a layer over tokens is a layer
        ("layer1.0.conv1.weight", (4, 4, 3, 3)),
        ("blocks.0.attn.qkv.down", (2, 6)),
    ],
)
def test_layers_are_decayed(name: str, shape: tuple[int, ...]) -> None:
    assert _decayed(name, torch.zeros(shape))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("blocks.0.norm1.weight", (4,)),
        ("bn1.weight", (4,)),
        ("blocks.0.ls1.gamma", (4,)),
        ("blocks.0.attn.proj.bias", (4,)),
        ("cls_token", (1, 1, 4)),
        ("embeddings.register_tokens", (1, 4, 4)),
        ("pos_embed", (1, 9, 4)),
        ("positional_embedding", (9, 4)),
        ("embeddings.position_embedding.weight", (9, 4)),
        ("layers.0.blocks.0.attn.relative_position_bias_table", (9, 4)),
        ("embeddings.class_embedding", (4,)),
        ("head.probe", (1, 1, 4)),
    ],
)
def test_scales_shifts_and_learnt_inputs_are_not(name: str, shape: tuple[int, ...]) -> None:
    assert not _decayed(name, torch.zeros(shape))

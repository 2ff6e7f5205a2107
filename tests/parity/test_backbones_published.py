"""The files that DINOv2 and DINOv3 publish, against their forward passes written out again from their names."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from facetwise.models.backbones import create_backbone
from made_backbones import CLOSE, images_for, levels_of, pixels_for, randomised, saved

timm = pytest.importorskip("timm")


def attention(state: dict[str, Tensor], block: str, x: Tensor, heads: int, turn: Any = None) -> Tensor:
    batch, count, width = x.shape
    query, key, value = (
        functional.linear(x, state[f"{block}.qkv.weight"], state[f"{block}.qkv.bias"])
        .reshape(batch, count, 3, heads, width // heads)
        .permute(2, 0, 3, 1, 4)
    )
    if turn is not None:
        query, key = turn(query), turn(key)
    mixed = (query @ key.transpose(-2, -1) / math.sqrt(width // heads)).softmax(-1) @ value
    mixed = mixed.transpose(1, 2).reshape(batch, count, width)
    return functional.linear(mixed, state[f"{block}.proj.weight"], state[f"{block}.proj.bias"])


def transformer(state: dict[str, Tensor], x: Tensor, heads: int, eps: float, turn: Any = None) -> Tensor:
    """The blocks and the last norm of DINOv2 and DINOv3, from the names in their published files."""

    def norm(name: str, y: Tensor) -> Tensor:
        return functional.layer_norm(y, y.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps)

    for n in range(12):
        block = f"blocks.{n}"
        x = x + state[f"{block}.ls1.gamma"] * attention(state, f"{block}.attn", norm(f"{block}.norm1", x), heads, turn)
        inner = functional.linear(
            norm(f"{block}.norm2", x), state[f"{block}.mlp.fc1.weight"], state[f"{block}.mlp.fc1.bias"]
        )
        x = x + state[f"{block}.ls2.gamma"] * functional.linear(
            functional.gelu(inner), state[f"{block}.mlp.fc2.weight"], state[f"{block}.mlp.fc2.bias"]
        )
    return norm("norm", x)


def published(width: int, patch: int, positions: int | None, registers: str | None, seed: int = 0) -> dict[str, Tensor]:
    """Random tensors under the names and shapes that the files of DINOv2 and DINOv3 have."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.1

    state = {"cls_token": drawn(1, 1, width), "norm.weight": drawn(width) + 1, "norm.bias": drawn(width)}
    state |= {"patch_embed.proj.weight": drawn(width, 3, patch, patch), "patch_embed.proj.bias": drawn(width)}
    if positions is not None:
        state["pos_embed"] = drawn(1, positions, width)
    if registers is not None:
        state[registers] = drawn(1, 4, width)
    for n in range(12):
        block = f"blocks.{n}"
        for norm in ("norm1", "norm2"):
            state |= {f"{block}.{norm}.weight": drawn(width) + 1, f"{block}.{norm}.bias": drawn(width)}
        for name, rows, columns in (
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("mlp.fc1", 4 * width, width),
            ("mlp.fc2", width, 4 * width),
        ):
            state |= {f"{block}.{name}.weight": drawn(rows, columns), f"{block}.{name}.bias": drawn(rows)}
        state |= {f"{block}.ls1.gamma": drawn(width), f"{block}.ls2.gamma": drawn(width)}
    return state


def patches_of(state: dict[str, Tensor], images: Tensor, patch: int) -> Tensor:
    maps = functional.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=patch)
    return maps.flatten(2).transpose(1, 2)


class TestPublishedFiles:
    """The layouts that facebookresearch publishes, and their forward passes written out again."""

    @pytest.mark.parametrize("registers", [pytest.param(None, marks=pytest.mark.slow), "register_tokens"])
    def test_dinov2(self, tmp_path: Path, registers: str | None) -> None:
        state = published(384, 14, 1 + 4, registers)
        state["mask_token"] = torch.ones(1, 384)
        path = tmp_path / "dinov2_vits14_pretrain.pth"
        torch.save(state, path)
        name = "dinov2-small" if registers is None else "timm:vit_small_patch14_reg4_dinov2"
        backbone = create_backbone(name, weights=str(path), size=28)
        pixels = pixels_for(backbone)
        patches = patches_of(state, images_for(backbone, pixels), 14)
        tokens = torch.cat([state["cls_token"].expand(3, -1, -1), patches], 1) + state["pos_embed"]
        if registers is not None:
            tokens = torch.cat([tokens[:, :1], state[registers].expand(3, -1, -1), tokens[:, 1:]], 1)
        final = transformer(state, tokens, heads=6, eps=1e-6)
        wanted = torch.cat([final[:, 0], final[:, 5 if registers else 1 :].mean(1)], 1)
        torch.testing.assert_close(levels_of(backbone, pixels)["last"], wanted, **CLOSE)

    @pytest.mark.slow
    def test_dinov2_positions_are_interpolated(self, tmp_path: Path) -> None:
        """The published files are for 518 pixels; read at another size, what is constant stays so."""
        state = published(384, 14, 1 + 37 * 37, None)
        state["mask_token"] = torch.zeros(1, 384)
        state["pos_embed"] = torch.full_like(state["pos_embed"], 0.25)  # constant: equal at every size
        path = tmp_path / "dinov2_vits14_pretrain.pth"
        torch.save(state, path)
        backbone = create_backbone("dinov2-small", weights=str(path), size=28)
        pixels = pixels_for(backbone)
        patches = patches_of(state, images_for(backbone, pixels), 14)
        tokens = torch.cat([state["cls_token"].expand(3, -1, -1), patches], 1) + 0.25
        final = transformer(state, tokens, heads=6, eps=1e-6)
        found = levels_of(backbone, pixels)["last"][:, :384]
        torch.testing.assert_close(found, final[:, 0], **CLOSE)

    def test_dinov3(self, tmp_path: Path) -> None:
        state = published(384, 16, None, "storage_tokens")
        heads, quarter = 6, 384 // 6 // 4
        periods = 100.0 ** (2 * torch.arange(quarter) / (2 * quarter))
        mask = torch.cat([torch.ones(384), torch.zeros(384), torch.ones(384)])
        path = tmp_path / "dinov3_vits16_pretrain_lvd1689m-08c60483.pth"
        extra = {f"blocks.{n}.attn.qkv.bias_mask": mask for n in range(12)}
        extra |= {"mask_token": torch.zeros(1, 384), "rope_embed.periods": periods}
        torch.save({**state, **extra}, path)
        backbone = create_backbone("dinov3_vits16", weights=str(path), size=48)
        pixels = pixels_for(backbone)

        side = 3
        line = 2 * (torch.arange(side) + 0.5) / side - 1
        places = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        angles = (2 * math.pi * places[:, :, None] / periods).flatten(1).tile(2)  # (patch, width of a head)

        def turn(x: Tensor) -> Tensor:
            """Rotate the patches, not the class token and the registers."""
            first, rest = x[:, :, :5], x[:, :, 5:]
            low, high = rest.chunk(2, -1)
            return torch.cat([first, rest * angles.cos() + torch.cat([-high, low], -1) * angles.sin()], 2)

        read = {name: value * mask if name.endswith("qkv.bias") else value for name, value in state.items()}
        patches = patches_of(read, images_for(backbone, pixels), 16)
        parts = [read["cls_token"].expand(3, -1, -1), read["storage_tokens"].expand(3, -1, -1), patches]
        final = transformer(read, torch.cat(parts, 1), heads=heads, eps=1e-5, turn=turn)
        wanted = torch.cat([final[:, 0], final[:, 5:].mean(1)], 1)
        torch.testing.assert_close(levels_of(backbone, pixels)["last"], wanted, **CLOSE)

    def test_dinov3_convnext(self, tmp_path: Path) -> None:
        """Names of the published file from timm's, the other way round."""
        theirs = randomised(timm.create_model("test_convnext", num_classes=0))
        state = {}
        for name, value in theirs.state_dict().items():
            new = name.replace("stem.", "downsample_layers.0.").replace(".blocks.", ".").replace("conv_dw", "dwconv")
            new = new.replace("mlp.fc", "pwconv").replace("head.norm.", "norm.")
            if ".downsample." in new:
                _, stage, _, rest = new.split(".", 3)
                new = f"downsample_layers.{stage}.{rest}"
            state[new] = value
        state |= {"norms.3.weight": state["norm.weight"], "norms.3.bias": state["norm.bias"]}
        path = tmp_path / "dinov3_convnext.pth"
        torch.save(state, path)
        direct = create_backbone(
            "timm:test_convnext", weights=saved(theirs.state_dict(), tmp_path / "timm.safetensors"), size=64
        )
        backbone = create_backbone("timm:test_convnext", weights=str(path), size=64)
        pixels = pixels_for(backbone)
        assert torch.equal(backbone.describer()(pixels), direct.describer()(pixels))

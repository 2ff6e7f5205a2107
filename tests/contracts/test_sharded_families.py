"""Networks of other people's classes compute the same when their blocks are put together only while they compute."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

from facetwise.models import depth_units
from facetwise.models.backbones import create_backbone
from facetwise.models.backbones._depths import PixelDescriber
from facetwise.models.backbones._timm_network import TimmNetwork
from facetwise.training._checkpointed import compute_twice
from facetwise.training.finetuning import FINETUNING
from facetwise.training.together import is_sharded, own_part, shard
from made_backbones import made_hf_folder

pytestmark = pytest.mark.slow
NETWORKS: dict[str, dict[str, Any]] = {
    "vit_tiny_patch16_224": {"img_size": 64, "depth": 3},
    "eva02_tiny_patch14_224": {"img_size": 56, "depth": 3},
    "swin_tiny_patch4_window7_224": {"img_size": 56, "depths": (1, 1, 1, 1)},
    "convnext_atto": {},
    "resnet18": {},
    "efficientnet_b0": {},
}
KINDS = ["dinov2", "clip_vision_model", "siglip_vision_model", "dinov3_convnext"]


@pytest.fixture(scope="module", autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A group of one process: everything happens that happens with more, but for the waiting."""
    store = dist.FileStore(str(tmp_path_factory.mktemp("store") / "file"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def _network(name: str, folder: Path) -> tuple[nn.Module, int]:
    torch.manual_seed(0)
    if name in KINDS:
        made_hf_folder(name, folder)
        backbone = create_backbone(f"hf:{folder}")
        return backbone.describer(), backbone.preprocessing.size
    import timm

    inner = timm.create_model(name, pretrained=False, num_classes=0, **NETWORKS[name])
    levels = TimmNetwork(inner, tokens="cls+mean", depths=2, patch_tokens=False)
    return PixelDescriber(levels, mean=(0.5,) * 3, std=(0.3,) * 3), NETWORKS[name].get("img_size", 64)


@pytest.mark.parametrize("how", ["full", "lora", "twice"])
@pytest.mark.parametrize("name", [*NETWORKS, *KINDS])
def test_the_same_features_and_gradients(tmp_path: Path, name: str, how: str) -> None:
    network, size = _network(name, tmp_path)
    network.eval()  # no statistics, no draws: two passes are alike
    learned = set(FINETUNING["lora" if how == "lora" else "full"]().choose(network))
    for path, parameter in network.named_parameters():
        parameter.requires_grad_(path in learned)
    pixels = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    before = network(pixels)
    before.square().mean().backward()
    expected = {path: one.grad for path, one in network.named_parameters() if one.grad is not None}
    network.zero_grad()
    if how == "twice":
        compute_twice(network)
    shard(network, [unit for _, unit in depth_units(network)], size=1)
    after = network(pixels)
    after.square().mean().backward()
    assert all(is_sharded(one) for one in network.parameters())
    torch.testing.assert_close(after, before)
    found = {path: own_part(one.grad) for path, one in network.named_parameters() if one.grad is not None}
    assert found.keys() == expected.keys()
    for path, gradient in expected.items():
        torch.testing.assert_close(
            found[path], gradient, rtol=1e-4, atol=1e-6, msg=lambda said, at=path: f"{at}: {said}"
        )

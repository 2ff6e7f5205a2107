"""Small networks of the real classes with random values, saved in the real file formats; and how to look inside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from facetwise.models.backbones import Backbone

__all__ = [
    "CLOSE",
    "HF_KINDS",
    "hooked",
    "images_for",
    "levels_of",
    "made_hf_folder",
    "made_open_clip_model",
    "mean_and_deviation",
    "pixels_for",
    "randomised",
    "saved",
]

_VIT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
# Kind → configuration class, model class, keywords.
HF_KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dinov2": ("Dinov2Config", "Dinov2Model", {**_VIT, "mlp_ratio": 2}),
    "dinov2_with_registers": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", {**_VIT, "mlp_ratio": 2}),
    "dinov3_vit": ("DINOv3ViTConfig", "DINOv3ViTModel", {**_VIT, "intermediate_size": 32, "num_register_tokens": 4}),
    "dinov3_convnext": (
        "DINOv3ConvNextConfig",
        "DINOv3ConvNextModel",
        {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1], "image_size": 32},
    ),
    "clip_vision_model": ("CLIPVisionConfig", "CLIPVisionModel", {**_VIT, "intermediate_size": 32}),
    "siglip_vision_model": ("SiglipVisionConfig", "SiglipVisionModel", {**_VIT, "intermediate_size": 32}),
}


# Tables that a network computes for itself, and a file of weights does not have.
_CONSTANTS = ("inv_freq", "periods", "rope.freqs", "position_ids", "attn_mask")


def randomised(network: Any, *, seed: int = 1) -> Any:
    """Every parameter and statistic of a network drawn anew: nothing that a loader could leave out stays unnoticed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if value.is_floating_point() and not name.endswith(_CONSTANTS):
                drawn = torch.randn(value.shape, generator=generator) * 0.2
                value.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn)
    return network.eval()


def saved(state: Mapping[str, Any], path: Path) -> str:
    """A safetensors file of these tensors; its name, as the option `weights` takes it."""
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, path)
    return str(path)


def made_hf_folder(kind: str, folder: Path) -> Any:
    """A folder as transformers saves it, with the processor's configuration; returns the network inside it."""
    import transformers

    config, model, keywords = HF_KINDS[kind]
    network = randomised(getattr(transformers, model)(getattr(transformers, config)(**keywords)))
    network.save_pretrained(folder)
    pixels = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    pixels |= {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels), encoding="utf-8")
    return network


def made_open_clip_model(folder: Path, *, words: int = 50) -> Any:
    """A model that open_clip knows as `facetwise-tiny` from now on; returns it with random values.

    Args:
        folder: Where its description is written.
        words: Of the text tower; the tokenizer of real texts has 49,408.
    """
    import open_clip

    config = {
        "embed_dim": 12,
        "vision_cfg": {"image_size": 32, "layers": 4, "width": 16, "head_width": 8, "patch_size": 8},
        "text_cfg": {"context_length": 8, "vocab_size": words, "width": 16, "heads": 2, "layers": 1},
    }
    path = folder / "facetwise-tiny.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    open_clip.add_model_config(path)
    return randomised(open_clip.create_model("facetwise-tiny", load_weights=False))


# Sums over a few hundred float32 terms, in another order.
CLOSE = {"rtol": 1e-3, "atol": 2e-4}


def pixels_for(backbone: Backbone, count: int = 3) -> Tensor:
    size = backbone.preprocessing.size
    drawn = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return torch.from_numpy(drawn)


def images_for(backbone: Backbone, pixels: Tensor) -> Tensor:
    """Normalised as a transform of torchvision would, one channel after the other."""
    normal = backbone.preprocessing
    planes = [(pixels[..., c].double() / 255 - normal.mean[c]) / normal.std[c] for c in range(3)]
    return torch.stack(planes, dim=1).float()


def levels_of(backbone: Backbone, pixels: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        rows = backbone.describer()(pixels)
    assert rows.dtype == torch.float32
    names = [level.name for level in backbone.levels]
    return dict(zip(names, rows.split([level.width for level in backbone.levels], dim=1), strict=True))


def mean_and_deviation(maps: Tensor) -> Tensor:
    return torch.cat([maps.mean((2, 3)), maps.flatten(2).std(2, correction=0)], dim=1)


def hooked(modules: dict[str, Any], run: Any) -> dict[str, Tensor]:
    """What modules give while something runs."""
    found: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, output, name=name: found.__setitem__(name, output.detach().clone()))
        for name, module in modules.items()
    ]
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return found

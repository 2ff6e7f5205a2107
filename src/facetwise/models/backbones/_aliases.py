"""Short names, and the spellings that other systems use, for networks of the families."""

from dataclasses import dataclass, field

__all__ = ["ALIASES", "Alias"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name for a network of a family.

    Args:
        target: the full name.
        options: what is set unless the user sets it.
        repository: where on the Hugging Face hub the weights are, for asking without loading the family's library.
        licence: of the weights, as an SPDX identifier.
        parameters: of the network, in millions.
        pixels: per side of what it reads.
        width: of the descriptor with the options' defaults.
        also: other spellings.
        file: what torch's own hub calls the weights, where it has them.
    """

    target: str
    options: dict[str, object] = field(default_factory=dict)
    repository: str
    licence: str
    parameters: float
    pixels: int
    width: int
    also: tuple[str, ...] = ()
    file: str | None = None


def _timm(
    model: str,
    *also: str,
    licence: str,
    parameters: float,
    width: int,
    pixels: int = 224,
    repository: str | None = None,
    file: str | None = None,
    **options: object,
) -> Alias:
    return Alias(
        target=f"timm:{model}",
        options=options,
        repository=f"timm/{repository or model}",
        licence=licence,
        parameters=parameters,
        pixels=pixels,
        width=width,
        also=also,
        file=file,
    )


_APACHE, _DINOV3, _MIT = "Apache-2.0", "LicenseRef-DINOv3", "MIT"

# DINOv2 is made for 518 pixels and used with 224, as its own evaluation and its processor on the hub do. DINOv3 with
# the bias of queries and values that the published files have; CLIP with the approximate GELU that it was trained with.
ALIASES: dict[str, Alias] = {
    "resnet18": _timm("resnet18.a1_in1k", licence=_APACHE, parameters=11.2, width=2048),
    "resnet50": _timm("resnet50.a1_in1k", licence=_APACHE, parameters=23.5, width=7808),
    "dinov2-small": _timm(
        "vit_small_patch14_dinov2.lvd142m",
        "facebook/dinov2-small",
        "dinov2_vits14",
        file="dinov2_vits14_pretrain.pth",
        licence=_APACHE,
        parameters=21.6,
        width=3072,
        size=224,
    ),
    "dinov2-base": _timm(
        "vit_base_patch14_dinov2.lvd142m",
        "facebook/dinov2-base",
        "dinov2_vitb14",
        file="dinov2_vitb14_pretrain.pth",
        licence=_APACHE,
        parameters=85.7,
        width=6144,
        size=224,
    ),
    "dinov2-large": _timm(
        "vit_large_patch14_dinov2.lvd142m",
        "facebook/dinov2-large",
        "dinov2_vitl14",
        file="dinov2_vitl14_pretrain.pth",
        licence=_APACHE,
        parameters=303,
        width=8192,
        size=224,
    ),
    "dinov2-giant": _timm(
        "vit_giant_patch14_dinov2.lvd142m",
        "facebook/dinov2-giant",
        "dinov2_vitg14",
        file="dinov2_vitg14_pretrain.pth",
        licence=_APACHE,
        parameters=1135,
        width=12288,
        size=224,
    ),
    "dinov3-small": _timm(
        "vit_small_patch16_dinov3_qkvb.lvd1689m",
        "dinov3_vits16",
        "facebook/dinov3-vits16-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=21.6,
        width=3072,
        size=224,
    ),
    "dinov3-base": _timm(
        "vit_base_patch16_dinov3_qkvb.lvd1689m",
        "dinov3_vitb16",
        "facebook/dinov3-vitb16-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=85.7,
        width=6144,
        size=224,
    ),
    "dinov3-large": _timm(
        "vit_large_patch16_dinov3_qkvb.lvd1689m",
        "dinov3_vitl16",
        "facebook/dinov3-vitl16-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=303,
        width=8192,
        size=224,
    ),
    "dinov3-convnext-tiny": _timm(
        "convnext_tiny.dinov3_lvd1689m",
        "dinov3_convnext_tiny",
        "facebook/dinov3-convnext-tiny-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=27.8,
        width=2880,
    ),
    "dinov3-convnext-small": _timm(
        "convnext_small.dinov3_lvd1689m",
        "dinov3_convnext_small",
        "facebook/dinov3-convnext-small-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=49.5,
        width=2880,
    ),
    "dinov3-convnext-base": _timm(
        "convnext_base.dinov3_lvd1689m",
        "dinov3_convnext_base",
        "facebook/dinov3-convnext-base-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=87.6,
        width=3840,
    ),
    "dinov3-convnext-large": _timm(
        "convnext_large.dinov3_lvd1689m",
        "dinov3_convnext_large",
        "facebook/dinov3-convnext-large-pretrain-lvd1689m",
        licence=_DINOV3,
        parameters=196,
        width=5760,
    ),
    "clip-b32": _timm(
        "vit_base_patch32_clip_quickgelu_224.openai",
        "openai/clip-vit-base-patch32",
        licence=_MIT,
        parameters=87.5,
        width=6144,
        repository="vit_base_patch32_clip_224.openai",
    ),
    "clip-l14": _timm(
        "vit_large_patch14_clip_quickgelu_224.openai",
        "openai/clip-vit-large-patch14",
        licence=_MIT,
        parameters=303,
        width=8192,
        repository="vit_large_patch14_clip_224.openai",
    ),
    "siglip2-base": _timm(
        "vit_base_patch16_siglip_224.v2_webli",
        "google/siglip2-base-patch16-224",
        licence=_APACHE,
        parameters=92.9,
        width=3840,
    ),
    # The tower that GCL's and VT-Solution's checkpoints are trained from: give theirs as weights=FILE.
    "clip-b32-laion": Alias(
        target="open_clip:ViT-B-32/laion2b_s34b_b79k",
        repository="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        licence=_MIT,
        parameters=87.8,
        pixels=224,
        width=6656,
        also=("ViT-B-32",),
    ),
    "clip-l14-laion": Alias(
        target="open_clip:ViT-L-14/laion2b_s32b_b82k",
        repository="laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
        licence=_MIT,
        parameters=304,
        pixels=224,
        width=8960,
        also=("ViT-L-14",),
    ),
}

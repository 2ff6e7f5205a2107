"""The convolutional network of CNN-MTL: AlexNet, for large and for small pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from facetwise.images import FitMode
from facetwise.models.backbones._hub import not_here
from facetwise.models.backbones._network_backbone import Blueprint, NetworkBackbone
from facetwise.models.backbones._weights import load_exactly, read_weights

if TYPE_CHECKING:
    from torch import nn

__all__ = ["AlexNetMtl"]

# Mean and deviation of ImageNet's training pictures, per channel: what torchvision's AlexNet weights expect.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class AlexNetMtl(NetworkBackbone):
    """AlexNet up to its second linear layer: 4,096 numbers, and the five convolutions' maps as levels.

    Nobody publishes weights of CNN-MTL: `weights` takes torchvision's AlexNet weights, those of one's own training, or
    `random`. At 64 pixels as at 224 the last map is brought to 6 x 6, where the public code of CNN-MTL fails (no
    padding, no pooling). The constructor with every width is `AlexNet`.

    Source: Krizhevsky, Sutskever and Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks", in
    the one-tower form of Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks" (widths 64,
    192, 384, 256, 256), which torchvision and CNN-MTL's code use; Abdulnabi et al. 2015, "Multi-task CNN Model for
    Attribute Prediction".

    Args:
        weights: a file, or `random`.
        size: pixels per side; 224 if 0.
        fit: how a picture becomes a square, see `facetwise.images.fit`.
        patch_tokens: one level with every position of the last map in place of all levels.
    """

    # Millions, without the third linear layer.
    parameters: ClassVar[float] = 57.0

    def __init__(
        self, *, weights: str | None = None, size: int = 0, fit: FitMode = "squash", patch_tokens: bool = False
    ) -> None:
        super().__init__(model="alexnet-mtl", weights=weights, size=size, fit=fit, patch_tokens=patch_tokens)

    @property
    def _family(self) -> str:
        return ""

    @property
    def _drawn_by(self) -> tuple[str, ...]:
        return ("torch",)

    def _describe(self) -> Blueprint:
        return Blueprint(size=224, mean=_MEAN, std=_STD, licence="NOASSERTION")

    def _build(self, size: int) -> nn.Module:
        from facetwise.models.backbones._alexnet_network import AlexNet, AlexNetDepths

        del size  # any will do
        return AlexNetDepths(AlexNet(), patch_tokens=self._patch_tokens)

    def _load(self, network: Any, files: list[Path]) -> None:
        inner = network.network
        # The third linear layer of torchvision's file gives ImageNet's classes.
        load_exactly(inner, read_weights(files[0]), source=str(files[0]), droppable=["classifier.6."])

    def _published(self) -> list[Path]:
        raise not_here(self.name, None, ())

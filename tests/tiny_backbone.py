"""A backbone of two small convolutions: everything a real one is, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facetwise.models.backbones import Backbone, Level, Preprocessing

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import pytest
    from torch import nn

    from facetwise.images import FitMode


class TinyBackbone(Backbone):
    """Stem of 4 channels, one stage of 6, last map of 8: 8 + 12 + 16 numbers."""

    def __init__(self, *, fit: FitMode = "squash", weights: str = "a" * 64) -> None:
        self._fit: FitMode = fit
        self._digest = weights

    @property
    def name(self) -> str:
        return "tiny"

    @property
    def licence(self) -> str:
        return "CC0-1.0"

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(size=16, fit=self._fit, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))

    @property
    def levels(self) -> tuple[Level, ...]:
        return Level("stem", 8), Level("stage1", 12), Level("last", 16)

    @property
    def graph_version(self) -> str:
        return "1"

    def weights_digest(self) -> str:
        return self._digest

    def describer(self) -> nn.Module:
        import torch
        from torch import nn

        from facetwise.models.backbones._describer import DepthDescriber

        generator = torch.Generator().manual_seed(0)
        stem, stage, last = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 6, 3), nn.Conv2d(6, 8, 1)
        for layer in (stem, stage, last):
            nn.init.normal_(layer.weight, std=0.3, generator=generator)
            nn.init.zeros_(layer.bias)
        normal = self.preprocessing
        describer = DepthDescriber(
            stages=[nn.Sequential(stem, nn.ReLU6()), nn.Sequential(stage, nn.ReLU6())],
            last=nn.Sequential(last, nn.ReLU6()),
            mean=normal.mean,
            std=normal.std,
        )
        return describer.eval()


def stand_in(patch: pytest.MonkeyPatch, cache: Path, *more: ModuleType) -> None:
    """The tiny backbone wherever a run makes or reads one, and in the modules given; features in a cache of its own."""
    from facetwise.runs import _own_backbone
    from facetwise.training import _prepare

    for module in (_prepare, _own_backbone, *more):
        patch.setattr(module, "create_backbone", lambda *_, **__: TinyBackbone())
    patch.setenv("FACETWISE_CACHE", str(cache))

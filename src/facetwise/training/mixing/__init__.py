"""Mixing: items of a batch in pairs. One island per file; this table is the only list of them."""

from facetwise.training.mixing._cutmix import CutMix
from facetwise.training.mixing._either import EitherMixing
from facetwise.training.mixing._mixing import Mixing, paired
from facetwise.training.mixing._mixup import MixUp
from facetwise.training.mixing._none import NoMixing

MIXING: dict[str, type[Mixing]] = {
    "none": NoMixing,
    "mixup": MixUp,
    "cutmix": CutMix,
    "mixup_or_cutmix": EitherMixing,
}

__all__ = ["MIXING", "CutMix", "EitherMixing", "MixUp", "Mixing", "NoMixing", "paired"]

"""Backbones: frozen networks that turn a picture into numbers. One island per family, one line in the table."""

import inspect
from typing import Any

from facetwise.errors import UnavailableError, UserError, nearest
from facetwise.models.backbones._alexnet import AlexNetMtl
from facetwise.models.backbones._aliases import ALIASES, Alias
from facetwise.models.backbones._backbone import (
    Backbone,
    Fetchable,
    Level,
    Preprocessing,
    ReadsText,
    TextReader,
)
from facetwise.models.backbones._hf import HfBackbone
from facetwise.models.backbones._lite0 import Lite0
from facetwise.models.backbones._local import is_local
from facetwise.models.backbones._open_clip import OpenClipBackbone
from facetwise.models.backbones._timm import TimmBackbone
from facetwise.models.backbones._tuned import TunedBackbone

__all__ = [
    "ALIASES",
    "BACKBONES",
    "AlexNetMtl",
    "Alias",
    "Backbone",
    "Fetchable",
    "HfBackbone",
    "Level",
    "Lite0",
    "OpenClipBackbone",
    "Preprocessing",
    "ReadsText",
    "TextReader",
    "TimmBackbone",
    "TunedBackbone",
    "backbone_names",
    "create_backbone",
    "is_local",
    "network_of",
]

# A line with a colon is a family: what follows the colon is a name that its library knows.
BACKBONES: dict[str, type[Backbone]] = {
    "lite0": Lite0,
    "alexnet-mtl": AlexNetMtl,
    "timm:": TimmBackbone,
    "hf:": HfBackbone,
    "open_clip:": OpenClipBackbone,
}


def backbone_names() -> dict[str, type[Backbone]]:
    """Every spelling with its class: lines of the table (a family's ends with a colon), short names, other spellings.

    >>> backbone_names()["dinov3_vitl16"] is backbone_names()["timm:"]
    True
    """
    names = dict(BACKBONES)
    for name, alias in ALIASES.items():
        family, colon, _ = alias.target.partition(":")
        names |= dict.fromkeys((name, *alias.also), BACKBONES[family + colon])
    return names


def create_backbone(name: str, **options: Any) -> Backbone:
    """The backbone of that name, with its own options. Nothing is loaded, and nothing is downloaded, ever.

    Args:
        name: a line of the table (`lite0`), a family and a name of its library (`timm:convnext_tiny`,
            `hf:facebook/dinov2-base`, `open_clip:ViT-B-32/laion2b_s34b_b79k`), or a short name (`dinov2-base`).
        options: of the backbone.

    Raises:
        UnavailableError: no backbone has this name.
        UserError: the backbone does not have this option, or not with this value.

    >>> create_backbone("lite0", fit="crop").width
    4192
    >>> create_backbone("dinov2-base").name
    'timm:vit_base_patch14_dinov2.lvd142m'
    """
    target, given = _resolved(name)
    family, colon, model = target.partition(":")
    island = BACKBONES.get(family + colon)
    if island is None or (colon and not model):
        found = f"a family without a name: write {target}NAME" if island else nearest(name, backbone_names())
        raise UnavailableError(f"no backbone is called {name!r}; {found}")
    known = inspect.signature(island).parameters.keys() - {"model"}
    for option in options:
        if option not in known:
            raise UserError(f"the backbone {name} has no option {option!r}; {nearest(option, known)}")
    return island(**{**given, **options, **({"model": model} if colon else {})})


def network_of(name: str, **options: Any) -> Backbone:
    """The backbone of that name for its network alone: weights that would have to be there are not asked for."""
    target, _ = _resolved(name)
    family, colon, _ = target.partition(":")
    has = "weights" in inspect.signature(BACKBONES[family + colon]).parameters
    return create_backbone(name, **({**options, "weights": "random"} if has else options))


def _resolved(name: str) -> tuple[str, dict[str, object]]:
    """The full name and the options of a short one; every other name as it is."""
    for short, alias in ALIASES.items():
        if name == short or name in alias.also:
            return alias.target, alias.options
    return name, {}

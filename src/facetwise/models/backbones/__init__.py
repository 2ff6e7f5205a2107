"""Backbones: frozen networks that turn a picture into numbers. One island per family, one line in the table."""

import inspect
from typing import Any

from facetwise.errors import UnavailableError, UserError, nearest
from facetwise.models.backbones._backbone import Backbone, Level, Preprocessing
from facetwise.models.backbones._lite0 import Lite0

__all__ = ["BACKBONES", "Backbone", "Level", "Lite0", "Preprocessing", "create_backbone"]

BACKBONES: dict[str, type[Backbone]] = {"lite0": Lite0}


def create_backbone(name: str, **options: Any) -> Backbone:
    """The backbone of that name, with its own options.

    Raises:
        UnavailableError: no backbone has this name.
        UserError: the backbone does not have this option, or not with this value.

    >>> create_backbone("lite0", fit="crop").width
    4192
    """
    if name not in BACKBONES:
        raise UnavailableError(f"no backbone is called {name!r}; {nearest(name, BACKBONES)}")
    known = inspect.signature(BACKBONES[name]).parameters
    for option in options:
        if option not in known:
            raise UserError(f"the backbone {name} has no option {option!r}; {nearest(option, known)}")
    return BACKBONES[name](**options)

"""Whether published weights are on this machine, asked without loading any library of networks."""

from facetwise.models.backbones._aliases import ALIASES
from facetwise.models.backbones._hub import HUB_FILES, cached, cached_by_torch

__all__ = ["is_local"]


def is_local(name: str) -> bool:
    """Whether the weights behind a short name are in the hub's cache or in torch's.

    >>> is_local("no such name")
    False
    """
    alias = ALIASES.get(name)
    if alias is None:
        return False
    return cached(alias.repository, HUB_FILES) is not None or cached_by_torch(alias.file) is not None

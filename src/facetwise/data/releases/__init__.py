"""Published data sets as their authors release them, to tables and schemas. One per file; this table lists them."""

from facetwise.data.releases._awa2 import Awa2
from facetwise.data.releases._clothing_attributes import ClothingAttributes
from facetwise.data.releases._fishnet import FishNet
from facetwise.data.releases._matlab import read_matrix
from facetwise.data.releases._meesho import Meesho
from facetwise.data.releases._release import Release, Released
from facetwise.errors import UserError, nearest

RELEASES: dict[str, type[Release]] = {
    "fishnet": FishNet,
    "meesho": Meesho,
    "awa2": Awa2,
    "clothing-attributes": ClothingAttributes,
}

__all__ = [
    "RELEASES",
    "Awa2",
    "ClothingAttributes",
    "FishNet",
    "Meesho",
    "Release",
    "Released",
    "read_matrix",
    "release_of",
]


def release_of(name: str) -> Release:
    """The release of this name.

    Raises:
        UserError: There is none.
    """
    if name not in RELEASES:
        raise UserError(f"this is no data set that can be prepared. Found {name!r}. Fix: {nearest(name, RELEASES)}")
    return RELEASES[name]()

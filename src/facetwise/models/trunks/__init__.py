"""Trunks: features to a representation. One island per file; this table is the only list of them."""

from facetwise.models.trunks._shared import SharedTrunk
from facetwise.models.trunks._trunk import Trunk

TRUNKS: dict[str, type[Trunk]] = {"shared": SharedTrunk}

__all__ = ["TRUNKS", "SharedTrunk", "Trunk"]

"""Adapters: features to features, in front of the trunk. One island per file; this table is the only list of them."""

from facetwise.models.adapters._adapter import Adapter, CategoryReader
from facetwise.models.adapters._category import CategoryAdapter
from facetwise.models.adapters._gate import GateAdapter
from facetwise.models.adapters._shared import SharedAdapter

ADAPTERS: dict[str, type[Adapter]] = {"shared": SharedAdapter, "gate": GateAdapter, "category": CategoryAdapter}

__all__ = ["ADAPTERS", "Adapter", "CategoryAdapter", "CategoryReader", "GateAdapter", "SharedAdapter"]

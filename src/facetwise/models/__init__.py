"""Features to packed logits: adapters, trunks, heads, depth. The backbones have a room of their own inside this one."""

from facetwise.models._compose import build_model
from facetwise.models._depth import Depth
from facetwise.models._model import FacetModel, ModelOutput
from facetwise.models._rows import RowOwners

__all__ = ["Depth", "FacetModel", "ModelOutput", "RowOwners", "build_model"]

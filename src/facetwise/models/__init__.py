"""Features to packed logits: trunks, heads, depth. The backbones have a room of their own inside this one."""

from facetwise.models._depth import Depth
from facetwise.models._model import FacetModel, ModelOutput, build_model

__all__ = ["Depth", "FacetModel", "ModelOutput", "build_model"]

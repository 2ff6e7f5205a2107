"""Heads: representation to packed logits. One island per file; this table is the only list of them."""

from facetwise.models.heads._cosine import CosineHead
from facetwise.models.heads._group_sparse import GroupSparseHead
from facetwise.models.heads._head import Head
from facetwise.models.heads._linear import LinearHead
from facetwise.models.heads._mlp import MlpHead

HEADS: dict[str, type[Head]] = {
    "linear": LinearHead,
    "cosine": CosineHead,
    "mlp": MlpHead,
    "group_sparse": GroupSparseHead,
}

__all__ = ["HEADS", "CosineHead", "GroupSparseHead", "Head", "LinearHead", "MlpHead"]

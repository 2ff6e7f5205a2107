"""Heads: representation to packed logits. One island per file; this table is the only list of them."""

from facetwise.models.heads._linear import LinearHead

HEADS: dict[str, type[LinearHead]] = {"linear": LinearHead}

__all__ = ["HEADS", "LinearHead"]

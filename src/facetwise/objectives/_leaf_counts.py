"""Training counts of the leaves of a hierarchy: of every logit that a softmax reads."""

import numpy as np

from facetwise.objectives._class_weights import ClassCounts
from facetwise.schema import Schema

__all__ = ["leaf_counts"]


def leaf_counts(schema: Schema, counts: ClassCounts) -> np.ndarray:
    """Training cells per logit column of the categorical attributes; 0 in the columns of other kinds.

    A class of the finest attribute has its own count. The lone leaf of a coarser class (its mass that belongs to no
    child) has the cells of that class that no child explains, never less than 0.

    Args:
        schema: The vocabulary.
        counts: Training counts per class.
    """
    layout = schema.layout()
    found = np.zeros(layout.num_logits)
    counted: set[int] = set()
    # Finest attributes first, then their parents: a class has one more leaf than its children at most.
    for attribute in sorted(schema.attributes, key=lambda a: -_depth(schema, a.column)):
        block = layout.blocks[schema.index[attribute.column]]
        for score, leaves in zip(range(block.score_start, block.score_stop), block.leaves, strict=False):
            known = [leaf for leaf in leaves if leaf in counted]
            for leaf in set(leaves) - counted:
                found[leaf] = max(0.0, float(counts.score[score]) - float(found[known].sum()))
                counted.add(leaf)
    return found


def _depth(schema: Schema, column: str) -> int:
    """Parents above an attribute."""
    parent = schema.attribute(column).parent
    return 0 if parent is None else 1 + _depth(schema, parent.column)

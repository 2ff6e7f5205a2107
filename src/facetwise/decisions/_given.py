"""What is already known about an item, and what follows from it for the rest."""

import numpy as np

from facetwise.schema import NOT_APPLICABLE, VALUE, Coding, Kind, Labels, Schema

__all__ = ["contradictions", "hold_applicability", "hold_leaves", "hold_values"]

# Below this probability the image speaks against what the table says; the cells of a careful catalogue lie far above.
DOUBT = 0.01


def hold_leaves(schema: Schema, leaves: np.ndarray, given: Labels) -> np.ndarray:
    """Leaf probabilities given the known cells: p(leaf | known) ∝ p(leaf) where the leaf agrees with every known cell.

    A known child fixes its parent, a known parent leaves only its own children. The finest known cell goes first; a
    coarser cell that contradicts it is passed over. Where the model gives no leaf that agrees any mass, those leaves
    share it evenly.

    Args:
        schema: The vocabulary.
        leaves: (item, logit) probabilities of the softmax blocks; other columns are not read.
        given: The known cells.

    Returns:
        (item, logit), a new array.
    """
    layout, held = schema.layout(), leaves.copy()
    for bottom, block in zip(schema.attributes, layout.blocks, strict=True):
        if block.coding is not Coding.SOFTMAX:
            continue
        allowed = np.ones((len(leaves), block.stop - block.start), dtype=bool)
        attribute = bottom
        while True:
            place = schema.index[attribute.column]
            of_class = np.zeros((len(attribute.classes), allowed.shape[1]), dtype=bool)
            for number, columns in enumerate(layout.blocks[place].leaves):
                of_class[number, [column - block.start for column in columns]] = True
            known = given.state[:, place] == VALUE
            agrees = allowed & of_class[np.where(known, given.index[:, place], 0)]
            known &= agrees.any(axis=1)
            allowed[known] = agrees[known]
            if attribute.parent is None:
                break
            attribute = schema.attribute(attribute.parent.column)
        mass = np.where(allowed, held[:, block.logits], 0.0)
        total = mass.sum(axis=1, keepdims=True)
        even = allowed / allowed.sum(axis=1, keepdims=True)
        held[:, block.logits] = np.where(total > 0, mass / np.maximum(total, 1e-300), even)
    return held


def hold_values(schema: Schema, scores: np.ndarray, given: Labels) -> np.ndarray:
    """Scores in which every known cell is certain: probability 1 for its classes, a number without deviation."""
    held = scores.copy()
    for place, block in enumerate(schema.layout().blocks):
        known = given.state[:, place] == VALUE
        if block.coding is Coding.GAUSS:
            certain = np.stack([given.number[:, place], np.zeros(len(scores))], axis=1)
        elif schema.attributes[place].kind is Kind.MULTILABEL:
            certain = given.members[:, block.scores]
        else:
            certain = given.index[:, place, None] == np.arange(block.score_stop - block.score_start)
        held[:, block.scores] = np.where(known[:, None], certain, held[:, block.scores])
    return held


def hold_applicability(applies: np.ndarray, given: Labels) -> np.ndarray:
    """P(applies) is 1 where the cell has a value and 0 where it is known not to apply."""
    return np.where(given.state == VALUE, 1.0, np.where(given.state == NOT_APPLICABLE, 0.0, applies))


def contradictions(schema: Schema, scores: np.ndarray, applies: np.ndarray, known: Labels) -> np.ndarray:
    """(item, attribute) bool: known cells to which the model, from the image alone, gives almost no probability.

    Args:
        schema: The vocabulary.
        scores, applies: What the model says from the image alone.
        known: The known cells. Numbers are left out: their deviation says too little about a single item.
    """
    doubtful = np.zeros(known.state.shape, dtype=bool)
    for place, block in enumerate(schema.layout().blocks):
        own, valued = scores[:, block.scores], known.state[:, place] == VALUE
        if block.coding is Coding.GAUSS:
            continue
        if (known.index[:, place] >= 0).any():
            chance = np.take_along_axis(own, np.maximum(known.index[:, place], 0)[:, None], axis=1)[:, 0]
        else:
            members = known.members[:, block.scores]
            chance = np.where(members == 1, own, 1.0 - own).min(axis=1, initial=1.0)
        doubtful[:, place] = valued & (chance * applies[:, place] < DOUBT)
        doubtful[:, place] |= (known.state[:, place] == NOT_APPLICABLE) & (applies[:, place] > 1.0 - DOUBT)
    return doubtful

"""Answers that agree along a hierarchy: a child implies its parent, and an unsure child leaves the answer to it."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from facetwise.schema import VALUE, Labels, Schema

__all__ = ["HIERARCHIES", "Settled", "implied", "settle"]

# What a policy may ask for.
HIERARCHIES = ("off", "consistent", "roll_up")
# A child that is less probable than not is unsure, where nothing else was asked for. From 1/2 on, the parent of the
# most probable child is the most probable parent in any case, because its probability is a sum with the child's in it.
UNSURE = 0.5
_TINY = 1e-12


class Settled(NamedTuple):
    """Classes and chances after the hierarchy.

    Args:
        index: (item, attribute) classes.
        confidence: (item, attribute) chance of the class, if the attribute applies.
        open: (item, attribute) bool: children that are left open, so that their parent answers.
    """

    index: np.ndarray
    confidence: np.ndarray
    open: np.ndarray


def _chains(schema: Schema) -> list[list[int]]:
    """Places of every hierarchy, the finest attribute first."""
    parents = {schema.index[a.parent.column] for a in schema.attributes if a.parent is not None}
    chains = []
    for place, attribute in enumerate(schema.attributes):
        if attribute.parent is None or place in parents:
            continue
        chain = [place]
        while (above := schema.attributes[chain[-1]].parent) is not None:
            chain.append(schema.index[above.column])
        chains.append(chain)
    return chains


def _classes_above(schema: Schema, chain: list[int]) -> list[np.ndarray]:
    """Per attribute of a chain, the class that each class of its first attribute belongs to."""
    found = [np.arange(len(schema.attributes[chain[0]].classes))]
    for child, parent in pairwise(chain):
        attribute = schema.attributes[child]
        assert attribute.parent is not None
        number = {name: place for place, name in enumerate(schema.attributes[parent].classes)}
        found.append(np.array([number[attribute.parent.of[name]] for name in attribute.classes])[found[-1]])
    return found


def settle(
    schema: Schema,
    chances: np.ndarray,
    applies: np.ndarray,
    sure: np.ndarray,
    index: np.ndarray,
    confidence: np.ndarray,
    *,
    roll_up: bool,
    least: Mapping[str, float],
    given: Labels | None = None,
) -> Settled:
    r"""The most probable classes that agree: argmax_c Σ_a log p_a(y_a(c)), c a class of the finest attribute.

    y_a(c) is the class of attribute a that c belongs to; the sum runs over the attributes of the hierarchy that apply
    to the item, as `repair` weighs them. Parent and child are so decided together: neither the parent of the most
    probable child nor the most probable child of the most probable parent is taken for granted.

    With `roll_up` a child whose confidence is below what is asked of it (or below 1/2) is left open, and the attributes
    above it are decided again without it.

    Args:
        schema: The vocabulary.
        chances: (item, class) calibrated P(class | applies).
        applies: (item, attribute) bool.
        sure: (item, attribute) calibrated P(applies).
        index, confidence: (item, attribute) as decided one by one; not changed.
        roll_up: Whether unsure children are left open.
        least: Per attribute id the confidence that is asked for.
        given: Cells that are known; classes that contradict them are not looked at.

    Source: top-down prediction with a reject option as in Silla and Freitas (2011, "A survey of hierarchical
    classification across different application domains", sections 4.2 and 4.4), with the joint choice in place of the
    level by level one.
    """
    index, confidence, opened = index.copy(), confidence.copy(), np.zeros(index.shape, dtype=bool)
    blocks = schema.layout().blocks
    for chain in _chains(schema):
        free = np.ones(len(index), dtype=bool)
        for number, place in enumerate(chain):
            rows = np.flatnonzero(free & applies[:, place])
            above = chain[number:]
            if not len(rows):
                continue
            up = _classes_above(schema, above)
            total = np.zeros((len(rows), len(up[0])))
            legal = np.ones(total.shape, dtype=bool)
            for other, classes in zip(above, up, strict=True):
                logs = np.log(np.maximum(chances[rows, blocks[other].scores], _TINY))
                total += np.where(applies[rows, other], 1.0, 0.0)[:, None] * logs[:, classes]
                if given is not None:
                    known = given.state[rows, other] == VALUE
                    legal &= ~known[:, None] | (classes[None] == given.index[rows, other, None])
            best = np.where(legal, total, -np.inf).argmax(axis=1)
            kept = legal.any(axis=1)  # known cells that contradict each other stay as they are
            for other, classes in zip(above, up, strict=True):
                index[rows[kept], other] = classes[best[kept]]
                confidence[rows, other] = chances[rows, blocks[other].score_start + np.maximum(index[rows, other], 0)]
            if roll_up and len(above) > 1:
                asked = least.get(schema.attributes[place].id, UNSURE)
                low = sure[rows, place] * confidence[rows, place] < asked
                if given is not None:
                    low &= given.state[rows, place] != VALUE
                opened[rows[low], place] = True
            free &= ~applies[:, place] | opened[:, place]
    return Settled(index, confidence, opened)


def implied(schema: Schema, state: np.ndarray, abstained: int) -> np.ndarray:
    """The states with every parent given whose child is: who says "Red Delicious" has said "apple"."""
    state = state.copy()
    for chain in _chains(schema):
        for child, parent in pairwise(chain):
            state[(state[:, child] == VALUE) & (state[:, parent] == abstained), parent] = VALUE
    return state

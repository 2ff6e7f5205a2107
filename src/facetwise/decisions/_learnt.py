"""Classes that a bundle has learnt after its training, from a handful of pictures, through the neighbours alone."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from facetwise.decisions._neighbours import Neighbours, unit
from facetwise.schema import UNKNOWN, VALUE, Attribute, Kind, Labels, Parent, Schema

__all__ = ["add_class", "add_neighbours", "before_learning", "with_learnt"]


def before_learning(schema: Schema, learnt: Mapping[str, int]) -> Schema:
    """The schema that the network was trained for: without the last `learnt[id]` classes of each attribute."""
    top = schema.category_attribute
    fresh = set() if top is None else set(top.classes[len(top.classes) - learnt.get(top.id, 0) :])

    def bare(attribute: Attribute) -> Attribute:
        classes = attribute.classes[: len(attribute.classes) - learnt.get(attribute.id, 0)]
        parent, applies = attribute.parent, attribute.applies_to
        if parent is not None:
            parent = replace(parent, of={name: parent.of[name] for name in classes})
        if applies is not None:
            applies = tuple(name for name in applies if name not in fresh)
        undecided = tuple(name for name in attribute.undecided if name not in fresh)
        return replace(attribute, classes=classes, parent=parent, applies_to=applies, undecided=undecided)

    return replace(schema, attributes=tuple(bare(attribute) for attribute in schema.attributes), rules=())


def add_class(schema: Schema, column: str, name: str, *, parent: str | None) -> Schema:
    """The schema with one class more, the attribute's last.

    Where it is a category, a handful of pictures does not say which attributes it has: of those that depend on the
    category it is undecided, and the picture decides.

    Raises:
        ValueError: An attribute without a list of classes, or a parent's class that is missing or none.
    """
    attribute = schema.attribute(column)
    if attribute.kind is not Kind.CATEGORICAL or schema.children(column):
        raise ValueError(f"{column!r} is a categorical attribute without a finer one. Found {attribute.kind}")
    above = attribute.parent
    if above is not None:
        if parent is None or parent not in schema.attribute(above.column).classes:
            raise ValueError(f"a class of {column!r} belongs to a class of {above.column!r}. Found {parent!r}")
        above = Parent(column=above.column, of={**above.of, name: parent}, alone=above.alone)
    grown = replace(attribute, classes=(*attribute.classes, name), parent=above)

    def told(one: Attribute) -> Attribute:
        if one is attribute:
            return grown
        depends = column == schema.category and one.applies_to is not None
        return replace(one, undecided=(*one.undecided, name)) if depends else one

    return replace(schema, attributes=tuple(told(one) for one in schema.attributes))


def _wider(old: Schema, new: Schema, array: np.ndarray, fill: float) -> np.ndarray:
    """(row, old class) to (row, new class)."""
    wide = np.full((len(array), new.layout().num_scores), fill, dtype=array.dtype)
    for before, after in zip(old.layout().blocks, new.layout().blocks, strict=True):
        width = before.score_stop - before.score_start
        wide[:, after.score_start : after.score_start + width] = array[:, before.scores]
    return wide


def add_neighbours(
    old: Schema, new: Schema, neighbours: Neighbours, column: str, name: str, vectors: np.ndarray, images: list[str]
) -> Neighbours:
    """The neighbours, with the pictures of a class behind them; what the others weigh stays as it is.

    Args:
        old: The schema of `neighbours`.
        new: The same, or one that has the class in addition.
        neighbours: Training rows.
        column: The attribute.
        name: The class.
        vectors: (picture, width) as the trunk describes them.
        images: Their names.
    """
    count = len(vectors)
    labels = neighbours.labels
    state = np.full((count, len(new.attributes)), UNKNOWN, dtype=np.int8)
    index = np.full(state.shape, -1, dtype=np.int32)
    attribute, value = new.attribute(column), name
    while True:
        state[:, new.index[attribute.column]] = VALUE
        index[:, new.index[attribute.column]] = attribute.classes.index(value)
        if attribute.parent is None:
            break
        attribute, value = new.attribute(attribute.parent.column), attribute.parent.of[value]
    members = (
        np.concatenate([_wider(old, new, labels.members, 0), np.zeros((count, new.layout().num_scores), np.uint8)])
        if any(labels.members.strides)
        else Labels.no_members(len(labels) + count, new.layout().num_scores)
    )
    whole = Labels(
        state=np.concatenate([labels.state, state]),
        index=np.concatenate([labels.index, index]),
        members=members,
        number=np.concatenate([labels.number, np.full(state.shape, np.nan)]),
    )
    return replace(
        neighbours,
        keys=np.concatenate([neighbours.keys, unit(vectors - neighbours.centre).astype(np.float16)]),
        labels=whole,
        images=(*neighbours.images, *images),
        say=np.concatenate([neighbours.say, np.ones(count, np.float32)]),
        weight=_wider(old, new, neighbours.weight[None], 1.0)[0],
    )


def with_learnt(
    old: Schema, new: Schema, scores: np.ndarray, votes: np.ndarray, learnt: Mapping[str, int]
) -> np.ndarray:
    r"""Scores over the classes of the network, to scores over these and the learnt ones.

    p(c) = v_c for a learnt class c, and p(k) = (1 - Σ_c v_c) p(k) for all others, v the vote of the nearest rows: they
    say whether it is something new, the network says which of the old ones it is. A parent gets what its new children
    have. Where no picture of a learnt class is among the voters, every score is what it was, to the bit.

    Args:
        old: The network's schema.
        new: The bundle's.
        scores: (item, class) in the layout of `old`.
        votes: (item, class) in the layout of `new`.
        learnt: Per attribute id how many of its last classes are learnt.
    """
    wide = _wider(old, new, scores, 0.0)
    blocks = new.layout().blocks
    for place, attribute in enumerate(new.attributes):
        if not (count := learnt.get(attribute.id, 0)):
            continue
        block = blocks[place]
        fresh = np.nan_to_num(votes[:, block.score_stop - count : block.score_stop])
        rest = 1.0 - fresh.sum(axis=1, keepdims=True)
        wide[:, block.score_start : block.score_stop - count] *= rest
        wide[:, block.score_stop - count : block.score_stop] = fresh
        below, values = attribute, [[name] for name in attribute.classes[len(attribute.classes) - count :]]
        while below.parent is not None:
            above = new.attribute(below.parent.column)
            own = blocks[new.index[above.column]].scores
            wide[:, own] *= rest
            for number, names in enumerate(values):
                names.append(below.parent.of[names[-1]])
                wide[:, own.start + above.classes.index(names[-1])] += fresh[:, number]
            below = above
    return wide

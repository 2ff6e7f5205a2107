"""What somebody who never looks at an image would score: decisions made from the training labels alone."""

from typing import Any
from zlib import crc32

import numpy as np

from facetwise.decisions import Decisions
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Kind, Labels, Schema

__all__ = [
    "MOST_FOR_RANDOM",
    "RANDOM_DRAWS",
    "average",
    "learnable",
    "majority",
    "medians_of",
    "random_draw",
    "some_items",
]

# Ten draws bring the standard error of a floor to a third of one draw's: some thousandths on a few hundred items.
RANDOM_DRAWS = 10

# Above this many items, the draws are measured on so many of them, drawn with a fixed seed: the floor's third digit is
# that of all, and a million items do not take ten minutes.
MOST_FOR_RANDOM = 30_000

# Part of every draw's seed, so that two evaluations of the same items give the same floors.
_SEED = 0

# A multilabel class belongs to the majority answer from this share of the training cells on.
_HALF = 0.5


def medians_of(schema: Schema, train: Labels) -> dict[str, float]:
    """Per numeric column the median of its training numbers; absent without any."""
    medians: dict[str, float] = {}
    for place in schema.of_kind(Kind.NUMERIC):
        numbers = train.number[train.state[:, place] == VALUE, place]
        if len(numbers):
            medians[schema.attributes[place].column] = float(np.median(numbers))
    return medians


def learnable(truth: Labels, train: Labels) -> Labels:
    """The truth without the attributes that have no value in training: those have no floor."""
    never = ~(train.state == VALUE).any(axis=0)
    return Labels(
        state=np.where(never, UNKNOWN, truth.state).astype(np.int8),
        index=truth.index,
        members=truth.members,
        number=truth.number,
    )


def _empty(schema: Schema, items: int) -> Decisions:
    shape, width = (items, len(schema.attributes)), schema.layout().num_scores
    return Decisions(
        scores=np.zeros((items, width), dtype=np.float32),
        applies=np.ones(shape, dtype=np.float32),
        state=np.full(shape, VALUE, dtype=np.int8),
        index=np.full(shape, -1, dtype=np.int32),
        members=np.zeros((items, width), dtype=np.uint8),
        number=np.full(shape, np.nan),
        confidence=np.full(shape, np.nan, dtype=np.float32),
    )


def majority(schema: Schema, train: Labels, items: int) -> Decisions:
    """The same answer for every item.

    The most frequent training class (of equals the first in the schema's order); for multilabel the labels that at
    least half of the training cells have; for numbers the median; and the more frequent of 'value' and 'not
    applicable'. Scores are the training frequencies.
    """
    floor, medians = _empty(schema, 1), medians_of(schema, train)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        state = train.state[:, place]
        rows = np.flatnonzero(state == VALUE)
        applies = len(rows) >= (state == NOT_APPLICABLE).sum()
        floor.state[:, place] = VALUE if applies else NOT_APPLICABLE
        if not len(rows):
            continue
        if attribute.kind is Kind.NUMERIC:
            floor.number[:, place] = medians[attribute.column]
        elif attribute.kind is Kind.MULTILABEL:
            share = (train.members[rows, block.scores] != 0).mean(axis=0)
            floor.scores[:, block.scores] = share
            floor.members[:, block.scores] = share >= _HALF
        else:
            count = np.bincount(train.index[rows, place], minlength=len(attribute.classes))
            floor.scores[:, block.scores] = count / len(rows)
            floor.index[:, place] = count.argmax()
    # One row seen as many: an answer that is the same for a million items needs the memory of one.
    return Decisions(
        **{
            name: np.broadcast_to(getattr(floor, name), (items, getattr(floor, name).shape[1]))
            for name in Decisions.__slots__
        }
    )


def random_draw(schema: Schema, train: Labels, items: int, draw: int) -> Decisions:
    """Every cell copies the value of a random training cell of its attribute, and the state of another.

    A draw depends on its number and on the column's name, not on what other columns there are.
    """
    floor = _empty(schema, items)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        generator = np.random.default_rng([_SEED, draw, crc32(attribute.column.encode())])
        state = train.state[:, place]
        known, rows = state[state != UNKNOWN], np.flatnonzero(state == VALUE)
        if not len(rows):
            continue
        floor.state[:, place] = known[generator.integers(len(known), size=items)]
        picked = rows[generator.integers(len(rows), size=items)]
        if attribute.kind is Kind.NUMERIC:
            floor.number[:, place] = train.number[picked, place]
        elif attribute.kind is Kind.MULTILABEL:
            floor.members[:, block.scores] = train.members[picked, block.scores] != 0
            floor.scores[:, block.scores] = floor.members[:, block.scores]
        else:
            floor.index[:, place] = train.index[picked, place]
            floor.scores[np.arange(items), block.score_start + floor.index[:, place]] = 1.0
    return floor


def some_items(items: int) -> np.ndarray | None:
    """The items that the random floor is measured on, ascending; None for all."""
    if items <= MOST_FOR_RANDOM:
        return None
    return np.sort(np.random.default_rng(_SEED).choice(items, MOST_FOR_RANDOM, replace=False))


def average(draws: list[Any]) -> Any:
    """Mean of plain data of one shape, number by number; None where no draw has the number.

    >>> average([{"f1": 0.25, "kind": "binary"}, {"f1": 0.75, "kind": "binary"}])
    {'f1': 0.5, 'kind': 'binary'}
    """
    first = draws[0]
    if isinstance(first, dict):
        return {key: average([draw[key] for draw in draws]) for key in first}
    known = [value for value in draws if value is not None]
    if not known or all(value == known[0] for value in known):
        return known[0] if known else None
    return sum(known) / len(known)

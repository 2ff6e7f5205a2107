"""The neighbours' vote as a part of the graph: `facetwise.decisions.Neighbours.votes` in ONNX.

Attributes with about equally many labelled rows are looked up together, in one `TopK` over (item, attribute, row): a
graph of a few dozen operators for any number of attributes, where one lookup per attribute took thousands.
"""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions import FADING, LEAST_SAY, MARGIN, VOTERS, Neighbours, NumberScale
from facetwise.inference.exporting._places import LEAST, ONE, Places
from facetwise.inference.exporting._restore import restored
from facetwise.inference.exporting._weave import Weave
from facetwise.schema import VALUE, Kind

__all__ = ["weave_votes"]

# The cosine of a row that is not there.
NOBODY = np.array(-3.0, np.float32)


def weave_votes(
    weave: Weave, places: Places, scales: Mapping[str, NumberScale], neighbours: Neighbours, representation: str
) -> tuple[str, dict[int, str]]:
    """The packed votes (item, class), NaN where nobody votes; and by place of a number its standardised vote."""
    schema, layout = places.schema, places.layout
    asked = [
        place
        for place, attribute in enumerate(schema.attributes)
        if attribute.id in neighbours.shares and (neighbours.labels.state[:, place] == VALUE).any()
    ]
    cosine = _cosine(weave, neighbours, representation)
    zeros = weave("Mul", weave.columns(cosine, 0, 1), np.zeros((1, layout.num_scores), np.float32))
    yes, no = zeros, zeros  # what is said for a class, and of labels against it
    numbers: dict[int, str] = {}
    for group in _alike(neighbours, asked):
        say, chosen = _voters(weave, neighbours, cosine, group)
        for number, place in enumerate(group):
            kind, own = schema.attributes[place].kind, neighbours.labels.state[:, place] == VALUE
            if kind not in (Kind.MULTILABEL, Kind.NUMERIC):
                continue
            mine, rows = _of(weave, say, number), _of(weave, chosen, number)
            if kind is Kind.NUMERIC:
                told = np.zeros(len(neighbours) + 1, np.float32)
                told[:-1][own] = scales[schema.attributes[place].id].standardise(neighbours.labels.number[own, place])
                numbers[place] = weave(
                    "Div", weave.total(weave("Mul", mine, weave("Gather", told, rows))), weave.total(mine)
                )
            else:
                block = layout.blocks[place]
                members = np.zeros((len(neighbours) + 1, layout.num_scores), np.float32)[:, block.scores]
                members[:-1] = neighbours.labels.members[:, block.scores]
                told = weave("Gather", members, rows)
                both = [_summed(weave, mine, each) for each in (told, weave("Sub", ONE, told))]
                pads = [(0, block.score_start), (0, layout.num_scores - block.score_stop)]
                padding = np.array([0, pads[0][1], 0, pads[1][1]])
                yes = weave("Add", yes, weave("Pad", both[0], padding))
                no = weave("Add", no, weave("Pad", both[1], padding))
        if classes := [number for number, place in enumerate(group) if schema.attributes[place].kind not in
                       (Kind.MULTILABEL, Kind.NUMERIC)]:  # fmt: skip
            yes = _scattered(weave, places, neighbours, group, classes, say, chosen, yes)
    several = places.of_kind(Kind.MULTILABEL)[None]
    weighed = weave("Mul", yes, np.where(several, neighbours.weight[None], 1.0).astype(np.float32))
    below = weave("Where", several, weave("Add", weighed, no), places.totals(weave, weighed))
    packed = weave("Div", weighed, weave("Max", below, LEAST))
    return _told(weave, places, scales, asked, packed, numbers), numbers


def _cosine(weave: Weave, neighbours: Neighbours, representation: str) -> str:
    """(item, row + 1); the last row is nobody's."""
    centred = weave("Sub", representation, neighbours.centre.astype(np.float32))
    length = weave("ReduceL2", centred, np.array([1]), keepdims=1)
    unit = weave("Div", centred, weave("Max", length, np.array(1e-12, np.float32)))
    keys = weave.cast(weave.constant(np.ascontiguousarray(neighbours.keys.T).astype(np.float16)), np.float32)
    return weave("Pad", weave("MatMul", unit, keys), np.array([0, 0, 0, 1]), NOBODY)


def _alike(neighbours: Neighbours, asked: list[int]) -> list[list[int]]:
    """Attributes with the same number of labelled rows to within a factor of two."""
    groups: dict[int, list[int]] = {}
    for place in asked:
        count = int((neighbours.labels.state[:, place] == VALUE).sum())
        groups.setdefault(count.bit_length(), []).append(place)
    return list(groups.values())


def _voters(weave: Weave, neighbours: Neighbours, cosine: str, group: list[int]) -> tuple[str, str]:
    """(item, attribute, voter): how much each says, and its place among the rows; 0 and the last for nobody."""
    own = [np.flatnonzero(neighbours.labels.state[:, place] == VALUE) for place in group]
    longest = max(VOTERS + 1, *(len(rows) for rows in own))
    table = np.full((len(group), longest), len(neighbours), np.int64)
    for line, rows in zip(table, own, strict=True):
        line[: len(rows)] = rows
    near, within = weave.several(
        "TopK", weave("Gather", cosine, table, axis=1), np.array([VOTERS + 1]), count=2, axis=2
    )
    offset = (np.arange(len(group)) * longest)[None, :, None]
    chosen = weave("Gather", table.ravel(), weave("Add", weave.part(within, 0, VOTERS, axis=2), offset))
    s, beyond = weave.part(near, 0, VOTERS, axis=2), weave.part(near, VOTERS, VOTERS + 1, axis=2)
    # Relative to the nearest, so that none overflows; as in the numpy code.
    behind = weave("Sub", s, weave.part(near, 0, 1, axis=2))
    fading = weave("Exp", weave("Div", behind, np.array(FADING, np.float32)))
    margin = weave("Div", weave("Sub", s, beyond), np.array(MARGIN, np.float32))
    margin = weave("Clip", margin, np.array(LEAST_SAY, np.float32), ONE)
    counts = np.append(neighbours.say, 0.0).astype(np.float32)
    return weave("Mul", weave("Mul", fading, margin), weave("Gather", counts, chosen)), chosen


def _of(weave: Weave, told: str, number: int) -> str:
    """(item, voter) of one attribute of a group."""
    return weave("Squeeze", weave.part(told, number, number + 1, axis=1), np.array([1]))


def _summed(weave: Weave, say: str, told: str) -> str:
    """Σ over voters of (item, voter) times (item, voter, class)."""
    return weave("Squeeze", weave("MatMul", weave("Unsqueeze", say, np.array([1])), told), np.array([1]))


def _scattered(
    weave: Weave,
    places: Places,
    neighbours: Neighbours,
    group: list[int],
    classes: list[int],
    say: str,
    chosen: str,
    yes: str,
) -> str:
    """The most that a voter of each class says, of attributes with one class per row, in the columns of the classes."""
    numbers = np.array(classes)
    columns = np.zeros((len(classes), len(neighbours) + 1), np.int64)
    for line, number in zip(columns, classes, strict=True):
        block = places.layout.blocks[group[number]]
        line[:] = block.score_start  # rows without the cell are never chosen, and nobody says nothing
        line[:-1] += np.maximum(neighbours.labels.index[:, group[number]], 0)
    mine, rows = weave("Gather", say, numbers, axis=1), weave("Gather", chosen, numbers, axis=1)
    offset = (np.arange(len(classes)) * (len(neighbours) + 1))[None, :, None]
    column = weave("Gather", columns.ravel(), weave("Add", rows, offset))
    flat = np.array([0, len(classes) * VOTERS])
    return weave(
        "ScatterElements", yes, weave("Reshape", column, flat), weave("Reshape", mine, flat), axis=1, reduction="max"
    )


def _told(
    weave: Weave,
    places: Places,
    scales: Mapping[str, NumberScale],
    asked: list[int],
    packed: str,
    numbers: Mapping[int, str],
) -> str:
    """The packed votes with numbers in the user's unit, and NaN where nobody was asked."""
    nobody = ~np.isin(places.owner, asked) | places.numbers
    told = weave("Where", nobody[None], np.array(np.nan, np.float32), packed)
    for place, vote in numbers.items():
        unit = restored(weave, scales[places.schema.attributes[place].id], vote)
        here = np.zeros((1, len(places.owner)), bool)
        here[0, places.starts[place]] = True
        told = weave("Where", here, unit, told)
    return told

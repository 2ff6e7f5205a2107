"""Counts of true, predicted and rightly predicted classes: all that accuracy and every F1 need.

Every class of every attribute is one column of the layout's scores, so one `bincount` counts all attributes at once.
Counts add up, so items are gone through in blocks: a million of them need no more memory than a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._cells import ONE_CLASS, Cells
from facetwise.schema import Kind, Labels, Schema

__all__ = ["Counts", "Occurrences", "Tally", "tally"]

# Items that are gone through at once; some hundred megabytes of places at fifty attributes.
_BLOCK = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often each class occurs on labelled cells; all (..., class) float64.

    Args:
        support: In the truth.
        predicted: In the prediction.
        hits: In both, on the same cell.
    """

    support: np.ndarray
    predicted: np.ndarray
    hits: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """Classes that occur in a block of items.

    Args:
        single: (item, attribute) score column of the class of a cell that has one; `width` where it has none, which is
            faster than to look for those that do.
        rows, columns: One (item of the block, score column) per label of a cell that has several.
        width: Number of score columns.
    """

    single: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    width: int

    def count(self) -> np.ndarray:
        """(class,): how often each column occurs."""
        told = np.bincount(self.single.ravel(), minlength=self.width + 1)[: self.width]
        return told + np.bincount(self.columns, minlength=self.width).astype(np.float64)

    def count_by(self, codes: np.ndarray, start: int, stop: int) -> np.ndarray:
        """(code, class): the same apart for the items of each code from `start` up to `stop`."""
        shape, mine = (stop - start, self.width + 1), (codes >= start) & (codes < stop)
        flat = (codes[mine] - start)[:, None] * shape[1] + self.single[mine]
        own = mine[self.rows]
        several = (codes[self.rows[own]] - start) * shape[1] + self.columns[own]
        told = np.bincount(flat.ravel(), minlength=shape[0] * shape[1])
        if len(several):
            told = told + np.bincount(several, minlength=shape[0] * shape[1])
        return told.reshape(shape)[:, : self.width].astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The classes on labelled cells, counted.

    Args:
        given: Of the value given applicable, (class,).
        decided: The same where the decision is a value.
        width: Number of score columns.
        schema, truth, decisions, cells: What was counted, to count again by something.
    """

    given: Counts
    decided: Counts
    width: int
    schema: Schema
    truth: Labels
    decisions: Decisions
    cells: Cells

    def counts(self) -> Counts:
        """Value given applicable: (class,)."""
        return self.given

    def decided_counts(self) -> Counts:
        """Decided: (class,)."""
        return self.decided

    def counts_by(self, code: np.ndarray, start: int, stop: int) -> Counts:
        """Value given applicable, apart for the items of each code: (code, class)."""
        shape = (stop - start, self.width)
        support, predicted, hits = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for own in _blocks(len(self.truth)):
            found = _found(self.schema, self.truth, self.decisions, self.cells, own)
            support += found["support"].count_by(code[own], start, stop)
            predicted += found["predicted"].count_by(code[own], start, stop)
            hits += found["hits"].count_by(code[own], start, stop)
        return Counts(support=support, predicted=predicted, hits=hits)


def _blocks(items: int) -> Iterator[slice]:
    for start in range(0, items, _BLOCK):
        yield slice(start, min(start + _BLOCK, items))


def _found(
    schema: Schema, truth: Labels, decisions: Decisions, cells: Cells, own: slice, *, decided: bool = False
) -> dict[str, Occurrences]:
    """Every class that occurs in a block of items, without a loop over items or attributes.

    `support` in the truth, `predicted` in the value that would be given, `hits` in both; if asked, `decided` and
    `decided_hits` are the last two where the decision is a value.
    """
    blocks, width = schema.layout().blocks, schema.layout().num_scores
    ones = list(schema.of_kind(*ONE_CLASS))
    start = np.array([blocks[place].score_start for place in ones], dtype=np.intp)
    labelled, given = cells.labelled[own, ones], decisions.index[own, ones]
    true_column, given_column = truth.index[own, ones] + start, given + start
    predicted = labelled & (given >= 0)  # -1 is no class: an error that belongs to no column
    hits = labelled & cells.right[own, ones]
    single = {"support": (labelled, true_column), "predicted": (predicted, given_column), "hits": (hits, true_column)}

    sets = schema.of_kind(Kind.MULTILABEL)
    columns = np.array([c for p in sets for c in range(blocks[p].score_start, blocks[p].score_stop)], dtype=np.intp)
    owner = np.array([p for p in sets for _ in range(blocks[p].score_start, blocks[p].score_stop)], dtype=np.intp)
    true_set = (truth.members[own, columns] != 0) & cells.labelled[own, owner]
    given_set = (decisions.members[own, columns] != 0) & cells.labelled[own, owner]
    several = {"support": true_set, "predicted": given_set, "hits": true_set & given_set}
    if decided:
        said, said_set = cells.decided[own, ones], cells.decided[own, owner]
        single |= {"decided": (predicted & said, given_column), "decided_hits": (hits & said, true_column)}
        several |= {"decided": given_set & said_set, "decided_hits": several["hits"] & said_set}
    found: dict[str, Occurrences] = {}
    for name, (mask, column) in single.items():
        rows, places = np.nonzero(several[name])
        found[name] = Occurrences(single=np.where(mask, column, width), rows=rows, columns=columns[places], width=width)
    return found


def tally(schema: Schema, truth: Labels, decisions: Decisions, cells: Cells) -> Tally:
    """Count every class, as it is given and as it is decided."""
    width = schema.layout().num_scores
    sums = {name: np.zeros(width) for name in ("support", "predicted", "hits", "decided", "decided_hits")}
    for own in _blocks(len(truth)):
        for name, found in _found(schema, truth, decisions, cells, own, decided=True).items():
            sums[name] += found.count()
    return Tally(
        given=Counts(support=sums["support"], predicted=sums["predicted"], hits=sums["hits"]),
        decided=Counts(support=sums["support"], predicted=sums["decided"], hits=sums["decided_hits"]),
        width=width, schema=schema, truth=truth, decisions=decisions, cells=cells,
    )  # fmt: skip

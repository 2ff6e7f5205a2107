"""Counts of true, predicted and rightly predicted classes: all that accuracy and every F1 need.

Every class of every attribute is one column of the layout's scores, so one `bincount` counts all attributes at once.
"""

from dataclasses import dataclass

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._cells import ONE_CLASS, Cells
from facetwise.schema import Kind, Labels, Schema

__all__ = ["Counts", "Occurrences", "Tally", "tally"]


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
    """Classes that occur: one (item, score column) per entry."""

    rows: np.ndarray
    columns: np.ndarray

    def count(self, width: int) -> np.ndarray:
        """(class,): how often each column occurs."""
        return np.bincount(self.columns, minlength=width).astype(np.float64)

    def count_by(self, code: np.ndarray, start: int, stop: int, width: int) -> np.ndarray:
        """(code, class): the same apart for the items of each code from `start` up to `stop`."""
        codes = code[self.rows]
        mine = (codes >= start) & (codes < stop)
        flat = (codes[mine] - start) * width + self.columns[mine]
        return np.bincount(flat, minlength=(stop - start) * width).reshape(stop - start, width).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Occurrences of the classes on labelled cells.

    Args:
        support: In the truth.
        predicted, hits: In the value that would be given, and where it is right.
        decided, decided_hits: The same where the decision is a value.
        width: Number of score columns.
    """

    support: Occurrences
    predicted: Occurrences
    hits: Occurrences
    decided: Occurrences
    decided_hits: Occurrences
    width: int

    def counts(self) -> Counts:
        """Value given applicable: (class,)."""
        return Counts(
            support=self.support.count(self.width),
            predicted=self.predicted.count(self.width),
            hits=self.hits.count(self.width),
        )

    def decided_counts(self) -> Counts:
        """Decided: (class,)."""
        return Counts(
            support=self.support.count(self.width),
            predicted=self.decided.count(self.width),
            hits=self.decided_hits.count(self.width),
        )

    def counts_by(self, code: np.ndarray, start: int, stop: int) -> Counts:
        """Value given applicable, apart for the items of each code: (code, class)."""
        return Counts(
            support=self.support.count_by(code, start, stop, self.width),
            predicted=self.predicted.count_by(code, start, stop, self.width),
            hits=self.hits.count_by(code, start, stop, self.width),
        )


def _where(mask: np.ndarray, columns: np.ndarray) -> Occurrences:
    """Occurrences at the places of a mask (item, place); `columns` is (place,) or (item, place)."""
    rows, places = np.nonzero(mask)
    return Occurrences(rows=rows, columns=columns[rows, places] if columns.ndim == 2 else columns[places])


def _join(first: Occurrences, second: Occurrences) -> Occurrences:
    return Occurrences(
        rows=np.concatenate([first.rows, second.rows]), columns=np.concatenate([first.columns, second.columns])
    )


def tally(schema: Schema, truth: Labels, decisions: Decisions, cells: Cells) -> Tally:
    """Find every class that occurs, without a loop over items or attributes."""
    blocks = schema.layout().blocks
    ones = np.array(schema.of_kind(*ONE_CLASS), dtype=np.intp)
    start = np.array([blocks[place].score_start for place in ones], dtype=np.intp)
    labelled, decided = cells.labelled[:, ones], cells.decided[:, ones]
    given = decisions.index[:, ones]
    true_column, given_column = truth.index[:, ones] + start, given + start
    predicted = labelled & (given >= 0)  # -1 is no class: an error that belongs to no column
    hits = labelled & cells.right[:, ones]

    sets = schema.of_kind(Kind.MULTILABEL)
    columns = np.array([c for p in sets for c in range(blocks[p].score_start, blocks[p].score_stop)], dtype=np.intp)
    owner = np.array([p for p in sets for _ in range(blocks[p].score_start, blocks[p].score_stop)], dtype=np.intp)
    true_set = (truth.members[:, columns] != 0) & cells.labelled[:, owner]
    given_set = (decisions.members[:, columns] != 0) & cells.labelled[:, owner]
    decided_set = given_set & cells.decided[:, owner]
    return Tally(
        support=_join(_where(labelled, true_column), _where(true_set, columns)),
        predicted=_join(_where(predicted, given_column), _where(given_set, columns)),
        hits=_join(_where(hits, true_column), _where(true_set & given_set, columns)),
        decided=_join(_where(predicted & decided, given_column), _where(decided_set, columns)),
        decided_hits=_join(_where(hits & decided, true_column), _where(true_set & decided_set, columns)),
        width=schema.layout().num_scores,
    )

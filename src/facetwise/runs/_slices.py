"""One evaluation per value of a column: where a run is good, and where it is not."""

from collections.abc import Iterable, Sequence

import numpy as np

from facetwise.decisions import Decisions
from facetwise.errors import UserError, nearest
from facetwise.metrics import Evaluation, evaluate
from facetwise.schema import Labels, Schema

__all__ = ["MOST_SLICES", "check_column", "evaluate_slices", "slice_cells"]

# A column with more values than this is a name or a number, not a kind of item.
MOST_SLICES = 200
# What items without a value are called; brackets, so that no value is taken for it.
EMPTY = "(empty)"


def slice_cells(by: str, columns: Sequence[str], cells: Iterable[str], *, most: int | None = MOST_SLICES) -> np.ndarray:
    """(item,) the value that each item is counted under.

    Args:
        by: The column.
        columns: Those that there are.
        cells: Its cells, one per item.
        most: Different values that there may be; None, as many as there are.

    Raises:
        UserError: Too many different values.
    """
    told = np.array([str(cell).strip() or EMPTY for cell in cells], dtype=object)
    if most is not None and (found := len(set(told.tolist()))) > most:
        raise UserError(
            f"--by takes a column with at most {most} different values. Found {found:,} in {by!r} of "
            f"{len(columns)} columns. Fix: choose one that says what kind of item it is"
        )
    return told


def check_column(by: str, columns: Sequence[str], table: str) -> None:
    """Refuse a column that the table does not have.

    Raises:
        UserError: It has not.
    """
    if by not in columns:
        raise UserError(f"--by names a column of {table}. Found {by!r}. Fix: {nearest(by, columns)}")


def evaluate_slices(
    schema: Schema, truth: Labels, decisions: Decisions, cells: np.ndarray, *, train: Labels, groups: np.ndarray | None
) -> dict[str, Evaluation]:
    """By value of a column the evaluation of its items, the most frequent value first.

    Floors come from all training rows, as the model does: what guessing would reach on the slice without knowing it.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
        cells: (item,) values.
        train: Labels of the training items.
        groups: (item,) what items belong to; None for each by itself.
    """
    names, counts = np.unique(cells.astype(str), return_counts=True)
    found: dict[str, Evaluation] = {}
    for place in np.argsort(-counts, kind="stable"):
        rows = np.flatnonzero(cells == names[place])
        part = evaluate(
            schema, truth.take(rows), decisions.take(rows), train=train, groups=None if groups is None else groups[rows]
        )
        found[str(names[place])] = part
    return found

"""A finished run judged on one of its sides, or on a new table with labels; whole, or by the values of a column."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from facetwise.data import Table, encode, read_table, tell
from facetwise.decisions import Decisions
from facetwise.errors import RunError
from facetwise.events import Report
from facetwise.inference import read_predictions, root_of
from facetwise.metrics import Evaluation, evaluate
from facetwise.runs._slices import check_column, evaluate_slices, slice_cells
from facetwise.schema import Labels
from facetwise.training import FinishedRun, groups_of

__all__ = ["Judged", "Side", "evaluate_side", "evaluate_table"]

Side = Literal["train", "val", "test"]
# With a column, by value of it.
Judged = Evaluation | dict[str, Evaluation]


def evaluate_side(run: FinishedRun, side: Side, checkpoint: str, by: str | None) -> Judged:
    """One side of the run's own table: as saved where it is, otherwise predicted again."""
    told = run.path / "metrics.json"  # none where the table was not at hand when a class was learnt
    if by is None and checkpoint == "best_score" and told.is_file() and side == run.metrics["split"]:
        return Evaluation.from_dict(run.metrics)
    saved, table = run.path / "predictions" / f"{side}.parquet", run.prepared.table
    if by is not None:
        check_column(by, table.columns, table.name)
    if checkpoint == "best_score" and saved.is_file():
        items, truth, decisions = read_predictions(saved, run.schema, run.bundle.thresholds, run.bundle.policy)
        return _judge(run, table, items, truth, decisions, by)
    rows = run.prepared.split.rows(side)
    if not len(rows):
        raise RunError(f"the run has rows on the side {side!r}. Found none. Fix: evaluate another side, or a new table")
    decisions = run.predictor(checkpoint)(run.prepared.features[rows])
    return _judge(run, table, run.prepared.rows[rows], run.prepared.labels.take(rows), decisions, by)


def evaluate_table(
    run: FinishedRun, table: Any, images: str | Path | None, checkpoint: str, by: str | None, report: Report
) -> Judged:
    """A new table whose rows have labels."""
    read = read_table(table)
    if by is not None:
        check_column(by, read.columns, read.name)
    features, good, _ = run.describe(read, root_of(table, images), report=report)
    truth, notices = encode(run.schema, read.take(good))
    tell(notices, report)
    return _judge(run, read, good, truth, run.predictor(checkpoint)(features), by)


def _judge(
    run: FinishedRun, table: Table, rows: np.ndarray, truth: Labels, decisions: Decisions, by: str | None
) -> Judged:
    groups, train = groups_of(run.schema, table, rows), run.train_labels
    if by is None:
        return evaluate(run.schema, truth, decisions, train=train, groups=groups)
    cells = slice_cells(by, table.columns, table.take(rows).column(by))
    return evaluate_slices(run.schema, truth, decisions, cells, train=train, groups=groups)

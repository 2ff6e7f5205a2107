"""A finished run judged on one of its sides, or on a new table with labels; whole, or by the values of a column."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facetwise.data import Table, encode, read_table, tell
from facetwise.decisions import Decisions
from facetwise.errors import RunError, UserError
from facetwise.events import Event, Report
from facetwise.inference import describe_rows, fetched, read_predictions, root_of
from facetwise.metrics import Evaluation, evaluate
from facetwise.runs._how_long import foretell_measuring, prepared_of
from facetwise.runs._seen import choose_rows, seen_rows
from facetwise.runs._slices import check_column, evaluate_slices, slice_cells
from facetwise.runs._unreadable import by_reason, tell_unreadable
from facetwise.schema import Labels
from facetwise.training import FinishedRun, groups_of

__all__ = ["Judged", "Side", "evaluate_side", "evaluate_table"]

Side = Literal["train", "val", "test"]
# With a column, by value of it.
Judged = Evaluation | dict[str, Evaluation]


def evaluate_side(run: FinishedRun, side: Side, checkpoint: str, by: str | None, *, report: Report) -> Judged:
    """One side of the run's own table: as saved where it is, otherwise predicted again."""
    told = run.path / "metrics.json"  # none where the table was not at hand when a class was learnt
    if by is None and checkpoint == "best_score" and told.is_file() and side == run.metrics["split"]:
        return Evaluation.from_dict(run.metrics)
    prepared = prepared_of(run, report)
    saved, table = run.path / "predictions" / f"{side}.parquet", prepared.table
    if by is not None:
        check_column(by, table.columns, table.name)
    if checkpoint == "best_score" and saved.is_file():
        items, truth, decisions = read_predictions(saved, run.schema, run.bundle.thresholds, run.bundle.policy)
        return _judge(run, table, items, truth, decisions, by, report=report)
    rows = prepared.split.rows(side)
    if not len(rows):
        raise RunError(f"the run has rows on the side {side!r}. Found none. Fix: evaluate another side, or a new table")
    decisions = run.predictor(checkpoint)(prepared.features[rows])
    return _judge(run, table, prepared.rows[rows], prepared.labels.take(rows), decisions, by, report=report)


def evaluate_table(
    run: FinishedRun,
    table: Any,
    images: str | Path | None,
    checkpoint: str,
    by: str | None,
    *,
    unseen: bool,
    report: Report,
) -> Judged:
    """A new table whose rows have labels, here or behind an address; how many of them the run has seen, and how many
    have no readable picture, is said, and told under `seen` and `unreadable`."""
    table, images = fetched(table, images, report=report)
    read = read_table(table)
    if by is not None:
        check_column(by, read.columns, read.name)
    root = root_of(table, images)
    names, described = describe_rows(
        read, root, run.backbone(), schema=run.schema, allow_outside=run.config.allow_outside_root, report=report
    )
    good, issues = described.good, described.issues
    tell_unreadable(issues, names, table=read.name, root=str(root), report=report)
    seen = seen_rows(run, read, good, [described.digests[row] for row in good.tolist()])
    kept = choose_rows(seen, len(good), table=read.name, run=str(run.path), unseen=unseen, report=report)
    truth, notices = encode(run.schema, read.take(good[kept]))
    tell(notices, report)
    features = run.chosen_features(described)
    decisions = run.predictor(checkpoint)(features if kept.all() else features[kept])
    found = _judge(run, read, good[kept], truth, decisions, by, train=_train_labels(run, truth, report), report=report)
    if isinstance(found, Evaluation):
        told = {} if seen is None else seen.counts(np.ones(len(good), dtype=bool), left_out=unseen)
        return replace(found, seen=told, unreadable=by_reason(issues.values()))
    assert by is not None
    cells = slice_cells(by, read.columns, read.column(by), most=None)  # rows without a picture are no slice
    return {
        value: replace(
            one,
            seen={} if seen is None else seen.counts(cells[good] == value, left_out=unseen),
            unreadable=by_reason(issue for row, issue in issues.items() if cells[row] == value),
        )
        for value, one in found.items()
    }


def _train_labels(run: FinishedRun, truth: Labels, report: Report) -> Labels:
    """What the training rows say; nothing, and no floors, where the run's table is not at hand."""
    try:
        prepared_of(run, report)
        return run.train_labels
    except (UserError, OSError) as error:
        message = f"what guessing would reach is not known without the run's own table: {error}"
        report(Event("notice", message, data={"code": "no_floors"}))
        return truth.take(np.arange(0))


def _judge(
    run: FinishedRun,
    table: Table,
    rows: np.ndarray,
    truth: Labels,
    decisions: Decisions,
    by: str | None,
    *,
    report: Report,
    train: Labels | None = None,
) -> Judged:
    foretell_measuring(len(truth), len(run.schema.attributes), report)
    groups = groups_of(run.schema, table, rows)
    train = run.train_labels if train is None else train
    if by is None:
        return evaluate(run.schema, truth, decisions, train=train, groups=groups)
    cells = slice_cells(by, table.columns, table.take(rows).column(by))
    return evaluate_slices(run.schema, truth, decisions, cells, train=train, groups=groups)

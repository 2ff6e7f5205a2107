"""A finished run judged on one of its sides, or on a new table with labels."""

from pathlib import Path
from typing import Any, Literal

from facetwise.data import encode, read_table, tell
from facetwise.errors import RunError
from facetwise.events import Report
from facetwise.inference import read_predictions, root_of
from facetwise.metrics import Evaluation, evaluate
from facetwise.training._finished import FinishedRun

__all__ = ["Side", "evaluate_side", "evaluate_table"]

Side = Literal["train", "val", "test"]


def evaluate_side(run: FinishedRun, side: Side, checkpoint: str) -> Evaluation:
    """One side of the run's own table: as saved where it is, otherwise predicted again."""
    if checkpoint == "best_score" and side == run.metrics["split"]:
        return Evaluation.from_dict(run.metrics)
    train = run.train_labels
    saved = run.path / "predictions" / f"{side}.parquet"
    if checkpoint == "best_score" and saved.is_file():
        _, truth, decisions = read_predictions(saved, run.schema, run.bundle.thresholds, run.bundle.policy)
        return evaluate(run.schema, truth, decisions, train=train)
    rows = run.prepared.split.rows(side)
    if not len(rows):
        raise RunError(f"the run has rows on the side {side!r}. Found none. Fix: evaluate another side, or a new table")
    decisions = run.predictor(checkpoint)(run.prepared.features[rows])
    return evaluate(run.schema, run.prepared.labels.take(rows), decisions, train=train)


def evaluate_table(
    run: FinishedRun, table: Any, images: str | Path | None, checkpoint: str, report: Report
) -> Evaluation:
    """A new table whose rows have labels."""
    read = read_table(table)
    features, good, _ = run.describe(read, root_of(table, images), report=report)
    truth, notices = encode(run.schema, read.take(good))
    tell(notices, report)
    return evaluate(run.schema, truth, run.predictor(checkpoint)(features), train=run.train_labels)

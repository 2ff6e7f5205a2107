"""Prediction of a table some of whose cells are believed."""

from pathlib import Path
from typing import Any

from facetwise.data import read_table, tell
from facetwise.errors import UserError
from facetwise.events import Report
from facetwise.inference import Answers, answers_from, describe_rows, given_cells, is_table, root_of
from facetwise.training._finished import FinishedRun

__all__ = ["predict_given"]


def predict_given(
    run: FinishedRun,
    source: Any,
    images: str | Path | None,
    given: list[str],
    *,
    sets: bool,
    checkpoint: str,
    report: Report,
) -> Answers:
    """One row per picture; the given columns condition the others, and a picture that contradicts one says so."""
    if not is_table(source):
        raise UserError(f"given columns are those of a table. Found {source}. Fix: predict a table that has them")
    table = read_table(source)
    names, described = describe_rows(
        table, root_of(source, images), run.backbone(), schema=run.schema,
        allow_outside=run.config.allow_outside_root, report=report,
    )  # fmt: skip
    known, said, notices = given_cells(run.schema, table, given, described.good)
    tell(notices, report)
    issues = [described.issues[n][0] if n in described.issues else None for n in range(len(names))]
    chosen = run.chosen_features(described)
    predictor = run.predictor(checkpoint)
    against = predictor.contradicted(chosen, known) & said
    policy = run.bundle.policy if sets else None
    return answers_from(
        run.schema, names, issues, predictor(chosen, given=known), sets_of=policy, given=said,
        contradicted=against,
    )  # fmt: skip

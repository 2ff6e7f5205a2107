"""Answers of a finished run: for pictures, for a table some of whose cells are believed, and what speaks for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.data import read_spelled, read_table, tell
from facetwise.errors import UserError
from facetwise.events import Report
from facetwise.features import Extraction, extract
from facetwise.inference import (
    Answers,
    Described,
    Evidence,
    Filled,
    answers_from,
    describe_rows,
    describe_source,
    evidence_from,
    fetched,
    fill_table,
    given_cells,
    is_table,
    known_cells,
    root_of,
)
from facetwise.training import FinishedRun

__all__ = ["evidence_for", "fill_cells", "predict_features", "predict_given", "predict_pictures"]


def predict_pictures(
    run: FinishedRun,
    source: Any,
    images: str | Path | None,
    *,
    sets: bool,
    checkpoint: str,
    report: Report,
    extractor: Callable[..., Extraction] = extract,
) -> Answers:
    """One row per picture or row; see `Run.predict`."""
    source, images = fetched(source, images, report=report)
    names, described = describe_source(
        source, images, run.backbone(), schema=run.schema, allow_outside=run.config.allow_outside_root, report=report,
        extractor=extractor,
    )  # fmt: skip
    predictor = run.predictor(checkpoint)
    decisions = predictor(run.chosen_features(described))
    return answers_from(
        run.schema, names, _reasons(described), decisions, sets_of=run.bundle.policy if sets else None,
        rules=predictor.rules(decisions),
    )  # fmt: skip


def predict_given(
    run: FinishedRun,
    source: Any,
    images: str | Path | None,
    given: list[str],
    *,
    sets: bool,
    checkpoint: str,
    report: Report,
    extractor: Callable[..., Extraction] = extract,
) -> Answers:
    """One row per picture; the given columns condition the others, and a picture that contradicts one says so."""
    source, images = fetched(source, images, report=report)
    if not is_table(source):
        raise UserError(f"given columns are those of a table. Found {source}. Fix: predict a table that has them")
    table = read_table(source)
    names, described = describe_rows(
        table, root_of(source, images), run.backbone(), schema=run.schema,
        allow_outside=run.config.allow_outside_root, report=report, extractor=extractor,
    )  # fmt: skip
    known, said, notices = given_cells(run.schema, table, given, described.good)
    tell(notices, report)
    chosen = run.chosen_features(described)
    predictor = run.predictor(checkpoint)
    against = predictor.contradicted(chosen, known) & said
    policy = run.bundle.policy if sets else None
    decisions = predictor(chosen, given=known)
    return answers_from(
        run.schema, names, _reasons(described), decisions, sets_of=policy, given=said, contradicted=against,
        rules=predictor.rules(decisions, given=known),
    )  # fmt: skip


def _reasons(described: Described) -> list[str | None]:
    """Why a row has no answer, by row."""
    return [described.issues[row][0] if row in described.issues else None for row in range(len(described.digests))]


def evidence_for(
    run: FinishedRun, source: Any, images: str | Path | None, count: int, *, report: Report
) -> list[list[Evidence]]:
    """Per picture the training rows nearest to it; see `Run.evidence`."""
    neighbours = run.bundle.neighbours
    if neighbours is None:
        raise UserError("evidence needs the run's neighbours. Found none. Fix: train with neighbours=true")
    source, images = fetched(source, images, report=report)
    names, described = describe_source(
        source, images, run.backbone(), schema=run.schema, allow_outside=run.config.allow_outside_root, report=report
    )
    _, representation = run.predictor().read(run.chosen_features(described))
    rows = iter(evidence_from(run.schema, neighbours, representation, count))
    return [[] if place in described.issues else next(rows) for place in range(len(names))]


def fill_cells(
    run: FinishedRun, source: Any, images: str | Path | None, *, min_confidence: float, checkpoint: str, report: Report
) -> Filled:
    """The empty cells of a table filled; see `Run.fill`."""
    source, images = fetched(source, images, report=report)
    table, spelling = read_spelled(source)
    tell(table.notices, report)
    features, good, issues = run.describe(table, root_of(source, images), report=report)
    known, notices = known_cells(run.schema, table.take(good))
    tell(notices, report)
    decisions = run.predictor(checkpoint)(features, given=known)
    return fill_table(
        run.schema, table, known, decisions, good, issues, min_confidence=min_confidence, spelling=spelling
    )


def predict_features(run: FinishedRun, features: np.ndarray, checkpoint: str) -> Answers:
    """One row per row of features; see `Run.predict_features`."""
    width = len(run.bundle.standardizer.mean)
    if features.ndim != 2 or features.shape[1] != width:
        raise UserError(
            f"features have shape (item, {width}). Found {features.shape}. Fix: extract with the same backbone"
        )
    names = [str(n) for n in range(len(features))]
    predictor = run.predictor(checkpoint)
    decisions = predictor(np.asarray(features, dtype=np.float32))
    return answers_from(run.schema, names, [None] * len(names), decisions, rules=predictor.rules(decisions))

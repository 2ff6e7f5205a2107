"""What a run folder says about a trained model: predictions, metrics, and last the bundle."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from facetwise.decisions import Decisions
from facetwise.inference import Predictor, write_bundle, write_json, write_predictions
from facetwise.metrics import Evaluation, evaluate
from facetwise.schema import Labels
from facetwise.training._prepare import Prepared
from facetwise.training._reporting import groups_of, write_evaluation

__all__ = ["write_results"]


def write_results(
    folder: Path, predictor: Predictor, prepared: Prepared, *, scored: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[str, Evaluation]:
    """Write what a model says of validation and test rows, how good that is on the test rows, and the bundle.

    The bundle comes last: a folder with a bundle is finished.

    Args:
        folder: The run folder.
        predictor: Of the bundle.
        prepared: The run's table.
        scored: The predictor's scores of the validation rows, where somebody has them already.

    Returns:
        The side that is measured, test or, where it has no rows, val; and how good it is there.
    """
    schema, split = prepared.schema, prepared.split
    train = prepared.labels.take(split.rows("train"))
    said: dict[str, tuple[Labels, Decisions, np.ndarray]] = {}
    for side in ("val", "test"):
        rows = split.rows(side)
        if not len(rows):
            continue
        scores = scored if side == "val" and scored is not None else predictor.scores(prepared.features[rows])
        truth, decisions = prepared.labels.take(rows), predictor.decide(*scores)
        where = folder / "predictions" / f"{side}.parquet"
        write_predictions(where, schema, prepared.rows[rows], prepared.images(rows), truth, decisions)
        said[side] = truth, decisions, prepared.rows[rows]
    shown = "test" if "test" in said else "val"
    truth, decisions, places = said[shown]
    measured = evaluate(schema, truth, decisions, train=train, groups=groups_of(schema, prepared.table, places))
    summary = {"split": shown, **measured.to_dict()}
    write_json(folder / "metrics.json", summary)
    write_evaluation(folder / "evaluation.parquet", measured)
    write_bundle(folder / "bundle", replace(predictor.bundle, metrics={"split": shown, "overall": summary["overall"]}))
    return shown, measured

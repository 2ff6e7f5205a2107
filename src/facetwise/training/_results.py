"""What a run folder says about a trained model: predictions, metrics, and last the bundle."""

from dataclasses import replace
from pathlib import Path

from facetwise.inference import Predictor, write_bundle, write_json, write_predictions
from facetwise.metrics import Evaluation, evaluate
from facetwise.training._prepare import Prepared
from facetwise.training._reporting import groups_of, write_evaluation

__all__ = ["write_results"]


def write_results(folder: Path, predictor: Predictor, prepared: Prepared) -> dict[str, Evaluation]:
    """Write what a model says of validation and test rows, how good that is, and the bundle.

    The bundle comes last: a folder with a bundle is finished.

    Args:
        folder: The run folder.
        predictor: Of the bundle.
        prepared: The run's table.

    Returns:
        By side, how good it is.
    """
    schema, split = prepared.schema, prepared.split
    train = prepared.labels.take(split.rows("train"))
    metrics: dict[str, Evaluation] = {}
    for side in ("val", "test"):
        rows = split.rows(side)
        if not len(rows):
            continue
        truth, decisions = prepared.labels.take(rows), predictor(prepared.features[rows])
        where = folder / "predictions" / f"{side}.parquet"
        write_predictions(where, schema, prepared.rows[rows], prepared.images(rows), truth, decisions)
        groups = groups_of(schema, prepared.table, prepared.rows[rows])
        metrics[side] = evaluate(schema, truth, decisions, train=train, groups=groups)
    shown = "test" if "test" in metrics else "val"
    summary = {"split": shown, **metrics[shown].to_dict()}
    write_json(folder / "metrics.json", summary)
    write_evaluation(folder / "evaluation.parquet", metrics[shown])
    write_bundle(folder / "bundle", replace(predictor.bundle, metrics={"split": shown, "overall": summary["overall"]}))
    return metrics

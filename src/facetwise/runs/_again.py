"""What a finished run's folder says: where its table was, that table once more, its results in a few lines."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facetwise.errors import RunError
from facetwise.events import Report
from facetwise.inference import Bundle, Predictor
from facetwise.training import FinishedRun, Prepared, prepare, read_checkpoint, read_structure

__all__ = ["metrics_of", "predictor_of", "prepare_again", "source_of", "summary_of"]


def metrics_of(folder: Path) -> dict[str, Any]:
    """What `metrics.json` says; see `Run.metrics`.

    Raises:
        RunError: The run was never measured: it learnt a class where its table was not at hand.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise RunError(
            f"{path} says how good the run is. Found no such file: its table was not at hand when it learnt a class. "
            "Fix: evaluate it with a labelled table, or learn the class where the run's table and pictures are"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def predictor_of(folder: Path, bundle: Bundle, checkpoint: str) -> Predictor:
    """A bundle ready to answer, with the parameters of another checkpoint if asked; see `Run.predictor`."""
    if checkpoint == "best_score":
        return Predictor(bundle)
    if bundle.network is not None:
        raise RunError(
            f"the bundle of a fine-tuned run has the backbone of its best_score. Found checkpoint {checkpoint!r}. "
            "Fix: leave --checkpoint away"
        )
    saved = read_checkpoint(folder / "checkpoints" / checkpoint)
    # The neighbours are described by the best checkpoint.
    return Predictor(replace(bundle, tensors=saved.tensors, neighbours=None))


def prepare_again(run: FinishedRun, about: Mapping[str, Any], *, report: Report) -> Prepared:
    """The table that a run was trained on; the sides are those that were saved.

    Args:
        run: The run.
        about: Where its table and pictures were; see `Run.source`.
        report: Told about the work.
    """
    read = read_structure(
        about["table"], images=Path(about["images"]), schema=run.schema, config=run.config, test=about["test"],
        corrections=about["corrections"],
    )  # fmt: skip
    given = None if about["features"] is None else Path(about["features"])
    # The sides are those of split.csv: what looks the same has had its say. So have the columns that were chosen: the
    # run's schema has those and no others.
    done = {"near_duplicates": False, "group_near_duplicates": False, "attributes": None, "exclude": []}
    config = run.config.model_copy(update=done)
    tuned = None if run.bundle.network is None else run.backbone()
    return prepare(read, config, features=given, split_from=run.path, backbone=tuned, report=report)


def source_of(folder: Path) -> dict[str, Any]:
    """Where the table of a run was; see `Run.source`."""
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if about["table"] is None:
        raise RunError("this run was trained on a frame, or somewhere else. Fix: give the labelled table to evaluate")
    return {key: about.get(key) for key in ("table", "images", "test", "features", "corrections")}


def summary_of(folder: Path, metrics: Mapping[str, Any]) -> list[str]:
    """Where the results are, in a few lines."""
    overall, floor = metrics["overall"], metrics["floors"]["majority"]["overall"]
    lines = [f"run       {folder}"]
    for name, label in (("mean_macro_f1", "macro F1"), ("mean_accuracy", "accuracy")):
        if overall.get(name) is not None:
            lines.append(f"{label:<9} {overall[name]:.3f} on {metrics['split']} (majority floor {floor[name]:.3f})")
    return lines

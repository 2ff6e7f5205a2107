"""One training for its score alone: what comparisons and sweeps repeat, without run folder, bundle or predictions."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from facetwise.config import Config
from facetwise.decisions import Decisions
from facetwise.events import Report, silent
from facetwise.metrics import Evaluation, evaluate
from facetwise.schema import VALUE, Kind, Labels, Schema
from facetwise.training._assemble import assemble, make_bundle
from facetwise.training._checkpoints import read_checkpoint
from facetwise.training._decisions import fit_decisions
from facetwise.training._device import choose_device
from facetwise.training._learned import settled
from facetwise.training._loop import fit
from facetwise.training._memory import PeakMemory
from facetwise.training._prepare import Prepared
from facetwise.training._signals import Stopping

__all__ = ["Trial", "run_trial"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one training has shown.

    Args:
        evaluation: Of the side that was asked for, with thresholds tuned on validation.
        right: (item,) share of the labelled cells of each item of that side that are right, numbers not counted; NaN
            where none is labelled.
        selected: The validation score of the checkpoint that was picked; None where it cannot be measured.
        epochs: Epochs that were trained.
        best_epoch: The one that was picked.
        parameters: Number of the model's parameters.
        seconds: From the prepared table to the evaluation.
        peak_megabytes: Most memory of the process (or, on an accelerator, of the tensors on it) meanwhile.
    """

    evaluation: Evaluation
    right: np.ndarray
    selected: float | None
    epochs: int
    best_epoch: int
    parameters: int
    seconds: float
    peak_megabytes: float


def run_trial(
    prepared: Prepared,
    config: Config,
    *,
    side: Literal["val", "test"] = "test",
    scratch: Path | None = None,
    report: Report = silent,
    stop: Stopping | None = None,
) -> Trial:
    """Train as `run_training` does, pick the checkpoint on validation, and measure one side.

    The same seed gives the same model as a run of the same configuration.

    Args:
        prepared: The table, split and coded; many trials may share it.
        config: The configuration.
        side: What is measured; a sweep looks at validation, and at the test once.
        scratch: Folder below which checkpoints lie while it trains; they are removed in the end.
        report: Told about every epoch; whatever it raises ends the trial.
        stop: Asked between steps.

    Raises:
        UserError: A configuration that cannot be trained; numbers that ran away.
    """
    began = time.perf_counter()
    schema = prepared.schema
    with PeakMemory(choose_device(config.device)) as memory:
        made = assemble(prepared, config)
        with tempfile.TemporaryDirectory(prefix="trial-", dir=scratch) as folder:
            epochs = fit(
                schema, made.model, made.objective, made.scales, config, train=made.parts["train"],
                val=made.parts["val"], folder=Path(folder), report=report, stop=stop,
            )  # fmt: skip
            best = read_checkpoint(Path(folder) / "checkpoints" / "best_score")
        count = sum(parameter.numel() for parameter in made.model.parameters())
        if made.model.reader is not None:
            made.model.load_state_dict({name: torch.from_numpy(array) for name, array in best.tensors.items()})
        prepared, made, heads = settled(prepared, config, made, best.tensors, report=silent)
        trained = make_bundle(prepared, config, made, heads)
        predictor, scored = fit_decisions(trained, prepared, made.sides, config, report=silent)
        decisions = predictor.decide(*scored) if side == "val" else predictor(prepared.features[made.sides[side]])
        truth = made.parts[side].labels
        evaluation = evaluate(schema, truth, decisions, train=made.train_labels, floors=False)
    return Trial(
        evaluation=evaluation,
        right=_right_share(schema, truth, decisions),
        selected=best.facts["score"],
        epochs=epochs,
        best_epoch=best.facts["epoch"],
        parameters=count,
        seconds=time.perf_counter() - began,
        peak_megabytes=memory.megabytes,
    )


def _right_share(schema: Schema, truth: Labels, decisions: Decisions) -> np.ndarray:
    """(item,) share of the labelled cells with classes whose value is the truth."""
    right = (truth.index == decisions.index) & (truth.index >= 0)
    for place in schema.of_kind(Kind.MULTILABEL):
        own = schema.layout().blocks[place].scores
        right[:, place] = ((truth.members[:, own] != 0) == (decisions.members[:, own] != 0)).all(axis=1)
    counted = truth.state == VALUE
    counted[:, list(schema.of_kind(Kind.NUMERIC))] = False
    labelled = counted.sum(axis=1)
    return np.where(labelled > 0, (right & counted).sum(axis=1) / np.maximum(labelled, 1), np.nan)

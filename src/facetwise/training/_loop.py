"""The loop: batches to checkpoints, top to bottom."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.config import Config
from facetwise.decisions import NumberScale, decide, scores_from_logits
from facetwise.errors import RunError
from facetwise.events import Event, Report
from facetwise.inference import logits_of
from facetwise.metrics import Evaluation, evaluate, score
from facetwise.models import FacetModel
from facetwise.objectives import (
    BALANCERS,
    REWEIGHTING,
    Balancer,
    ClassWeights,
    Objective,
    Outputs,
    Targets,
    class_weights,
    count_classes,
)
from facetwise.schema import Labels, Schema
from facetwise.training._checkpoints import Checkpoint, copy_checkpoint, model_tensors, write_checkpoint
from facetwise.training._groups import parameter_groups
from facetwise.training._log import RunLog
from facetwise.training._optimizer import BlockAdamW
from facetwise.training._order import epoch_order
from facetwise.training._schedule import warmup_cosine
from facetwise.training._trackers import Trackers

__all__ = ["Part", "Step", "fit", "plain_loss", "training_step"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One side of the split, ready for the model: features standardised, labels coded twice."""

    features: Float[Tensor, "item features"]
    targets: Targets
    labels: Labels

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> "Part":
        """The same rows on another device."""
        return Part(features=self.features.to(device), targets=self.targets.to(device), labels=self.labels)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step needs beside its batch."""

    model: FacetModel
    objective: Objective
    balancer: Balancer
    optimizer: BlockAdamW
    clip: float


def training_step(step: Step, features: Tensor, targets: Targets, weights: ClassWeights) -> tuple[Tensor, Tensor]:
    """Forward, one backward, one optimiser step; the attributes' losses and which of them were active."""
    reduced = step.objective(Outputs(*step.model(features)), targets, weights)
    losses, active = reduced.mean()
    step.optimizer.zero_grad()
    step.balancer.combine(losses, active).backward()
    if step.clip:
        nn.utils.clip_grad_norm_(step.model.parameters(), step.clip)
    step.optimizer.step(step.objective.touched(reduced))
    return losses.detach(), active


def plain_loss(schema: Schema, objective: Objective, logits: np.ndarray, targets: Targets) -> np.ndarray:
    """Unweighted mean loss per attribute over all labelled cells, NaN where there is none.

    Without class weights the number means the same in every epoch and under every schedule.
    """
    layout = schema.layout()
    device = targets.index.device
    even = ClassWeights(torch.ones(layout.num_scores), torch.ones(layout.num_logits), torch.ones(layout.num_logits))
    outputs = Outputs(torch.from_numpy(logits).to(device), torch.empty(0), {})
    with torch.no_grad():
        losses, active = objective(outputs, targets, even.to(device)).mean()
    return torch.where(active, losses, torch.nan).cpu().numpy()


def fit(
    schema: Schema,
    model: FacetModel,
    objective: Objective,
    scales: dict[str, NumberScale],
    config: Config,
    *,
    train: Part,
    val: Part,
    folder: Path,
    report: Report,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Train until the epochs or the patience run out; the checkpoints hold the result.

    Args:
        schema, model, objective, scales, config: What to train, and how.
        train, val: The rows to learn from and the rows to select by; on the device of the model.
        folder: Run folder; gets `checkpoints/` and `log.jsonl`.
        report: Told about every epoch.
        check: Called between steps; may raise to stop.

    Returns:
        Epochs that were trained.

    Raises:
        RunError: The numbers ran away.
    """
    log, trackers = RunLog(folder / "log.jsonl"), Trackers()
    balancer = BALANCERS[config.balancing.name](**config.balancing.options)
    reweighting = REWEIGHTING[config.reweighting.name](**config.reweighting.options)
    counts = count_classes(schema, train.labels)
    optimizer = BlockAdamW(parameter_groups(model, schema, config))
    step = Step(model=model, objective=objective, balancer=balancer, optimizer=optimizer, clip=config.clip)
    device, batch = train.features.device, min(config.batch_size, len(train))
    per_epoch = -(-len(train) // batch)
    steps, done = config.epochs * per_epoch, 0
    torch.manual_seed(config.seed)  # dropout
    began, epoch = time.perf_counter(), 0

    for epoch in range(config.epochs):
        # 1. One pass over the training rows, in an order that depends on the seed and the epoch only.
        model.train()
        weights = class_weights(schema, counts, reweighting, progress=epoch / config.epochs).to(device)
        total = torch.zeros(len(schema.attributes), device=device)
        seen = torch.zeros_like(total)
        for rows in epoch_order(len(train), seed=config.seed, epoch=epoch).to(device).split(batch):
            check()
            optimizer.scale = warmup_cosine(done, steps=steps, warmup=int(config.warmup * steps))
            losses, active = training_step(step, train.features[rows], train.targets.take(rows), weights)
            total += torch.where(active, losses, 0.0)
            seen += active
            done += 1

        # 2. The validation rows: one unweighted loss, and the score that selects.
        logits = logits_of(model, val.features.cpu().numpy())
        if not np.isfinite(logits).all():
            raise RunError(
                f"training keeps every number finite. Found infinity or NaN in epoch {epoch + 1}. "
                f"Fix: lower learning_rate (now {config.learning_rate:g}), or set clip=1"
            )
        by_attribute = plain_loss(schema, objective, logits, val.targets)
        loss = float(np.nanmean(by_attribute)) if np.isfinite(by_attribute).any() else float("nan")
        evaluation = validate(schema, scales, logits, val.labels, train.labels)
        selected = score(evaluation, config.select_by)
        # An epoch without a score ranks below every epoch with one, and by its loss among its like.
        rank = (0, -loss) if selected is None else (1, selected)

        # 3. Keep what is best.
        facts = {
            "epoch": epoch + 1,
            "score": selected,
            "select_by": config.select_by,
            "loss": loss,
            "metrics": evaluation.to_dict(),
        }
        checkpoints = folder / "checkpoints"
        write_checkpoint(checkpoints / "last", Checkpoint(tensors=model_tensors(model), facts=facts))
        better = trackers.update(score=rank, loss=loss)
        for name in better:
            copy_checkpoint(checkpoints / "last", checkpoints / name)
        line = {
            "epoch": epoch + 1, "epochs": config.epochs, "train_loss": float((total / seen.clamp_min(1)).mean()),
            "val_loss": loss, "score": selected, "learning_rate": config.learning_rate * optimizer.scale,
            "seconds": time.perf_counter() - began, "best": list(better),
        }  # fmt: skip
        log.write(line)
        report(Event("epoch", f"epoch {epoch + 1}", epoch + 1, config.epochs, line))
        if trackers.since >= config.patience:
            break
    return epoch + 1


def validate(
    schema: Schema, scales: dict[str, NumberScale], logits: np.ndarray, truth: Labels, train: Labels
) -> Evaluation:
    """Metrics of packed logits with untuned thresholds."""
    decisions = decide(schema, *scores_from_logits(schema, scales, logits))
    return evaluate(schema, truth, decisions, train=train, floors=False)

"""What an epoch is judged by: one unweighted loss, and a score, on the validation rows."""

from dataclasses import dataclass

import numpy as np
import torch

from facetwise.config import Config
from facetwise.decisions import NumberScale, decide, scores_from_logits
from facetwise.errors import RunError
from facetwise.metrics import Evaluation, evaluate, score
from facetwise.models import FacetModel
from facetwise.objectives import ClassWeights, Objective, Outputs, Targets
from facetwise.schema import Labels, Schema
from facetwise.training._part import Part
from facetwise.training.together import ALONE, World

__all__ = ["Judgement", "judge", "plain_loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the validation rows say of an epoch.

    Args:
        loss: Mean over the attributes of their unweighted losses; None where nothing is labelled.
        score: The score that selects; None where it cannot be measured.
        evaluation: All metrics, with untuned thresholds.
    """

    loss: float | None
    score: float | None
    evaluation: Evaluation

    @property
    def rank(self) -> tuple[int, float]:
        """For comparing: an epoch without a score ranks below every epoch with one, and by its loss among its like."""
        return (0, -self.numeric_loss) if self.score is None else (1, self.score)

    @property
    def numeric_loss(self) -> float:
        """The loss, NaN where there is none."""
        return float("nan") if self.loss is None else self.loss


def plain_loss(schema: Schema, measure: Objective, logits: np.ndarray, targets: Targets) -> np.ndarray:
    """Unweighted mean loss per attribute over all labelled cells, NaN where there is none.

    Without class weights the number means the same in every epoch and under every schedule.
    """
    layout = schema.layout()
    device = targets.index.device
    even = ClassWeights(torch.ones(layout.num_scores), torch.ones(layout.num_logits), torch.ones(layout.num_logits))
    outputs = Outputs(torch.from_numpy(logits).to(device), torch.empty(0), {})
    with torch.no_grad():
        losses, active = measure(outputs, targets, even.to(device)).mean()
    return torch.where(active, losses, torch.nan).cpu().numpy()


def judge(
    schema: Schema,
    model: FacetModel,
    measure: Objective,
    scales: dict[str, NumberScale],
    config: Config,
    *,
    val: Part,
    train: Labels,
    epoch: int,
    world: World = ALONE,
) -> Judgement:
    """Measure the model on the validation rows.

    Args:
        schema, model, scales, config: As in `fit`.
        measure: The loss that is the same whatever is trained with.
        val: The rows.
        train: Labels of the training rows, which tell frequent classes from rare ones.
        epoch: 1-based, for the message.
        world: The processes that train together: they judge alike, to the last bit.

    Raises:
        RunError: A number ran away.
    """
    logits = val.logits(model, world)
    if not np.isfinite(logits).all():
        raise RunError(
            f"training keeps every number finite. Found infinity or NaN in epoch {epoch}. "
            f"Fix: lower learning_rate (now {config.learning_rate:g}), or set clip=1"
        )
    losses = plain_loss(schema, measure, logits, val.told())
    decisions = decide(schema, *scores_from_logits(schema, scales, logits))
    evaluation = evaluate(schema, val.labels, decisions, train=train, floors=False)
    loss = float(np.nanmean(losses)) if np.isfinite(losses).any() else None
    # Two kinds of processor may differ in the last bit, and then only one of them would stop early.
    told = world.of_first([np.nan if one is None else one for one in (loss, score(evaluation, config.select_by))])
    loss, selects = (None if np.isnan(one) else one for one in told)
    return Judgement(loss=loss, score=selects, evaluation=evaluation)

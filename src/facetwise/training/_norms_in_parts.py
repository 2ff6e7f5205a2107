"""Batch normalisation of a batch that goes through the model in parts: it cannot be made exact, so it is said."""

from facetwise.config import Config
from facetwise.errors import Complaint, ConfigError
from facetwise.events import Event, Report
from facetwise.models import BatchNormBank, FacetModel, batch_norms
from facetwise.training._micro_batches import Room

__all__ = ["room_for"]

# One row of features has no deviation. (One picture has: a backbone's layers normalise over its positions too.)
LEAST = 2


def room_for(model: FacetModel, config: Config, report: Report, *, batch: int, shrinks: bool) -> Room:
    """How many items go through the model at once, after `micro_batch`; what that changes of the result is told.

    Args:
        model, config: What trains.
        report: Told.
        batch: Items of a step.
        shrinks: Whether parts may become smaller where memory runs out.

    Raises:
        ConfigError: Parts of one item, where the trunk or an adapter normalises by the batch.
    """
    backbone = set() if model.reader is None else set(model.reader.describer.modules())
    heads = [norm for norm in batch_norms(model) if norm not in backbone]
    learning = [] if model.reader is None or model.reader.frozen_statistics else batch_norms(model.reader.describer)
    if not heads and not learning:
        return Room(config.micro_batch, report, shrinks=shrinks)
    where = ["the trunk or an adapter (norm: layer is exact)"] * bool(heads)
    where += ["the backbone (batch_norm: frozen is exact)"] * bool(learning)
    changes = (
        f"Batch normalisation in {' and in '.join(where)} sees a part at a time, "
        "so the result differs from that of the whole batch"
    )
    in_parts = 0 < config.micro_batch < batch
    least = LEAST if any(isinstance(norm, BatchNormBank) for norm in heads) else 1
    if in_parts and config.micro_batch < least:
        rule = f"batch normalisation in the trunk or an adapter sees {least} items at least"
        fix = f"{least} or more, 0 for the whole batch, or norm: layer"
        raise ConfigError([Complaint(place="config: micro_batch", rule=rule, found=str(config.micro_batch), fix=fix)])
    if in_parts:
        words = f"micro_batch: {config.micro_batch} of {batch} items. {changes}"
        report(Event("notice", words, data={"code": "norms_in_parts"}))
    return Room(config.micro_batch, report, shrinks=shrinks, least=least, changes=changes)

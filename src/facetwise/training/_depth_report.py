"""Which depths each attribute listens to, measured and not read off the gates."""

from collections.abc import Sequence

import numpy as np

from facetwise.inference import logits_of
from facetwise.models import FacetModel
from facetwise.models.backbones import Level
from facetwise.objectives import Objective
from facetwise.schema import Schema
from facetwise.training._part import Part
from facetwise.training._streamed import Streamed
from facetwise.training._validation import plain_loss

__all__ = ["depth_report"]

# Validation rows of a table whose features stay on disk: enough for two digits.
MOST = 4096


def depth_report(
    schema: Schema,
    model: FacetModel,
    measure: Objective,
    val: Part,
    *,
    levels: Sequence[Level],
    seed: int,
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Per attribute and level: the validation loss that is added when the level is permuted among items, and the gate.

    Permuting breaks the tie between the level and the item and keeps the level's distribution [Breiman 2001, section
    10]. The gate alone would not do: the projections absorb its scale.

    Args:
        schema, model: What was trained.
        measure: The loss that is the same whatever was trained with.
        val: Validation rows; of features that stay on disk the first ones.
        levels: The levels, in the order of the features.
        seed: Of the permutation.
    """
    if isinstance(val.features, Streamed):
        val = val.first(MOST)
    features, targets = val.numbers().cpu().numpy(), val.told()
    base = plain_loss(schema, measure, logits_of(model, features), targets)
    shuffled = np.random.default_rng(seed).permutation(len(features))
    gates = None if model.depth is None else model.depth.gates().detach().cpu().numpy()
    result: dict[str, dict[str, dict[str, float | None]]] = {a.column: {} for a in schema.attributes}
    # A parent has no logits of its own, and so no gate: it listens through the attribute whose logits it sums.
    layout = schema.layout()
    readers = [
        layout.owner[next(column for leaves in block.leaves for column in leaves)] if block.leaves else place
        for place, block in enumerate(layout.blocks)
    ]
    start = 0
    for number, level in enumerate(levels):
        broken = features.copy()
        inside = slice(start, start + level.width)
        other = features[shuffled][..., inside]
        # Of items with several pictures, one that the other item does not have keeps what it is.
        broken[..., inside] = np.where(np.isnan(other), broken[..., inside], other)
        added = plain_loss(schema, measure, logits_of(model, broken), targets) - base
        for place, attribute in enumerate(schema.attributes):
            loss = None if np.isnan(added[place]) else float(added[place])
            gate = None if gates is None else float(gates[readers[place], number])
            result[attribute.column][level.name] = {"added_loss": loss, "gate": gate}
        start += level.width
    return result

"""Which parameters learn how fast, and which belong to which attribute."""

import torch
from torch import Tensor

from facetwise.config import Config
from facetwise.models import FacetModel
from facetwise.schema import Schema
from facetwise.training._backbone_groups import backbone_groups
from facetwise.training._optimizer import ParameterGroup

__all__ = ["parameter_groups"]

# Adam moves every weight by about the learning rate, so a logit that reads n inputs moves by about n times as much per
# step. The way from the levels to the logits reads thousands of inputs where the heads read a few hundred; its rate is
# lowered by about that ratio (the rule of Yang et al. 2022, table 3: Adam's rate of an output layer goes as 1 / width).
DEPTH_RATE = 0.1
# A gate is a handful of numbers that share a softmax; at the common rate it would not leave its starting point.
GATE_RATE = 10.0


def parameter_groups(model: FacetModel, schema: Schema, config: Config) -> list[ParameterGroup]:
    """The model's parameters in groups: shared, packed by logit, packed by attribute."""
    layout, attributes = schema.layout(), len(schema.attributes)
    # Blocks as `Objective.touched` counts them: values, applicability, either.
    blocks = list(layout.owner)
    for place, block in enumerate(layout.blocks):
        if block.applicability is not None:
            blocks[block.applicability] = attributes + place
    owner = torch.tensor(blocks, dtype=torch.long)
    rate, decay = config.learning_rate if model.reader is None else config.head_rate, config.weight_decay
    # Shared parameters first, then those whose rows belong to logits or to attributes.
    told = model.row_owners()
    by_owner: dict[tuple[int, ...] | None, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if name.startswith(("depth.", "reader.")):
            continue
        rows, key = told.get(name), None
        if rows is not None:
            by_logit = rows.by == "logit"
            key = tuple(blocks[number] if by_logit else 2 * attributes + number for number in rows.index)
        by_owner.setdefault(key, []).append(parameter)
    groups = [
        ParameterGroup(
            parameters=members, learning_rate=rate, weight_decay=decay,
            owner=None if key is None else torch.tensor(key, dtype=torch.long),
        )
        for key, members in by_owner.items()
    ]  # fmt: skip
    if model.depth is not None:
        groups += [
            ParameterGroup(
                parameters=[model.depth.weight], learning_rate=rate * DEPTH_RATE, weight_decay=decay, owner=owner
            ),
            ParameterGroup(
                parameters=[model.depth.gate],
                learning_rate=rate * GATE_RATE,
                weight_decay=0.0,
                owner=torch.arange(2 * attributes, 3 * attributes),
            ),
        ]
    return groups if model.reader is None else [*groups, *backbone_groups(model.reader, config)]

"""What the run knows already, as one more level for the model of an attribute that is added to it."""

from dataclasses import replace

import torch

from facetwise.config import Config
from facetwise.models import Beside, FacetModel, build_model
from facetwise.models.backbones import Level
from facetwise.training import Assembled, Part, Prepared

__all__ = ["LEVEL", "with_representation"]

# What `depth.json` and the report call it.
LEVEL = "the run's own"


def with_representation(
    made: Assembled, prepared: Prepared, before: FacetModel, config: Config
) -> tuple[Assembled, Prepared]:
    """A model that reads the features and, beside them, the representation of the finished model.

    The old attributes are what the representation was trained for, so that a new one that follows from them need not
    learn them again; `benchmarks/growth.py` has what it brings. Items with several pictures are read as before: their
    representation is a mean that no single picture has.

    Args:
        made: The model of the attribute alone, and its rows.
        prepared: What it was made of.
        before: The finished model.
        config: What the attribute is trained with.
    """
    if prepared.features.ndim != 2:
        return made, prepared
    before = before.eval()
    device = made.device
    beside = Beside.fit(_said(before, made.parts["train"])).to(device)
    parts = {}
    for side, part in made.parts.items():
        level = beside(_said(before, part).to(device))
        parts[side] = replace(part, features=torch.cat([part.numbers(), level], dim=1))
    width = len(beside.mean)
    model = build_model(
        prepared.schema, levels=[*(level.width for level in prepared.levels), width],
        trunk=config.trunk.name, trunk_options=config.trunk.options, head=config.head.name,
        head_options=config.head.options, depth=config.depth, input_dropout=config.input_dropout, seed=config.seed,
    ).to(device)  # fmt: skip
    model.beside = beside
    return replace(made, parts=parts, model=model), replace(prepared, levels=(*prepared.levels, Level(LEVEL, width)))


def _said(before: FacetModel, part: Part) -> torch.Tensor:
    """(item, ...) the representation, a few hundred items at a time."""
    features = part.numbers().cpu()
    if not len(features):
        return torch.zeros(0, before.trunk.width)
    with torch.no_grad():
        return torch.cat([before(block).features for block in features.split(512)])

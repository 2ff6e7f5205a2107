"""A prepared table and a configuration to what a loop needs: parts, scales, model, objective."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from facetwise.config import Component, Config
from facetwise.data import fit_scales, refuse_far_numbers
from facetwise.decisions import NumberScale
from facetwise.errors import RunError
from facetwise.events import Report, silent
from facetwise.features import Standardizer, StoredRows
from facetwise.inference import Bundle
from facetwise.models import FacetModel, ways_to_promise
from facetwise.objectives import Objective, count_classes
from facetwise.schema import VALUE, Kind, Labels, Schema
from facetwise.training._build import model_of
from facetwise.training._device import choose_device
from facetwise.training._learned_backbone import begin_tuning, tunes
from facetwise.training._part import Part
from facetwise.training._prepare import Prepared
from facetwise.training._streamed import LaterTargets, Streamed, targets_of
from facetwise.training.augmentation import Augmenter

__all__ = ["Assembled", "assemble", "make_bundle", "make_part"]


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """What is trained, and on what.

    Args:
        device: Where.
        sides: Side → places of its rows among those that are kept.
        train_labels: Labels of the training rows, which scales, thresholds and floors come from.
        scales: Per numeric attribute id how it is standardised.
        standardizer: How features are read.
        features: Of all kept rows, as the model reads them.
        parts: Side → its rows, ready for the model.
        model: With its first parameters.
        objective: Prepared with the training counts.
    """

    device: torch.device
    sides: dict[str, np.ndarray]
    train_labels: Labels
    scales: dict[str, NumberScale]
    standardizer: Standardizer
    features: np.ndarray | StoredRows
    parts: dict[str, Part]
    model: FacetModel
    objective: Objective


def assemble(
    prepared: Prepared,
    config: Config,
    *,
    augment: Augmenter | None = None,
    standardizer: Standardizer | None = None,
    report: Report = silent,
) -> Assembled:
    """Fit what is fitted on training rows, code every side, build the model and the objective.

    Where the backbone is fine-tuned, training and validation rows are pictures, and the model reads them.

    Args:
        prepared: The table.
        config: The configuration.
        augment: The user's own augmentation, after that of the configuration.
        standardizer: How features are read; fitted on the training rows if not given.
        report: Told about what fine-tuning would do that may not be meant.

    Raises:
        RunError: A side that training needs has no rows or no labels.
        TableError: Numbers that are too far from those of the training rows.
        ConfigError: A component that does not fit the table or the others.
    """
    _require_sides(prepared)
    schema, labels, split = prepared.schema, prepared.labels, prepared.split
    sides = {side: split.rows(side) for side in ("train", "val", "test")}
    widths = [level.width for level in prepared.levels]
    train_labels = labels.take(sides["train"])
    scales = fit_scales(schema, train_labels)
    refuse_far_numbers(schema, prepared.table, prepared.rows, labels, scales)
    standardizer = standardizer or Standardizer.fit(
        prepared.features[sides["train"]], widths, standardize=config.standardize, l2_normalize=config.l2_normalize
    )
    features = standardizer(prepared.features)
    device = choose_device(config.device)
    parts = {side: make_part(schema, prepared, scales, features, rows).to(device) for side, rows in sides.items()}
    model = model_of(schema, config, widths, views=prepared.features.ndim == 3).to(device)
    if tunes(config):
        parts |= begin_tuning(prepared, config, model, parts, sides, standardizer, augment=augment, report=report)
    objective = Objective(
        schema=schema,
        losses={kind: _choice(getattr(config.losses, kind.value)) for kind in Kind},
        by_attribute={column: _choice(one) for column, one in config.losses_of.items()},
    ).to(device)
    objective.require(model.provides, ways_to_promise())
    objective.prepare(count_classes(schema, train_labels))
    return Assembled(
        device=device, sides=sides, train_labels=train_labels, scales=scales, standardizer=standardizer,
        features=features, parts=parts, model=model, objective=objective,
    )  # fmt: skip


def make_bundle(prepared: Prepared, config: Config, made: Assembled, tensors: dict[str, np.ndarray]) -> Bundle:
    """Everything that the trained model means; what stands between scores and answers is fitted later."""
    return Bundle(
        schema=prepared.schema,
        tensors=tensors,
        standardizer=made.standardizer,
        scales=made.scales,
        thresholds={},
        model={
            "trunk": config.trunk.model_dump(),
            "head": config.head.model_dump(),
            "depth": config.depth,
            "even_reach": True,
            "views": "attention" if prepared.features.ndim == 3 else "mean",
            "adapters": [component.model_dump() for component in config.adapters],
        },
        levels=config.levels,
        backbone=prepared.backbone,
        data={"content": prepared.content, "rows": {side: len(rows) for side, rows in made.sides.items()}},
        network=prepared.network,
        facetwise=version("facetwise"),
    )


def _choice(component: Component) -> tuple[str, dict[str, Any]]:
    return component.name, component.options


def make_part(
    schema: Schema,
    prepared: Prepared,
    scales: dict[str, NumberScale],
    features: np.ndarray | StoredRows,
    rows: np.ndarray,
) -> Part:
    """Some rows as the model reads them."""
    chosen, kept = prepared.labels.take(rows), prepared.rows
    weights = None if prepared.weights is None else prepared.weights[rows]
    if isinstance(features, StoredRows):
        return Part(
            features=Streamed(features[rows], torch.device("cpu")), labels=chosen, rows=kept[rows],
            targets=LaterTargets(schema, chosen, scales, weights),
        )  # fmt: skip
    targets = targets_of(schema, chosen, scales, weights)
    return Part(features=torch.from_numpy(features[rows]), targets=targets, labels=chosen, rows=kept[rows])


def _require_sides(prepared: Prepared) -> None:
    for side, fix in (("train", "add rows"), ("val", "raise val_ratio, or add rows")):
        if not len(prepared.split.rows(side)):
            raise RunError(
                f"training needs rows on the side {side!r}. Found none of {len(prepared.rows):,}. Fix: {fix}"
            )
        if not (prepared.labels.state[prepared.split.rows(side)] == VALUE).any():
            raise RunError(
                f"training needs a labelled cell on the side {side!r}. Found none in "
                f"{len(prepared.split.rows(side)):,} rows. Fix: label some of them, or leave the split to facetwise"
            )

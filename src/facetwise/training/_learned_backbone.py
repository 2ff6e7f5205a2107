"""A backbone that learns with the heads: put in front of the model, and taken out when it has learned."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facetwise.config import Config
from facetwise.data import boxes, resolve_pictures
from facetwise.errors import Complaint, ConfigError, UserError
from facetwise.events import Event, Report
from facetwise.features import FARTHEST, Standardizer, choose_levels
from facetwise.inference import network_digest
from facetwise.models import FacetModel, PictureReader
from facetwise.models.backbones import Backbone, TunedBackbone, create_backbone, network_of
from facetwise.training._checkpointed import compute_twice
from facetwise.training._left_and_right import about_mirrors
from facetwise.training._part import Part
from facetwise.training._pictures import Pictures
from facetwise.training._prepare import Prepared, describe_rows_of
from facetwise.training.augmentation import AUGMENTATIONS, Augmenter, chained
from facetwise.training.finetuning import FINETUNING, Finetuning

__all__ = ["begin_tuning", "describe_again", "put_together", "refuse_untuned", "tunes"]


def _strategy(config: Config) -> Finetuning:
    return FINETUNING[config.finetune.name](**config.finetune.options)


def tunes(config: Config) -> bool:
    """Whether the backbone learns."""
    return FINETUNING[config.finetune.name].tunes


def begin_tuning(
    prepared: Prepared,
    config: Config,
    model: FacetModel,
    parts: Mapping[str, Part],
    sides: Mapping[str, np.ndarray],
    standardizer: Standardizer,
    *,
    augment: Augmenter | None,
    report: Report,
) -> dict[str, Part]:
    """Give the model its backbone, and training and validation their pictures.

    The test rows stay features of the initial backbone until `describe_again`: nothing looks at them before.

    Raises:
        UserError: Given features, or items with several pictures: there is nothing, or no one thing, to learn from.
    """
    if prepared.backbone["name"] is None:
        raise UserError("fine-tuning reads pictures. Found features. Fix: leave --features away, or finetune: none")
    if prepared.features.ndim == 3 or len(prepared.schema.images) > 1:
        raise UserError(
            "fine-tuning reads one picture per item. Found items with several. "
            f'Fix: name one column in the schema (image: "{prepared.schema.images[0]}"), one picture per cell'
        )
    device = parts["train"].features.device
    backbone = create_backbone(config.backbone.name, **config.backbone.options)
    model.reader = _reader(backbone, config, standardizer).to(device)
    if config.checkpointing:
        compute_twice(model.reader.describer)
    steps = [AUGMENTATIONS[one.name](**one.options) for one in config.augmentation]
    if (said := about_mirrors(prepared.schema, steps)) is not None:
        report(Event("notice", said, data={"code": "mirrored"}))
    paths, corners = _paths(prepared, config)
    tuned: dict[str, Part] = {}
    for side in ("train", "val"):
        rows = sides[side]
        augmenter = None if side == "val" else _together(chained(steps) if steps else None, augment)
        pictures = Pictures(
            paths=[paths[row] for row in prepared.rows[rows]], rows=prepared.rows[rows],
            boxes=None if corners is None else corners[prepared.rows[rows]], preprocessing=backbone.preprocessing,
            device=device, workers=config.workers, seed=config.seed, augmenter=augmenter,
        )  # fmt: skip
        tuned[side] = replace(parts[side], features=pictures)
    return tuned


def _reader(backbone: Backbone, config: Config, standardizer: Standardizer) -> PictureReader:
    describer, strategy = backbone.describer(), _strategy(config)
    learned = strategy.choose(describer)
    reader = PictureReader(
        describer, mean=standardizer.mean, deviation=standardizer.deviation, levels=standardizer.levels,
        l2_normalize=standardizer.l2_normalize, farthest=FARTHEST, precision=config.precision,
        frozen_statistics=config.batch_norm == "frozen", learned=learned, freeze_epochs=config.freeze_epochs,
    )  # fmt: skip
    reader.merge = strategy.merge
    return reader


def put_together(model: FacetModel, config: Config, standardizer: Standardizer, device: torch.device) -> None:
    """In place of a backbone in shards, a whole one for one process alone; its values come from a checkpoint."""
    if model.reader is not None and model.reader.sharded:
        model.reader = None  # the shards go first: there is no need for room for both
        backbone = create_backbone(config.backbone.name, **config.backbone.options)
        model.reader = _reader(backbone, config, standardizer).to(device)


def _together(first: Augmenter | None, second: Augmenter | None) -> Augmenter | None:
    if first is None or second is None:
        return first or second
    return lambda pixels, draw: second(first(pixels, draw), draw)


def _paths(prepared: Prepared, config: Config) -> tuple[dict[int, Path], np.ndarray | None]:
    """Of every kept row its picture, and the boxes of all rows."""
    table, schema = prepared.table, prepared.schema
    found, _, _ = resolve_pictures(table, schema.images, prepared.root, allow_outside=config.allow_outside_root)
    paths = {row: found[row][0] for row in prepared.rows.tolist()}
    return paths, boxes(table, schema) if schema.box else None


def describe_again(prepared: Prepared, config: Config, model: FacetModel, *, report: Report) -> Prepared:
    """Take the backbone out of the model; the table with the features that it gives now.

    They are extracted once, as every backbone's are, and lie in the cache under the digest of the tuned weights.

    Args:
        prepared: The table with the features of the initial backbone.
        config: The configuration.
        model: With the parameters of the best epoch.
        report: Told about progress.
    """
    assert model.reader is not None, "the backbone has learned"
    tensors = model.reader.tensors()
    model.reader = None
    about = prepared.backbone
    digest = network_digest(tensors)
    if about["licence"].startswith("LicenseRef-"):
        words = f"the bundle holds weights that come from {about['name']}, under {about['licence']}: mind its terms"
        report(Event("notice", words, data={"code": "licence"}))
    origin = network_of(config.backbone.name, **config.backbone.options)
    backbone = TunedBackbone(origin=origin, tensors=tensors, digest=digest, licence=about["licence"])
    described = describe_rows_of(prepared.table, prepared.schema, prepared.root, config, backbone, report=report)
    features, _ = choose_levels(described.pooled(), described.levels, config.levels)
    if not np.array_equal(described.good, prepared.rows):
        raise UserError(
            f"the pictures stay readable while training. Found {len(described.good):,} readable of "
            f"{len(prepared.rows):,}. Fix: put them back; the same command continues"
        )
    return replace(
        prepared, features=features, network=tensors,
        backbone={**about, "mode": "embedded", "origin": about["sha256"], "sha256": digest},
    )  # fmt: skip


def refuse_untuned(config: Config, *, augment: bool) -> None:
    """What only pictures can be done to, where only features are learned from.

    Raises:
        ConfigError: That is asked for.
    """
    if tunes(config):
        return
    fix = "finetune the backbone, or leave it away"
    asked = {"augmentation": bool(config.augmentation), "augment": augment, "checkpointing": config.checkpointing,
             "sharding": config.sharding}  # fmt: skip
    complaints = [
        Complaint(place=f"config: {name}", rule="this changes pictures, or a backbone that learns",
                  found="cached features (finetune: none)", fix=fix)
        for name, found in asked.items() if found
    ]  # fmt: skip
    if complaints:
        raise ConfigError(complaints)

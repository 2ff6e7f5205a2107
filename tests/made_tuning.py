"""A model that reads small pictures through a backbone of two convolutions, for tests of fine-tuning."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from facetwise.config import Component, Config, load_config
from facetwise.events import Event
from facetwise.models import FacetModel, PictureReader, build_model
from facetwise.models.backbones import Preprocessing
from facetwise.schema import Schema
from facetwise.training import Part, fit
from facetwise.training._pictures import Pictures
from facetwise.training.finetuning import FINETUNING
from made_facets import made_labels, made_objective, made_scales, made_schema, made_targets
from tiny_backbone import TinyBackbone

ITEMS, BATCH = 24, 8
LEVELS = (8, 12, 16)


def made_pictures(folder: Path, count: int = ITEMS, *, seed: int = 0) -> list[Path]:
    """Random pictures of odd shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    paths = [folder / f"{number:03d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        pixels = rng.integers(0, 256, (20 + number % 5, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def made_reader(describer: torch.nn.Module | None = None, **options: Any) -> PictureReader:
    """A reader whose features are about of size one."""
    width = sum(LEVELS)
    return PictureReader(
        describer or TinyBackbone().describer(), mean=np.full(width, 0.5, np.float32),
        deviation=np.full(width, 0.8, np.float32), levels=LEVELS, l2_normalize=False, farthest=10.0, **options,
    )  # fmt: skip


def made_config(**options: Any) -> Config:
    balancing = Component(name=options.pop("balancing", "equal"))
    trunk = {"name": "shared", "width": 8, "layers": 1, "dropout": options.pop("dropout", 0.2)}
    given = {"epochs": 3, "batch_size": BATCH, "trunk": trunk, "seed": 5, "finetune": "all", "head_rate": 3e-3,
             "backbone_rate": 1e-3, "input_dropout": 0.1, **options}  # fmt: skip
    return load_config(None, (), **given).model_copy(update={"balancing": balancing})


def made_model(schema: Schema, config: Config, *, describer: torch.nn.Module | None = None) -> FacetModel:
    model = build_model(
        schema, levels=LEVELS, trunk="shared", trunk_options=config.trunk.options, input_dropout=config.input_dropout,
        seed=3,
    )  # fmt: skip
    network = describer or TinyBackbone().describer()
    strategy = FINETUNING[config.finetune.name](**config.finetune.options)
    learned = strategy.choose(network)
    model.reader = made_reader(
        network, precision=config.precision, frozen_statistics=config.batch_norm == "frozen", learned=learned,
        freeze_epochs=config.freeze_epochs,
    )  # fmt: skip
    model.reader.merge = strategy.merge
    return model


def made_part(folder: Path, seed: int, **options: Any) -> Part:
    schema = made_schema()
    labels = made_labels(schema, ITEMS, seed=seed)
    normal = Preprocessing(size=16, fit="squash", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    pictures = Pictures(
        paths=made_pictures(folder / f"pictures{seed}", seed=seed), boxes=None, rows=np.arange(ITEMS),
        preprocessing=normal, device=torch.device("cpu"), workers=2, **options,
    )  # fmt: skip
    return Part(features=pictures, targets=made_targets(schema, labels, torch.float32), labels=labels)


def tune(
    folder: Path, config: Config, *, pictures: Path, model: FacetModel | None = None, **options: Any
) -> list[Event]:
    """One call of `fit` on pictures; what it told."""
    schema, told = made_schema(), list[Event]()
    train = options.pop("train", None) or made_part(pictures, 1)
    fit(
        schema, model or made_model(schema, config), made_objective(schema), made_scales(schema, train.labels), config,
        train=train, val=made_part(pictures, 2), folder=folder, report=told.append, **options,
    )  # fmt: skip
    return told

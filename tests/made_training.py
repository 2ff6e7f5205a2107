"""Runs of `fit` on made features that take no time, for tests of stops, faults and continuing."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from facetwise.config import Component, Config, load_config
from facetwise.events import Event
from facetwise.models import FacetModel, build_model
from facetwise.training import Part, Stopping, fit, read_checkpoint
from made_facets import made_features, made_labels, made_objective, made_scales, made_schema, made_targets

ITEMS, BATCH, EPOCHS, WIDTH = 36, 12, 3, 8
PER_EPOCH = ITEMS // BATCH
NAMES = ("last", "best_score", "best_loss", "best_both")


def small_model(schema: Any, config: Config) -> FacetModel:
    return build_model(
        schema, levels=[WIDTH // 2, WIDTH // 2], trunk="shared", trunk_options=config.trunk.options,
        input_dropout=config.input_dropout, seed=3,
    )  # fmt: skip


def small_config(**options: Any) -> Config:
    balancing = Component(name=options.pop("balancing", "equal"))
    trunk = {"name": "shared", "width": 8, "layers": 1, "dropout": options.pop("dropout", 0.3)}
    config = load_config(None, (), **{"epochs": EPOCHS, "batch_size": BATCH, "trunk": trunk, "seed": 5, **options})
    return config.model_copy(update={"balancing": balancing})


def small_part(seed: int, **changes: Any) -> Part:
    schema = made_schema()
    labels = made_labels(schema, ITEMS, seed=seed)
    features = torch.from_numpy(made_features(labels, schema, WIDTH, seed=7))
    values = {"features": features, "targets": made_targets(schema, labels, torch.float32), "labels": labels}
    return Part(**{**values, **changes})


def train_small(
    folder: Path, *, config: Config | None = None, train: Part | None = None, **options: Any
) -> list[Event]:
    """One call of `fit`, as a process of its own would make it; what it told."""
    schema, config, told = made_schema(), config or small_config(), list[Event]()
    model = options.pop("model", None) or small_model(schema, config)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(int.from_bytes(os.urandom(4)))  # whatever came before must not matter
    try:
        fit(
            schema, model, made_objective(schema), made_scales(schema, small_part(1).labels), config,
            train=train or small_part(1), val=small_part(2), folder=folder, report=told.append, **options,
        )  # fmt: skip
    finally:
        torch.set_num_threads(before)
    return told


def codes_of(told: list[Event]) -> set[str]:
    return {event.data["code"] for event in told if event.data and "code" in event.data}


def stop_after(steps: int, action: Callable[[Stopping], None]) -> Stopping:
    """A stop that does something after so many steps."""
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count == steps:
            action(stop)

    stop = Stopping(between)
    return stop


def outcome_of(folder: Path) -> dict[str, Any]:
    """Everything that a run leaves, without the time that it took."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    found: dict[str, Any] = {"log": [{k: v for k, v in line.items() if k != "seconds"} for line in lines]}
    for name in NAMES:
        checkpoint = read_checkpoint(folder / "checkpoints" / name)
        facts = {key: value for key, value in checkpoint.facts.items() if key != "progress"}
        arrays = {**checkpoint.tensors, **{f"state/{key}": value for key, value in checkpoint.state.items()}}
        found[name] = facts, {key: (value.shape, value.tobytes()) for key, value in arrays.items()}
    return found


class Cramped(FacetModel):
    """A model on a machine that has room for so many items."""

    room = 7

    def forward(self, features: torch.Tensor) -> Any:
        if self.training and len(features) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(features)

"""One run: a prepared table to a run folder."""

import io
import json
import os
import platform
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from facetwise.config import Component, Config
from facetwise.data import fit_scales, write_split
from facetwise.decisions import NumberScale, tune_thresholds
from facetwise.errors import RunError
from facetwise.events import Event, Report
from facetwise.features import Standardizer
from facetwise.inference import (
    Bundle,
    Predictor,
    write_bundle,
    write_bytes,
    write_json,
    write_predictions,
    write_text,
    writing,
)
from facetwise.metrics import evaluate
from facetwise.models import FacetModel, build_model
from facetwise.objectives import Objective, count_classes, make_targets, plain_objective
from facetwise.schema import VALUE, Kind, Schema, schema_to_yaml
from facetwise.training._checkpoints import read_checkpoint
from facetwise.training._depth_report import depth_report
from facetwise.training._device import choose_device
from facetwise.training._loop import fit
from facetwise.training._part import Part
from facetwise.training._prepare import Prepared
from facetwise.training._signals import Stopping

__all__ = ["environment", "run_training"]

# Validation rows that gates and attention are averaged over: enough for two digits, and a fixed cost.
MOST_DIAGNOSED = 4096

_PACKAGES = (
    "facetwise",
    "torch",
    "torchvision",
    "timm",
    "onnxruntime",
    "numpy",
    "pillow",
    "polars",
    "pyarrow",
    "safetensors",
)


def environment() -> dict[str, Any]:
    """What a result depends on beside the data and the configuration."""
    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "packages": versions,
    }


def _part(
    schema: Schema,
    prepared: Prepared,
    scales: dict[str, NumberScale],
    features: np.ndarray,
    rows: np.ndarray,
) -> Part:
    chosen, kept = prepared.labels.take(rows), prepared.rows
    standardised = np.full(chosen.number.shape, np.nan)
    for place, attribute in enumerate(schema.attributes):
        if attribute.id in scales:
            valued = chosen.state[:, place] == VALUE
            standardised[valued, place] = scales[attribute.id].standardise(chosen.number[valued, place])
    weights = None if prepared.weights is None else prepared.weights[rows]
    targets = make_targets(schema, chosen, standardised, weights=weights)
    return Part(features=torch.from_numpy(features[rows]), targets=targets, labels=chosen, rows=kept[rows])


def _losses(config: Config) -> dict[Kind, tuple[str, dict[str, Any]]]:
    chosen: dict[Kind, Component] = {kind: getattr(config.losses, kind.value) for kind in Kind}
    return {kind: (component.name, component.options) for kind, component in chosen.items()}


def _summary(
    schema: Schema, model: FacetModel, prepared: Prepared, parts: dict[str, Part], config: Config
) -> list[str]:
    kinds = [attribute.kind for attribute in schema.attributes]
    layout = schema.layout()
    given = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Kind if kind in kinds)
    weights = sum(parameter.numel() for parameter in model.parameters())
    levels = f"{len(prepared.levels)} levels" if len(prepared.levels) > 1 else "1 level"
    return [
        f"items       {', '.join(f'{len(part):,} {side}' for side, part in parts.items())}"
        + (f"; {len(prepared.issues):,} unreadable" if prepared.issues else ""),
        f"attributes  {len(kinds)}: {given}; {sum(len(a.classes) for a in schema.attributes):,} classes",
        f"category    {schema.category or 'none: every attribute applies to every item'}",
        f"features    {prepared.backbone['name'] or 'given'}, {levels}, {prepared.features.shape[1]:,} wide",
        f"model       {config.trunk.name} trunk, {config.head.name} head"
        + (", gates over depth" if model.depth is not None else "")
        + f": {weights:,} parameters, {layout.num_logits:,} logits in one product",
        f"training    {config.epochs} epochs at most, batch {config.batch_size}, {config.balancing.name} balancing, "
        f"{config.reweighting.name} class weights, best {config.select_by} on validation",
    ]


def _write_issues(path: Path, prepared: Prepared) -> None:
    """One line per row of the table: its picture, a reason or "ok", and those of its pictures that cannot be read."""
    total, column = len(prepared.table), prepared.schema.images[0]
    found = [prepared.issues.get(row, ("ok", "")) for row in range(total)]
    bad: list[list[dict[str, Any]]] = [[] for _ in range(total)]
    for (row, view), (reason, message) in prepared.view_issues.items():
        bad[row].append({"view": view, "reason": reason, "message": message})
    named = list(prepared.table.column(column)) if column in prepared.table.cells else [""] * total
    view = pl.Struct({"view": pl.Int64, "reason": pl.String, "message": pl.String})
    sink = io.BytesIO()
    pl.DataFrame(
        {"item": list(range(total)), "image": named, "reason": [reason for reason, _ in found],
         "message": [text for _, text in found], "bad_views": bad},
        schema={"item": pl.Int64, "image": pl.String, "reason": pl.String, "message": pl.String,
                "bad_views": pl.List(view)},
    ).write_parquet(sink)  # fmt: skip
    write_bytes(path, sink.getvalue())


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


def _same_environment(path: Path, report: Report) -> None:
    """Say so where a run is continued under other versions or threads than it began with; then keep the new ones."""
    now, before = environment(), None
    with suppress(OSError, ValueError):  # of no other use than this notice
        before = json.loads(path.read_text(encoding="utf-8"))
    if before is not None:
        old, new = ({**told["packages"], "threads": told["threads"]} for told in (before, now))
        if changed := [f"{name} {old.get(name)} → {new[name]}" for name in new if old.get(name) != new[name]]:
            words = f"continuing elsewhere than begun: {', '.join(changed)}; the last digits of the result may differ"
            report(Event("notice", words, data={"code": "environment"}))
    write_json(path, now)


def run_training(
    prepared: Prepared,
    config: Config,
    folder: Path,
    *,
    report: Report,
    stop: Stopping | None = None,
    insist: bool = False,
) -> None:
    """Train, pick the best checkpoint, tune thresholds, write bundle, predictions and metrics.

    Whatever of it the folder holds already is not done twice (training), or done again to the same bits (all that
    follows); the bundle comes last, so that a folder with a bundle is finished.

    Args:
        prepared: The table, split and coded.
        config: The configuration.
        folder: The run folder.
        report: Told about what happens.
        stop: Asked between the steps of the training.
        insist: There has to be a checkpoint to continue from.
    """
    _require_sides(prepared)
    schema, labels, split = prepared.schema, prepared.labels, prepared.split
    write_text(folder / "schema.yaml", schema_to_yaml(schema))
    with writing(folder / "split.csv"):
        write_split(split, folder / "split.csv")
    _same_environment(folder / "environment.json", report)
    _write_issues(folder / "issues.parquet", prepared)

    # What is fitted on training rows, and the rows as the model reads them.
    sides = {side: split.rows(side) for side in ("train", "val", "test")}
    widths = [level.width for level in prepared.levels]
    train_labels = labels.take(sides["train"])
    scales = fit_scales(schema, train_labels)
    standardizer = Standardizer.fit(
        prepared.features[sides["train"]], widths, standardize=config.standardize, l2_normalize=config.l2_normalize
    )
    features = standardizer(prepared.features)
    parts = {side: _part(schema, prepared, scales, features, rows) for side, rows in sides.items()}

    # The model, and the loop.
    device = choose_device(config.device)
    parts = {side: part.to(device) for side, part in parts.items()}
    model = build_model(
        schema, levels=widths, trunk=config.trunk.name, trunk_options=config.trunk.options, head=config.head.name,
        head_options=config.head.options, depth=config.depth, input_dropout=config.input_dropout, seed=config.seed,
    ).to(device)  # fmt: skip
    objective = Objective(schema=schema, losses=_losses(config)).to(device)
    objective.require(model.provides)
    objective.prepare(count_classes(schema, train_labels))
    for line in _summary(schema, model, prepared, parts, config):
        report(Event("summary", line))
    report(Event("stage", "training"))
    fit(
        schema, model, objective, scales, config, train=parts["train"], val=parts["val"], folder=folder,
        report=report, stop=stop, insist=insist,
    )  # fmt: skip

    # The best checkpoint, its thresholds, and what it says about the validation and the test rows.
    report(Event("stage", "evaluating"))
    best = read_checkpoint(folder / "checkpoints" / "best_score")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in best.tensors.items()})
    bundle = _make_bundle(prepared, config, standardizer, scales, best.tensors)
    if config.tune_thresholds:
        scores, _ = Predictor(bundle).scores(prepared.features[sides["val"]])
        bundle = replace(bundle, thresholds=tune_thresholds(schema, scores, parts["val"].labels, train_labels))
    names = [level.name for level in prepared.levels]
    measure = plain_objective(schema).to(device)
    depths = depth_report(schema, model, measure, parts["val"], names=names, widths=widths, seed=config.seed)
    write_json(folder / "depth.json", depths)
    seen = model.diagnostics(parts["val"].features[:MOST_DIAGNOSED])
    write_json(
        folder / "diagnostics.json", {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in seen.items()}
    )
    predictor, images, metrics = Predictor(bundle), np.array(prepared.images(), dtype=object), {}
    for side in ("val", "test"):
        rows = sides[side]
        if not len(rows):
            continue
        decisions = predictor(prepared.features[rows])
        where = folder / "predictions" / f"{side}.parquet"
        write_predictions(where, schema, prepared.rows[rows], list(images[rows]), labels.take(rows), decisions)
        metrics[side] = evaluate(schema, labels.take(rows), decisions, train=train_labels)
    shown = "test" if "test" in metrics else "val"
    summary = {"split": shown, **metrics[shown].to_dict()}
    write_json(folder / "metrics.json", summary)
    write_bundle(folder / "bundle", replace(bundle, metrics={"split": shown, "overall": summary["overall"]}))


def _make_bundle(
    prepared: Prepared,
    config: Config,
    standardizer: Standardizer,
    scales: dict[str, NumberScale],
    tensors: dict[str, np.ndarray],
) -> Bundle:
    """Everything that the trained model means."""
    parts: dict[str, Component] = {"trunk": config.trunk, "head": config.head}
    model: dict[str, Any] = {name: {"name": part.name, "options": dict(part.options)} for name, part in parts.items()}
    return Bundle(
        schema=prepared.schema,
        tensors=tensors,
        standardizer=standardizer,
        scales=scales,
        thresholds={},
        model={**model, "depth": config.depth},
        levels=config.levels,
        backbone=prepared.backbone,
        facetwise=version("facetwise"),
    )

"""One run: a prepared table to a run folder."""

import io
import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from facetwise.config import Config
from facetwise.data import write_split
from facetwise.events import Event, Report
from facetwise.inference import lists_of, numbers, texts, write_bytes, write_json, write_text, writing
from facetwise.metrics import has_labels
from facetwise.models import FacetModel
from facetwise.objectives import plain_objective
from facetwise.schema import Kind, Schema, schema_to_yaml
from facetwise.training._assemble import Assembled, assemble, make_bundle
from facetwise.training._batch_size import in_batches
from facetwise.training._checkpoints import read_checkpoint
from facetwise.training._decisions import fit_decisions
from facetwise.training._depth_report import depth_report
from facetwise.training._diagnosis import diagnose
from facetwise.training._learned import settled
from facetwise.training._learned_backbone import put_together
from facetwise.training._lone_groups import about_lone_groups
from facetwise.training._loop import fit
from facetwise.training._part import Part
from facetwise.training._prepare import Prepared
from facetwise.training._products import has_quick_bfloat16, in_bfloat16
from facetwise.training._results import write_results
from facetwise.training._signals import Stopping
from facetwise.training.augmentation import Augmenter
from facetwise.training.together import ALONE, World

__all__ = ["environment", "run_training"]

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
# Of the machine, what is told beside the packages when a run is continued elsewhere.
_MACHINE = ("threads", "quick_bfloat16")
# Of the rows without a readable picture; the preview and the report name more.
_UNREADABLE_NAMED = 3


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
        "quick_bfloat16": has_quick_bfloat16(),
        "packages": versions,
    }


def _summary(
    schema: Schema, model: FacetModel, prepared: Prepared, parts: dict[str, Part], config: Config, world: World, *,
    scored: bool,
) -> list[str]:  # fmt: skip
    kinds = [attribute.kind for attribute in schema.attributes]
    layout = schema.layout()
    given = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Kind if kind in kinds)
    weights = sum(parameter.numel() for parameter in model.parameters())
    train = parts["train"]
    products = " in bfloat16" if in_bfloat16(config, len(train), train.features.device, world) else ""
    levels = f"{len(prepared.levels)} levels" if len(prepared.levels) > 1 else "1 level"
    return [
        f"items       {', '.join(f'{len(part):,} {side}' for side, part in parts.items())}" + _unreadable(prepared),
        f"attributes  {len(kinds)}: {given}; {sum(len(a.classes) for a in schema.attributes):,} classes",
        f"category    {schema.category or 'none: every attribute applies to every item'}",
        f"features    {prepared.backbone['name'] or 'given'}, {levels}, {prepared.features.shape[-1]:,} wide",
        f"model       {config.trunk.name} trunk, {config.head.name} head"
        + (", gates over depth" if model.depth is not None else "")
        + f": {weights:,} parameters, {layout.num_logits:,} logits in one product",
        f"training    {config.epochs} epochs at most, batch {in_batches(config, len(train)).batch_size}{products}, "
        f"{config.balancing.name} balancing, {config.reweighting.name} class weights, "
        f"{f'best {config.select_by}' if scored else 'lowest loss'} on validation",
    ]


def _about_score(config: Config, rows: int) -> str:
    return (
        f"select_by {config.select_by!r} is measured on validation, and no label of its {rows:,} rows measures it: the "
        "epoch with the lowest validation loss is kept in its place. Fix: another select_by, or label such rows"
    )


def _unreadable(prepared: Prepared) -> str:
    """How many rows have no readable picture, and the first few by name."""
    if not prepared.issues:
        return ""
    column, rows = prepared.schema.images[0], np.array(sorted(prepared.issues)[:_UNREADABLE_NAMED])
    cells = prepared.table.take(rows).column(column) if column in prepared.table.cells else [""] * len(rows)
    counted = prepared.table.row_numbers(rows)
    names = [str(cell) or f"row {number}" for cell, number in zip(cells, counted, strict=True)]
    more = ", ..." if len(prepared.issues) > len(rows) else ""
    return f"; {len(prepared.issues):,} unreadable ({', '.join(names)}{more})"


def _write_issues(path: Path, prepared: Prepared) -> None:
    """One line per row of the table: its picture, a reason or "ok", and those of its pictures that cannot be read."""
    total, column = len(prepared.table), prepared.schema.images[0]
    reasons, messages = ["ok"] * total, [""] * total
    for row, (reason, message) in prepared.issues.items():
        reasons[row], messages[row] = reason, message
    bad = sorted(prepared.view_issues.items())
    views = pa.StructArray.from_arrays(
        [numbers(np.array([view for (_, view), _ in bad]), pa.int64()), texts(reason for _, (reason, _) in bad),
         texts(message for _, (_, message) in bad)],
        names=["view", "reason", "message"],
    )  # fmt: skip
    each = np.bincount(np.array([row for (row, _), _ in bad], dtype=np.int64), minlength=total)
    columns = {
        "item": numbers(np.arange(total), pa.int64()),
        "image": texts(prepared.table.column(column) if column in prepared.table.cells else [""] * total),
        "reason": texts(reasons),
        "message": texts(messages),
        "bad_views": lists_of(views, each),
    }
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(list(columns.values()), names=list(columns)), sink)
    write_bytes(path, sink.getvalue())


def _same_environment(path: Path, report: Report) -> None:
    """Say so where a run is continued under other versions or threads than it began with; then keep the new ones."""
    now, before = environment(), None
    with suppress(OSError, ValueError):  # of no other use than this notice
        before = json.loads(path.read_text(encoding="utf-8"))
    if before is not None:
        old, new = ({**told["packages"], **{name: told.get(name) for name in _MACHINE}} for told in (before, now))
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
    augment: Augmenter | None = None,
    world: World = ALONE,
    taught: Callable[[Assembled], Assembled] = lambda made: made,
) -> Prepared:
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
        augment: The user's own augmentation.
        world: The processes that train together; rank 0 writes, and the others are back when it has written.
        taught: Puts a teacher beside the labels.

    Returns:
        The table; of a fine-tuned run with the features of the backbone that has learned.
    """
    made = taught(assemble(prepared, config, augment=augment, report=report))
    schema, model, parts = prepared.schema, made.model, made.parts
    if world.leads:
        write_text(folder / "schema.yaml", schema_to_yaml(schema))
        with writing(folder / "split.csv"):
            write_split(prepared.split, folder / "split.csv")
        _same_environment(folder / "environment.json", report)
        _write_issues(folder / "issues.parquet", prepared)
    scored = has_labels(schema, parts["val"].labels, config.select_by, train=made.train_labels)
    for line in _summary(schema, model, prepared, parts, config, world, scored=scored):
        report(Event("summary", line))
    if not scored:
        report(Event("notice", _about_score(config, len(parts["val"])), data={"code": "no_score"}))
    if (said := about_lone_groups(schema, model)) is not None:
        report(Event("notice", said, data={"code": "lone-groups"}))
    report(Event("stage", "training"))
    fit(
        schema, model, made.objective, made.scales, config, train=parts["train"], val=parts["val"], folder=folder,
        report=report, stop=stop, insist=insist, world=world,
    )  # fmt: skip
    with world.followers_wait() as leads:
        return _conclude(prepared, config, folder, made, report=report) if leads else prepared


def _conclude(prepared: Prepared, config: Config, folder: Path, made: Assembled, *, report: Report) -> Prepared:
    """What follows the training: thresholds, predictions, metrics, the bundle."""
    schema, model, parts = prepared.schema, made.model, made.parts
    # The best checkpoint, its thresholds, and what it says about the validation and the test rows.
    report(Event("stage", "evaluating"))
    put_together(model, config, made.standardizer, made.device)
    best = read_checkpoint(folder / "checkpoints" / "best_score")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in best.tensors.items()})
    prepared, made, heads = settled(prepared, config, made, best.tensors, report=report)
    parts = made.parts
    trained = make_bundle(prepared, config, made, heads)
    predictor, scored = fit_decisions(trained, prepared, made.sides, config, report=report)
    depths = depth_report(
        schema, model, plain_objective(schema).to(made.device), parts["val"], levels=prepared.levels, seed=config.seed
    )
    write_json(folder / "depth.json", depths)
    write_json(folder / "diagnostics.json", diagnose(prepared, model, parts["val"]))
    write_results(folder, predictor, prepared, scored=scored)
    return prepared

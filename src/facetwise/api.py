"""What a notebook imports: inspect, extract, train, load, compare, sweep; then `run.evaluate`, `run.predict`.

Example:
    >>> import facetwise as fw
    >>> run = fw.train("products.csv", images="photos/", out="runs/first")  # doctest: +SKIP
    >>> run.evaluate().attributes["sleeve_length"].macro_f1  # doctest: +SKIP
    >>> fw.load("runs/first").predict(["a.jpg"]).rows  # doctest: +SKIP
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facetwise.config import Config, config_to_yaml, load_config, read_recipe
from facetwise.data import ColumnReading as ColumnReading
from facetwise.errors import UserError
from facetwise.events import Event, Report, silent
from facetwise.features import Shard, Sharded, StoredRows, check_engine, choose_levels, features_to_bytes, file_digest
from facetwise.features import extract as describe_rows
from facetwise.inference import (
    describe_source,
    fetched,
    fetched_beside,
    fetched_file,
    fetched_rows,
    part_of,
    write_bytes,
    write_text,
)
from facetwise.models.backbones import create_backbone
from facetwise.reports import Pictures, preview_page
from facetwise.runs import Run, from_pretrained, load
from facetwise.schema import Schema, read_schema, schema_digest
from facetwise.studies import compare as compare
from facetwise.studies import sweep as sweep
from facetwise.training import (
    TRACKERS,
    Prepared,
    PreparedRelease,
    Stopping,
    Structure,
    as_begun,
    begin_run,
    build,
    claim_folder,
    environment,
    from_callable,
    hold,
    is_finished,
    joined,
    own_config,
    read_structure,
    refuse_untuned,
    run_training,
    tracked,
)
from facetwise.training import Inspection as Inspection
from facetwise.training import inspect as inspect
from facetwise.training import measure_speed as measure
from facetwise.training import prepare as prepare_rows
from facetwise.training import prepare_release as prepare

__all__ = [
    "ExtractionSummary",
    "Inspection",
    "PreparedRelease",
    "Run",
    "build",
    "compare",
    "environment",
    "extract",
    "from_pretrained",
    "inspect",
    "load",
    "measure",
    "prepare",
    "sweep",
    "train",
]


@dataclass(frozen=True, kw_only=True)
class ExtractionSummary:
    """What `extract` did: pictures, how many were computed now, which could not be read, time, where features went.

    Of a shard, its own pictures.
    """

    images: int
    computed: int
    problems: list[tuple[str, str, str]]
    seconds: float
    rate: float
    path: Path | None


def extract(
    source: Any,
    *,
    images: str | Path | None = None,
    backbone: str = "lite0",
    weights: str | Path | None = None,
    cache: str | Path | None = None,
    to: str | Path | None = None,
    levels: Literal["all", "last"] = "all",
    device: str = "auto",
    workers: int = 0,
    settings: Sequence[str] = (),
    shard: str | None = None,
    processes: int = 0,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    report: Report = silent,
) -> ExtractionSummary:
    """Describe the pictures of a table, a folder or a file, into the cache and, if asked, into a file.

    Args:
        source: Table (path or frame), folder, or picture.
        images: Folder that a table's paths are relative to.
        backbone: Name of a backbone.
        weights: File of its weights; the published ones if not given.
        settings: `KEY=VALUE` into the configuration: `backbone.size=448`.
        cache: Cache folder.
        to: `.npy` or `.safetensors`: one row per row of the source; NaN where a picture cannot be read.
        levels: Levels to write.
        device: auto, cpu, cuda, ...
        workers: Threads (of each process); 0 chooses.
        shard: `i/n`: only the i-th of n consecutive parts of the rows. It can be done again at no cost.
        processes: Work in so many processes at once; one that dies is replaced.
        engine: `ray`: work in actors of a Ray cluster, one per GPU or per core.
        address: Of the cluster; without it Ray starts one in this machine.
        report: Told about progress.

    Raises:
        UserError: A shard that is none, or with `processes` or `engine`; a cluster that anybody may use.
    """
    tree = load_config(None, [f"backbone={backbone}", *settings], weights=weights)
    where = None if cache is None else Path(cache)
    sharded = _in_shards(tree, shard, processes, engine, address, to=to)
    if shard is None:
        source, images = fetched(source, images, cache=where, report=report)
    else:
        part = part_of(source, images, Shard.parse(shard), cache=where, report=report)
        source, images = part.source, part.root
    model, began = create_backbone(tree.backbone.name, **tree.backbone.options), time.perf_counter()
    # Rows that nobody wants in one array stay in the cache, however many they are.
    options: dict[str, Any] = {"extractor": sharded or partial(describe_rows, in_memory=to is not None)}
    options["read"] = to is not None
    names, described = describe_source(
        source, images, model, allow_outside=tree.allow_outside_root, cache=where, device=device, workers=workers,
        report=report, **options,
    )  # fmt: skip
    seconds, path = time.perf_counter() - began, None
    if to is not None:
        path = Path(to)
        chosen, _ = choose_levels(described.features, described.levels, levels)
        whole = np.full((len(names), chosen.shape[1]), np.nan, dtype=np.float32)
        whole[described.good] = chosen
        write_bytes(path, features_to_bytes(whole, path.suffix))
    problems = [(names[position], *issue) for position, issue in sorted(described.issues.items())]
    return ExtractionSummary(
        images=len(names),
        computed=described.computed,
        problems=problems,
        seconds=seconds,
        rate=described.computed / seconds if described.computed else 0.0,
        path=path,
    )


def train(
    table: Any,
    *,
    images: str | Path | None = None,
    out: str | Path | None = None,
    schema: str | Path | Schema | None = None,
    config: str | Path | None = None,
    settings: Sequence[str] = (),
    recipe: str | None = None,
    test: Any = None,
    split_from: str | Path | None = None,
    features: str | Path | None = None,
    corrections: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    augment: Callable[..., Any] | None = None,
    report: Report = silent,
    stop: Stopping | None = None,
    **options: Any,
) -> Run:
    """Train one model that fills in every attribute of the table.

    The same call continues a run that was stopped or killed, and ends as if it had not been; of a finished run it does
    nothing.

    Args:
        table: Path (CSV, TSV, Parquet, JSONL) or a pandas or polars frame.
        images: Folder that the table's paths are relative to; the table's own folder if not given.
        out: Run folder; `runs/<table>` if not given.
        schema: A schema or its file; inferred if not given.
        config: YAML file of the configuration.
        settings: `KEY=VALUE` into the configuration.
        recipe: A configuration that ships, by name, beneath all that is said otherwise.
        test: A separate labelled table for the test side.
        split_from: An earlier run whose sides are kept.
        features: File of features, one row per row of the table, in place of pictures.
        corrections: Table of corrected cells, as `facetwise audit` writes and a person accepts them.
        overwrite: Replace an earlier run in `out`.
        resume: There has to be a run in `out`; it is continued with the options that it began with.
        augment: When fine-tuning, a function that changes a training picture, uint8 (rows, columns, 3) to the same,
            after what `augmentation` says; an Albumentations `Compose` too. To continue a run, give it again.
        report: Told about stages, progress, epochs, notices.
        stop: Asked between two steps whether to stop; what the command line answers signals with.
        options: Fields of the configuration by name: `epochs=20, trunk="mmoe"`; and `weights`, a file of the
            backbone's weights.

    Raises:
        UserError: Anything that the user can mend; before anything long begins where it can be known.
    """
    tree = load_config(None if config is None else Path(config), settings, recipe=recipe, **options)
    refuse_untuned(tree, augment=augment is not None)
    if test is not None:
        test = fetched_beside(test, table, images, pictures=features is None, report=report)
    if corrections is not None:
        corrections = fetched_file(corrections, report=report)
    place, (table, images, features) = table, fetched_rows(table, images, features, report=report)
    given = read_schema(Path(schema)) if isinstance(schema, str | Path) else schema
    folder = (
        Path(out)
        if out is not None
        else Path("runs") / (Path(place).stem if isinstance(place, str | Path) else "table")
    )
    if resume and overwrite:
        raise UserError("--resume and --overwrite exclude each other. Found both. Fix: leave one of them away")
    tree = own_config(folder, tree, report=report) if resume else tree
    root = None if images is None else Path(images)
    read = read_structure(table, images=root, schema=given, config=tree, test=test, corrections=corrections)
    facts = {
        "table": read.table.digest,
        "images": str(read.root.resolve()),
        "schema": None if given is None else schema_digest(given),
        "features": None if features is None else file_digest(features),
        "split_from": _path(split_from),
        **({} if augment is None else {"augment": getattr(augment, "__qualname__", type(augment).__qualname__)}),
    }
    # How many threads read pictures, who holds which part of the backbone, who listens: nothing of the result.
    idle = {
        "workers": 0,
        "sharding": False,
        "tracker": Config.model_fields["tracker"].get_default(call_default_factory=True),
    }
    decided = {"config": config_to_yaml(tree.model_copy(update=idle)), **facts}
    digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
    with joined(report) as world:
        report = world.heard(report)
        world.same("table and options", digest)
        world.same("sharding", str(tree.sharding))
        if world.most(int(world.leads and not overwrite and is_finished(folder, digest, report=report))):
            run = load(folder)
            if world.leads and not (folder / "report.html").is_file():  # killed while it was written
                with hold(folder):
                    run.report()
            return run
        with hold(folder) if world.leads else nullcontext():
            plan = claim_folder(folder, facts, digest, config=tree, overwrite=overwrite) if world.leads else None
            said: list[str] = []
            with world.in_turn():
                prepared = prepare_rows(
                    read, as_begun(folder, digest, tree, overwrite=overwrite),
                    features=features,
                    split_from=None if split_from is None else Path(split_from),
                    report=_overheard(report, said),
                )  # fmt: skip
            world.same("pictures", prepared.content)
            # Blocks that are read from disk come in another order, and every rank takes its part of one order.
            world.same("features_in (auto goes by the machine: set it)", type(prepared.features).__name__)
            about = {
                "digest": digest,
                "facts": facts,
                "content": prepared.content,
                "overwrite": overwrite,
                "table": _path(table),
                "images": str(read.root.resolve()),
                "test": _path(test),
                "features": _path(features),
                "features_in": "disk" if isinstance(prepared.features, StoredRows) else "memory",
                "corrections": _path(corrections),
                "recipe": None if recipe is None else {"name": recipe, "digest": read_recipe(recipe).digest},
            }
            if plan is not None:
                begin_run(folder, about, tree, plan=plan)
                _write_preview(folder, prepared, read, tree, notices=said, report=report)
            tracker = TRACKERS[tree.tracker.name](folder=folder, **tree.tracker.options)
            with tracked(tracker, folder, tree, report) if world.leads else nullcontext(report) as heard:
                prepared = run_training(
                    prepared, tree, folder, report=heard, stop=stop, insist=resume, world=world,
                    augment=None if augment is None else from_callable(augment),
                )  # fmt: skip
                run = load(folder)
                run.__dict__["prepared"] = prepared
                if world.leads:
                    report(Event("summary", f"report      {run.report()}"))
    return run


def _in_shards(
    tree: Config, shard: str | None, processes: int, engine: str, address: str | None, *, to: object
) -> Sharded | None:
    """Who extracts in the place of `features.extract`; nobody, where that is as always."""
    check_engine(engine, address)
    asked = {"--processes": processes > 1, "--engine ray": engine == "ray", "--to": to is not None}
    if shard is not None and any(asked.values()):
        found = ", ".join(name for name, there in asked.items() if there)
        raise UserError(f"--shard is one task of many. Found it with {found}. Fix: leave one of them away")
    if shard is None and processes <= 1 and engine == "local":
        return None
    return Sharded(
        backbone=tree.backbone.name, options=tree.backbone.options, one_task=shard is not None,
        processes=processes, engine=engine, address=address, in_memory=to is not None,
    )  # fmt: skip


def _overheard(report: Report, said: list[str]) -> Report:
    """Tell as before, and keep the notices."""

    def tell(event: Event) -> None:
        if event.kind == "notice":
            said.append(event.message)
        report(event)

    return tell


def _write_preview(
    folder: Path, prepared: Prepared, read: Structure, config: Config, *, notices: Sequence[str], report: Report
) -> None:
    """`preview.html`: what the training is about to learn from, while there is time to stop it."""
    pictures = None
    if prepared.backbone["name"] is not None:
        seen = create_backbone(config.backbone.name, **config.backbone.options).preprocessing
        pictures = Pictures(root=read.root, size=seen.size, fit=seen.fit, allow_outside=config.allow_outside_root)
    html = preview_page(
        prepared.table, prepared.schema, split=prepared.split, rows=prepared.rows, labels=prepared.labels,
        issues=prepared.issues, view_issues=prepared.view_issues, notices=notices, pictures=pictures, seed=config.seed,
    )  # fmt: skip
    write_text(folder / "preview.html", html)
    report(Event("summary", f"preview     {folder / 'preview.html'}"))


def _path(source: Any) -> str | None:
    return str(Path(source).resolve()) if isinstance(source, str | Path) else None

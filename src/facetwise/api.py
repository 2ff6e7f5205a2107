"""What a notebook imports: inspect, extract, train, load; then `run.evaluate`, `run.predict`.

Example:
    >>> import facetwise as fw
    >>> run = fw.train("products.csv", images="photos/", out="runs/first")  # doctest: +SKIP
    >>> run.evaluate().attributes["sleeve_length"].macro_f1  # doctest: +SKIP
    >>> fw.load("runs/first").predict(["a.jpg"]).rows  # doctest: +SKIP
"""

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facetwise import training
from facetwise.config import Config, config_to_yaml, load_config
from facetwise.data import ColumnReading as ColumnReading
from facetwise.data import Inference, Notice, Table, complete_schema, encode, infer, read_table, split_rows
from facetwise.errors import BundleError, RunError, UserError
from facetwise.events import Event, Report, silent
from facetwise.features import choose_levels, features_to_bytes
from facetwise.inference import (
    Answers,
    Bundle,
    Described,
    Predictor,
    answers_from,
    describe,
    describe_table,
    listed_pictures,
    read_bundle,
    read_predictions,
    write_bytes,
    write_json,
)
from facetwise.metrics import Evaluation, evaluate
from facetwise.models.backbones import create_backbone
from facetwise.schema import Labels, Schema, read_schema, schema_digest
from facetwise.training import Prepared, environment, infer_structure, prepare, read_structure, run_training

__all__ = ["ExtractionSummary", "Inspection", "Run", "environment", "extract", "inspect", "load", "train"]

Side = Literal["train", "val", "test"]
_TABLES = {".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".json"}


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What `inspect` concludes from a table.

    Args:
        table: Where it came from.
        items: Rows.
        readings: One per column: role, kind, reason, and the YAML line that overrules it.
        notices: What the user should know.
        schema: The schema, classes and applicability from training rows.
        coverage: Share of rows with a value, per attribute column.
        split: How the rows would be split.
        inference: The readings with the reasons for group and category.
    """

    table: str
    items: int
    readings: tuple[ColumnReading, ...]
    notices: tuple[Notice, ...]
    schema: Schema
    coverage: dict[str, float]
    split: str
    inference: Inference = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class ExtractionSummary:
    """What `extract` did: pictures, how many were computed now, which could not be read, time, where features went."""

    images: int
    computed: int
    problems: list[tuple[str, str, str]]
    seconds: float
    rate: float
    path: Path | None


def inspect(
    table: Any,
    *,
    images: str | Path | None = None,
    category: str | None = None,
    group: str | None = None,
    attributes: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    min_count: int = 5,
    seed: int = 0,
) -> Inspection:
    """Read a table as `train` would, without opening a picture.

    Raises:
        TableError, ConfigError: Everything that is wrong, at once.
    """
    read = read_table(table)
    root = _root(table, images)
    structure = infer_structure(read, root, category=category, group=group)
    split = split_rows(read, structure, seed=seed)
    schema, notices = complete_schema(
        structure, read, split.rows("train"), min_count=min_count,
        attributes=None if attributes is None else list(attributes), exclude=list(exclude),
    )  # fmt: skip
    _, odd = encode(schema, read)
    coverage = {
        reading.column: reading.filled / max(1, len(read)) for reading in structure.readings if reading.kind is not None
    }
    return Inspection(
        table=read.name,
        items=len(read),
        readings=structure.readings,
        notices=(*structure.notices, *split.notices, *notices, *odd),
        schema=schema,
        coverage=coverage,
        split=split.how,
        inference=structure,
    )


def _root(source: Any, images: str | Path | None) -> Path:
    if images is not None:
        return Path(images)
    return Path(source).parent if isinstance(source, str | Path) else Path()


def _is_table(source: Any) -> bool:
    return not isinstance(source, str | Path) or Path(source).suffix.lower() in _TABLES


def extract(
    source: Any,
    *,
    images: str | Path | None = None,
    backbone: str = "lite0",
    cache: str | Path | None = None,
    to: str | Path | None = None,
    levels: Literal["all", "last"] = "all",
    device: str = "auto",
    workers: int = 0,
    report: Report = silent,
) -> ExtractionSummary:
    """Describe the pictures of a table, a folder or a file, into the cache and, if asked, into a file.

    Args:
        source: Table (path or frame), folder, or picture.
        images: Folder that a table's paths are relative to.
        backbone: Name of a backbone.
        cache: Cache folder.
        to: `.npy` or `.safetensors`: one row per row of the source; NaN where a picture cannot be read.
        levels: Levels to write.
        device: auto, cpu, cuda, ...
        workers: Threads; 0 chooses.
        report: Told about progress.
    """
    model, began = create_backbone(backbone), time.perf_counter()
    where = None if cache is None else Path(cache)
    names, described = _describe(source, images, model, cache=where, device=device, workers=workers, report=report)
    seconds = time.perf_counter() - began
    path = None
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


def _describe(
    source: Any, images: str | Path | None, backbone: Any, *, report: Report, **options: Any
) -> tuple[list[str], Described]:
    """Names and features of whatever holds pictures: a table, a folder, a picture, or a list of pictures."""
    if isinstance(source, list | tuple):
        names, paths = [str(item) for item in source], [Path(item) for item in source]
        return names, describe(paths, backbone=backbone, report=report, **options)
    if _is_table(source):
        table = read_table(source)
        column = _image_column(table, _root(source, images))
        described = describe_table(table, column, _root(source, images), backbone=backbone, report=report, **options)
        return [str(text) for text in table.column(column)], described
    names, paths = listed_pictures(Path(source))
    return names, describe(paths, backbone=backbone, report=report, **options)


def _image_column(table: Table, root: Path) -> str:
    found = infer(table, images_root=root if root.is_dir() else None).images
    if not found:
        raise UserError(f"{table.name} has a column that names pictures. Found none. Fix: add one, or check --images")
    return found[0]


def train(
    table: Any,
    *,
    images: str | Path | None = None,
    out: str | Path | None = None,
    schema: str | Path | Schema | None = None,
    config: str | Path | None = None,
    settings: Sequence[str] = (),
    test: Any = None,
    split_from: str | Path | None = None,
    features: str | Path | None = None,
    overwrite: bool = False,
    report: Report = silent,
    **options: Any,
) -> "Run":
    """Train one model that fills in every attribute of the table.

    Args:
        table: Path (CSV, TSV, Parquet, JSONL) or a pandas or polars frame.
        images: Folder that the table's paths are relative to; the table's own folder if not given.
        out: Run folder; `runs/<table>` if not given.
        schema: A schema or its file; inferred if not given.
        config: YAML file of the configuration.
        settings: `KEY=VALUE` into the configuration.
        test: A separate labelled table for the test side.
        split_from: An earlier run whose sides are kept.
        features: File of features, one row per row of the table, in place of pictures.
        overwrite: Replace an earlier run in `out`.
        report: Told about stages, progress, epochs, notices.
        options: Fields of the configuration by name: `epochs=20, trunk="mmoe"`.

    Raises:
        UserError: Anything that the user can mend; before anything long begins where it can be known.
    """
    tree = load_config(None if config is None else Path(config), settings, **options)
    given = read_schema(Path(schema)) if isinstance(schema, str | Path) else schema
    folder = (
        Path(out)
        if out is not None
        else Path("runs") / (Path(table).stem if isinstance(table, str | Path) else "table")
    )
    root = None if images is None else Path(images)
    read = read_structure(table, images=root, schema=given, config=tree, test=test)
    facts = {
        "config": config_to_yaml(tree),
        "table": read.table.digest,
        "images": str(read.root.resolve()),
        "schema": None if given is None else schema_digest(given),
        "features": None if features is None else hashlib.sha256(Path(features).read_bytes()).hexdigest(),
        "split_from": None if split_from is None else str(Path(split_from).resolve()),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    if _claim(folder, digest, overwrite=overwrite, report=report):
        return load(folder)
    prepared = prepare(
        read, tree,
        features=None if features is None else Path(features),
        split_from=None if split_from is None else Path(split_from), report=report,
    )  # fmt: skip
    source = str(Path(table).resolve()) if isinstance(table, str | Path) else None
    about = {
        "digest": digest,
        "table": source,
        "images": str(read.root.resolve()),
        "test": _path(test),
        "features": _path(features),
    }
    write_json(folder / "run.json", about)
    run_training(prepared, tree, folder, report=report)
    run = load(folder)
    run.__dict__["_prepared"] = prepared
    return run


def _path(source: Any) -> str | None:
    return str(Path(source).resolve()) if isinstance(source, str | Path) else None


def _claim(folder: Path, digest: str, *, overwrite: bool, report: Report) -> bool:
    """Make the folder ours; True where it already holds the finished run of the same configuration and data."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise RunError(f"{folder} is a file. Fix: choose another --out")
    known = json.loads((folder / "run.json").read_text()) if (folder / "run.json").is_file() else None
    if known is not None and known["digest"] == digest and not overwrite:
        if (folder / "bundle" / "bundle.json").is_file():
            report(
                Event("notice", f"{folder} already holds this finished run; nothing to do", data={"code": "finished"})
            )
            return True
        _clear(folder)
        return False
    if overwrite and known is not None:
        _clear(folder)
        return False
    if any(folder.iterdir()):
        what = "another run (other data, schema or configuration)" if known else "files that are no run"
        ways = "--out with another folder" + (
            ", --overwrite to replace it, or the old options to continue it" if known else ""
        )
        raise RunError(f"{folder} holds {what}. Fix: {ways}")
    return False


def _clear(folder: Path) -> None:
    """Remove what a run wrote, and nothing else that may lie in the folder."""
    for name in ("checkpoints", "bundle", "predictions"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("config.yaml", "schema.yaml", "split.csv", "environment.json", "log.jsonl", "metrics.json", "depth.json",
                 "issues.parquet", "run.json", "report.html"):  # fmt: skip
        (folder / name).unlink(missing_ok=True)


def load(path: str | Path) -> "Run":
    """A finished run, ready to evaluate and predict.

    Raises:
        RunError: No finished run there.
    """
    path = Path(path)
    if not (path / "bundle" / "bundle.json").is_file():
        raise RunError(f"{path} is a finished run. Found no bundle in it. Fix: `facetwise train ... --out {path}`")
    return Run(path)


class Run:
    """A run folder.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def bundle(self) -> Bundle:
        """The trained artefact."""
        return read_bundle(self.path / "bundle")

    @property
    def schema(self) -> Schema:
        """The vocabulary."""
        return self.bundle.schema

    @cached_property
    def config(self) -> Config:
        """The resolved configuration."""
        return load_config(self.path / "config.yaml")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """`metrics.json`: the test side, or validation where there is no test."""
        return json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))

    @cached_property
    def depth(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """Per attribute and level: validation loss added when the level is permuted, and the gate."""
        return json.loads((self.path / "depth.json").read_text(encoding="utf-8"))

    def summary(self) -> list[str]:
        """Where the results are, in a few lines."""
        overall, floor = self.metrics["overall"], self.metrics["floors"]["majority"]["overall"]
        lines = [f"run       {self.path}"]
        for name, label in (("mean_macro_f1", "macro F1"), ("mean_accuracy", "accuracy")):
            if overall.get(name) is not None:
                lines.append(
                    f"{label:<9} {overall[name]:.3f} on {self.metrics['split']} (majority floor {floor[name]:.3f})"
                )
        return lines

    def predictor(self, checkpoint: str = "best_score") -> Predictor:
        """The bundle ready to answer, with the parameters of another checkpoint if asked."""
        if checkpoint == "best_score":
            return Predictor(self.bundle)
        saved = training.read_checkpoint(self.path / "checkpoints" / checkpoint)
        return Predictor(replace(self.bundle, tensors=saved.tensors))

    def _backbone(self) -> Any:
        about = self.bundle.backbone
        if about["name"] is None:
            raise UserError(
                "this run was trained on given features. Fix: use predict_features, or evaluate the run's own table"
            )
        backbone = create_backbone(about["name"], **about["options"])
        if (found := backbone.weights_digest()) != about["sha256"]:
            raise BundleError(
                f"the run was trained on {about['name']} with weights {about['sha256'][:12]}. Found {found[:12]}. "
                "Fix: install the same weights"
            )
        return backbone

    def evaluate(
        self,
        table: Any = None,
        *,
        images: str | Path | None = None,
        split: Side | Sequence[Side] = "test",
        checkpoint: str = "best_score",
        report: Report = silent,
    ) -> Any:
        """Measure the run on its own sides, or on a new labelled table.

        Args:
            table: A new labelled table; the run's own if not given.
            images: Folder of the new table's pictures.
            split: A side, or several of the run's own.
            checkpoint: Which checkpoint.
            report: Told about progress.

        Returns:
            One `Evaluation`, or a dictionary of them where several sides are asked for.
        """
        if table is not None:
            return self._evaluate_table(table, images, checkpoint, report)
        sides = (split,) if isinstance(split, str) else tuple(split)
        found = {side: self._evaluate_side(side, checkpoint) for side in sides}
        return found[sides[0]] if isinstance(split, str) else found

    def _evaluate_side(self, side: Side, checkpoint: str) -> Evaluation:
        train = self._prepared.labels.take(self._prepared.split.rows("train"))
        saved = self.path / "predictions" / f"{side}.parquet"
        if checkpoint == "best_score" and saved.is_file():
            _, truth, decisions = read_predictions(saved, self.schema, self.bundle.thresholds)
            return evaluate(self.schema, truth, decisions, train=train)
        rows = self._prepared.split.rows(side)
        if not len(rows):
            raise RunError(
                f"the run has rows on the side {side!r}. Found none. Fix: evaluate another side, or a new table"
            )
        decisions = self.predictor(checkpoint)(self._prepared.features[rows])
        return evaluate(self.schema, self._prepared.labels.take(rows), decisions, train=train)

    def _evaluate_table(self, table: Any, images: str | Path | None, checkpoint: str, report: Report) -> Evaluation:
        read, root = read_table(table), _root(table, images)
        column = self.schema.images[0] if self.schema.images[0] in read.cells else _image_column(read, root)
        described = describe_table(read, column, root, backbone=self._backbone(), report=report)
        truth, notices = encode(self.schema, read.take(described.good))
        for notice in notices:
            report(Event("notice", str(notice), data={"code": notice.code, "column": notice.column}))
        chosen, _ = choose_levels(described.features, described.levels, self.bundle.levels)  # type: ignore[arg-type]
        return evaluate(self.schema, truth, self.predictor(checkpoint)(chosen), train=self._train_labels)

    @property
    def _train_labels(self) -> Labels:
        return self._prepared.labels.take(self._prepared.split.rows("train"))

    @cached_property
    def _prepared(self) -> Prepared:
        """The run's own table again, from the cache; the sides are those that were saved."""
        about = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        if about["table"] is None:
            raise RunError("this run was trained on a frame, not a file. Fix: give the labelled table to evaluate")
        read = read_structure(
            about["table"], images=Path(about["images"]), schema=self.schema, config=self.config, test=about["test"]
        )
        given = None if about["features"] is None else Path(about["features"])
        return prepare(read, self.config, features=given, split_from=self.path, report=silent)

    def predict(
        self, source: Any, *, images: str | Path | None = None, checkpoint: str = "best_score", report: Report = silent
    ) -> Answers:
        """Fill in every attribute of pictures.

        Args:
            source: A picture, a folder, a list of pictures, or a table (path or frame) with an image column.
            images: Folder that a table's paths are relative to.
            checkpoint: Which checkpoint.
            report: Told about progress.

        Returns:
            One row per picture, in order; unreadable ones with their reason.
        """
        names, described = _describe(source, images, self._backbone(), report=report)
        issues = [described.issues[n][0] if n in described.issues else None for n in range(len(names))]
        chosen, _ = choose_levels(described.features, described.levels, self.bundle.levels)  # type: ignore[arg-type]
        return answers_from(self.schema, names, issues, self.predictor(checkpoint)(chosen))

    def predict_features(self, features: np.ndarray, *, checkpoint: str = "best_score") -> Answers:
        """Fill in every attribute from features (item, width) of the run's backbone and levels.

        Raises:
            UserError: Another width.
        """
        width = len(self.bundle.standardizer.mean)
        if features.ndim != 2 or features.shape[1] != width:
            raise UserError(
                f"features have shape (item, {width}). Found {features.shape}. Fix: extract with the same backbone"
            )
        names = [str(n) for n in range(len(features))]
        decisions = self.predictor(checkpoint)(np.asarray(features, dtype=np.float32))
        return answers_from(self.schema, names, [None] * len(names), decisions)

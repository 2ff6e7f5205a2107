"""A finished run: evaluate and predict."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from facetwise.config import Config, load_config
from facetwise.data import Table
from facetwise.decisions import Explained
from facetwise.errors import UserError
from facetwise.events import Report, silent
from facetwise.features import choose_levels
from facetwise.inference import (
    Answers,
    Bundle,
    Described,
    Evidence,
    Filled,
    Predictor,
    describe_rows,
    read_bundle,
    write_text,
)  # fmt: skip
from facetwise.inference.exporting import Verification
from facetwise.models.backbones import Backbone
from facetwise.runs._adding import Added, add_attribute
from facetwise.runs._again import metrics_of, predictor_of, source_of, summary_of
from facetwise.runs._answering import evidence_for, fill_cells, predict_features, predict_given, predict_pictures
from facetwise.runs._deployed import Exported, Format, export_run, exported_file, verify_run
from facetwise.runs._evaluating import Side, evaluate_side, evaluate_table
from facetwise.runs._explaining import explain_picture
from facetwise.runs._gallery import write_gallery
from facetwise.runs._how_long import prepared_of
from facetwise.runs._hub import push_pretrained, write_pretrained
from facetwise.runs._learning import write_learnt
from facetwise.runs._own_backbone import own_backbone
from facetwise.runs._workers import extractor_of
from facetwise.runtime import Precision
from facetwise.schema import Labels, Schema
from facetwise.training import Prepared, report_of

__all__ = ["Run", "Side"]


class Run:
    """A finished run; `path` is its folder."""

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
        return metrics_of(self.path)

    @cached_property
    def depth(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """Per attribute and level: validation loss added when the level is permuted, and the gate."""
        return json.loads((self.path / "depth.json").read_text(encoding="utf-8"))

    def summary(self) -> list[str]:
        """Where the results are, in a few lines."""
        return summary_of(self.path, self.metrics)

    def predictor(self, checkpoint: str = "best_score") -> Predictor:
        """The bundle ready to answer, with the parameters of another checkpoint if asked."""
        return predictor_of(self.path, self.bundle, checkpoint)

    def backbone(self) -> Backbone:
        """The backbone whose features the run reads, with the same weights.

        Raises:
            UserError: There is none here, or one with other weights.
        """
        return own_backbone(self.bundle)

    def evaluate(
        self,
        table: Any = None,
        *,
        images: str | Path | None = None,
        split: Side | Sequence[Side] = "test",
        checkpoint: str = "best_score",
        by: str | None = None,
        unseen: bool = False,
        report: Report = silent,
    ) -> Any:
        """Measure the run on its own sides, or on a new labelled table.

        Args:
            table: A new labelled table, or its address; the run's own if not given.
            images: Folder of the new table's pictures, or its address.
            split: A side, or several of the run's own.
            checkpoint: Which checkpoint.
            by: A column of the table, an attribute or not: its values are measured apart.
            unseen: Leave out rows of a new table that show what the run was trained or tuned on.
            report: Told about progress, and about such rows.

        Returns:
            One `Evaluation`, or a dictionary of them where several sides are asked for; with `by`, in place of each a
            dictionary by value, the most frequent first.

        Raises:
            UserError: No such column, or one with too many values; `unseen` without a table, or nothing unseen in it.
        """
        if table is not None:
            return evaluate_table(self, table, images, checkpoint, by, unseen=unseen, report=report)
        if unseen:
            raise UserError("--unseen leaves rows of a table out. Found no table. Fix: give one, or leave it away")
        if isinstance(split, str):
            return evaluate_side(self, cast("Side", split), checkpoint, by, report=report)
        return {side: evaluate_side(self, side, checkpoint, by, report=report) for side in split}

    def describe(
        self, table: Table, root: Path, *, report: Report = silent
    ) -> tuple[np.ndarray, np.ndarray, dict[int, tuple[str, str]]]:
        """Features of a new table as this run's model reads them, one entry per readable row; these rows; the issues.

        Args:
            table: The table.
            root: Folder that its paths are relative to.
            report: Told about progress.
        """
        _, described = describe_rows(
            table, root, self.backbone(), schema=self.schema, allow_outside=self.config.allow_outside_root,
            report=report,
        )  # fmt: skip
        chosen = self.chosen_features(described)
        return chosen, described.good, described.issues

    def chosen_features(self, described: Described) -> np.ndarray:
        """What the model reads of some pictures: one row per item, or one per picture of each item."""
        several = self.bundle.model.get("views") == "attention"
        rows = described.stacked() if several else described.pooled()
        return choose_levels(rows, described.levels, self.bundle.levels)[0]

    @property
    def train_labels(self) -> Labels:
        """What the training rows say."""
        return self.prepared.labels.take(self.prepared.split.rows("train"))

    def source(self) -> dict[str, Any]:
        """Where the table, its pictures, a separate test table and corrections were; features where they were given.

        Raises:
            RunError: The run was trained on a frame.
        """
        return source_of(self.path)

    @cached_property
    def prepared(self) -> Prepared:
        """The run's own table as it was trained on: rows, sides that were saved, labels, features from the cache."""
        return prepared_of(self, silent)

    def report(self, out: str | Path | None = None, *, report: Report = silent) -> Path:
        """Write the run as one page that opens anywhere: `report.html` in its folder if not told otherwise.

        Args:
            out: Where to write it.
            report: Told how long it takes to read the run's table again.
        """
        path = self.path / "report.html" if out is None else Path(out)
        write_text(path, report_of(self, lambda: prepared_of(self, report)))
        return path

    def write_gallery(self, out: str | Path, answers: Answers, source: Any, **options: Any) -> int:
        """Write pictures with their answers, a page or one picture by the name's end; how many are shown.

        Args:
            out: `.html` or `.png`.
            answers: From `predict`.
            source: As for that `predict`.
            options: `images` as for that `predict`; `classes` of the category shown, `per_class` pictures of each;
                `explain`, attributes whose regions are drawn (`.html`).
        """
        return write_gallery(self, Path(out), answers, source, **options)

    def predict(
        self,
        source: Any,
        *,
        images: str | Path | None = None,
        given: Sequence[str] = (),
        sets: bool = False,
        checkpoint: str = "best_score",
        processes: int = 0,
        engine: str = "local",
        address: str | None = None,
        report: Report = silent,
    ) -> Answers:
        """Fill in every attribute of pictures.

        Args:
            source: A picture, a folder, a list of pictures, or a table (path or frame) with an image column.
            images: Folder that a table's paths are relative to.
            given: Columns of the table that are believed, and condition the rest; cells that the picture speaks
                against are marked.
            sets: Tell sets of classes and intervals of numbers too, with the coverage of the run.
            checkpoint: Which checkpoint.
            processes, engine, address: Who describes the pictures, as for `facetwise.extract`.
            report: Told about progress.

        Returns:
            One row per picture, in order; unreadable ones with their reason.

        Raises:
            UserError: Given columns without a table; a cluster that anybody may use.
        """
        workers = extractor_of(self.path / "bundle", self.bundle, processes=processes, engine=engine, address=address)
        options: dict[str, Any] = {"sets": sets, "checkpoint": checkpoint, "report": report, "extractor": workers}
        if given:
            return predict_given(self, source, images, list(given), **options)
        return predict_pictures(self, source, images, **options)

    def export(
        self,
        format: Format = "onnx",  # noqa: A002  (the name of the command's option)
        *,
        out: str | Path = "model.onnx",
        precision: Precision = "fp32",
        features_only: bool = False,
        table: Any = None,
        images: str | Path | None = None,
        report: Report = silent,
    ) -> Exported:
        """Write the run as one file, and prove that it decides as the run does; arguments as of `export_run`."""
        return export_run(
            self, Path(out), format=format, precision=precision, features_only=features_only, table=table,
            images=images, report=report,
        )  # fmt: skip

    def exported(self, *, report: Report = silent) -> Path:
        """The run as an ONNX file in the cache, written and proved at the first call; see `exported_file`."""
        return exported_file(self, report=report)

    def verify(
        self,
        file: str | Path,
        *,
        table: Any = None,
        images: str | Path | None = None,
        limit: int = 1000,
        against: str | None = None,
        token: str | None = None,
        report: Report = silent,
    ) -> Verification:
        """Compare an exported file with the run, on pictures; arguments as of `verify_run`."""
        return verify_run(
            self, Path(file), table=table, images=images, limit=limit, against=against, token=token, report=report
        )

    def evidence(
        self, source: Any, *, images: str | Path | None = None, count: int = 5, report: Report = silent
    ) -> list[list[Evidence]]:
        """The training rows that look most like each picture, and what they are labelled with.

        Args:
            source: As for `predict`.
            images: Folder that a table's paths are relative to.
            count: Rows per picture.
            report: Told about progress.

        Returns:
            Per picture, in order, its rows, the nearest first; none for a picture that cannot be read. A run that was
            trained with `neighbours=false` has none, and says so.
        """
        return evidence_for(self, source, images, count, report=report)

    def explain(self, picture: str | Path, attributes: Sequence[str], **options: Any) -> Explained:
        """Where in a picture the answers come from; options are `cells` along a side of the map, and `checkpoint`.

        Raises:
            UserError: Names that are no attributes, or a run on given features.
            ImageError: The picture cannot be read.
        """
        return explain_picture(self, picture, attributes, **options)

    def fill(
        self,
        source: Any,
        *,
        images: str | Path | None = None,
        min_confidence: float = 0.0,
        checkpoint: str = "best_score",
        report: Report = silent,
    ) -> Filled:
        """Fill the empty cells of a table; what its other cells say is taken as known.

        A known category decides which attributes apply, a known parent leaves only its own classes. Cells that have
        a text are never changed, not even the blanks around it where the table is a file of separated values.

        Args:
            source: Table (path or frame) with an image column.
            images: Folder that the table's paths are relative to.
            min_confidence: Values that the model is less sure of stay empty.
            checkpoint: Which checkpoint.
            report: Told about progress.
        """
        return fill_cells(self, source, images, min_confidence=min_confidence, checkpoint=checkpoint, report=report)

    def learn(
        self,
        column: str,
        name: str,
        pictures: Sequence[str | Path],
        *,
        out: str | Path,
        parent: str | None = None,
        report: Report = silent,
    ) -> "Run":
        """A copy of the run that knows one class more, from a handful of pictures, without training.

        Args:
            column: A categorical attribute without a finer one.
            name: The new class.
            pictures: Five are a good beginning.
            out: Folder of the new run; measured on the run's own table again, where that is at hand.
            parent: The class of the coarser attribute that it belongs to, where there is one.
            report: Told about progress, and if the table is not at hand.

        Raises:
            UserError: Pictures that cannot be read, a class that is there already, a folder that is not empty.
        """
        return Run(write_learnt(self, column, name, pictures, Path(out), parent, report))

    def add_attribute(
        self,
        table: str | Path,
        column: str,
        *,
        out: str | Path,
        images: str | Path | None = None,
        schema: str | Path | None = None,
        report: Report = silent,
    ) -> Added:
        """A copy of the run that answers one attribute more, every old answer the same to the last bit.

        The attribute gets a model of its own on the run's features, in seconds; rows of the run keep their sides.

        Args:
            table: The run's table with the column, or another one with the same columns and more rows.
            column: The new attribute, of any kind.
            out: Folder of the new run.
            images: Folder that the table's paths are relative to; the run's if not given.
            schema: Schema file that declares the attribute; its kind and classes are read from the table if not given.
            report: Told about progress.

        Raises:
            UserError: An attribute that is there already, columns that are missing, a folder that is not empty.
        """
        return add_attribute(self, table, column, images=images, schema=schema, out=Path(out), report=report)

    def save_pretrained(
        self, folder: str | Path, *, name: str | None = None, licence: str | None = None, evidence: bool = False
    ) -> Path:
        """Write what another machine needs to answer: bundle, metrics, configuration and a model card.

        Args:
            folder: A new or an empty one.
            name, licence: For the card.
            evidence: Keep the names of the training pictures, which `evidence` tells.
        """
        return write_pretrained(self, Path(folder), name=name, licence=licence, evidence=evidence)

    def push_to_hub(self, repository: str, *, private: bool = True, token: str | None = None, **options: Any) -> str:
        """Upload what `save_pretrained` writes, with its options, to OWNER/NAME on the Hugging Face hub; its address.

        Args:
            repository: Made if it is not there; private then, unless told otherwise.
            private: Whether only its owner sees it.
            token: For the hub; the one that `hf auth login` keeps if not given.
            options: `licence`, `evidence`. Without network or right it says so.
        """
        return push_pretrained(self, repository, private=private, token=token, **options)

    def predict_features(self, features: np.ndarray, *, checkpoint: str = "best_score") -> Answers:
        """Fill in every attribute from features (item, width) of the run's backbone and levels, and no other width."""
        return predict_features(self, features, checkpoint)

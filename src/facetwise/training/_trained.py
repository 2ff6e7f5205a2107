"""A finished run: evaluate and predict."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from facetwise.config import Config, load_config
from facetwise.data import Table, encode, read_spelled, read_table, tell
from facetwise.errors import BundleError, RunError, UserError
from facetwise.events import Report, silent
from facetwise.features import choose_levels
from facetwise.inference import (
    Answers,
    Bundle,
    Described,
    Evidence,
    Filled,
    Predictor,
    answers_from,
    describe_rows,
    describe_source,
    evidence_from,
    fill_table,
    given_cells,
    is_table,
    known_cells,
    read_bundle,
    read_predictions,
    root_of,
)
from facetwise.metrics import Evaluation, evaluate
from facetwise.models.backbones import Backbone, TunedBackbone, create_backbone, network_of
from facetwise.schema import Labels, Schema
from facetwise.training._checkpoints import read_checkpoint
from facetwise.training._prepare import Prepared, prepare, read_structure

__all__ = ["Run", "Side", "load"]

Side = Literal["train", "val", "test"]


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
        if self.bundle.network is not None:
            raise RunError(
                f"the bundle of a fine-tuned run has the backbone of its best_score. Found checkpoint {checkpoint!r}. "
                "Fix: leave --checkpoint away"
            )
        saved = read_checkpoint(self.path / "checkpoints" / checkpoint)
        # The neighbours are described by the best checkpoint.
        return Predictor(replace(self.bundle, tensors=saved.tensors, neighbours=None))

    def _backbone(self) -> Backbone:
        about = self.bundle.backbone
        if about["name"] is None:
            raise UserError(
                "this run was trained on given features. Fix: use predict_features, or evaluate the run's own table"
            )
        if self.bundle.network is not None:
            origin = network_of(about["name"], **about["options"])
            return TunedBackbone(
                origin=origin, tensors=self.bundle.network, digest=about["sha256"], licence=about["licence"]
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
        if isinstance(split, str):
            return self._evaluate_side(cast("Side", split), checkpoint)
        return {side: self._evaluate_side(side, checkpoint) for side in split}

    def _evaluate_side(self, side: Side, checkpoint: str) -> Evaluation:
        if checkpoint == "best_score" and side == self.metrics["split"]:
            return Evaluation.from_dict(self.metrics)
        train = self._train_labels
        saved = self.path / "predictions" / f"{side}.parquet"
        if checkpoint == "best_score" and saved.is_file():
            _, truth, decisions = read_predictions(saved, self.schema, self.bundle.thresholds, self.bundle.policy)
            return evaluate(self.schema, truth, decisions, train=train)
        rows = self._prepared.split.rows(side)
        if not len(rows):
            raise RunError(
                f"the run has rows on the side {side!r}. Found none. Fix: evaluate another side, or a new table"
            )
        decisions = self.predictor(checkpoint)(self._prepared.features[rows])
        return evaluate(self.schema, self._prepared.labels.take(rows), decisions, train=train)

    def _evaluate_table(self, table: Any, images: str | Path | None, checkpoint: str, report: Report) -> Evaluation:
        read = read_table(table)
        features, good, _ = self.describe(read, root_of(table, images), report=report)
        truth, notices = encode(self.schema, read.take(good))
        tell(notices, report)
        return evaluate(self.schema, truth, self.predictor(checkpoint)(features), train=self._train_labels)

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
            table, root, self._backbone(), schema=self.schema, allow_outside=self.config.allow_outside_root,
            report=report,
        )  # fmt: skip
        chosen = self._features(described)
        return chosen, described.good, described.issues

    def _features(self, described: Described) -> np.ndarray:
        """What the model reads of some pictures: one row per item, or one per picture of each item."""
        several = self.bundle.model.get("views") == "attention"
        rows = described.stacked() if several else described.pooled()
        return choose_levels(rows, described.levels, self.bundle.levels)[0]

    @property
    def _train_labels(self) -> Labels:
        return self._prepared.labels.take(self._prepared.split.rows("train"))

    @property
    def prepared(self) -> Prepared:
        """The run's own table as it was trained on: rows, sides, labels, features from the cache."""
        return self._prepared

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
        # The sides are those of split.csv: what looks the same has had its say.
        config = self.config.model_copy(update={"near_duplicates": False, "group_near_duplicates": False})
        tuned = None if self.bundle.network is None else self._backbone()
        return prepare(read, config, features=given, split_from=self.path, backbone=tuned, report=silent)

    def predict(
        self,
        source: Any,
        *,
        images: str | Path | None = None,
        given: Sequence[str] = (),
        sets: bool = False,
        checkpoint: str = "best_score",
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
            report: Told about progress.

        Returns:
            One row per picture, in order; unreadable ones with their reason.

        Raises:
            UserError: Given columns without a table.
        """
        if given:
            return self._predict_given(source, images, list(given), sets=sets, checkpoint=checkpoint, report=report)
        names, described = describe_source(
            source, images, self._backbone(), schema=self.schema, allow_outside=self.config.allow_outside_root,
            report=report,
        )  # fmt: skip
        issues = [described.issues[n][0] if n in described.issues else None for n in range(len(names))]
        chosen = self._features(described)
        policy = self.bundle.policy if sets else None
        return answers_from(self.schema, names, issues, self.predictor(checkpoint)(chosen), sets_of=policy)

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
            Per picture, in order, its rows, the nearest first; none for a picture that cannot be read.

        Raises:
            UserError: The run has no neighbours: it was trained with `neighbours=false`, or before there were any.
        """
        neighbours = self.bundle.neighbours
        if neighbours is None:
            raise UserError("evidence needs the run's neighbours. Found none. Fix: train with neighbours=true")
        names, described = describe_source(
            source, images, self._backbone(), schema=self.schema, allow_outside=self.config.allow_outside_root,
            report=report,
        )  # fmt: skip
        _, representation = self.predictor().read(self._features(described))
        rows = iter(evidence_from(self.schema, neighbours, representation, count))
        return [[] if place in described.issues else next(rows) for place in range(len(names))]

    def _predict_given(
        self, source: Any, images: str | Path | None, given: list[str], *, sets: bool, checkpoint: str, report: Report
    ) -> Answers:
        if not is_table(source):
            raise UserError(f"given columns are those of a table. Found {source}. Fix: predict a table that has them")
        table = read_table(source)
        names, described = describe_rows(
            table, root_of(source, images), self._backbone(), schema=self.schema,
            allow_outside=self.config.allow_outside_root, report=report,
        )  # fmt: skip
        known, said, notices = given_cells(self.schema, table, given, described.good)
        tell(notices, report)
        issues = [described.issues[n][0] if n in described.issues else None for n in range(len(names))]
        chosen = self._features(described)
        predictor = self.predictor(checkpoint)
        against = predictor.contradicted(chosen, known) & said
        policy = self.bundle.policy if sets else None
        return answers_from(
            self.schema, names, issues, predictor(chosen, given=known), sets_of=policy, given=said,
            contradicted=against,
        )  # fmt: skip

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
        table, spelling = read_spelled(source)
        tell(table.notices, report)
        features, good, issues = self.describe(table, root_of(source, images), report=report)
        known, notices = known_cells(self.schema, table.take(good))
        tell(notices, report)
        decisions = self.predictor(checkpoint)(features, given=known)
        return fill_table(
            self.schema, table, known, decisions, good, issues, min_confidence=min_confidence, spelling=spelling
        )

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

"""New data beside the data that a run was trained on: are the pictures of the same kind, are the answers?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.data import Table, read_table
from facetwise.decisions import Decisions
from facetwise.events import Event, Report, silent
from facetwise.inference import fetched, known_cells, root_of
from facetwise.runs import Run, load, prepared_of
from facetwise.schema import UNKNOWN, VALUE, Attribute, Block, Kind, Labels, Schema
from facetwise.studies._two_samples import chance_index, stability_index, told_apart

__all__ = ["AttributeDrift", "Drift", "drift", "drift_of_features"]

# "Shifted" by the usual reading of the index (below 0.1 stable, 0.1 to 0.25 moderate, above 0.25 large), and only
# where chance does not explain it.
MODERATE, LARGE = 0.1, 0.25
# The pictures are of another kind where this share of what validation pictures leave undecided is decided.
FAR = 0.5
_BINS, _NAMES = 10, 5


@dataclass(frozen=True, kw_only=True)
class AttributeDrift:
    """One attribute, then and now.

    Args:
        column: The attribute.
        labels, answers: Stability index of the table's values against those of the training rows, and of the model's
            answers against its answers on the validation rows; None where there is nothing to compare.
        labels_by_chance, answers_by_chance: What the index exceeds in one of a hundred cases by chance.
        unseen: Cells whose class training never saw, and up to five of these classes.
        filled: Share of cells with a value, in training and now; None for a table without the column.
        confidence: Mean confidence on validation rows and now; None for numbers.
    """

    column: str
    labels: float | None
    labels_by_chance: float | None
    answers: float | None
    answers_by_chance: float | None
    unseen: tuple[int, tuple[str, ...]]
    filled: tuple[float, float] | None
    confidence: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """stable, moderate shift, or large shift; the stronger of labels and answers that chance does not explain."""
        pairs = ((self.labels, self.labels_by_chance), (self.answers, self.answers_by_chance))
        real = max((index for index, chance in pairs if index is not None and index > (chance or 0.0)), default=0.0)
        return "large shift" if real > LARGE else "moderate shift" if real > MODERATE else "stable"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """New data beside training data.

    Args:
        items, unreadable: Rows of the new data, and those without a readable picture.
        pictures: How well the new pictures can be told from the training ones (0.5 not at all, 1 perfectly).
        pictures_floor: The same for the validation pictures: what the split alone explains.
        attributes: Per attribute.
    """

    items: int
    unreadable: int
    pictures: float | None
    pictures_floor: float | None
    attributes: list[AttributeDrift]

    @property
    def other_pictures(self) -> bool:
        """Whether the pictures are of another kind than those of the training."""
        floor = max(0.5, self.pictures_floor or 0.5)
        return self.pictures is not None and self.pictures - floor > FAR * (1.0 - floor)


def _label_counts(attribute: Attribute, place: int, block: Block, labels: Labels, edges: np.ndarray) -> np.ndarray:
    valued = labels.state[:, place] == VALUE
    if attribute.kind is Kind.NUMERIC:
        return np.bincount(np.searchsorted(edges, labels.number[valued, place]), minlength=len(edges) + 1)
    if attribute.kind is Kind.MULTILABEL:
        return labels.members[valued][:, block.scores].sum(axis=0)
    return np.bincount(labels.index[valued, place], minlength=len(attribute.classes))


def _answer_counts(attribute: Attribute, place: int, block: Block, said: Decisions, edges: np.ndarray) -> np.ndarray:
    """Answers by class, then those that are no value."""
    valued = said.state[:, place] == VALUE
    if attribute.kind is Kind.NUMERIC:
        counts = np.bincount(np.searchsorted(edges, said.number[valued, place]), minlength=len(edges) + 1)
    elif attribute.kind is Kind.MULTILABEL:
        counts = said.members[valued][:, block.scores].sum(axis=0)
    else:
        counts = np.bincount(said.index[valued, place], minlength=len(attribute.classes))
    return np.append(counts, (~valued).sum())


def _indices(before: np.ndarray, after: np.ndarray) -> tuple[float | None, float | None]:
    if not before.sum() or not after.sum():
        return None, None
    return stability_index(before, after), chance_index(before, after)


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def drift(run: Run | str | Path, source: Any, *, images: str | Path | None = None, report: Report = silent) -> Drift:
    """Compare a new table, with or without labels, with the data that a run was trained on.

    Args:
        run: A finished run, trained on a table that is still there: its features are read from the cache.
        source: A table that names pictures, or its address; columns of the schema that it has are compared too.
        images: Folder that its paths are relative to, or its address.
        report: Told about progress.

    Raises:
        UserError: The table or the run's own table cannot be read.
    """
    run = load(run) if isinstance(run, str | Path) else run
    source, images = fetched(source, images, report=report)
    table = read_table(source)
    features, good, _ = run.describe(table, root_of(source, images), report=report)
    prepared_of(run, report)
    report(Event("stage", "comparing with the training data"))
    return drift_of_features(run, table, features, good)


def drift_of_features(run: Run, table: Table, features: np.ndarray, good: np.ndarray) -> Drift:
    """The same for features that are there already.

    Args:
        run: The run.
        table: The new table.
        features: (readable row, width) or (readable row, view, width), chosen levels, not standardised.
        good: Rows of the table that the features belong to.
    """
    schema, prepared, predictor = run.schema, run.prepared, run.predictor()
    rows = {side: prepared.split.rows(side) for side in ("train", "val")}

    def reads(features: np.ndarray) -> np.ndarray:
        """As the model reads them, of several pictures of an item their mean."""
        read = run.bundle.standardizer(features)
        return np.nanmean(read, axis=1) if read.ndim == 3 else read

    train = reads(np.asarray(prepared.features[rows["train"]]))
    held, now = predictor(prepared.features[rows["val"]]), predictor(features)
    kept = table.take(good)
    truth, _ = known_cells(schema, kept)
    known = prepared.labels.take(rows["train"])
    attributes = []
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        numbers = known.number[known.state[:, place] == VALUE, place]
        edges = np.unique(np.quantile(numbers, np.arange(1, _BINS) / _BINS)) if len(numbers) else np.zeros(0)
        labels = _indices(*(_label_counts(attribute, place, block, each, edges) for each in (known, truth)))
        answers = _indices(*(_answer_counts(attribute, place, block, each, edges) for each in (held, now)))
        there = attribute.column in table.cells
        filled = tuple(float((each.state[:, place] == VALUE).mean()) for each in (known, truth)) if there else None
        sure = (_mean(held.confidence[:, place]), _mean(now.confidence[:, place]))
        attributes.append(
            AttributeDrift(
                column=attribute.column, labels=labels[0], labels_by_chance=labels[1], answers=answers[0],
                answers_by_chance=answers[1], unseen=_unseen(kept, schema, attribute.column, truth.state[:, place]),
                filled=None if filled is None else (filled[0], filled[1]),
                confidence=None if sure[0] is None or sure[1] is None else (sure[0], sure[1]),
            )
        )  # fmt: skip
    return Drift(
        items=len(table),
        unreadable=len(table) - len(good),
        pictures=told_apart(train, reads(features)),
        pictures_floor=told_apart(train, reads(np.asarray(prepared.features[rows["val"]]))),
        attributes=attributes,
    )


def _unseen(table: Table, schema: Schema, column: str, state: np.ndarray) -> tuple[int, tuple[str, ...]]:
    """Cells that say something which the schema has no class for: how many, and what."""
    if column not in table.cells:
        return 0, ()
    coded = table.coded(column)
    strange = (state == UNKNOWN) & ~coded.among(schema.unknown)
    return int(strange.sum()), tuple(coded.values[code] for code in np.unique(coded.codes[strange])[:_NAMES])

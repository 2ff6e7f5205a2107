"""Labels that the pictures speak against, attribute by attribute."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facetwise.data import Table, pieces
from facetwise.events import Event, Report
from facetwise.schema import VALUE, Attribute, Block, Kind, Labels, Schema, Transform
from facetwise.studies._findings import Finding
from facetwise.studies._out_of_fold import out_of_fold
from facetwise.studies._shown import shown_of_classes, shown_of_numbers
from facetwise.studies._suspicion import Suspicion, suspect
from facetwise.studies._texts import Spellings, mended_cell

__all__ = ["LEAST_CHANCE", "Audited", "audit_labels", "label_findings"]

# Fewer labelled rows than this show nothing about any of them.
FEWEST = 20
# Why labels are not judged.
TOO_FEW, NOT_SHOWN = "too few labels or classes", "the pictures do not show it"
# Cells that are less probably wrong than this are not worth a look.
LEAST_CHANCE = 0.1
# A number is audited by tenths of the table's numbers; it may lie in the neighbouring tenth.
TENTHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One attribute, or one class of an attribute that has several at once.

    Args:
        column: The attribute.
        label: The class, for several at once; "" else.
        rows: Places of the rows that have a label.
        classes: Names that `index` and `found.other` count.
        index: (row of `rows`,) the labels.
        chances: (row of `rows`, class) out of fold.
        found: How wrong they look.
    """

    column: str
    label: str
    rows: np.ndarray
    classes: tuple[str, ...]
    index: np.ndarray
    chances: np.ndarray
    found: Suspicion


@dataclass(frozen=True, slots=True)
class _Task:
    column: str
    label: str
    rows: np.ndarray
    classes: tuple[str, ...]
    index: np.ndarray
    numbers: np.ndarray | None = None

    @property
    def name(self) -> str:
        return f"{self.column}: {self.label}" if self.label else self.column


def _tenths(numbers: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    edges = np.unique(np.quantile(numbers, np.arange(1, TENTHS) / TENTHS))
    index = np.searchsorted(edges, numbers, side="right")
    ends = [numbers.min(), *edges, numbers.max()]
    return index, tuple(f"{low:g} to {high:g}" for low, high in itertools.pairwise(ends))


def _tasks(attribute: Attribute, block: Block, place: int, labels: Labels) -> Iterator[_Task]:
    rows = np.flatnonzero(labels.state[:, place] == VALUE)
    column = attribute.column
    if attribute.kind is Kind.MULTILABEL:
        members = labels.members[rows][:, block.scores]
        for number, name in enumerate(attribute.classes):
            index = members[:, number].astype(np.int64)
            yield _Task(column, name, rows, ("no", "yes"), index)
    elif attribute.kind is Kind.NUMERIC:
        if len(rows):
            numbers = labels.number[rows, place]
            index, classes = _tenths(numbers)
            bent = np.log(numbers) if attribute.transform is Transform.LOG else numbers
            yield _Task(column, "", rows, classes, index, bent)
    else:
        yield _Task(column, "", rows, attribute.classes, labels.index[rows, place].astype(np.int64))


def audit_labels(
    schema: Schema, labels: Labels, vectors: np.ndarray, folds: np.ndarray, *, seed: int = 0, report: Report
) -> tuple[list[Audited], dict[str, str]]:
    """Every attribute's labels beside what a model says that has not seen them.

    Of an attribute that this model answers no better than its class frequencies (numbers: their mean) would, or on
    which it finds planted errors no better than they do, single labels cannot be judged: the share of wrong ones is
    bounded from above alone, and there the bound is near 1.

    Args:
        schema: The vocabulary.
        labels: Of all rows.
        vectors: From `project`.
        folds: From `folds_of`.
        seed: Of everything random.
        report: Told about progress.

    Returns:
        What was audited; and what was not, a column or `column: class` of several at once, with the reason.
    """
    audited: list[Audited] = []
    skipped: dict[str, str] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        report(Event("progress", "attributes", place + 1, len(schema.attributes)))
        for task in _tasks(attribute, block, place, labels):
            present, index = np.unique(task.index, return_inverse=True)
            if len(task.rows) < FEWEST or len(present) < 2:
                skipped[task.name] = TOO_FEW
                continue
            truth = np.eye(len(present), dtype=np.float32)[index]
            chances = out_of_fold(vectors, truth, task.rows, folds, seed=seed)
            if task.numbers is None:
                shown = shown_of_classes(chances, index)
            else:
                shown = shown_of_numbers(chances, index, task.numbers)
                wide = np.pad(chances, ((0, 0), (1, 1)))
                chances = wide[:, 1:-1] + (wide[:, :-2] + wide[:, 2:]) / 2
                chances /= chances.sum(axis=1, keepdims=True)
            found = suspect(chances, index, seed=seed)
            if shown <= 0 or found.found <= found.by_frequency:
                skipped[task.name] = NOT_SHOWN
                continue
            audited.append(
                Audited(
                    column=task.column, label=task.label, rows=task.rows, index=index, chances=chances,
                    classes=tuple(task.classes[one] for one in present), found=found,
                )
            )  # fmt: skip
    return audited, skipped


def label_findings(
    schema: Schema,
    table: Table,
    images: list[str],
    audited: list[Audited],
    spellings: Spellings,
    *,
    least: float = LEAST_CHANCE,
) -> list[Finding]:
    """The suspicious cells; of several classes of one cell the most suspicious one.

    Args:
        schema: The vocabulary.
        table: The rows that were audited.
        images: Their pictures.
        audited: From `audit_labels`.
        spellings: What odd texts mean: no misspelt class is proposed, nor what a misspelt one says already.
        least: The chance below which a cell is left out.
    """
    best: dict[tuple[int, str], Finding] = {}
    for one in audited:
        attribute, texts = schema.attribute(one.column), table.column(one.column)
        meant = spellings.get(one.column, {})
        if one.label in meant:
            continue
        for place in np.flatnonzero(one.found.chance >= least).tolist():
            row, chance = int(one.rows[place]), float(one.found.chance[place])
            key, other = (row, one.column), int(one.found.other[place])
            if key in best and (best[key].chance or 0.0) >= chance:
                continue
            own, likely = one.chances[place, one.index[place]], one.chances[place, other]
            old, new = str(texts[row]), meant.get(one.classes[other]) or one.classes[other]
            why = f"{new} {likely:.0%}, {one.classes[one.index[place]]} {own:.0%}"
            if one.label:
                why = f"{one.label}: {why}"
                kept = mended_cell(old, meant, attribute.separator)
                new = _toggled(kept, one.label, attribute.separator, add=one.classes[other] == "yes")
                if set(pieces(new, attribute.separator)) == set(pieces(kept, attribute.separator)):
                    continue
            elif attribute.kind is Kind.NUMERIC:
                new = ""
            elif new in (old, meant.get(old)):
                continue
            best[key] = Finding(
                kind="label", row=int(table.places[row]), image=images[row], attribute=one.column, old=old, new=new,
                chance=chance, why=why,
            )  # fmt: skip
    return list(best.values())


def _toggled(cell: str, name: str, separator: str, *, add: bool) -> str:
    """A cell of several classes with one more or one fewer.

    >>> _toggled("grass|poison", "poison", "|", add=False), _toggled("grass", "fire", "|", add=True)
    ('grass', 'grass|fire')
    """
    kept = [piece for part in cell.split(separator) if (piece := part.strip()) and piece != name]
    return separator.join([*kept, name] if add else kept)

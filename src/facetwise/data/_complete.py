"""From structure to schema: classes, applicability and parents, from the training rows and nothing else."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from facetwise.data._applicability import ENOUGH_ROWS, emptiness
from facetwise.data._cells import ClassFinder, class_places, count_classes
from facetwise.data._choose import chosen_columns
from facetwise.data._declared import check_declared
from facetwise.data._hardly_any import about_hardly_any
from facetwise.data._misspelt import shown_classes
from facetwise.data._notices import ROWS_SHOWN, Notice, counted
from facetwise.data._parents import CodedAttribute, find_parents
from facetwise.data._readings import ColumnReading, Inference, Role
from facetwise.data._spelling import parse_number, pieces
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError
from facetwise.schema import Attribute, Kind, Schema

__all__ = ["complete_schema"]

# A number's mean and deviation from fewer rows would be noise.
_FEWEST_NUMBERS = 10
# Class names in one message; all of them are in the table.
_NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Training:
    """The training rows, and which texts are no values."""

    table: Table
    rows: np.ndarray
    unknown: tuple[str, ...]
    not_applicable: tuple[str, ...]

    @property
    def silent(self) -> frozenset[str]:
        return frozenset(self.unknown) | frozenset(self.not_applicable)

    def counts(self, column: str) -> np.ndarray:
        coded = self.table.coded(column)
        return np.bincount(coded.codes[self.rows], minlength=len(coded.values))

    def denials(self, column: str) -> int:
        return int(self.table.coded(column).among(self.not_applicable)[self.rows].sum())

    def present(self, column: str) -> np.ndarray:
        return ~self.table.coded(column).among(self.silent)[self.rows]


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in list(names)[:_NAMES_SHOWN])
    return shown + (", ..." if len(names) > _NAMES_SHOWN else "")


def _left_out(column: str, why: str) -> Notice:
    return Notice(code="left-out", message=f"It is left out, because {why}.", column=column)


def _with_classes(
    reading: ColumnReading, identity: str, training: _Training, min_count: int
) -> tuple[Attribute | None, list[Notice]]:
    """The attribute with the classes that training rows carry often enough, or None."""
    column, kind = reading.column, reading.kind
    assert kind is not None
    coded, counts = training.table.coded(column), training.counts(column)
    attribute = Attribute(
        column=column,
        id=identity,
        kind=kind,
        unit=reading.unit,
        transform=reading.transform,
        separator=reading.separator,
    )
    if kind is Kind.NUMERIC:
        numbers = {
            text: count
            for text, count in zip(coded.values, counts.tolist(), strict=True)
            if count and text not in training.silent
        }
        labelled, different = sum(numbers.values()), len({parse_number(text) for text in numbers})
        if labelled < _FEWEST_NUMBERS or different < 2:
            why = f"{labelled} training rows with {different} different numbers are too few"
            return None, [_left_out(column, why)]
        return attribute, []
    found = count_classes(coded, counts, kind, separator=reading.separator, silent=training.silent)
    kept = [name for name, count in found.items() if count >= min_count]
    if len(kept) < 2:
        why = (
            f"{len(kept)} of its {counted(len(found), 'class', 'classes')} {'has' if len(kept) == 1 else 'have'} "
            f"{min_count} training rows or more, and two are needed"
            if found
            else "no training row has a value"
        )
        return None, [_left_out(column, why)]
    notices = _rare_classes(attribute, kept, training, min_count)
    return replace(attribute, classes=_in_order(kept, reading)), notices


def _rare_classes(attribute: Attribute, kept: list[str], training: _Training, min_count: int) -> list[Notice]:
    """The classes that so few training rows carry, in the whole table: nothing else need be said of their cells."""
    kind, separator, coded = attribute.kind, attribute.separator, training.table.coded(attribute.column)
    finder = ClassFinder.of(kept, kind)
    everything = count_classes(coded, coded.counts, kind, separator=separator, silent=training.silent)
    rare = [name for name in everything if finder.place(name) < 0]
    if not rare:
        return []
    holds = [
        text not in training.silent
        and any(finder.place(piece) < 0 for piece in (pieces(text, separator) if kind is Kind.MULTILABEL else (text,)))
        for text in coded.values
    ]
    rows = np.flatnonzero(np.array(holds, dtype=bool)[coded.codes])
    have, are = ("has", "is") if len(rare) == 1 else ("have", "are")
    message = (
        f"{len(rare):,} of {len(everything):,} classes {have} fewer than {min_count} training rows and {are} unknown "
        f"({counted(len(rows), 'cell')}): {shown_classes(rare, kept, _NAMES_SHOWN)}."
    )
    numbers = training.table.row_numbers(rows, count=ROWS_SHOWN)
    return [Notice(code="rare-classes", message=message, column=attribute.column, rows=numbers)]


def _in_order(kept: list[str], reading: ColumnReading) -> tuple[str, ...]:
    """As the reading orders them (binary, ordinal words), else as they were counted: naturally."""
    finder = ClassFinder.of(reading.classes, reading.kind or Kind.CATEGORICAL)
    if not reading.classes or any(finder.place(name) < 0 for name in kept):
        return tuple(kept)
    return tuple(sorted(kept, key=finder.place))


def _with_applicability(
    attributes: list[Attribute], category: str | None, training: _Training, min_count: int
) -> tuple[list[Attribute], list[Notice]]:
    """`applies_to` and `undecided` where the category explains which cells are empty.

    Elsewhere an attribute decides for itself whether it applies, if enough training rows say that it does not.
    """
    own = [
        replace(a, own_applicability=a.column != category and training.denials(a.column) >= min_count)
        for a in attributes
    ]
    above = next((a for a in attributes if a.column == category), None)
    if above is None:
        return own, []
    index = _class_index(above, training)
    present = np.stack([training.present(a.column) for a in attributes], axis=1)
    evidence = emptiness(present, index, len(above.classes))
    result, mined = [], []
    for place, attribute in enumerate(own):
        if not evidence.depends[place] or attribute.column == category:
            result.append(attribute)
            continue
        values = evidence.values[:, place]
        applies = tuple(name for name, count in zip(above.classes, values, strict=True) if count)
        undecided = tuple(
            name
            for name, count, size in zip(above.classes, values, evidence.sizes, strict=True)
            if not count and size < ENOUGH_ROWS
        )
        result.append(replace(attribute, applies_to=applies, undecided=undecided, own_applicability=False))
        mined.append(attribute.column)
    if not mined:
        return result, []
    message = (
        f"{len(mined)} attributes apply to some of its classes only, because classes with {ENOUGH_ROWS} training rows "
        f"or more have no value at all: {_listed(mined)}."
    )
    return result, [Notice(code="applies-to", message=message, column=category)]


def _few_denials(
    attributes: list[Attribute], category: str | None, training: _Training, min_count: int
) -> list[Notice]:
    """Attributes that so few cells call not applicable that they apply to every item."""
    notices = []
    for attribute in attributes:
        coded = training.table.coded(attribute.column)
        rows = np.flatnonzero(coded.among(training.not_applicable))
        everywhere = attribute.applies_to is None and not attribute.own_applicability
        if not len(rows) or not everywhere or attribute.column == category:
            continue
        texts = ", ".join(sorted({repr(coded.values[code]) for code in coded.codes[rows].tolist()}))
        them = "it is" if len(rows) == 1 else "they are"
        message = (
            f"{counted(len(rows), 'cell says', 'cells say')} 'not applicable' ({texts}); fewer than {min_count} "
            f"training rows do, so {them} unknown, and the attribute applies to every item. If it does not, write "
            "own_applicability: true."
        )
        numbers = training.table.row_numbers(rows, count=ROWS_SHOWN)
        notices.append(Notice(code="few-not-applicable", message=message, column=attribute.column, rows=numbers))
    return notices


def _class_index(attribute: Attribute, training: _Training) -> np.ndarray:
    return class_places(attribute, training.table.coded(attribute.column), training.silent)[training.rows]


def _with_parents(attributes: list[Attribute], training: _Training) -> tuple[list[Attribute], list[Notice]]:
    """Parents among the categorical attributes that apply to every item."""
    plain = [
        CodedAttribute(
            column=a.column,
            classes=a.classes,
            index=_class_index(a, training),
            empty=training.table.coded(a.column).among(training.unknown)[training.rows],
        )
        for a in attributes
        if a.kind is Kind.CATEGORICAL and a.applies_to is None and not a.own_applicability
    ]
    parents, notices = find_parents(plain, training.table.places[training.rows] + 1)
    return [replace(a, parent=parents.get(a.column)) for a in attributes], notices


def _ids(readings: tuple[ColumnReading, ...]) -> dict[str, str]:
    """Ids by the order of names, not of columns: moving a column changes neither ids nor what is drawn from them."""
    width = max(2, len(str(max(len(readings) - 1, 0))))
    return {name: f"a{place:0{width}d}" for place, name in enumerate(sorted(reading.column for reading in readings))}


def complete_schema(
    structure: Inference | Schema,
    table: Table,
    train_rows: np.ndarray,
    *,
    min_count: int = 5,
    attributes: Collection[str] | None = None,
    exclude: Collection[str] = (),
    pictures: bool = True,
) -> tuple[Schema, list[Notice]]:
    """Fill in what only training rows may tell: classes, `applies_to`, parents.

    Of an inference: classes with fewer than `min_count` training rows are unknown; attributes with fewer than two
    classes left, or fewer than ten labelled rows of a number, are left out; so few rows that say "not
    applicable" where no category explains it are unknown. All of it is noticed. Of a schema that the user declared
    everything is kept, and classes with few or no training rows are noticed.

    Args:
        structure: From `infer`, or the user's own schema.
        table: The whole table.
        train_rows: Places of the training rows.
        min_count: Training rows that a class needs, and "not applicable" without a category as well.
        attributes: Only these columns; all where None.
        exclude: Without these columns.
        pictures: Whether they are read: of a table with given features no image column is demanded, declared or not.

    Raises:
        ConfigError: An unknown name in `attributes` or `exclude`.
        TableError: Nothing is left to learn, or a declared column is not in the table.
    """
    train_rows = np.asarray(train_rows)
    train_rows = np.flatnonzero(train_rows) if train_rows.dtype == bool else train_rows
    if isinstance(structure, Schema):
        schema, notices = check_declared(
            structure, table, train_rows, min_count=min_count, attributes=attributes, exclude=exclude, pictures=pictures
        )
        return schema, notices + about_hardly_any(schema, table, train_rows)
    training = _Training(
        table=table, rows=train_rows, unknown=structure.unknown, not_applicable=structure.not_applicable
    )
    ids, found, notices = _ids(structure.attributes), [], []
    for name in _chosen(table.name, structure, attributes, exclude):
        attribute, said = _with_classes(structure.reading(name), ids[name], training, min_count)
        notices += said
        if attribute is not None:
            found.append(attribute)
    if not found:
        rule = "the training rows teach at least one attribute"
        why = [str(notice) for notice in notices] or ["none"]
        raise TableError([Complaint(place=table.name, rule=rule, found=text, fix="label more rows") for text in why])
    category = structure.category if any(a.column == structure.category for a in found) else None
    found, said = _with_applicability(found, category, training, min_count)
    notices += said + _few_denials(found, category, training, min_count)
    found, said = _with_parents(found, training)
    schema = Schema(
        images=structure.images or ("image",),
        attributes=tuple(found),
        group=structure.group,
        category=category,
        unknown=structure.unknown,
        not_applicable=structure.not_applicable,
        weight=structure.weight,
        box=structure.box,
    )
    return schema, notices + said + about_hardly_any(schema, table, train_rows)


def _nothing(name: str) -> Complaint:
    rule, fix = "a table has a column that a picture could fill in", "add one"
    return Complaint(place=name, rule=rule, found="no column at all", fix=fix)


def _about_reading(reading: ColumnReading, name: str) -> Complaint:
    return Complaint(
        place=name,
        column=reading.column,
        rule="a table has a column that a picture could fill in",
        found=f"it read as {str(reading.role).replace('_', ' ')}: {reading.reason}",
        fix=f"add a column of classes or numbers, or write into a schema: {reading.overrule}",
    )


def _chosen(
    name: str, structure: Inference, attributes: Collection[str] | None, exclude: Collection[str]
) -> tuple[str, ...]:
    known = [reading.column for reading in structure.attributes]
    # A column that is left out anyway may be excluded all the same: the user's list need not follow our reading.
    others = {reading.column for reading in structure.readings if reading.role is not Role.ATTRIBUTE}
    if not known:
        # One complaint per column, since `inspect` ends here as well and would not show why.
        raise TableError([_about_reading(reading, name) for reading in structure.readings] or [_nothing(name)])
    return chosen_columns(known, attributes=attributes, exclude=[name for name in exclude if name not in others])

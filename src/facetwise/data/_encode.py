"""Cells to labels: three states, every oddity said, nothing invented."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from facetwise.data._cells import ClassFinder
from facetwise.data._coded import Coded
from facetwise.data._misspelt import shown_classes
from facetwise.data._notices import ROWS_SHOWN, Notice, counted
from facetwise.data._spelling import parse_number, pieces
from facetwise.data._table import Table
from facetwise.decisions import NumberScale
from facetwise.errors import Complaint, SchemaError, TableError, nearest
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema, Transform

__all__ = ["encode", "fit_scales", "refuse_far_numbers"]

_NAMES_SHOWN = 5
# Bytes for the classes of multilabel cells.
_MOST_MEMBERS = 1 << 34
# The squares of larger numbers, which a deviation is made of, are soon infinite.
_LARGEST = 1e100
# In deviations; losses square them in 32 bits.
_FARTHEST = 1e15


@dataclass(kw_only=True)
class _Coding:
    """Labels while they are filled in, attribute by attribute."""

    schema: Schema
    table: Table
    rows: np.ndarray
    state: np.ndarray
    index: np.ndarray
    members: np.ndarray
    number: np.ndarray
    empty: np.ndarray  # (item, attribute) the cell says "nobody knows", or the table has no such column
    forgiving: bool
    complaints: list[Complaint] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def notice(self, code: str, message: str, column: str, wrong: np.ndarray) -> None:
        places = self.rows[np.flatnonzero(wrong)]
        numbers = self.table.row_numbers(places, count=ROWS_SHOWN)
        self.notices.append(Notice(code=code, message=message, column=column, rows=numbers))

    def codes(self, coded: Coded) -> np.ndarray:
        return coded.codes[self.rows]

    def read_numbers(self, place: int, attribute: Attribute, coded: Coded, says: np.ndarray) -> None:
        codes = self.codes(coded)
        # Only texts that these rows carry: a slip elsewhere in the table is another call's complaint.
        parsed = np.array([np.nan if (x := parse_number(text)) is None else x for text in coded.values])
        numbers = np.where(says, parsed[codes], np.nan)
        low = says & (numbers <= 0) & (attribute.transform is Transform.LOG)
        far = says & (np.abs(numbers) > _LARGEST) & (attribute.transform is not Transform.LOG)
        if self.forgiving:
            unread = says & (np.isnan(numbers) | low | far)
            if unread.any():
                message = (
                    f"{counted(int(unread.sum()), 'cell is', 'cells are')} no number that can be read, so unknown."
                )
                self.notice("unreadable-number", message, attribute.column, unread)
            says, low, far = says & ~unread, low & False, far & False
            numbers = np.where(unread, np.nan, numbers)
        mend_text = "correct the cell, or list its text under 'unknown'"
        mend_low = "correct the cell, leave it empty, or write transform: none"
        for wrong, rule, fix in (
            (says & np.isnan(numbers), "a number is written like 1299.5", mend_text),
            (low, "a number with the transform log is above 0", mend_low),
            (far, f"a number lies between -{_LARGEST:g} and {_LARGEST:g}", mend_text),
        ):
            for item in np.flatnonzero(wrong):
                name, row = self.table.origin(int(self.rows[item]))
                found = repr(coded.values[codes[item]])
                self.complaints.append(
                    Complaint(place=name, row=row, column=attribute.column, rule=rule, found=found, fix=fix)
                )
        self.number[:, place] = numbers
        self.state[says & ~np.isnan(numbers), place] = VALUE

    def read_several(self, place: int, attribute: Attribute, coded: Coded, says: np.ndarray) -> None:
        codes, start = self.codes(coded), self.schema.layout().blocks[place].score_start
        finder = ClassFinder.of(attribute.classes, attribute.kind)
        members = np.zeros((len(coded.values), len(attribute.classes)), dtype=np.uint8)
        strange: dict[int, list[str]] = {}
        for code, text in enumerate(coded.values):
            for piece in pieces(text, attribute.separator):
                if (found := finder.place(piece)) >= 0:
                    members[code, found] = 1
                else:
                    strange.setdefault(code, []).append(piece)
        value = says & (members.max(axis=1, initial=0) > 0)[codes]
        for number, carried in enumerate(members.T):
            self.members[:, start + number] = carried[codes] * value
        self.state[value, place] = VALUE
        wrong = says & np.isin(codes, list(strange))
        if wrong.any():
            names = sorted({piece for code in np.unique(codes[wrong]) for piece in strange[code]})
            self.outside(
                attribute, names, wrong, f"; {counted(int((says & ~value).sum()), 'cell has', 'cells have')} no other"
            )

    def outside(self, attribute: Attribute, names: list[str], wrong: np.ndarray, more: str = "") -> None:
        cells, those = int(wrong.sum()), "it is" if len(names) == 1 else "these are"
        message = (
            f"{counted(cells, 'cell holds', 'cells hold')} {counted(len(names), 'class', 'classes')} that the schema "
            f"does not know, so {those} unknown: {shown_classes(names, attribute.classes, _NAMES_SHOWN)}{more}."
        )
        self.notice("unknown-class", message, attribute.column, wrong)

    def read_one(self, place: int, attribute: Attribute, coded: Coded, says: np.ndarray) -> None:
        codes = self.codes(coded)
        finder = ClassFinder.of(attribute.classes, attribute.kind)
        places = np.array([finder.place(text) for text in coded.values], dtype=np.int32)
        index = np.where(says, places[codes], -1)
        self.index[:, place] = index
        self.state[index >= 0, place] = VALUE
        wrong = says & (index < 0)
        if wrong.any():
            self.outside(attribute, sorted({coded.values[code] for code in np.unique(codes[wrong])}), wrong)

    def deny(self, place: int, attribute: Attribute, lacking: np.ndarray) -> None:
        """Cells that say 'not applicable': unknown where the schema lets the attribute apply to every item."""
        category = attribute.column == self.schema.category
        if not category and (attribute.own_applicability or attribute.applies_to is not None):
            self.state[lacking, place] = NOT_APPLICABLE
        elif lacking.any():
            cells = int(lacking.sum())
            message = (
                f"{counted(cells, 'cell says', 'cells say')} 'not applicable', but by the schema this attribute "
                f"applies to every item, so {'it is' if cells == 1 else 'these are'} unknown."
            )
            wish = "" if category else " If it does not, write own_applicability: true."
            self.notice("denied-where-it-applies", message + wish, attribute.column, lacking)

    def derive_parents(self) -> None:
        """A known class implies its parent's class where that cell is empty; finest first, so that chains fill up."""
        by_column = self.schema.index

        def depth(attribute: Attribute) -> int:
            return 0 if attribute.parent is None else 1 + depth(self.schema.attribute(attribute.parent.column))

        for attribute in sorted(self.schema.attributes, key=depth, reverse=True):
            if attribute.parent is None:
                continue
            child, above = by_column[attribute.column], by_column[attribute.parent.column]
            classes = self.schema.attributes[above].classes
            number = {name: code for code, name in enumerate(classes)}
            of = np.array([number[attribute.parent.of[name]] for name in attribute.classes], dtype=np.int32)
            known = self.state[:, child] == VALUE
            implied = np.where(known, of[self.index[:, child]], -1)
            derived = known & (self.state[:, above] == UNKNOWN) & self.empty[:, above]
            against = known & (self.state[:, above] == VALUE) & (self.index[:, above] != implied)
            self.index[derived, above], self.state[derived, above] = implied[derived], VALUE
            if derived.any():
                cells = counted(int(derived.sum()), "empty cell follows", "empty cells follow")
                message = f"{cells} from {attribute.column!r}, each class of which belongs to one class here."
                self.notice("implied-by-child", message, attribute.parent.column, derived)
            if against.any():
                cells = counted(int(against.sum()), "cell contradicts", "cells contradict")
                message = (
                    f"{cells} {attribute.column!r}, whose class belongs to another "
                    "class here; both are kept as the table says."
                )
                self.notice("parent-contradiction", message, attribute.parent.column, against)

    def apply_categories(self) -> None:
        """Empty cells of attributes that the row's known category does not have are 'not applicable'."""
        category = self.schema.category_attribute
        if category is None:
            return
        own = self.index[:, self.schema.index[category.column]]
        for place, attribute in enumerate(self.schema.attributes):
            if attribute.applies_to is None:
                continue
            lacks = np.array([attribute.applicability(name) is False for name in category.classes], dtype=bool)
            absent = (own >= 0) & lacks[own]
            self.state[absent & self.empty[:, place] & (self.state[:, place] == UNKNOWN), place] = NOT_APPLICABLE
            against = absent & (self.state[:, place] == VALUE)
            if against.any():
                names = sorted({category.classes[code] for code in np.unique(own[against])})
                cells = counted(int(against.sum()), "cell has", "cells have")
                message = (
                    f"{cells} a value although the schema says that it does not apply to "
                    f"{', '.join(map(repr, names[:_NAMES_SHOWN]))}; the values are kept."
                )
                self.notice("value-not-applicable", message, attribute.column, against)


def _members(schema: Schema, table: Table, num_rows: int) -> np.ndarray:
    num_scores = schema.layout().num_scores
    if not schema.of_kind(Kind.MULTILABEL):
        return Labels.no_members(num_rows, num_scores)
    if num_rows * num_scores > _MOST_MEMBERS:
        complaint = Complaint(
            place=table.name,
            rule="rows times classes fit into memory where an attribute has several classes at once",
            found=f"{num_rows:,} rows and {num_scores:,} classes",
            fix="raise --min-count, or leave the column with the most classes out with --exclude",
        )
        raise TableError([complaint])
    # Class by class: what no cell is written to takes no memory, and classes of other kinds are most of them.
    return np.zeros((num_rows, num_scores), dtype=np.uint8, order="F")


def encode(
    schema: Schema, table: Table, rows: np.ndarray | None = None, *, forgiving: bool = False
) -> tuple[Labels, list[Notice]]:
    """Code the cells of some rows.

    A cell with a value is `VALUE`, even where the schema says that the attribute does not apply (noticed); a class
    that the schema does not know is `UNKNOWN` (noticed with counts); an empty cell is `NOT_APPLICABLE` where the row's
    category is known and does not have the attribute, else `UNKNOWN`. A cell that says "not applicable" of an attribute
    that applies to every item is `UNKNOWN` (noticed), since no answer could ever agree with it. An empty parent is
    filled in from a known child, because the schema implies it (noticed). Of a multilabel cell the known classes are
    kept. "1.0" and "1" are one class, and so are "Yes" and "yes" of a binary attribute, and words that only the code of
    an accented letter tells apart.

    Args:
        schema: The vocabulary.
        table: The table; columns that it lacks are unknown (noticed).
        rows: Places of the rows; all where None.
        forgiving: Whether numbers that are none are unknown (noticed) in place of an error.

    Returns:
        Labels in the order of `rows`, and what was odd.

    Raises:
        TableError: Numbers that are none, all at once; or no column of the schema at all.

    >>> rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    >>> table = Table.of({"image": ["a.png", "b.png"], "rust": ["1.0", ""]})
    >>> labels, _ = encode(Schema(images=("image",), attributes=(rust,)), table)
    >>> labels.state.ravel().tolist(), labels.index.ravel().tolist()
    ([1, 0], [1, -1])
    """
    rows = np.arange(len(table)) if rows is None else np.asarray(rows)
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows
    shape = (len(rows), len(schema.attributes))
    if not any(attribute.column in table.cells for attribute in schema.attributes):
        first = schema.attributes[0].column
        complaint = Complaint(
            place=table.name,
            rule="the table has a column of the schema",
            found=f"no {first!r} and none of the others",
            fix=nearest(first, table.columns),
        )
        raise TableError([complaint])
    coding = _Coding(
        schema=schema,
        table=table,
        rows=rows,
        state=np.zeros(shape, dtype=np.int8),
        index=np.full(shape, -1, dtype=np.int32),
        members=_members(schema, table, len(rows)),
        number=np.full(shape, np.nan) if schema.of_kind(Kind.NUMERIC) else Labels.no_numbers(*shape),
        empty=np.ones(shape, dtype=bool),
        forgiving=forgiving,
    )
    readers = {Kind.NUMERIC: coding.read_numbers, Kind.MULTILABEL: coding.read_several}
    for place, attribute in enumerate(schema.attributes):
        if attribute.column not in table.cells:
            message = "The table has no such column, so all its cells are unknown."
            coding.notices.append(Notice(code="no-column", message=message, column=attribute.column))
            continue
        coded = table.coded(attribute.column)
        empty, lacking = coded.among(schema.unknown)[rows], coded.among(schema.not_applicable)[rows]
        coding.empty[:, place] = empty
        coding.deny(place, attribute, lacking)
        readers.get(attribute.kind, coding.read_one)(place, attribute, coded, ~empty & ~lacking)
    if coding.complaints:
        raise TableError(coding.complaints)
    coding.derive_parents()
    coding.apply_categories()
    labels = Labels(state=coding.state, index=coding.index, members=coding.members, number=coding.number)
    return labels, coding.notices


def fit_scales(schema: Schema, labels_train: Labels) -> dict[str, NumberScale]:
    """How each number is standardised: mean and deviation of the bent numbers over the training rows.

    Raises:
        SchemaError: A numeric attribute without training rows, or a logarithm of a number that is not above 0.
    """
    scales: dict[str, NumberScale] = {}
    complaints: list[Complaint] = []
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind is not Kind.NUMERIC:
            continue
        numbers = labels_train.number[labels_train.state[:, place] == VALUE, place]
        rule, found = "", ""
        if not len(numbers):
            rule, found = "a numeric attribute has training rows", "none"
        elif attribute.transform is Transform.LOG and numbers.min() <= 0:
            rule, found = "a number with the transform log is above 0", f"{numbers.min():g}"
        if rule:
            fix = "leave it out with --exclude, or write transform: none"
            complaints.append(Complaint(column=attribute.column, rule=rule, found=found, fix=fix))
            continue
        bent = np.log(numbers) if attribute.transform is Transform.LOG else numbers
        # Numbers that are all the same carry no scale of their own; 1 keeps them finite.
        scales[attribute.id] = NumberScale(
            transform=attribute.transform, mean=float(bent.mean()), deviation=float(bent.std()) or 1.0
        )
    if complaints:
        raise SchemaError(complaints)
    return scales


def refuse_far_numbers(
    schema: Schema, table: Table, rows: np.ndarray, labels: Labels, scales: Mapping[str, NumberScale]
) -> None:
    """Refuse numbers so far from those of the training rows that the loss of a side would be infinite.

    Args:
        schema: The vocabulary.
        table: The table.
        rows: (item,) place of each item in the table.
        labels: Labels of the items.
        scales: From `fit_scales`.

    Raises:
        TableError: Such cells, all at once.
    """
    complaints = []
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind is not Kind.NUMERIC:
            continue
        items = np.flatnonzero(labels.state[:, place] == VALUE)
        off = np.abs(scales[attribute.id].standardise(labels.number[items, place]))
        for item in items[off > _FARTHEST].tolist():
            name, row = table.origin(int(rows[item]))
            rule = f"a number lies within {_FARTHEST:g} deviations of the mean of the training rows"
            found, fix = repr(str(table.column(attribute.column)[rows[item]])), "correct the cell, or leave it empty"
            complaints.append(Complaint(place=name, row=row, column=attribute.column, rule=rule, found=found, fix=fix))
    if complaints:
        raise TableError(complaints)

"""Rules between attributes, held against a table: how many rows each is about, and which of them break it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.data._table import Table
from facetwise.decisions import Mined, broken, mine_rules
from facetwise.schema import VALUE, Labels, Rule, Schema

__all__ = ["RuleKept", "broken_rules", "rules_kept"]

# Counting every pair of classes of more rows than this takes longer than somebody waits who wants to see a table.
MOST_MINED = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleKept:
    """A rule and what the rows of a table say of it.

    Args:
        rule: The rule.
        declared: Whether the schema says it; otherwise the table does.
        support: Rows that it is about: all its cells have a value, and what stands before the arrow holds.
        broken: Of these, rows that break it.
        rows: 1-based numbers of the first of them.
    """

    rule: Rule
    declared: bool
    support: int
    broken: int
    rows: tuple[int | str, ...]


def _kept(schema: Schema, table: Table, labels: Labels, rules: Sequence[Rule]) -> list[RuleKept]:
    """Declared rules: of any form."""
    valued, found = labels.state == VALUE, []
    for rule in rules:
        # A rule's opposite is broken exactly where the rule is about a row and kept by it.
        sides = (rule, replace(rule, never=not rule.never))
        wrong, right = broken(schema, sides, labels.index, valued).T
        rows = table.row_numbers(np.flatnonzero(wrong), count=ROWS_SHOWN)
        found.append(
            RuleKept(rule=rule, declared=True, support=int(wrong.sum() + right.sum()), broken=int(wrong.sum()),
                     rows=rows)
        )  # fmt: skip
    return found


def _told(schema: Schema, table: Table, labels: Labels, mined: Sequence[Mined]) -> list[RuleKept]:
    """Mined rules with what was counted when they were mined; of their rows only the first that break them are sought.

    A rule of the table has one class on either side, so what it is about lies among the rows of the one before the
    arrow. Thousands of rules share these rows, which are looked up once per attribute.
    """
    index = np.where(labels.state == VALUE, labels.index, -1)
    rows_of: dict[int, list[np.ndarray]] = {}
    found = []
    for one in mined:
        [(column, [name])], [value] = one.rule.given, one.rule.classes
        first: tuple[int | str, ...] = ()
        if one.broken:
            before, after = schema.attribute(column), schema.attribute(one.rule.column)
            place = schema.index[column]
            if place not in rows_of:
                rows_of[place] = _by_class(index[:, place], len(before.classes))
            rows = rows_of[place][before.classes.index(name)]
            cells = index[rows, schema.index[one.rule.column]]
            code = after.classes.index(value)
            wrong = cells == code if one.rule.never else (cells >= 0) & (cells != code)
            first = table.row_numbers(rows[wrong], count=ROWS_SHOWN)
        found.append(RuleKept(rule=one.rule, declared=False, support=one.support, broken=one.broken, rows=first))
    return found


def _by_class(codes: np.ndarray, classes: int) -> list[np.ndarray]:
    """Per class the rows that have it, in their order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.searchsorted(codes[order], np.arange(classes + 1)))[1:-1]


def rules_kept(schema: Schema, table: Table, labels: Labels, *, most: int = MOST_MINED) -> list[RuleKept]:
    """The schema's rules, in its order; then those that nearly all rows of the table keep: with exceptions first.

    An exception of a rule that nobody declared is worth a look, no more: a catalogue has honest ones.

    Args:
        schema: The vocabulary and its rules.
        table: The rows.
        labels: Their labels.
        most: Of a longer table so many rows, evenly spaced, are looked at for rules that nobody declared.
    """
    said = _kept(schema, table, labels, schema.rules)
    if len(table) > most:
        rows = np.linspace(0, len(table) - 1, most).astype(np.int64)
        table, labels = table.take(rows), labels.take(rows)
    mined = mine_rules(schema, labels, most_broken=len(labels))
    told = _told(schema, table, labels, [one for one in mined if one.rule not in schema.rules])
    return said + sorted(told, key=lambda one: (one.broken == 0, one.rule.never))


def broken_rules(schema: Schema, table: Table, labels: Labels) -> list[Notice]:
    """One notice per declared rule that some rows break."""
    return [
        Notice(
            code="rule",
            column=one.rule.column,
            rows=one.rows,
            message=f"the rule {str(one.rule)!r} is broken by {one.broken:,} of the {one.support:,} rows that it is "
            "about; their cells are kept as they are, and answers keep the rule all the same. Mend the cells, or the "
            "rule.",
        )
        for one in _kept(schema, table, labels, schema.rules)
        if one.broken
    ]

"""Cells of one row that cannot both be right by the schema: a child of another parent, a value that cannot be."""

from collections.abc import Sequence

import numpy as np

from facetwise.data import Table
from facetwise.decisions import broken, mine_rules
from facetwise.schema import VALUE, Labels, Rule, Schema
from facetwise.studies._findings import Finding
from facetwise.studies._wrong_labels import Audited

__all__ = ["consistency_findings", "rule_findings"]

# Of two cells that contradict each other either may be the wrong one.
EITHER = 0.5


def consistency_findings(schema: Schema, table: Table, images: Sequence[str], labels: Labels) -> list[Finding]:
    """One finding per cell that contradicts its child or its row's category.

    Args:
        schema: The vocabulary.
        table: The rows.
        images: Their pictures.
        labels: Their labels.
    """
    found: list[Finding] = []

    def add(kind: str, rows: np.ndarray, column: str, new: Sequence[str], other: str) -> None:
        texts, others = table.column(column), table.column(other)
        for row, text in zip(rows.tolist(), new, strict=True):
            found.append(
                Finding(
                    kind=kind, row=int(table.places[row]), image=images[row], attribute=column, old=str(texts[row]),
                    new=text, chance=EITHER, why=f"{other} {others[row]}",
                )
            )  # fmt: skip

    for child, attribute in enumerate(schema.attributes):
        if (parent := attribute.parent) is None or attribute.column not in table.cells:
            continue
        above = schema.index[parent.column]
        if parent.column not in table.cells:
            continue
        classes = schema.attributes[above].classes
        number = {name: code for code, name in enumerate(classes)}
        of = np.array([number[parent.of[name]] for name in attribute.classes])
        both = (labels.state[:, child] == VALUE) & (labels.state[:, above] == VALUE)
        meant = of[np.maximum(labels.index[:, child], 0)]
        rows = np.flatnonzero(both & (meant != labels.index[:, above]))
        add("hierarchy", rows, parent.column, [classes[one] for one in meant[rows]], attribute.column)
    category = schema.category_attribute
    if category is not None and category.column in table.cells:
        own = labels.index[:, schema.index[category.column]]
        for place, attribute in enumerate(schema.attributes):
            if attribute.applies_to is None or attribute.column not in table.cells:
                continue
            lacks = np.array([attribute.applicability(name) is False for name in category.classes], dtype=bool)
            rows = np.flatnonzero((own >= 0) & lacks[np.maximum(own, 0)] & (labels.state[:, place] == VALUE))
            add("applicability", rows, attribute.column, [""] * len(rows), category.column)
    return found


def rule_findings(
    schema: Schema, table: Table, images: Sequence[str], labels: Labels, audited: Sequence[Audited], *, least: float
) -> list[Finding]:
    """Rows that break a declared rule, or one that nearly all rows keep.

    Which of a rule's cells is the wrong one, the pictures say: the one whose label is most probably wrong. A cell of a
    declared rule is so at least with one half; that of a mined one is told only where its own label looks wrong, since
    a catalogue has honest exceptions.

    Args:
        schema: The vocabulary and its declared rules.
        table: The rows.
        images: Their pictures.
        labels: Their labels.
        audited: How wrong each label looks.
        least: The chance below which a cell of a mined rule is left out.
    """
    chance = np.zeros(labels.state.shape)
    for one in audited:
        place = schema.index[one.column]
        chance[one.rows, place] = np.maximum(chance[one.rows, place], one.found.chance)
    mined = [one.rule for one in mine_rules(schema, labels, most_broken=len(labels))]
    rules: list[tuple[Rule, bool]] = [(rule, True) for rule in schema.rules] + [(rule, False) for rule in mined]
    wrong = broken(schema, [rule for rule, _ in rules], labels.index, labels.state == VALUE)
    best: dict[tuple[int, str], Finding] = {}
    for row, number in np.argwhere(wrong).tolist():
        rule, declared = rules[number]
        places = [schema.index[column] for column in rule.columns]
        place = max(places, key=lambda one: chance[row, one])
        sure = max(float(chance[row, place]), EITHER if declared else 0.0)
        column = schema.attributes[place].column
        if sure < least or column not in table.cells or (row, column) in best:
            continue
        best[row, column] = Finding(
            kind="rule", row=int(table.places[row]), image=images[row], attribute=column,
            old=str(table.column(column)[row]), chance=sure, why=f"{'declared' if declared else 'mined'}: {rule}",
        )  # fmt: skip
    return list(best.values())

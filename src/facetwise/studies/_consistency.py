"""Cells of one row that cannot both be right by the schema: a child under another parent, a value that does not apply."""

from collections.abc import Sequence

import numpy as np

from facetwise.data import Table
from facetwise.schema import VALUE, Labels, Schema
from facetwise.studies._findings import Finding

__all__ = ["consistency_findings"]

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

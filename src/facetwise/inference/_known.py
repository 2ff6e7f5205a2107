"""What a new table already says; a table that only names pictures says nothing, and that is allowed."""

from collections.abc import Sequence

import numpy as np

from facetwise.data import Notice, Table, encode
from facetwise.errors import Complaint, TableError, nearest
from facetwise.schema import UNKNOWN, Labels, Schema

__all__ = ["given_cells", "known_cells"]


def known_cells(schema: Schema, table: Table) -> tuple[Labels, list[Notice]]:
    """The coded cells of a table and what is odd about them; all unknown where it has no column of the schema.

    Raises:
        TableError: Cells that cannot be read.
    """
    if any(attribute.column in table.cells for attribute in schema.attributes):
        return encode(schema, table)
    shape = (len(table), len(schema.attributes))
    nothing = Labels(
        state=np.full(shape, UNKNOWN, dtype=np.int8),
        index=np.full(shape, -1, dtype=np.int32),
        members=np.zeros((len(table), schema.layout().num_scores), dtype=np.uint8),
        number=np.full(shape, np.nan),
    )
    return nothing, []


def given_cells(
    schema: Schema, table: Table, columns: Sequence[str], rows: np.ndarray
) -> tuple[Labels, np.ndarray, list[Notice]]:
    """The coded cells of some columns alone, as evidence for the rest.

    Args:
        schema: The vocabulary.
        table: The table.
        columns: Attributes that are believed; the others are not even read.
        rows: Rows of the table that are wanted.

    Returns:
        Labels; (row, attribute) bool: cells of those columns that say something; what is odd about them.

    Raises:
        TableError: A column that is no attribute, or that the table does not have; cells that cannot be read.
    """
    attributes = [attribute.column for attribute in schema.attributes]
    complaints: list[Complaint] = []
    for column in columns:
        for known, rule in ((attributes, "a given column is an attribute"), (table.columns, "the table has it")):
            if column not in known:
                fix = nearest(column, known)
                complaints.append(Complaint(place=table.name, column=column, rule=rule, found=repr(column), fix=fix))
                break
    if complaints:
        raise TableError(complaints)
    alone = Table.of_coded({column: table.coded(column) for column in columns}, name=table.name)
    labels, notices = known_cells(schema, alone.take(rows))
    said = np.zeros(labels.state.shape, dtype=bool)
    places = [schema.index[column] for column in columns]
    said[:, places] = labels.state[:, places] != UNKNOWN
    return labels, said, [notice for notice in notices if notice.column is None or notice.column in columns]

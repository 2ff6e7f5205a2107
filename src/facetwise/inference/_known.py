"""What a new table already says; a table that only names pictures says nothing, and that is allowed."""

import numpy as np

from facetwise.data import Notice, Table, encode
from facetwise.schema import UNKNOWN, Labels, Schema

__all__ = ["known_cells"]


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

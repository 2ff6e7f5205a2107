"""Table to checked rows: reading, inference, schema from training rows, coded labels, splits. No torch."""

from facetwise.data._columns import MULTILABEL_SEPARATORS
from facetwise.data._complete import complete_schema
from facetwise.data._encode import encode, fit_scales
from facetwise.data._infer import infer
from facetwise.data._notices import Notice
from facetwise.data._paths import IMAGE_SUFFIXES, list_folder, resolve_images
from facetwise.data._read import read_table
from facetwise.data._readings import ColumnReading, Inference, Role
from facetwise.data._roles import SIDES
from facetwise.data._split import PreviousSplit, Split, split_rows
from facetwise.data._split_file import read_previous, read_split, write_split
from facetwise.data._table import Coded, Table

__all__ = [
    "IMAGE_SUFFIXES",
    "MULTILABEL_SEPARATORS",
    "SIDES",
    "Coded",
    "ColumnReading",
    "Inference",
    "Notice",
    "PreviousSplit",
    "Role",
    "Split",
    "Table",
    "complete_schema",
    "encode",
    "fit_scales",
    "infer",
    "list_folder",
    "read_previous",
    "read_split",
    "read_table",
    "resolve_images",
    "split_rows",
    "write_split",
]

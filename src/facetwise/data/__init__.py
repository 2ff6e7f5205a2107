"""Table to checked rows: reading, inference, schema from training rows, coded labels, splits. No torch."""

from facetwise.data._boxes import boxes
from facetwise.data._cells import ClassFinder
from facetwise.data._coded import Coded
from facetwise.data._columns import MULTILABEL_SEPARATORS
from facetwise.data._complete import complete_schema
from facetwise.data._corrections import correct
from facetwise.data._encode import encode, fit_scales, refuse_far_numbers
from facetwise.data._follow import PreviousSplit
from facetwise.data._groups import group_cells
from facetwise.data._infer import find_images, infer
from facetwise.data._listed import image_paths
from facetwise.data._notices import ROWS_SHOWN, Notice, counted, tell, unsaid
from facetwise.data._numbered import Numbered
from facetwise.data._paths import list_folder
from facetwise.data._read import read_table
from facetwise.data._readings import ColumnReading, Inference, Role
from facetwise.data._remote import (
    RemoteFolder,
    address_of,
    fetch_file,
    fetch_pictures,
    list_pictures,
    refuse_address,
)
from facetwise.data._resolve import resolve_images, resolve_pictures
from facetwise.data._rules_kept import RuleKept, broken_rules, rules_kept
from facetwise.data._sides import SIDES, declared_sides
from facetwise.data._spelled import Spelling, read_spelled
from facetwise.data._spelling import pieces
from facetwise.data._split import Split, split_rows
from facetwise.data._split_file import read_previous, read_split, write_split
from facetwise.data._suffixes import IMAGE_SUFFIXES
from facetwise.data._table import Table
from facetwise.data._weights import row_weights

__all__ = [
    "IMAGE_SUFFIXES",
    "MULTILABEL_SEPARATORS",
    "ROWS_SHOWN",
    "SIDES",
    "ClassFinder",
    "Coded",
    "ColumnReading",
    "Inference",
    "Notice",
    "Numbered",
    "PreviousSplit",
    "RemoteFolder",
    "Role",
    "RuleKept",
    "Spelling",
    "Split",
    "Table",
    "address_of",
    "boxes",
    "broken_rules",
    "complete_schema",
    "correct",
    "counted",
    "declared_sides",
    "encode",
    "fetch_file",
    "fetch_pictures",
    "find_images",
    "fit_scales",
    "group_cells",
    "image_paths",
    "infer",
    "list_folder",
    "list_pictures",
    "pieces",
    "read_previous",
    "read_spelled",
    "read_split",
    "read_table",
    "refuse_address",
    "refuse_far_numbers",
    "resolve_images",
    "resolve_pictures",
    "row_weights",
    "rules_kept",
    "split_rows",
    "tell",
    "unsaid",
    "write_split",
]

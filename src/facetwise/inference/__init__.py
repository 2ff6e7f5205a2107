"""Bundle to answers in bulk."""

from facetwise.inference._answers import Answers, Cell, answers_from
from facetwise.inference._arrow import lists_of, numbers, texts
from facetwise.inference._atomic import (
    sweep_parts,
    tensors_as_bytes,
    write_bytes,
    write_json,
    write_tensors,
    write_text,
    writing,
)
from facetwise.inference._bundle import FORMAT, NETWORK, Bundle, network_digest, read_bundle, write_bundle
from facetwise.inference._evidence import Evidence, evidence_from
from facetwise.inference._fetched import fetched, fetched_beside, fetched_file, fetched_rows
from facetwise.inference._fill import PROVENANCE, Filled, Sureness, fill_table
from facetwise.inference._formula import inert
from facetwise.inference._known import given_cells, known_cells
from facetwise.inference._learn import learn_class
from facetwise.inference._parts import Part, part_of
from facetwise.inference._pictures import (
    Described,
    Picture,
    cache_root,
    describe,
    describe_items,
    describe_table,
    listed_pictures,
)
from facetwise.inference._predictor import Predictor, logits_of
from facetwise.inference._saved import read_predictions, write_predictions
from facetwise.inference._sources import (
    Listed,
    describe_rows,
    describe_source,
    is_table,
    pictures_of,
    root_of,
)

__all__ = [
    "FORMAT",
    "NETWORK",
    "PROVENANCE",
    "Answers",
    "Bundle",
    "Cell",
    "Described",
    "Evidence",
    "Filled",
    "Listed",
    "Part",
    "Picture",
    "Predictor",
    "Sureness",
    "answers_from",
    "cache_root",
    "describe",
    "describe_items",
    "describe_rows",
    "describe_source",
    "describe_table",
    "evidence_from",
    "fetched",
    "fetched_beside",
    "fetched_file",
    "fetched_rows",
    "fill_table",
    "given_cells",
    "inert",
    "is_table",
    "known_cells",
    "learn_class",
    "listed_pictures",
    "lists_of",
    "logits_of",
    "network_digest",
    "numbers",
    "part_of",
    "pictures_of",
    "read_bundle",
    "read_predictions",
    "root_of",
    "sweep_parts",
    "tensors_as_bytes",
    "texts",
    "write_bundle",
    "write_bytes",
    "write_json",
    "write_predictions",
    "write_tensors",
    "write_text",
    "writing",
]

"""Bundle to answers in bulk."""

from facetwise.inference._answers import Answers, Cell, answers_from
from facetwise.inference._atomic import write_bytes, write_json, write_tensors, write_text
from facetwise.inference._bundle import FORMAT, Bundle, read_bundle, write_bundle
from facetwise.inference._predictor import Predictor, logits_of
from facetwise.inference._saved import read_predictions, write_predictions

__all__ = [
    "FORMAT",
    "Answers",
    "Bundle",
    "Cell",
    "Predictor",
    "answers_from",
    "logits_of",
    "read_bundle",
    "read_predictions",
    "write_bundle",
    "write_bytes",
    "write_json",
    "write_predictions",
    "write_tensors",
    "write_text",
]

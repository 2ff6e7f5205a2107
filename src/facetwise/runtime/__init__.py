"""An exported file to decisions, with ONNX Runtime, numpy and Pillow and nothing else.

Example:
    >>> from facetwise.runtime import load
    >>> load("model.onnx")(["a.jpg"])[0]["colour"].value  # doctest: +SKIP
    'red'
"""

from facetwise.runtime._facts import FILE_FORMAT, METADATA_KEY, Facts, Precision, facts_from, facts_text
from facetwise.runtime._model import LOGITS, VOTES, Model, load
from facetwise.runtime._wire import Contents, read_contents

__all__ = [
    "FILE_FORMAT",
    "LOGITS",
    "METADATA_KEY",
    "VOTES",
    "Contents",
    "Facts",
    "Model",
    "Precision",
    "facts_from",
    "facts_text",
    "load",
    "read_contents",
]

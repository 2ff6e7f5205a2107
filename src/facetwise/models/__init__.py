"""Features to packed logits: adapters, trunks, heads, depth. The backbones have a room of their own inside this one."""

from facetwise.models._attribute_groups import AttributeGroups, attribute_groups
from facetwise.models._beside import Beside
from facetwise.models._compose import build_model, ways_to_promise
from facetwise.models._depth import Depth
from facetwise.models._join import join_models
from facetwise.models._model import FacetModel, ModelOutput
from facetwise.models._norms import BatchNormBank
from facetwise.models._picture_reader import PRECISIONS, PictureReader
from facetwise.models._rows import RowOwners
from facetwise.models._statistics import batch_norms, running_statistics, still_statistics
from facetwise.models._units import depth_of_parameters, depth_units
from facetwise.models._words import WordRows, prompts_of, rows_from_words

__all__ = [
    "PRECISIONS",
    "AttributeGroups",
    "BatchNormBank",
    "Beside",
    "Depth",
    "FacetModel",
    "ModelOutput",
    "PictureReader",
    "RowOwners",
    "WordRows",
    "attribute_groups",
    "batch_norms",
    "build_model",
    "depth_of_parameters",
    "depth_units",
    "join_models",
    "prompts_of",
    "rows_from_words",
    "running_statistics",
    "still_statistics",
    "ways_to_promise",
]

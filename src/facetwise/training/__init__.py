"""Config and a table to a run folder."""

from facetwise.training._checkpoints import Checkpoint, read_checkpoint
from facetwise.training._optimizer import BlockAdamW, ParameterGroup
from facetwise.training._prepare import Prepared, Structure, infer_structure, prepare, read_structure
from facetwise.training._run import environment, run_training

__all__ = [
    "BlockAdamW",
    "Checkpoint",
    "ParameterGroup",
    "Prepared",
    "Structure",
    "environment",
    "infer_structure",
    "prepare",
    "read_checkpoint",
    "read_structure",
    "run_training",
]

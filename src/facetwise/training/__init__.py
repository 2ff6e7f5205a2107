"""Config and a table to a run folder."""

from facetwise.training._checkpoints import Checkpoint, read_checkpoint
from facetwise.training._folder import claim_folder
from facetwise.training._groups import parameter_groups
from facetwise.training._loop import Part, Step, fit, training_step
from facetwise.training._optimizer import BlockAdamW, ParameterGroup
from facetwise.training._prepare import Prepared, Structure, infer_structure, prepare, read_structure
from facetwise.training._run import environment, run_training
from facetwise.training._trained import Run, load

__all__ = [
    "BlockAdamW",
    "Checkpoint",
    "ParameterGroup",
    "Part",
    "Prepared",
    "Run",
    "Step",
    "Structure",
    "claim_folder",
    "environment",
    "fit",
    "infer_structure",
    "load",
    "parameter_groups",
    "prepare",
    "read_checkpoint",
    "read_structure",
    "run_training",
    "training_step",
]

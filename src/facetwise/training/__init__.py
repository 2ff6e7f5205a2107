"""Config and a table to a run folder."""

from facetwise.training._adding import Added
from facetwise.training._assemble import Assembled, make_part
from facetwise.training._build import build
from facetwise.training._checkpoints import Checkpoint, read_checkpoint
from facetwise.training._decisions import fit_decisions
from facetwise.training._deployed import Exported, export_run, verify_run
from facetwise.training._depth_report import depth_report
from facetwise.training._distributed import World, joined, rank_told
from facetwise.training._folder import begin_run, claim_folder, is_finished, own_config
from facetwise.training._given_away import from_pretrained
from facetwise.training._groups import parameter_groups
from facetwise.training._learned_backbone import refuse_untuned
from facetwise.training._lock import LOCK, hold
from facetwise.training._loop import fit
from facetwise.training._losses_of import check_losses_of
from facetwise.training._optimizer import BlockAdamW, ParameterGroup
from facetwise.training._part import Part
from facetwise.training._predicted_shard import predict_shard, shard_file
from facetwise.training._prepare import Prepared, Structure, infer_structure, prepare, read_structure
from facetwise.training._released import PreparedRelease, prepare_release
from facetwise.training._results import write_results
from facetwise.training._run import environment, run_training
from facetwise.training._signals import Stopping, stopping_on_signals
from facetwise.training._step import Step, training_step
from facetwise.training._teachers import Lesson, Teachers, check_teachers, describe_unlabelled
from facetwise.training._trained import Run, load
from facetwise.training._trial import Trial, run_trial
from facetwise.training._validation import Judgement, judge
from facetwise.training.augmentation import from_callable
from facetwise.training.tracking import TRACKERS, tracked

__all__ = [
    "LOCK",
    "TRACKERS",
    "Added",
    "Assembled",
    "BlockAdamW",
    "Checkpoint",
    "Exported",
    "Judgement",
    "Lesson",
    "ParameterGroup",
    "Part",
    "Prepared",
    "PreparedRelease",
    "Run",
    "Step",
    "Stopping",
    "Structure",
    "Teachers",
    "Trial",
    "World",
    "begin_run",
    "build",
    "check_losses_of",
    "check_teachers",
    "claim_folder",
    "depth_report",
    "describe_unlabelled",
    "environment",
    "export_run",
    "fit",
    "fit_decisions",
    "from_callable",
    "from_pretrained",
    "hold",
    "infer_structure",
    "is_finished",
    "joined",
    "judge",
    "load",
    "make_part",
    "own_config",
    "parameter_groups",
    "predict_shard",
    "prepare",
    "prepare_release",
    "rank_told",
    "read_checkpoint",
    "read_structure",
    "refuse_untuned",
    "run_training",
    "run_trial",
    "shard_file",
    "stopping_on_signals",
    "tracked",
    "training_step",
    "verify_run",
    "write_results",
]

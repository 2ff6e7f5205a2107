"""Config and a table to a run folder."""

from facetwise.training._assemble import Assembled, assemble, make_part
from facetwise.training._build import build
from facetwise.training._checkpoints import Checkpoint, read_checkpoint
from facetwise.training._decisions import fit_decisions
from facetwise.training._depth_report import depth_report
from facetwise.training._finished import FinishedRun
from facetwise.training._folder import as_begun, begin_run, claim_folder, is_finished, own_config
from facetwise.training._groups import parameter_groups
from facetwise.training._inspection import Inspection, inspect
from facetwise.training._learned_backbone import refuse_untuned
from facetwise.training._lock import LOCK, hold
from facetwise.training._loop import fit
from facetwise.training._losses_of import check_losses_of
from facetwise.training._mixtures import mixtures_of
from facetwise.training._optimizer import BlockAdamW, ParameterGroup
from facetwise.training._part import Part
from facetwise.training._prepare import Prepared, Structure, infer_structure, prepare, read_structure
from facetwise.training._released import PreparedRelease, prepare_release
from facetwise.training._reporting import groups_of, report_of
from facetwise.training._results import write_results
from facetwise.training._run import environment, run_training
from facetwise.training._signals import Stopping, stopping_on_signals
from facetwise.training._speed import Speed, measure_speed
from facetwise.training._step import Step, training_step
from facetwise.training._teachers import Lesson, Teachers, check_teachers, describe_unlabelled
from facetwise.training._trial import Trial, run_trial
from facetwise.training._validation import Judgement, judge
from facetwise.training.augmentation import from_callable
from facetwise.training.together import World, joined, rank_told
from facetwise.training.tracking import TRACKERS, tracked

__all__ = [
    "LOCK",
    "TRACKERS",
    "Assembled",
    "BlockAdamW",
    "Checkpoint",
    "FinishedRun",
    "Inspection",
    "Judgement",
    "Lesson",
    "ParameterGroup",
    "Part",
    "Prepared",
    "PreparedRelease",
    "Speed",
    "Step",
    "Stopping",
    "Structure",
    "Teachers",
    "Trial",
    "World",
    "as_begun",
    "assemble",
    "begin_run",
    "build",
    "check_losses_of",
    "check_teachers",
    "claim_folder",
    "depth_report",
    "describe_unlabelled",
    "environment",
    "fit",
    "fit_decisions",
    "from_callable",
    "groups_of",
    "hold",
    "infer_structure",
    "inspect",
    "is_finished",
    "joined",
    "judge",
    "make_part",
    "measure_speed",
    "mixtures_of",
    "own_config",
    "parameter_groups",
    "prepare",
    "prepare_release",
    "rank_told",
    "read_checkpoint",
    "read_structure",
    "refuse_untuned",
    "report_of",
    "run_training",
    "run_trial",
    "stopping_on_signals",
    "tracked",
    "training_step",
    "write_results",
]

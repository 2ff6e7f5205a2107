"""Schedules: the learning rates over the steps. One island per file; this table is the only list of them."""

from facetwise.training.schedules._cosine import CosineSchedule
from facetwise.training.schedules._linear import LinearSchedule
from facetwise.training.schedules._multistep import MultistepSchedule
from facetwise.training.schedules._none import ConstantSchedule
from facetwise.training.schedules._plateau import PlateauSchedule
from facetwise.training.schedules._schedule import Schedule
from facetwise.training.schedules._step import StepSchedule

SCHEDULES: dict[str, type[Schedule]] = {
    "none": ConstantSchedule,
    "cosine": CosineSchedule,
    "linear": LinearSchedule,
    "step": StepSchedule,
    "multistep": MultistepSchedule,
    "plateau": PlateauSchedule,
}

__all__ = [
    "SCHEDULES",
    "ConstantSchedule",
    "CosineSchedule",
    "LinearSchedule",
    "MultistepSchedule",
    "PlateauSchedule",
    "Schedule",
    "StepSchedule",
]

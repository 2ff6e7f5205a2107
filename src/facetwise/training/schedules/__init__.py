"""Schedules: the learning rates over the steps. One island per file; this table is the only list of them."""

from collections.abc import Mapping
from typing import Any

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


def create_schedule(name: str, options: Mapping[str, Any], *, steps: int, per_epoch: int, warmup: float) -> Schedule:
    """The schedule of that name; `warmup` is a share of the steps."""
    return SCHEDULES[name](steps=steps, per_epoch=per_epoch, warmup=int(warmup * steps), **options)


__all__ = [
    "SCHEDULES",
    "ConstantSchedule",
    "CosineSchedule",
    "LinearSchedule",
    "MultistepSchedule",
    "PlateauSchedule",
    "Schedule",
    "StepSchedule",
    "create_schedule",
]

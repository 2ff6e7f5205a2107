"""Tracking: the numbers of a run where a team looks at them. One island per file; this table is the only list."""

from facetwise.training.tracking._mlflow import MlflowTracker
from facetwise.training.tracking._none import NoTracker
from facetwise.training.tracking._tensorboard import TensorBoardTracker
from facetwise.training.tracking._tracked import flat, tracked
from facetwise.training.tracking._tracker import Tracker
from facetwise.training.tracking._wandb import WandbTracker

TRACKERS: dict[str, type[Tracker]] = {
    "none": NoTracker,
    "tensorboard": TensorBoardTracker,
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}

__all__ = [
    "TRACKERS",
    "MlflowTracker",
    "NoTracker",
    "TensorBoardTracker",
    "Tracker",
    "WandbTracker",
    "flat",
    "tracked",
]

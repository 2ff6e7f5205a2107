"""What the parts of a finished run ask of it; they never import the run itself."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from facetwise.config import Config
from facetwise.data import Table
from facetwise.events import Report, silent
from facetwise.inference import Bundle, Described, Predictor
from facetwise.models.backbones import Backbone
from facetwise.schema import Labels, Schema
from facetwise.training._prepare import Prepared

__all__ = ["FinishedRun"]


class FinishedRun(Protocol):
    """A finished run as its parts see it; see `Run`."""

    path: Path

    @property
    def bundle(self) -> Bundle:
        """The trained artefact."""
        ...

    @property
    def schema(self) -> Schema:
        """The vocabulary."""
        ...

    @property
    def config(self) -> Config:
        """The resolved configuration."""
        ...

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds."""
        ...

    @property
    def prepared(self) -> Prepared:
        """The run's own table."""
        ...

    @property
    def train_labels(self) -> Labels:
        """What the training rows say."""
        ...

    def predictor(self, checkpoint: str = "best_score") -> Predictor:
        """The bundle ready to answer."""
        ...

    def backbone(self) -> Backbone:
        """The backbone whose features the run reads."""
        ...

    def chosen_features(self, described: Described) -> np.ndarray:
        """What the model reads of some pictures."""
        ...

    def describe(
        self, table: Table, root: Path, *, report: Report = silent
    ) -> tuple[np.ndarray, np.ndarray, dict[int, tuple[str, str]]]:
        """Features of a new table, the readable rows, the issues."""
        ...

"""What the files of a finished run are written from: the face of `Run` that the rooms' pages look at."""

from pathlib import Path
from typing import Any, Protocol

from facetwise.config import Config
from facetwise.inference import Bundle, Predictor
from facetwise.schema import Schema
from facetwise.training._prepare import Prepared

__all__ = ["Finished"]


class Finished(Protocol):
    """A run whose bundle is there; see `Run`."""

    path: Path

    @property
    def schema(self) -> Schema:
        """The vocabulary."""
        ...

    @property
    def bundle(self) -> Bundle:
        """The trained artefact."""
        ...

    @property
    def config(self) -> Config:
        """The resolved configuration."""
        ...

    @property
    def metrics(self) -> dict[str, Any]:
        """`metrics.json`."""
        ...

    @property
    def prepared(self) -> Prepared:
        """The run's own table as it was trained on."""
        ...

    def predictor(self, checkpoint: str = "best_score") -> Predictor:
        """The bundle ready to answer."""
        ...

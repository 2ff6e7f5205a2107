"""No tracker."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facetwise.training.tracking._tracker import Tracker

__all__ = ["NoTracker"]


class NoTracker(Tracker):
    """The run folder is enough.

    Source: the default of this project: nothing is written elsewhere without being asked.
    """

    def begin(self, config: Mapping[str, Any], *, earlier: str | None) -> str | None:
        del config, earlier
        return None

    def row(self, numbers: Mapping[str, float], *, step: int) -> None:
        del numbers, step

    def end(self, numbers: Mapping[str, float], files: Sequence[Path]) -> None:
        del numbers, files

    def close(self) -> None:
        """Nothing is open."""

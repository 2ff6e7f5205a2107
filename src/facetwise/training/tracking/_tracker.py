"""What every tracker promises: numbers while training, files at the end, and that it never stands in the way."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Tracker"]


class Tracker(ABC):
    """Somewhere else that the numbers of a run are written to. `log.jsonl` has them all, whatever is chosen here.

    Nothing leaves the machine unless an option says so.

    Args:
        folder: The run folder.
    """

    def __init__(self, *, folder: Path) -> None:
        self.folder = folder
        # What its library raises where it cannot write; training goes on without it.
        self.failures: tuple[type[Exception], ...] = (OSError,)

    @abstractmethod
    def begin(self, config: Mapping[str, Any], *, earlier: str | None) -> str | None:
        """Open it; what names it there, for a run that is continued.

        Args:
            config: The resolved configuration.
            earlier: What `begin` returned before the run was stopped.

        Raises:
            UnavailableError: Its library is not installed.
        """

    @abstractmethod
    def row(self, numbers: Mapping[str, float], *, step: int) -> None:
        """Numbers by name, `losses/colour`, after so many steps."""

    @abstractmethod
    def end(self, numbers: Mapping[str, float], files: Sequence[Path]) -> None:
        """The measured result, and what is worth keeping beside it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it; also when the training was stopped."""

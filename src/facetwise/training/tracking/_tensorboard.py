"""Event files that TensorBoard draws."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facetwise.errors import UnavailableError
from facetwise.training.tracking._tracker import Tracker

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker(Tracker):
    """Event files in `tensorboard/` of the run folder: `tensorboard --logdir runs` draws all runs side by side.

    Source: `torch.utils.tensorboard.SummaryWriter`. What was written after the point that a stopped run continues from
    is hidden by its `purge_step`. Files are not kept there; the configuration is, as text.
    """

    def __init__(self, *, folder: Path) -> None:
        super().__init__(folder=folder)
        self._writer: Any = None
        self._config = ""

    def begin(self, config: Mapping[str, Any], *, earlier: str | None) -> str | None:
        del earlier
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UnavailableError(
                f"tracker=tensorboard needs TensorBoard ({error}). Fix: pip install tensorboard"
            ) from error
        self._open = SummaryWriter
        self._config = "\n".join(f"    {key}: {value}" for key, value in config.items())
        return None

    def row(self, numbers: Mapping[str, float], *, step: int) -> None:
        if self._writer is None:
            self._writer = self._open(str(self.folder / "tensorboard"), purge_step=step)
            self._writer.add_text("config", self._config, global_step=step)
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, global_step=step)
        self._writer.flush()

    def end(self, numbers: Mapping[str, float], files: Sequence[Path]) -> None:
        del files
        if self._writer is not None:
            for name, value in numbers.items():
                self._writer.add_scalar(name, value)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

"""Weights & Biases."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from facetwise.errors import UnavailableError, UserError
from facetwise.training.tracking._tracker import Tracker

__all__ = ["WandbTracker"]


class WandbTracker(Tracker):
    """A run of Weights & Biases: curves, the configuration, and the run's files as an artefact.

    Source: the client library's own interface (`wandb.init`, `Run.log`, `Artifact`). Offline unless asked: it writes
    `wandb/` in the run folder, and `wandb sync` uploads that. Its error reports to its makers, and its records of the
    machine, are switched off, unless the user's environment says otherwise.

    Args:
        project: Where it is filed.
        entity: The team or person; the account's own if not given.
        mode: offline; or online, which asks for the network and an account.
    """

    def __init__(
        self,
        *,
        folder: Path,
        project: str = "facetwise",
        entity: str | None = None,
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        super().__init__(folder=folder)
        self._project, self._entity, self._mode = project, entity, mode
        self._run: Any = None

    def begin(self, config: Mapping[str, Any], *, earlier: str | None) -> str | None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb
        except ImportError as error:
            raise UnavailableError(
                f"tracker=wandb needs its client library ({error}). Fix: pip install wandb"
            ) from error
        self.failures = (OSError, wandb.Error)
        self._library = wandb
        try:
            self._run = wandb.init(
                project=self._project, entity=self._entity, name=self.folder.name, dir=str(self.folder),
                config=dict(config), mode=self._mode, id=earlier, resume="allow" if earlier else None,
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, save_code=False),
            )  # fmt: skip
        except self.failures as error:
            raise UserError(
                f"Weights & Biases cannot begin a run: {error}. Fix: tracker.mode=offline, or tracker=none"
            ) from error
        return str(self._run.id)

    def row(self, numbers: Mapping[str, float], *, step: int) -> None:
        self._run.log(dict(numbers), step=step)

    def end(self, numbers: Mapping[str, float], files: Sequence[Path]) -> None:
        self._run.summary.update(dict(numbers))
        artefact = self._library.Artifact(f"run-{self._run.id}", type="run")
        for file in files:
            artefact.add_file(str(file))
        self._run.log_artifact(artefact)

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()

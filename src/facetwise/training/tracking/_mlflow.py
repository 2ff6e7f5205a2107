"""MLflow."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facetwise.errors import UnavailableError, UserError
from facetwise.training.tracking._tracker import Tracker

__all__ = ["MlflowTracker"]

# The server refuses parameters with longer texts.
_LONGEST = 6000


class MlflowTracker(Tracker):
    """A run of MLflow: curves, the configuration as parameters, and the run's files as artefacts.

    Source: `mlflow.MlflowClient`, which has no global state. The usage reports that MLflow sends to its makers are
    switched off, unless the user's environment says otherwise.

    Args:
        project: The experiment that it is filed under.
        uri: Of the tracking server or store; `mlflow.db` in the folder above the run's, so that runs lie side by side,
            if not given.
    """

    def __init__(self, *, folder: Path, project: str = "facetwise", uri: str | None = None) -> None:
        super().__init__(folder=folder)
        self._project, self._uri = project, uri
        self._client: Any = None
        self._id = ""
        self._ended = False

    def begin(self, config: Mapping[str, Any], *, earlier: str | None) -> str | None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            raise UnavailableError(f"tracker=mlflow needs MLflow ({error}). Fix: pip install mlflow") from error
        self.failures = (OSError, MlflowException)
        above = self.folder.resolve().parent
        try:
            self._client = MlflowClient(tracking_uri=self._uri or f"sqlite:///{above / 'mlflow.db'}")
            found = self._client.get_experiment_by_name(self._project)
            own = None if self._uri else (above / "mlflow-artifacts").as_uri()
            experiment = found.experiment_id if found else self._client.create_experiment(self._project, own)
            self._id = earlier or self._client.create_run(experiment, run_name=self.folder.name).info.run_id
            if earlier is None:
                for key, value in config.items():
                    self._client.log_param(self._id, key, str(value)[:_LONGEST])
            else:
                self._client.update_run(self._id, status="RUNNING")
        except (*self.failures, ImportError) as error:
            raise UserError(
                f"MLflow cannot begin a run: {error}. Fix: tracker.uri=ADDRESS of a server, or tracker=none"
            ) from error
        return self._id

    def row(self, numbers: Mapping[str, float], *, step: int) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._id, _allowed(name), value, step=step)

    def end(self, numbers: Mapping[str, float], files: Sequence[Path]) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._id, _allowed(name), value)
        for file in files:
            self._client.log_artifact(self._id, str(file))
        self._ended = True

    def close(self) -> None:
        if self._client is not None:
            self._client.set_terminated(self._id, status="FINISHED" if self._ended else "KILLED")


def _allowed(name: str) -> str:
    """A name that MLflow accepts: letters, digits, and a few signs; names of attributes are a stranger's.

    >>> _allowed("losses/colour (main)?")
    'losses/colour _main__'
    """
    return "".join(sign if sign.isalnum() or sign in "_-./ " else "_" for sign in name)[:250]

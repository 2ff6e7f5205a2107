"""Several trials of a sweep side by side: a round is asked for together, trained by others, and told in order."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from facetwise.config import Config
from facetwise.errors import ConfigError, RunError
from facetwise.events import Event, silent
from facetwise.studies._cells import SCRATCH
from facetwise.studies._variants import READ_FIELDS
from facetwise.training import Prepared, Stopping, Structure, prepare, run_trial

__all__ = ["Outcome", "SweepBench", "SweepTask", "hopeless_below", "tell"]


@dataclass(frozen=True, kw_only=True)
class SweepTask:
    """A trial to train: its number, its configuration, and per epoch the score below which it is given up."""

    number: int
    config: Config
    hopeless: Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of it: validation scores by epoch, the one of the picked checkpoint, pruned or not, or why not."""

    scores: tuple[tuple[int, float | None], ...]
    selected: float | None = None
    pruned: bool = False
    error: str | None = None


def hopeless_below(courses: Sequence[Mapping[int, float]], *, first_whole: int, first_epochs: int) -> dict[int, float]:
    """Per epoch the median of the scores of finished trials at that epoch: the rule by which a trial is given up.

    Args:
        courses: Of each trial that was trained to its end, the scores by epoch.
        first_whole: Trials before anything is given up.
        first_epochs: Epochs before anything is given up.

    >>> hopeless_below([{3: 0.2}, {3: 0.4}, {3: 0.6}], first_whole=3, first_epochs=2)
    {3: 0.4}
    """
    if len(courses) < first_whole:
        return {}
    epochs = sorted({epoch for course in courses for epoch in course if epoch > first_epochs})
    return {epoch: median(course[epoch] for course in courses if epoch in course) for epoch in epochs}


class _HopelessError(Exception):
    """Raised between two epochs of a trial whose best score is below the median of the others'."""


@dataclass(frozen=True, kw_only=True)
class SweepBench:
    """What a process needs to train any trial."""

    read: Structure
    features: Path | None
    folder: Path
    _rows: dict[str, Prepared] = field(default_factory=dict)

    def begin(self, stop: Stopping) -> Callable[[SweepTask], Outcome]:
        """Trials one after the other; rows stay in memory."""

        def run(task: SweepTask) -> Outcome:
            return self._run(task, stop)

        return run

    def _run(self, task: SweepTask, stop: Stopping) -> Outcome:
        scores: list[tuple[int, float | None]] = []

        def watch(event: Event) -> None:
            if event.kind != "epoch" or event.data is None:
                return
            scores.append((event.done, event.data["score"]))
            known = [score for _, score in scores if score is not None]
            limit = task.hopeless.get(event.done)
            if limit is not None and known and event.done < event.total and max(known) < limit:
                raise _HopelessError

        (self.folder / SCRATCH).mkdir(exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=self.folder / SCRATCH, ignore_cleanup_errors=True) as scratch:
                found = run_trial(
                    self._of(task.config), task.config, side="val", scratch=Path(scratch), report=watch, stop=stop
                )
            if found.selected is None:
                raise RunError(f"validation rows measure {task.config.select_by}. Found no label for it")
        except _HopelessError:
            return Outcome(scores=tuple(scores), pruned=True)
        except (ConfigError, RunError) as error:
            return Outcome(scores=tuple(scores), error=str(error))
        return Outcome(scores=tuple(scores), selected=found.selected)

    def _of(self, tree: Config) -> Prepared:
        key = tree.model_dump_json(include=set(READ_FIELDS))
        if key not in self._rows:
            self._rows[key] = prepare(self.read, tree, features=self.features, split_from=None, report=silent)
        return self._rows[key]


def tell(study: Any, trial: Any, outcome: Outcome, states: Any) -> None:
    """Write into the study what became of a trial."""
    for epoch, score in outcome.scores:
        trial.set_user_attr("epochs", epoch)
        if score is not None:
            trial.report(score, epoch)
    if outcome.error is not None:
        trial.set_user_attr("error", outcome.error)
    trial.set_user_attr("finished", True)
    if outcome.pruned:
        study.tell(trial, state=states.PRUNED)
    elif outcome.selected is None:
        study.tell(trial, state=states.FAIL)
    else:
        study.tell(trial, outcome.selected)

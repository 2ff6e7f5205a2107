"""Where the trainings of a study run: in this process, in several of this machine, or on a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from facetwise.errors import UserError
from facetwise.events import Event, Report
from facetwise.features import check_engine
from facetwise.inference import cache_root
from facetwise.studies._ray_workers import RayWorkers
from facetwise.studies._workers import Bench, Workers
from facetwise.training import Stopping

__all__ = ["Crowd", "Places"]


class Crowd(Protocol):
    """Who works tasks off, several at a time."""

    def run(self, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Yields (task, what is told of it) as they are done."""
        ...


@dataclass(frozen=True, kw_only=True)
class Places:
    """How many trainings at once, and where.

    Args:
        jobs: How many.
        engine: `local` or `ray`.
        address: Of a Ray cluster; None starts one in this machine.

    Raises:
        UserError: None of these, or a cluster that anybody may use.
    """

    jobs: int
    engine: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            fix = "write --jobs 2, or as many as there are cores"
            raise UserError(f"--jobs is at least 1. Found {self.jobs}. Fix: {fix}")
        check_engine(self.engine, self.address)

    def several(self, tasks: int) -> bool:
        """Whether so many tasks are for others than this process."""
        return tasks > 0 and (self.engine == "ray" or (self.jobs > 1 and tasks > 1))

    def crowd(
        self,
        bench: Bench,
        *,
        tasks: int,
        folder: Path,
        features: Path | None,
        images: Path,
        device: str,
        called: Callable[[Any], str],
        report: Report,
        stop: Stopping | None,
    ) -> AbstractContextManager[Crowd]:
        """Workers for a bench.

        Args:
            bench: What they work with.
            tasks: How many there will be, at most.
            folder: Of the study.
            features: A file of features in place of pictures.
            images: Folder of the pictures.
            device: That a training asks for.
            called: What a task is called in messages.
            report: Told when a worker has died.
            stop: Asked between two looks.
        """
        jobs = min(self.jobs, tasks)
        if self.engine == "local":
            return Workers(bench, jobs=jobs, stop=stop)
        return RayWorkers(
            bench, address=self.address, jobs=jobs, device=device, called=called,
            written=[folder] if features is not None else [folder, cache_root()],
            read=[images] if features is None else [features],
            warn=lambda said: report(Event("notice", said, data={"code": "worker_died"})), stop=stop,
        )  # fmt: skip

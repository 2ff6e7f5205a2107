"""Trainings on a Ray cluster: the same bench as in local processes, in actors that are replaced when they die.

Plain actors and the study's own files, not `ray.tune`. Its searchers keep a second journal of their own beside
Optuna's, ask for trials one at a time in an order that depends on who ends first, and copy checkpoints between nodes. A
sweep here asks for a round, tells it in order, and stops and continues by one file that local jobs write alike; what is
left for a cluster is to train what it is given, which is what actors do.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import torch

from facetwise.errors import RunError, UserError
from facetwise.features import Crew, joined_cluster
from facetwise.inference import cache_root
from facetwise.studies._workers import Bench
from facetwise.training import Stopping

__all__ = ["RayWorkers", "Trainer"]


class Trainer:
    """What an actor is: a bench, and the threads, the folder and the cache of the process that asked for it.

    Args:
        bench: What it works with.
        threads: Of a training; sums in another order differ in the last bits.
        folder: That relative paths start from.
        cache: Folder of all caches.
    """

    def __init__(self, bench: Bench, threads: int, folder: str, cache: str) -> None:
        with suppress(OSError):  # a node without it sees none of the paths that start there, and that is told
            os.chdir(folder)
        os.environ["FACETWISE_CACHE"] = cache
        torch.set_num_threads(threads)
        self._run = bench.begin(Stopping())

    def sees(self, paths: Sequence[str]) -> list[str]:
        """Those that are not there, as seen from this machine."""
        return [path for path in paths if not Path(path).exists()]

    def run(self, task: Any) -> tuple[Any, str | None]:
        """What is told about a task, or what the user has to mend."""
        try:
            return self._run(task), None
        except UserError as error:
            return None, str(error)


class RayWorkers:
    """As `Workers`, on a cluster; used as a context. Every node sees the study's folder and all data at one path.

    A training whose worker dies is done again by another one.

    Args:
        bench: What they work with.
        address: Of the cluster; None starts one in this machine, for this study.
        jobs: Trainings at once, at most. The threads of this process are shared out among them as among local jobs:
            numbers do not depend on where they are computed.
        device: That a training asks for; where the cluster has GPUs and it is not the CPU, each worker has one.
        called: What a task is called in messages.
        written, read: What every node has to see.
        warn: Told when a worker dies.
        stop: Asked between two looks.
    """

    def __init__(
        self,
        bench: Bench,
        *,
        address: str | None,
        jobs: int,
        device: str,
        called: Callable[[Any], str],
        written: Sequence[Path],
        read: Sequence[Path],
        warn: Callable[[str], None],
        stop: Stopping | None,
    ) -> None:
        self._bench, self._address, self._jobs, self._device = bench, address, jobs, device
        self._threads = max(1, torch.get_num_threads() // jobs)
        self._called, self._written, self._read, self._warn, self._stop = called, written, read, warn, stop
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            cluster = stack.enter_context(joined_cluster(self._address))
            self._crew = stack.enter_context(
                Crew(
                    cluster, Trainer, self._bench, self._threads, str(Path.cwd()), str(cache_root().absolute()),
                    places=self._jobs, cores=min(self._threads, cluster.most_cores()),
                    cards=cluster.has_cards(self._device), written=self._written, read=self._read, called=self._called,
                    fix="folders that all nodes share: --out, --images, --features, and FACETWISE_CACHE",
                    warn=self._warn, between=self._check,
                )
            )  # fmt: skip
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *about: object) -> None:
        self._stack.close()

    def _check(self) -> None:
        if self._stop is not None:
            self._stop.check(lambda: "between two trainings")

    def run(self, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Yields (task, what is told of it) as they are done.

        Raises:
            RunError: A worker met an error that the user can mend.
            UserError: A training over which three workers died; a cluster that cannot be used.
            Interrupted: Somebody has asked for a stop; trainings in work are lost, and the others are not begun.
        """
        for task, (result, error) in self._crew.run(tasks):
            if error is not None:
                raise RunError(error)
            yield task, result

"""Trainings in several processes: each takes the next task, and what it writes is there whole or not at all."""

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self

import torch

from facetwise.errors import Interrupted, RunError, UserError
from facetwise.training import Stopping

__all__ = ["Bench", "Workers"]

# Seconds between two looks at whether somebody wants a stop or a process has died.
LOOK = 0.2


class Bench(Protocol):
    """What a process works with; it is sent to every process once, so it holds plain data."""

    def begin(self, stop: Stopping) -> Callable[[Any], Any]:
        """In the process: what turns a task into what is told about it."""
        ...


class Workers:
    """Processes that work tasks off, one each at a time; used as a context, and gone at its end.

    The threads of this process are shared out among them: with two threads and two jobs each computes with one. A
    process whose parent is gone stops at its next step.

    Args:
        bench: What they work with.
        jobs: Processes.
        stop: Asked between two looks.
    """

    def __init__(self, bench: Bench, *, jobs: int, stop: Stopping | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._waiting, self._told, self._stop = context.Queue(), context.Queue(), stop
        threads = max(1, torch.get_num_threads() // jobs)
        given = (bench, self._waiting, self._told, threads, os.getpid())
        self._processes = [context.Process(target=_work, args=given, daemon=True) for _ in range(jobs)]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *about: object) -> None:
        for process in self._processes:
            if process.is_alive():
                process.terminate()
        for process in self._processes:
            process.join()

    def run(self, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Yields (task, what is told of it) as they are done; neighbours among the tasks share what a process keeps.

        Raises:
            RunError: A process met an error that the user can mend, or died.
            Interrupted: Somebody has asked for a stop; tasks in work are lost, and the others are not begun.
        """
        for task in tasks:
            self._waiting.put(task)
        left = len(tasks)
        while left:
            if self._stop is not None:  # each time: results may come so fast that nobody ever waits
                self._stop.check(lambda: "between two trainings")
            try:
                task, result, error = self._told.get(timeout=LOOK)
            except queue.Empty:
                _look(self._processes)
                continue
            if error is not None:
                raise RunError(error)
            left -= 1
            yield task, result


def _look(processes: Sequence[Any]) -> None:
    dead = [process.exitcode for process in processes if process.exitcode not in (None, 0)]
    if dead:
        raise RunError(
            f"a process that trained has ended with code {dead[0]} (a negative one is a signal; 9 is often memory). "
            "What was trained is kept. Fix: the same command again, with a smaller --jobs"
        )


def _work(bench: Bench, waiting: Any, told: Any, threads: int, parent: int) -> None:
    """The life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this one
    torch.set_num_threads(threads)

    def orphaned() -> None:
        if os.getppid() != parent:
            raise Interrupted("the process that asked for this is gone", code=1)

    run = bench.begin(Stopping(between=orphaned))
    while True:
        task = waiting.get()
        try:
            told.put((task, run(task), None))
        except Interrupted:
            return
        except UserError as error:
            told.put((task, None, str(error)))
            return

"""Trainings in several processes: each takes the next task, and what it writes is there whole or not at all."""

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch

from facetwise.errors import Interrupted, RunError, UserError
from facetwise.training import Stopping

__all__ = ["Bench", "in_processes"]

# Seconds between two looks at whether somebody wants a stop or a process has died.
LOOK = 0.2


class Bench(Protocol):
    """What a process works with; it is sent to every process once, so it holds plain data."""

    def begin(self, stop: Stopping) -> Callable[[Any], Any]:
        """In the process: what turns a task into what is told about it."""
        ...


def in_processes(bench: Bench, tasks: Sequence[Any], *, jobs: int, stop: Stopping | None) -> Iterator[tuple[Any, Any]]:
    """Work the tasks off in `jobs` processes; yields (task, what is told of it) as they are done.

    The threads of this process are shared out among them: with two threads and two jobs each computes with one. A
    process whose parent is gone stops at its next step.

    Args:
        bench: What they work with.
        tasks: Plain data, one after the other; neighbours share what a process keeps.
        jobs: Processes.
        stop: Asked between two looks.

    Raises:
        RunError: A process met an error that the user can mend, or died.
        Interrupted: Somebody has asked for a stop; tasks in work are lost, and the others are not begun.
    """
    context = multiprocessing.get_context("spawn")
    waiting, told = context.Queue(), context.Queue()
    for task in tasks:
        waiting.put(task)
    threads = max(1, torch.get_num_threads() // jobs)
    workers = [
        context.Process(target=_work, args=(bench, waiting, told, threads, os.getpid()), daemon=True)
        for _ in range(min(jobs, len(tasks)))
    ]
    try:
        for worker in workers:
            waiting.put(None)
            worker.start()
        left = len(tasks)
        while left:
            try:
                task, result, error = told.get(timeout=LOOK)
            except queue.Empty:
                _look(workers, stop)
                continue
            if error is not None:
                raise RunError(error)
            left -= 1
            yield task, result
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
        for worker in workers:
            if worker.pid is not None:
                worker.join()


def _look(workers: Sequence[Any], stop: Stopping | None) -> None:
    if stop is not None:
        stop.check(lambda: "between two trainings")
    dead = [worker.exitcode for worker in workers if worker.exitcode not in (None, 0)]
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
    while (task := waiting.get()) is not None:
        try:
            told.put((task, run(task), None))
        except Interrupted:
            return
        except UserError as error:
            told.put((task, None, str(error)))
            return

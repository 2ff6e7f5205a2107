"""Shards by several processes of one machine; a process that dies is replaced, and its shard is done again."""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from facetwise.errors import FacetwiseError, UserError
from facetwise.features._shards import Ledger, ShardDone, ShardTask
from facetwise.features._worker import ShardWorker, WorkerPlan

__all__ = ["run_in_processes"]

# A process that was told to end and has not after so long is ended.
SECONDS_TO_END = 5.0


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    line: Connection
    task: ShardTask | None = None


def run_in_processes(
    tasks: Sequence[ShardTask],
    plan: WorkerPlan,
    *,
    processes: int,
    told: Callable[[ShardDone], None],
    warn: Callable[[str], None],
) -> list[ShardDone]:
    """Do all tasks; the results in the order of the shards.

    Args:
        tasks: The shards.
        plan: What to do them with.
        processes: How many at once.
        told: Called with every shard that is done.
        warn: Told when a process dies.

    Raises:
        UserError: What a worker cannot do; a shard over which three of them died.
    """
    ledger = Ledger(tasks)
    with _crew(plan, min(processes, len(tasks))) as crew:
        for worker in crew:
            _give(worker, ledger)
        while ledger:
            lines = {worker.line: worker for worker in crew}
            for line in wait(list(lines)):
                worker = lines[line]  # ty: ignore[invalid-argument-type]
                try:
                    answer = worker.line.recv()
                except (EOFError, OSError):
                    crew[crew.index(worker)] = _replaced(worker, plan, ledger, warn)
                    continue
                if isinstance(answer, str):
                    raise UserError(answer)
                ledger.finish(answer)
                told(answer)
                _give(worker, ledger)
            for worker in crew:
                if worker.task is None:
                    _give(worker, ledger)
    return [ledger.done[task.shard] for task in tasks]


def _give(worker: _Worker, ledger: Ledger) -> None:
    worker.task = ledger.pending.popleft() if ledger.pending else None
    if worker.task is not None:
        with suppress(OSError):  # it has just died, which is noticed where it should have answered
            worker.line.send(worker.task)


def _replaced(worker: _Worker, plan: WorkerPlan, ledger: Ledger, warn: Callable[[str], None]) -> _Worker:
    """Another process in the place of one that died."""
    worker.process.join()
    code = worker.process.exitcode
    why = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    task = worker.task
    if task is not None:
        ledger.fail(task, why)
        warn(f"process {worker.process.pid} died ({why}); shard {task.shard} is done again")
    fresh = _started(plan)
    _give(fresh, ledger)
    return fresh


@contextmanager
def _crew(plan: WorkerPlan, processes: int) -> Generator[list[_Worker]]:
    crew: list[_Worker] = []
    try:
        for _ in range(processes):
            crew.append(_started(plan))  # noqa: PERF401 -- those that were started must be known if one cannot be
        yield crew
    finally:
        for worker in crew:
            worker.line.close()  # an idle process ends by itself
            if worker.task is not None:
                worker.process.terminate()
        for worker in crew:
            worker.process.join(SECONDS_TO_END)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _started(plan: WorkerPlan) -> _Worker:
    # Not forked: engines have threads, and a forked process would wait for one that it does not have.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, plan), daemon=True, name="facetwise-shards")
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(line: Connection, plan: WorkerPlan) -> None:
    """The life of a worker: until nobody has work for it, or nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    worker: ShardWorker | None = None
    while True:
        try:
            task: ShardTask = line.recv()
        except (EOFError, OSError):
            return
        try:
            worker = worker or ShardWorker(plan)
            answer: ShardDone | str = worker.run(task)
        except FacetwiseError as error:
            answer = str(error)
        with suppress(OSError):
            line.send(answer)

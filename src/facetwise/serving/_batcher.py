"""Work that waits in a bounded queue and is done a few pieces at a time."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from facetwise.serving._refusal import RefusedError

__all__ = ["Batcher"]

Work = TypeVar("Work")
Result = TypeVar("Result")

LOG = logging.getLogger("facetwise.serving")
# How quickly the measured rate follows: half of it is from the last ten batches.
FORGETTING = 0.93


@dataclass(eq=False)
class _Job(Generic[Work, Result]):
    work: Work
    key: Hashable
    future: "asyncio.Future[Result]"
    since: float = field(default_factory=time.perf_counter)


class Batcher(Generic[Work, Result]):
    """A bounded queue before a pool of threads.

    All pieces of a request are accepted, or none. A piece whose future is cancelled leaves the queue at once. Where a
    batch fails, each of its pieces is tried alone, so that one cannot take the others with it.

    Args:
        run: Does some pieces of work that have one key, on a thread: a result for each, in order.
        threads: Batches at the same time.
        batch: Pieces that are done together.
        queue: Pieces that wait.
        delay: Seconds that a batch waits for company.
        observe: Told the size of every batch and the longest wait in it.
    """

    def __init__(
        self, run: Callable[[Sequence[Work]], Sequence[Result]], *, threads: int, batch: int, queue: int,
        delay: float = 0.0, observe: Callable[[int, float], None] = lambda _size, _waited: None,
    ) -> None:  # fmt: skip
        self._run, self._threads, self._batch, self._queue, self._delay = run, threads, batch, queue, delay
        self._observe = observe
        self._waiting: deque[_Job[Work, Result]] = deque()
        self._some = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._rate = 0.0

    def __len__(self) -> int:
        """Pieces that wait."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether not even one piece would be accepted."""
        return len(self._waiting) >= self._queue

    @property
    def retry_after(self) -> int:
        """Whole seconds until what waits now will have been done."""
        return max(1, math.ceil(len(self._waiting) / self._rate)) if self._rate else 1

    def too_full(self) -> RefusedError:
        """What a client is told whose work does not fit."""
        message = f"the queue holds {self._queue} pictures and is full. Fix: try again later"
        return RefusedError(429, "queue_full", message, retry_after=self.retry_after)

    def start(self) -> None:
        """Begin to work; called within the loop that submits."""
        self._some = asyncio.Event()  # belongs to the loop that first waits for it
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="answers")
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._threads)]

    async def stop(self) -> None:
        """Stop working; what still waits is cancelled. Whoever drains waits for the futures first."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for job in list(self._waiting):
            job.future.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, pieces: Sequence[Work], *, key: Hashable = None) -> "list[asyncio.Future[Result]]":
        """Accept all pieces, or none.

        Args:
            pieces: The work.
            key: Only pieces of equal key are done together.

        Raises:
            RefusedError: 429, they do not fit.
        """
        if len(self._waiting) + len(pieces) > self._queue:
            raise self.too_full()
        loop = asyncio.get_running_loop()
        jobs = [_Job(work, key, loop.create_future()) for work in pieces]
        for job in jobs:
            job.future.add_done_callback(lambda future, job=job: self._forget(job) if future.cancelled() else None)
        self._waiting.extend(jobs)
        self._some.set()
        return [job.future for job in jobs]

    def _forget(self, job: _Job[Work, Result]) -> None:
        if job in self._waiting:
            self._waiting.remove(job)

    def _take(self, key: Hashable, count: int) -> list[_Job[Work, Result]]:
        taken: list[_Job[Work, Result]] = []
        while self._waiting and len(taken) < count and self._waiting[0].key == key:
            taken.append(self._waiting.popleft())
        if not self._waiting:
            self._some.clear()
        return taken

    async def _work(self) -> None:
        while True:
            await self._some.wait()
            if not self._waiting:  # another worker was quicker
                self._some.clear()
                continue
            key = self._waiting[0].key
            jobs = self._take(key, self._batch)
            if self._delay and len(jobs) < self._batch:
                await asyncio.sleep(self._delay)
                jobs += self._take(key, self._batch - len(jobs))
            jobs = [job for job in jobs if not job.future.done()]
            if jobs:
                await self._do(jobs)

    async def _do(self, jobs: list[_Job[Work, Result]]) -> None:
        began = time.perf_counter()
        self._observe(len(jobs), began - min(job.since for job in jobs))
        results, error = await self._attempt(jobs)
        if results is None and len(jobs) > 1:
            for job in jobs:
                await self._do([job])
            return
        took = max(1e-6, time.perf_counter() - began)
        rate = self._threads * len(jobs) / took
        self._rate = rate if not self._rate else FORGETTING * self._rate + (1 - FORGETTING) * rate
        for place, job in enumerate(jobs):
            if job.future.done():  # the client has gone
                continue
            if results is not None:
                job.future.set_result(results[place])
            else:
                LOG.error("the model failed", exc_info=error)
                message = "the model failed on this picture. Fix: try again; if it fails again, report it"
                job.future.set_exception(RefusedError(503, "model_failed", message, retry_after=1))

    async def _attempt(self, jobs: list[_Job[Work, Result]]) -> tuple[Sequence[Result] | None, BaseException | None]:
        """Results, or what went wrong; the future tells, so that nothing has to be caught here."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._run, [job.work for job in jobs])
        await asyncio.wait([future])
        error = future.exception()
        return (None, error) if error is not None else (future.result(), None)

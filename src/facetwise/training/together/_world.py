"""Several processes that train one model: every exchange between them. One process is a world of one.

`torchrun` starts the processes and tells each which one it is; here they meet, add numbers up, and part. What is
exchanged is tensors and bytes of ours, never pickled objects.
"""

import os
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from facetwise.errors import RunError, UserError
from facetwise.events import Event, Report, silent
from facetwise.training.together._peers import DONE, Peers
from facetwise.training.together._shards import is_sharded

__all__ = ["ALONE", "World", "joined", "rank_told"]

# Whoever waits is not lost: rank 0 may evaluate for hours. The dead are found by their heartbeat, not by a clock.
LONGEST_WAIT = timedelta(days=7)
# A thread of gloo's that lets go of a tensor needs Python's lock for that, and finds itself unwound through C++ that
# forbids it, with SIGABRT in place of the exit code, if Python is taking itself apart by then (torch 2.15: 2 of about
# 130 ends, with two to four pairs of ranks at once on two cores; none of 150 with this pause; 2026-11-23). To end its
# group as after success would wait for whoever waits for us; so it gets a moment in which nobody else wants the lock.
SECONDS_TO_LET_GO = 0.5
_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# How gloo and NCCL begin to say that somebody is gone.
_SIGNS_OF_LOSS = ("gloo", "nccl", "connection", "broken pipe")


class World(AbstractContextManager["World"]):
    """The processes that train together, as one of them sees them.

    Sums have the same bits on every rank, which is what keeps the ranks alike for ever: whatever is decided is decided
    from sums.

    Args:
        rank: Which one this is, from 0.
        size: How many there are.
        peers: Who tells which of them is gone.
    """

    def __init__(self, rank: int = 0, size: int = 1, peers: Peers | None = None) -> None:
        self.rank, self.size, self._peers = rank, size, peers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._peers is None:
            return
        self._peers.leave(DONE if error is None else str(error).splitlines()[0] if str(error) else type(error).__name__)
        if error is None:
            dist.destroy_process_group()  # its threads have ended when this has
        else:
            time.sleep(SECONDS_TO_LET_GO)

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def heard(self, report: Report) -> Report:
        """Reports of the one that leads; the others do the same, and need not say so."""
        return report if self.leads else silent

    def share(self, items: int) -> slice:
        """The consecutive items of this rank; the ranks' shares differ by one item at most.

        >>> [World(rank, 3).share(8) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
        """
        each, more = divmod(items, self.size)
        start = self.rank * each + min(self.rank, more)
        return slice(start, start + each + (self.rank < more))

    def sum(self, tensor: Tensor) -> Tensor:
        """Its sum over all ranks, the same bits on each."""
        if self.size == 1:
            return tensor
        found = tensor.detach().clone(memory_format=torch.contiguous_format)
        with self._exchange():
            dist.all_reduce(found)
        return found

    def total(self, tensor: Tensor) -> Tensor:
        """`sum` with a gradient: d Σ / d x_r is the sum of the ranks' gradients."""
        return _Total.apply(tensor, self)

    def most(self, number: int) -> int:
        """The largest of the ranks' numbers; whoever asks waits for all others."""
        if self.size == 1:
            return number
        found = torch.tensor([number])
        with self._exchange():
            dist.all_reduce(found, op=dist.ReduceOp.MAX)
        return int(found)

    def of_first(self, numbers: Sequence[float]) -> list[float]:
        """The numbers of rank 0."""
        if self.size == 1:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.float64)
        with self._exchange():
            dist.broadcast(found, src=0)
        return found.tolist()

    def bytes_of_first(self, content: bytes) -> bytes:
        """What rank 0 holds; of the others nothing is taken."""
        if self.size == 1:
            return content
        length = torch.tensor([len(content)])
        with self._exchange():
            dist.broadcast(length, src=0)
            found = torch.empty(int(length), dtype=torch.uint8)
            if self.leads:
                found = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
            dist.broadcast(found, src=0)
        return found.numpy().tobytes()

    def of_each(self, content: bytes) -> list[bytes]:
        """What each rank holds, in the order of the ranks."""
        if self.size == 1:
            return [content]
        lengths = torch.zeros(self.size, dtype=torch.int64)
        lengths[self.rank] = len(content)
        lengths = self.sum(lengths)
        found = torch.zeros(self.size, int(lengths.max()), dtype=torch.uint8)
        found[self.rank, : len(content)] = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
        rows = self.sum(found).numpy()
        return [row[:length].tobytes() for row, length in zip(rows, lengths.tolist(), strict=True)]

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """`.grad` becomes the sum over all ranks; None where it is None on each. Shards have theirs already."""
        if self.size == 1:
            return
        learned = [one for one in parameters if one.requires_grad and not is_sharded(one)]
        for kind in {(parameter.dtype, parameter.device) for parameter in learned}:
            alike = [parameter for parameter in learned if (parameter.dtype, parameter.device) == kind]
            reached = torch.tensor([parameter.grad is not None for parameter in alike]).to(alike[0])
            parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in alike]
            flat = self.sum(torch.cat([reached, *(part.reshape(-1) for part in parts)]))
            start = len(alike)
            for parameter, there in zip(alike, flat[: len(alike)].tolist(), strict=True):
                if there:
                    parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
                start += parameter.numel()

    @contextmanager
    def in_turn(self) -> Generator[None]:
        """Rank 0 first, the others after it: what it has put into a cache, they find there."""
        if self.size > 1 and not self.leads:
            self.most(0)
        yield
        if self.size > 1 and self.leads:
            self.most(0)

    @contextmanager
    def followers_wait(self) -> Generator[bool]:
        """Whether this is the rank that does the work of the block; the others come out of it when it has done it."""
        yield self.leads
        self.most(0)

    def same(self, what: str, digest: str) -> None:
        """Check that every rank sees what rank 0 sees.

        Raises:
            RunError: This one does not.
        """
        if self.bytes_of_first(digest.encode()) != digest.encode():
            raise RunError(
                f"the processes that train together see the same {what}. Found another on rank {self.rank} of "
                f"{self.size}. Fix: give every machine the same files under the same names"
            )

    @contextmanager
    def exchanging(self) -> Generator[None]:
        """Of work that talks to the others on the way: a lost connection is told as everywhere, any other error is not.

        Raises:
            RunError: Another process is gone.
        """
        try:
            yield
        except RuntimeError as error:
            told = str(error).lower()
            if self._peers is None or not any(sign in told for sign in _SIGNS_OF_LOSS):
                raise
            raise self._peers.lost(error) from error

    @contextmanager
    def _exchange(self) -> Generator[None]:
        try:
            yield
        except RuntimeError as error:  # torch says no more than that a connection is closed
            assert self._peers is not None, "several processes know each other"
            raise self._peers.lost(error) from error


class _Total(torch.autograd.Function):
    """A sum over the ranks, there and back."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, world: World) -> Tensor:
        ctx.world = world
        return world.sum(tensor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor, None]:
        return ctx.world.sum(above[0]), None


ALONE = World()


def rank_told() -> int:
    """Which of several processes this one is, by what `torchrun` has told it; 0 where it was started alone.

    >>> rank_told()
    0
    """
    return int(os.environ["RANK"]) if all(name in os.environ for name in _TOLD) else 0


def joined(report: Report = silent) -> World:
    """The world that `torchrun` has made this process a part of; a world of one where it has not.

    The ranks talk by NCCL where each has a GPU of its own, and by gloo otherwise.

    Args:
        report: Told how many there are.

    Raises:
        UserError: The others cannot be reached.
    """
    if not all(name in os.environ for name in _TOLD) or int(os.environ["WORLD_SIZE"]) == 1:
        return ALONE
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local = int(os.environ.get("LOCAL_RANK", rank))
    backend, cards = "gloo", torch.cuda.device_count()
    if cards:
        torch.cuda.set_device(local % cards)
        backend = "cpu:gloo,cuda:nccl" if cards >= int(os.environ.get("LOCAL_WORLD_SIZE", size)) else "gloo"
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    # torchrun keeps its store when it starts the processes again: without a name of its own every attempt would look
    # for the addresses of the one before (torch 2.15 gives none).
    attempt = f"facetwise/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    hosts = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        store = dist.TCPStore(host, port, is_master=hosts, timeout=LONGEST_WAIT, wait_for_workers=False)
        meeting = dist.PrefixStore(f"{attempt}/meeting", store)
        dist.init_process_group(backend, store=meeting, rank=rank, world_size=size, timeout=LONGEST_WAIT)
        # Of its own: a wait in one thread must not hold up the heartbeat in another.
        store = dist.TCPStore(host, port, is_master=False, timeout=timedelta(seconds=60))
        notes = dist.PrefixStore(f"{attempt}/notes", store)
        peers = Peers(notes, rank=rank, size=size, silent=_give_up)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"rank {rank} of {size} reaches the others at {host}:{port}. Found: {first}. "
            "Fix: start all with torchrun, or unset RANK and WORLD_SIZE"
        ) from error
    if rank == 0:
        report(Event("summary", f"processes   {size}, by {backend}"))
    return World(rank, size, peers)


def _give_up(said: str) -> None:
    """Leave while the main thread waits for somebody who will not come; nothing of it is half written by now.

    The last words are an error's: nobody's report stands between them and the reader.
    """
    with suppress(OSError):
        os.write(2, f"facetwise: {said}\n".encode())
    os._exit(2)

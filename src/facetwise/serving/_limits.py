"""How much the server takes on: everything that waits, grows or lasts has a bound."""

import os
from dataclasses import dataclass

from facetwise.errors import UserError

__all__ = ["Limits"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of a server.

    Args:
        queue: Pictures that wait; a request that does not fit is answered 429.
        batch: Pictures that go through the model together; 1 makes answers equal to the last bit in any company.
        delay: Seconds that a batch waits for company. On a CPU company saves little, and waiting costs every request.
        threads: Batches at the same time; 0 for as many as there are cores.
        explain: Pictures that wait to be explained, each as dear as some eighty answers, and done one after the other;
            0: the server does not explain.
        explain_deadline: Seconds after which one of these is answered 503.
        deadline: Seconds after which a request that still waits is answered 503.
        pictures: Pictures of one request.
        upload: Bytes of one request's body.
        held: Bytes of all bodies that are held at the same time.
        patience: Seconds that a client may take for headers, for a body, and to read an answer.
        connections: Open at the same time.
        drain: Seconds that answers may take after SIGTERM.

    Raises:
        UserError: A bound that is none.
    """

    queue: int = 64
    batch: int = 8
    delay: float = 0.0
    threads: int = 0
    explain: int = 4
    explain_deadline: float = 60.0
    deadline: float = 10.0
    pictures: int = 64
    upload: int = 32 * MEBIBYTE
    held: int = 256 * MEBIBYTE
    patience: float = 20.0
    connections: int = 512
    drain: float = 10.0

    def __post_init__(self) -> None:
        above = ("queue", "batch", "deadline", "explain_deadline", "pictures", "upload", "held", "patience",
                 "connections", "drain")  # fmt: skip
        for name in above:
            if not getattr(self, name) > 0:
                raise UserError(f"`{name}` should be above 0. Found {getattr(self, name)}. Fix: leave it out")
        for name in ("delay", "threads", "explain"):
            if getattr(self, name) < 0:
                raise UserError(f"`{name}` should not be below 0. Found {getattr(self, name)}. Fix: leave it out")

    @property
    def most_pictures(self) -> int:
        """Pictures of one request that can ever be accepted."""
        return min(self.pictures, self.queue)

    @property
    def most_threads(self) -> int:
        """Threads that answer."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.threads or cores

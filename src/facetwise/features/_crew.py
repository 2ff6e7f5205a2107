"""Actors of a Ray cluster that work tasks off, one each at a time; one that dies is replaced, its task done again."""

import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from facetwise.errors import UserError
from facetwise.features._cluster import Cluster

__all__ = ["ATTEMPTS", "Crew"]

# A task that kills its third worker would kill a fourth; the same of workers that die before their first one.
ATTEMPTS = 3
# Seconds between two looks at whether somebody wants a stop.
LOOK = 0.2
# Seconds without any worker after which it is said that they wait for a place.
PATIENCE = 30.0


class Crew:
    """Actors that are replaced when they die; used as a context, and gone at its end.

    Args:
        cluster: Where they live.
        worker: A class with `run(task)` and `sees(paths)`, which gives back those paths that are not there.
        given: What it is made with; of what is large, one copy per node travels.
        places: Actors at most.
        cores: Each one's share of the CPU.
        cards: Whether each has a GPU.
        written: Folders into which actors write and which are read here, or the other way round.
        read: Files and folders that they need.
        called: What a task is called in messages.
        fix: What a user does who has not shared a folder.
        warn: Told when an actor dies.
        between: Called several times a second, and may raise.
    """

    def __init__(
        self,
        cluster: Cluster,
        worker: type,
        *given: Any,
        places: int,
        cores: int = 1,
        cards: bool = False,
        written: Sequence[Path] = (),
        read: Sequence[Path] = (),
        called: Callable[[Any], str] = str,
        fix: str,
        warn: Callable[[str], None],
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster, self._ray = cluster, cluster.ray
        self._kind = self._ray.remote(num_gpus=1 if cards else 0, num_cpus=cores, max_restarts=0)(worker)
        self._given = [self._ray.put(one) for one in given]
        self._places, self._called, self._fix, self._warn, self._between = places, called, fix, warn, between
        # Of the same name may be another disk: what is written to is held to a file that was made just now.
        self._probes = [folder.absolute() / f"probe-{uuid4().hex}.part" for folder in written]
        self._wanted = [str(path) for path in (*self._probes, *(path.absolute() for path in read))]
        # What an actor does: a task with its place among all of them; nothing while it is only getting ready.
        self._busy: dict[Any, tuple[Any, tuple[int, Any] | None]] = {}
        self._idle: list[Any] = []
        self._stillborn, self._ready, self._began, self._said = 0, False, time.monotonic(), False

    def __enter__(self) -> Self:
        for probe in self._probes:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
        return self

    def __exit__(self, *about: object) -> None:
        for actor in (*self._idle, *(actor for actor, _ in self._busy.values())):
            self._kill(actor)
        for probe in self._probes:
            probe.unlink(missing_ok=True)

    def run(self, tasks: Sequence[Any]) -> Generator[tuple[Any, Any]]:
        """Yields (task, what `run` has given back) as they are done, each once.

        Raises:
            UserError: What a worker has raised; a task over which three of them died; a cluster on which none can
                begin, or which does not see what it has to.
        """
        pending, attempts, left = deque(enumerate(tasks)), Counter[int](), len(tasks)
        while left:
            while len(self._busy) + len(self._idle) < min(self._places, left):
                self._hire()
            self._deal(pending)
            if (done := self._next(pending, attempts)) is not None:
                left -= 1
                self._deal(pending)  # nobody waits for whoever takes the result
                yield done

    def _deal(self, pending: deque[tuple[int, Any]]) -> None:
        """Tasks to whoever has none."""
        while self._idle and pending:
            actor, task = self._idle.pop(), pending.popleft()
            self._busy[actor.run.remote(task[1])] = (actor, task)

    def _next(self, pending: deque[tuple[int, Any]], attempts: Counter[int]) -> tuple[Any, Any] | None:
        """The next task that is done; None after a while without one, or if an actor got ready or died."""
        ready = self._cluster.wait(list(self._busy), seconds=LOOK)
        self._between()
        if not ready:
            self._tell_patience()
            return None
        actor, task = self._busy.pop(ready[0])
        errors = self._ray.exceptions
        try:
            told = self._ray.get(ready[0])
        except errors.RayTaskError as error:
            self._kill(actor)
            raise _cause(error) from error
        except errors.RayError as error:  # the actor, its node, or what it gave back is gone
            self._bury(actor, task, pending, attempts, _last_line(error))
            return None
        if task is None and told:
            self._kill(actor)
            raise UserError(
                f"every node of the cluster sees the same files at the same paths. Found a node that does not see, or "
                f"sees another disk at, {', '.join(sorted({_folder(path) for path in told}))}, unlike "
                f"{socket.gethostname()}. Fix: {self._fix}"
            )
        self._idle.append(actor)
        self._ready = True
        return None if task is None else (task[1], told)

    def _hire(self) -> None:
        """Another actor; it gets work once it has a place in the cluster, which may be never."""
        actor = self._kind.remote(*self._given)
        self._busy[actor.sees.remote(self._wanted)] = (actor, None)

    def _bury(
        self, actor: Any, task: tuple[int, Any] | None, pending: deque[tuple[int, Any]], attempts: Counter[int],
        why: str,
    ) -> None:  # fmt: skip
        """An actor is dead: what it did is done again by whoever is free, and another one is looked for.

        Raises:
            UserError: It is always the same task; or no actor lives long enough to begin.
        """
        self._kill(actor)
        if task is None:
            self._stillborn += 1
            if self._stillborn >= ATTEMPTS:
                raise UserError(f"a worker can be started on the cluster. Found: {why}. Fix: install facetwise there")
            return
        attempts[task[0]] += 1
        if attempts[task[0]] >= ATTEMPTS:
            raise UserError(
                f"{self._called(task[1])} is done by a worker that lives. Found {ATTEMPTS} that died over it ({why}). "
                "Fix: fewer at once if memory ran out; what was computed is kept"
            )
        pending.appendleft(task)
        self._warn(f"an actor died; {self._called(task[1])} is done again")

    def _kill(self, actor: Any) -> None:
        """One that is only out of reach must not go on with what somebody else does again."""
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(actor)

    def _tell_patience(self) -> None:
        if not self._ready and not self._said and time.monotonic() - self._began > PATIENCE:
            self._said = True
            self._warn(
                f"no worker has begun after {PATIENCE:.0f} s: the cluster has no free place, or is slow to start"
            )


def _cause(error: Any) -> Exception:
    """What the worker said, as if it had been said here."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UserError) else UserError(f"a worker failed: {_last_line(error)}")


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _folder(path: str) -> str:
    """What a user knows of a probe: the folder that it is in."""
    return str(Path(path).parent) if path.endswith(".part") else path

"""Shards by Ray: one actor per device keeps the backbone; paths travel, pictures are decoded where the actor is."""

import importlib
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from facetwise.errors import UnavailableError, UserError
from facetwise.features._shards import ATTEMPTS, Ledger, ShardDone, ShardTask
from facetwise.features._worker import ShardWorker, WorkerPlan

__all__ = ["check_address", "run_in_ray"]

# Of an actor on a CPU; a shard's threads are its own affair.
CORES_PER_ACTOR = 1


def check_address(address: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The address of a cluster that may be used: this machine's own, or one that asks who is calling.

    Whoever reaches a Ray cluster runs code on it, and may send code back.

    Args:
        address: `host:port`, `ray://host:port`, or nothing for a cluster of this process's own.
        environment: Where Ray is told about authentication.

    Raises:
        UserError: A cluster beyond this machine without authentication; or one that Ray would look for by itself.

    >>> check_address("127.0.0.1:6379", {}), check_address(None, {})
    ('127.0.0.1:6379', 'local')
    """
    if address in (None, "local"):
        return "local"
    if address == "auto":
        raise UserError("a cluster is named by its address. Found 'auto'. Fix: --address HOST:PORT")
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    if _is_loopback(host) or environment.get("RAY_AUTH_MODE", "").lower() == "token":
        return address
    raise UserError(
        f"a cluster beyond this machine asks for a token. Found {address!r} without one: whoever reaches it runs code "
        "there. Fix: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) here and on every node"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def run_in_ray(
    tasks: Sequence[ShardTask],
    plan: WorkerPlan,
    *,
    address: str | None,
    actors: int,
    told: Callable[[ShardDone], None],
    warn: Callable[[str], None],
) -> list[ShardDone]:
    """Do all tasks; the results in the order of the shards. Every node sees the pictures and the cache at one path.

    Args:
        tasks: The shards.
        plan: What to do them with.
        address: Of the cluster; None starts one in this machine, for itself.
        actors: How many; 0 is one per GPU of the cluster, or per core where it has none.
        told: Called with every shard that is done.
        warn: Told when an actor dies.

    Raises:
        UnavailableError: Ray is not installed.
        UserError: The cluster cannot be used, or does not see the cache; a shard over which three actors died.
    """
    where = check_address(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise UnavailableError('Ray is not installed. Fix: pip install "facetwise[ray]"') from error
    ours = not ray.is_initialized()
    if ours:
        alone = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if where == "local" else {}
        try:
            ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **alone)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"a Ray cluster answers at {where}. Found: {first}. Fix: check --address") from error
    try:
        return _Crew(ray, plan, told, warn).run(tasks, actors)
    finally:
        if ours:
            ray.shutdown()


class _Crew:
    """Actors that are replaced when they die."""

    def __init__(
        self, ray: Any, plan: WorkerPlan, told: Callable[[ShardDone], None], warn: Callable[[str], None]
    ) -> None:
        self._ray, self._plan, self._told, self._warn = ray, plan, told, warn
        cards = plan.device not in ("cpu", "torch:cpu") and ray.cluster_resources().get("GPU", 0) >= 1
        self._kind = ray.remote(num_gpus=1 if cards else 0, num_cpus=CORES_PER_ACTOR, max_restarts=0)(ShardWorker)
        self._busy: dict[Any, tuple[Any, ShardTask | None]] = {}
        self._idle: list[Any] = []
        self._stillborn = 0
        self._places = int(ray.cluster_resources().get("GPU" if cards else "CPU", 1))

    def run(self, tasks: Sequence[ShardTask], actors: int) -> list[ShardDone]:
        """All tasks."""
        ledger = Ledger(tasks)
        self._same_cache(self._hire())
        for _ in range(min(actors or self._places, len(tasks)) - 1):
            self._hire()
        while ledger:
            [ready], _ = self._ray.wait(list(self._busy), num_returns=1)
            actor, task = self._busy.pop(ready)
            try:
                done = self._ray.get(ready)
            except self._ray.exceptions.RayActorError as error:
                self._bury(task, ledger, str(error).splitlines()[0])
            except self._ray.exceptions.RayTaskError as error:
                raise _cause(error) from error
            else:
                self._idle.append(actor)
                if task is not None:
                    ledger.finish(done)
                    self._told(done)
            while self._idle and ledger.pending:
                actor, task = self._idle.pop(), ledger.pending.popleft()
                self._busy[actor.run.remote(task)] = (actor, task)
        return [ledger.done[task.shard] for task in tasks]

    def _hire(self) -> Any:
        """Another actor; it gets work once it has a place in the cluster, which may be never."""
        actor = self._kind.remote(self._plan)
        self._busy[actor.sees.remote(self._plan.cache)] = (actor, None)
        return actor

    def _bury(self, task: ShardTask | None, ledger: Ledger, why: str) -> None:
        """An actor is dead: what it did is done again by whoever is free, and another one is looked for.

        Raises:
            UserError: It is always the same shard; or no actor lives long enough to begin.
        """
        if task is not None:
            ledger.fail(task, why)
            self._warn(f"an actor died; shard {task.shard} is done again")
        else:
            self._stillborn += 1
            if self._stillborn >= ATTEMPTS:
                raise UserError(f"a worker can be started on the cluster. Found: {why}. Fix: install facetwise there")
        self._hire()

    def _same_cache(self, actor: Any) -> None:
        """Rows that an actor writes have to be found here."""
        probe = Path(self._plan.cache) / f"probe-{uuid4().hex}.part"
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        try:
            seen = self._ray.get(actor.sees.remote(str(probe)))
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        except self._ray.exceptions.RayActorError as error:
            told = str(error).splitlines()[0]
            raise UserError(f"a worker can be started on the cluster. Found: {told}. Fix: install facetwise there") \
                from error  # fmt: skip
        finally:
            probe.unlink(missing_ok=True)
        if not seen:
            raise UserError(
                f"every node of the cluster sees the cache at the same path. Found another disk at {self._plan.cache!r}"
                f" than on {socket.gethostname()}. Fix: --cache with a folder that is shared"
            )


def _cause(error: Any) -> Exception:
    """What the worker said, as if it had been said here."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UserError) else UserError(f"a worker failed: {str(error).splitlines()[-1]}")

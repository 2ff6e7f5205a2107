"""A Ray cluster, joined for a while: only one that asks who is calling, and without taking this process's signals."""

import importlib
import ipaddress
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from facetwise.errors import UnavailableError, UserError, nearest
from facetwise.features._knock import LET_IN, PROGRAM, TURNED_AWAY

__all__ = ["Cluster", "check_address", "check_engine", "joined_cluster"]

ENGINES = ("local", "ray")
# Where nobody is, Ray gives up after 40.
SECONDS_TO_ANSWER = 90


def check_address(address: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The address of a cluster that may be used: this machine's own, or one where this process has a token to show.

    Whoever reaches a Ray cluster runs code on it, and may send code back. Whether the cluster looks at the token is
    known when it is joined.

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
    if not _is_beyond(address) or environment.get("RAY_AUTH_MODE", "").lower() == "token":
        return address
    raise UserError(
        f"a cluster beyond this machine asks for a token. Found {address!r} without one: whoever reaches it runs code "
        "there. Fix: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) here and on every node"
    )


def _is_beyond(address: str) -> bool:
    """Whether others than this machine may answer there."""
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    if host == "localhost":
        return False
    with suppress(ValueError):
        return not ipaddress.ip_address(host).is_loopback
    return True


def _refuse_open(address: str) -> None:
    """Nothing, but for a cluster that does not turn away a wrong token: a child process brings one.

    What this process is told about tokens says nothing about the cluster, which may let in whoever brings any.

    Args:
        address: `host:port` or `ray://host:port`.

    Raises:
        UserError: It let the caller in; or nobody answers there.
    """
    own = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_TOKEN_PATH"}
    child = [sys.executable, "-P", PROGRAM, address]
    try:
        ended = subprocess.run(  # noqa: S603 -- a file of ours, by this Python
            child, env={**own, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)},
            capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        code, said = None, [f"silence for {SECONDS_TO_ANSWER} s"]
    else:
        code, said = ended.returncode, ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
    if code == TURNED_AWAY:
        return
    if code == LET_IN:
        raise UserError(
            f"a cluster beyond this machine asks for a token. Found {address!r}, which let in a caller with a wrong "
            "one: whoever reaches it runs code there. Fix: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or "
            "RAY_AUTH_TOKEN_PATH) on every node, and start the cluster again"
        )
    raise UserError(
        f"a Ray cluster at {address} turns away a wrong token before it is joined. Found: {said[-1]}. "
        "Fix: check --address; the cluster's Ray is 2.52 or newer, and every node of it has RAY_AUTH_MODE=token"
    )


def check_engine(engine: str, address: str | None) -> None:
    """Refuse an engine that is none, and an address that belongs to no engine or may not be used.

    Raises:
        UserError: One of these.
    """
    if engine not in ENGINES:
        raise UserError(f"an engine is local or ray. Found {engine!r}. Fix: {nearest(engine, ENGINES)}")
    if engine == "ray":
        check_address(address)
    elif address is not None:
        raise UserError(f"--address is that of a Ray cluster. Found {address!r} without one. Fix: add --engine ray")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that was joined.

    Args:
        ray: The package.
        heed: Answers the signals that have come meanwhile, and may raise.
    """

    ray: Any
    heed: Callable[[], None]

    def wait(self, references: Sequence[Any], *, seconds: float) -> list[Any]:
        """Those of one that is ready, or none after so many seconds; signals are answered before it returns."""
        ready, _ = self.ray.wait(list(references), num_returns=1, timeout=seconds)
        self.heed()
        return ready

    def has_cards(self, device: str) -> bool:
        """Whether work for a device takes a GPU of this cluster."""
        return device not in ("cpu", "torch:cpu") and self.ray.cluster_resources().get("GPU", 0) >= 1

    def places(self, *, cards: bool) -> int:
        """GPUs of the cluster, or its cores."""
        return int(self.ray.cluster_resources().get("GPU" if cards else "CPU", 1))

    def cores_each(self, actors: int, *, cards: bool) -> int:
        """The most cores that each of so many actors can have, with a GPU each if they take `cards`.

        Where the machines differ, small ones may stay without an actor: the others would wait for the smallest.
        """
        own = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        places = [(int(has.get("CPU", 0)), int(has.get("GPU", 0)) if cards else actors) for has in own]
        for cores in range(max((cores for cores, _ in places), default=1), 1, -1):
            if sum(min(most, there // cores) for there, most in places) >= actors:
                return cores
        return 1

    def most_cores(self) -> int:
        """Of the machine that has most."""
        own = [node["Resources"].get("CPU", 0) for node in self.ray.nodes() if node["Alive"]]
        return max(1, int(max(own, default=1)))


@contextmanager
def joined_cluster(address: str | None) -> Generator[Cluster]:
    """Join a cluster, or start one for this process alone, until the block ends.

    Raises:
        UnavailableError: Ray is not installed.
        UserError: The address may not be used, or nobody answers there; a cluster that lets in whoever calls.
    """
    where = check_address(address)
    if where != "local" and _is_beyond(where) and find_spec("ray") is not None:
        _refuse_open(where)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with _signals_kept() as kept:
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
            except SystemExit:  # SIGTERM meanwhile, which Ray has answered in its own way
                kept.note(signal.SIGTERM)
                kept.heed()
                raise
        try:
            kept.put()
            yield Cluster(ray=ray, heed=kept.heed)
        finally:
            if ours:
                ray.shutdown()


@dataclass(kw_only=True)
class _Kept:
    """Signals that are noted when they come and answered when Ray is not in the middle of something.

    Ray takes SIGTERM for itself when it starts (`sys.exit`), and what a handler raises while Ray waits is lost there:
    its check for signals passes on KeyboardInterrupt and SystemExit alone.
    """

    before: dict[int, Any]
    waiting: list[int] = field(default_factory=list)

    def put(self) -> None:
        """Take the signals, again if somebody else has taken them."""
        for number, known in self.before.items():
            signal.signal(number, self.note if callable(known) else known)

    def note(self, number: int, frame: object = None) -> None:
        """A signal has come."""
        del frame
        self.waiting.append(number)
        if len(self.waiting) > 1:  # somebody is in a hurry
            self.heed()

    def heed(self) -> None:
        """Hand on what has come."""
        while self.waiting:
            number = self.waiting.pop(0)
            self.before[number](number, None)


@contextmanager
def _signals_kept() -> Generator[_Kept]:
    """The handlers of this process stay its own; only the main thread has any."""
    known = {}
    if threading.current_thread() is threading.main_thread():
        known = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    kept = _Kept(before={number: handler for number, handler in known.items() if handler is not None})
    kept.put()
    try:
        yield kept
    finally:
        for number, handler in kept.before.items():
            signal.signal(number, handler)
    kept.heed()

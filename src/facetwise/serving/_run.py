"""The server in this process: a socket, signals, and an end that loses nothing."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from types import FrameType

import uvicorn

from facetwise.errors import Interrupted, UserError
from facetwise.serving._app import make_app
from facetwise.serving._connections import guarded
from facetwise.serving._gate import LOOPBACK
from facetwise.serving._limits import Limits
from facetwise.serving._metrics import Metrics
from facetwise.serving._served import Holder, Served

__all__ = ["check_exposure", "serve"]

LOG = logging.getLogger("facetwise.serving")
# Long enough that nobody guesses it.
TOKEN_SHORTEST = 16


def check_exposure(host: str, token: str | None, *, insecure: bool) -> None:
    """Beyond this machine, a token.

    Raises:
        UserError: None, or one that can be guessed.
    """
    if token is not None and (len(token) < TOKEN_SHORTEST or not token.isascii() or not token.isprintable()):
        raise UserError(
            f"a token has at least {TOKEN_SHORTEST} plain characters. Found {len(token)}. "
            "Fix: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    if token is None and host not in LOOPBACK and not insecure:
        raise UserError(
            f"whoever reaches {host} could use this server. Fix: --token-file FILE or --token-env NAME; or --insecure "
            "where something in front of it asks who is there"
        )


def serve(
    load: Callable[[], Served],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    insecure: bool = False,
    allow_hosts: Collection[str] = (),
    limits: Limits | None = None,
    watch: Path | None = None,
    every: float = 0.0,
    opened: Callable[[str, Served], None] = lambda _url, _served: None,
) -> None:
    """Answer until somebody says stop.

    SIGTERM and Ctrl-C let what was accepted be answered; SIGHUP takes the model from the disk again.

    Args:
        load: Gives the model as it is on the disk now.
        host: Address to listen on.
        port: 0 for any that is free.
        token: What clients show.
        insecure: No token beyond this machine, on purpose.
        allow_hosts: More names that the server is called by.
        limits: The bounds.
        watch: A file; when it changes, the model is taken from the disk again.
        every: Seconds between two looks at it; 0: never.
        opened: Told the address once the socket is open.

    Raises:
        UserError: The address is taken, or may not be used like this.
        BundleError: The model was refused.
        Interrupted: Always in the end: 143 after SIGTERM, 130 after Ctrl-C.
    """
    check_exposure(host, token, insecure=insecure)
    limits, metrics = limits or Limits(), Metrics()
    hosts = _names(host, token, allow_hosts)
    holder = Holder(load, batch=limits.batch)
    app = make_app(holder, limits=limits, token=token, hosts=hosts, metrics=metrics)
    sock = _listen(host, port)
    where = f"[{host}]" if ":" in host else host
    opened(f"http://{where}:{sock.getsockname()[1]}", holder.current)
    config = uvicorn.Config(
        app, http=guarded(limits), ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=max(1, round(limits.drain)), timeout_keep_alive=5,
        h11_max_incomplete_event_size=32 * 1024,
    )  # fmt: skip
    with _ending():
        asyncio.run(_answer(uvicorn.Server(config), sock, holder, metrics, watch if every else None, every))


def _names(host: str, token: str | None, allowed: Collection[str]) -> set[str] | None:
    """Names that the server answers to; None: any.

    On this machine without a token its own: a page that rebinds its name to 127.0.0.1 must get nothing. Elsewhere any,
    unless some are named: who has rebound a name has no token.
    """
    if allowed:
        return {*allowed, *LOOPBACK, host}
    return {*LOOPBACK, host} if token is None and host in LOOPBACK else None


async def _answer(
    server: uvicorn.Server, sock: socket.socket, holder: Holder, metrics: Metrics, watch: Path | None, every: float
) -> None:
    loop, tasks = asyncio.get_running_loop(), set()

    async def reload() -> None:
        metrics.count("facetwise_reloads_total", outcome=await holder.reload())

    def ask() -> None:
        task = loop.create_task(reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        loop.add_signal_handler(signal.SIGHUP, ask)
    if watch is not None:
        tasks.add(loop.create_task(_watched(watch, every, reload)))
    try:
        await server.serve([sock])
    finally:
        for task in tasks:
            task.cancel()


async def _watched(path: Path, every: float, reload: Callable) -> None:
    """Reload when the file has become another one and has stopped changing."""
    answered = before = _mark(path)
    while True:
        await asyncio.sleep(every)
        now = _mark(path)
        if now is not None and now == before and now != answered:
            await reload()
            answered = now
        before = now


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    try:
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        reason = error.strerror or str(error)
        raise UserError(f"{host} port {port} cannot be used: {reason}. Fix: another --port or --host") from error
    sock.set_inheritable(True)
    return sock


@contextlib.contextmanager
def _ending() -> Generator[None]:
    """Name the signal that ended it: uvicorn drains first, and raises it again afterwards."""

    def end(number: int, _: FrameType | None) -> None:
        code = 130 if number == signal.SIGINT else 143
        raise Interrupted("stopped. What had been accepted was answered.", code=code)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)

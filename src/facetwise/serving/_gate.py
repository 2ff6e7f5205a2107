"""What every request passes before anything of it is parsed: who, how much, and what is said of it afterwards."""

import asyncio
import contextlib
import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from facetwise.serving._limits import Limits
from facetwise.serving._metrics import Metrics
from facetwise.serving._refusal import RefusedError

__all__ = ["LOOPBACK", "Gate", "problem_of"]

LOG = logging.getLogger("facetwise.serving")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What anybody may ask who reaches the port: the page holds no data, and probes carry no token.
OPEN = ("/", "/healthz", "/readyz")
# Who reads a body.
ASKED = ("/v1/predict", "/v1/explain")
ROUTES = (*OPEN, *ASKED, "/v1/schema", "/metrics", "/openapi.json")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
# Pages of strangers get nothing from an answer, and no answer is ever a page of theirs.
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_CLOSED = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def problem_of(refusal: RefusedError, request_id: str, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The document of a refusal."""
    complaints = [
        {"place": each.place, "column": each.column, "rule": each.rule, "found": each.found, "fix": each.fix}
        for each in refusal.complaints
    ]
    error = {"code": refusal.code, "message": str(refusal), "complaints": complaints}
    return {"request_id": request_id, "error": error, **({} if rows is None else {"rows": rows})}


class Gate:
    """Everything around the application that does not depend on what is asked.

    Args:
        app: The application.
        limits: The bounds.
        metrics: What is counted.
        token: Asked of every request but those of `OPEN`; None: anybody may ask.
        hosts: Names that this server is called by; None: any, which only a token makes safe. A page of a stranger
            that rebinds its name to this machine is refused by its name.
        busy: The refusal while nothing more fits into the queue of a path, else None.
    """

    def __init__(
        self, app: Callable[[Any, Receive, Send], Awaitable[None]], *, limits: Limits, metrics: Metrics,
        token: str | None = None, hosts: Iterable[str] | None = LOOPBACK, busy: Callable[[str], RefusedError | None],
    ) -> None:  # fmt: skip
        self._app, self._limits, self._metrics, self._busy = app, limits, metrics, busy
        self._token = None if token is None else token.encode()
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        self._held = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """The application with a gate."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Passage(self, scope, receive, send).run()

    def check(self, scope: Any, headers: dict[bytes, bytes]) -> int:
        """The bytes to set aside for the body.

        Raises:
            RefusedError: Everything that can be said before the body is read.
        """
        path, body = scope["path"], scope["method"] == "POST" and scope["path"] in ASKED
        self._check_host(headers)
        if self._token is not None and path not in OPEN:
            told = headers.get(b"authorization", b"")
            scheme, _, secret = told.partition(b" ")
            # Compared even where the scheme is wrong: how long it takes says nothing.
            same = hmac.compare_digest(secret.strip(), self._token)
            if scheme.lower() != b"bearer" or not same:
                raise RefusedError(401, "token", "a token is needed. Fix: send the header Authorization: Bearer TOKEN")
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise RefusedError(415, "content_encoding", "bodies are read as they are. Fix: send no Content-Encoding")
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length[:19]) > self._limits.upload):
            raise self._too_large()
        reserved = 0
        if body:
            reserved = self._limits.upload if length is None else int(length)
            if self._held + reserved > max(self._limits.held, self._limits.upload):
                raise RefusedError(503, "memory", "other uploads fill the memory. Fix: try again later", retry_after=1)
        elif length not in (None, b"0") or b"transfer-encoding" in headers:
            # Nobody else reads a body.
            reserved = 0
        return reserved

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        told = headers.get(b"host", b"").decode("latin-1")
        found = _HOST.fullmatch(told)
        if found is None:
            raise RefusedError(400, "host", "the header Host is missing or damaged")
        name = found[1].strip("[]").lower()
        if self._hosts is not None and name not in self._hosts:
            raise RefusedError(421, "host", "this server has another name. Fix: start it with --allow-host NAME")
        origin = headers.get(b"origin")
        if origin is not None and origin.partition(b"://")[2].decode("latin-1").lower() != told.lower():
            raise RefusedError(403, "origin", "pages of other sites get no answers")

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413, "too_large", f"a request has at most {self._limits.upload:,} bytes. Fix: send fewer pictures"
        )

    @contextlib.contextmanager
    def hold(self, count: int) -> Any:
        """Set bytes aside as long as a request lasts."""
        self._held += count
        try:
            yield
        finally:
            self._held -= count

    # What a passage needs of the gate.
    @property
    def parts(self) -> tuple[Any, Limits, Metrics, Callable[[str], RefusedError | None]]:
        """Application, bounds, counters, queue."""
        return self._app, self._limits, self._metrics, self._busy

    def refuse_size(self) -> RefusedError:
        """A body that is longer than it said, or than it may be."""
        return self._too_large()


class _Passage:
    """One request on its way."""

    def __init__(self, gate: Gate, scope: Any, receive: Receive, send: Send) -> None:
        self._gate, self._scope, self._receive, self._send = gate, scope, receive, send
        self._app, self._limits, self._metrics, self._busy = gate.parts
        # Of a repeated header the last counts; those that are checked are refused when repeated.
        self._headers = dict(scope["headers"])
        told = self._headers.get(b"x-request-id", b"").decode("latin-1")
        self._id = told if _ID.fullmatch(told) else uuid.uuid4().hex
        self._began = time.perf_counter()
        self._until = self._began + self._limits.patience
        self._read, self._whole, self._status = 0, False, 0

    async def run(self) -> None:
        self._scope.setdefault("state", {})["request_id"] = self._id
        try:
            reserved = self._check()
            with self._gate.hold(reserved):
                await self._app(self._scope, self._bounded, self._dressed)
        except RefusedError as refusal:
            await self._refuse(refusal)
        finally:
            self._tell()

    def _check(self) -> int:
        for name in (b"host", b"content-length", b"authorization", b"content-encoding"):
            if sum(key == name for key, _ in self._scope["headers"]) > 1:
                raise RefusedError(400, "headers", f"the header {name.decode()} stands there twice")
        reserved = self._gate.check(self._scope, self._headers)
        if reserved and (refusal := self._busy(self._scope["path"])) is not None:
            raise refusal
        return reserved

    async def _bounded(self) -> Message:
        """The body, counted, and only as long as the client has time."""
        if self._whole:
            return await self._receive()
        left = self._until - time.perf_counter()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, left))
        except TimeoutError as error:
            raise RefusedError(408, "slow", f"a body arrives within {self._limits.patience:g} s") from error
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._read > self._limits.upload:
                raise self._gate.refuse_size()
        return message

    async def _dressed(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            own = {key.lower() for key, _ in message["headers"]}
            added = [(b"x-request-id", self._id.encode()), *_SAFE, (b"content-security-policy", _CLOSED)]
            message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in own)]
        await self._send(message)

    async def _refuse(self, refusal: RefusedError) -> None:
        if self._status:  # half an answer has gone out; nothing can be added
            return
        if refusal.status in (429, 503):
            await self._swallow()
        body = json.dumps(problem_of(refusal, self._id)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.retry_after is not None:
            headers.append((b"retry-after", str(refusal.retry_after).encode()))
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await self._dressed({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _swallow(self) -> None:
        """Read what is left and forget it, so that the client hears the answer and the connection can go on."""
        try:
            while not self._whole:
                if (await self._bounded())["type"] != "http.request":
                    return
        except RefusedError:
            return

    def _tell(self) -> None:
        seconds = time.perf_counter() - self._began
        route = self._scope["path"] if self._scope["path"] in ROUTES else "other"
        status = str(self._status or 499)
        self._metrics.count("facetwise_requests_total", route=route, status=status)
        self._metrics.measure("facetwise_request_seconds", seconds)
        told = {
            "id": self._id, "method": self._scope["method"][:20], "path": self._scope["path"][:200],
            "status": int(status), "seconds": round(seconds, 4), "bytes": self._read,
            **self._scope["state"].get("told", {}),
        }  # fmt: skip
        LOG.info("request", extra={"told": told})

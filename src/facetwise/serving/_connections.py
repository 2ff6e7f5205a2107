"""Connections that take longer than a client may, or are too many, are closed."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from facetwise.serving._limits import Limits

__all__ = ["guarded"]

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json\r\n"
_BODY = b'{"request_id": "", "error": {"code": "connections", "message": "too many connections", "complaints": []}}'


# A connection that is closed while the client still sends is reset, and the client never reads why.
LINGER = 0.5


class _First(asyncio.Protocol):
    """What a connection meets first: it is handed to uvicorn, or told that there are too many.

    Counted here and not where the protocol is made: of a burst, all are made before the first is connected.

    Args:
        limits: The bounds.
        parts: What uvicorn makes its protocol from.
    """

    def __init__(self, limits: Limits, parts: dict[str, Any]) -> None:
        self._limits, self._parts = limits, parts

    def connection_made(self, transport: Any) -> None:
        """Decide; what a refused client sends is thrown away."""
        if len(self._parts["server_state"].connections) >= self._limits.connections:
            transport.write(_BUSY + b"content-length: %d\r\n\r\n" % len(_BODY) + _BODY)
            transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER, transport.close)
            return
        protocol = H11Protocol(**self._parts)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        _look_after(protocol, self._limits)


def _look_after(protocol: H11Protocol, limits: Limits) -> None:
    """Close the connection when nothing comes of it."""
    loop = asyncio.get_running_loop()
    # For its body, for its answer, and for the client to take it.
    longest = 2 * limits.patience + limits.deadline

    def look(before: Any, since: float) -> None:
        transport = protocol.transport
        if transport.is_closing():
            return
        cycle, now = protocol.cycle, loop.time()
        if cycle is not before:
            since = now
        idle = cycle is None or cycle.response_complete
        if idle and now - since >= limits.patience:
            transport.close()  # what was written is still sent
            return
        if now - since >= longest:
            transport.abort()
            return
        loop.call_later(limits.patience / 2, look, cycle, since)

    loop.call_later(limits.patience / 2, look, None, loop.time())


def guarded(limits: Limits) -> Any:
    """What uvicorn makes a connection with.

    uvicorn closes a connection that is idle after an answer; one that never finishes its first line, or sends one
    letter a second, it keeps for ever. Here every connection is looked at from time to time: the request that it was
    busy with must have changed, or an answer must still be on its way within its own time.

    Args:
        limits: The bounds.
    """

    def make(**parts: Any) -> asyncio.Protocol:
        return _First(limits, parts)

    return make

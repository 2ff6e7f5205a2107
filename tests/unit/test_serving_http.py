"""A server in a process of its own, over a raw socket: malformed HTTP, slow clients, and an end that loses nothing."""

import hashlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from facetwise.errors import BundleError, UserError
from facetwise.inference.exporting import ServerAnswering
from facetwise.schema import VALUE
from made_served import made_file, picture, served, write_model

# The bounds of the command, and a short patience, which it has no option for.
_STARTER = """
import sys
from pathlib import Path
from facetwise.cli._door import enter
from facetwise.serving import Limits, load_served, serve
path = Path(sys.argv[1])
def run(arguments, **_):
    serve(lambda: load_served(path), port=0, limits=Limits(threads=1, patience=0.6, upload=100_000, connections=30),
          opened=lambda url, _: print(url, flush=True))
sys.exit(enter(run, []))
"""


class _Server:
    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _STARTER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def tell(self, data: bytes) -> bytes:
        """What comes back until the server closes, or has answered."""
        with self.connect() as sock:
            sock.sendall(data)
            return _answer(sock)


def _answer(sock: socket.socket) -> bytes:
    found = b""
    try:
        while part := sock.recv(65536):
            found += part
            head, _, body = found.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length and len(body) >= int(length[1]):
                break
    except ConnectionResetError:
        pass
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[_Server]:
    own = _Server(write_model(tmp_path_factory.mktemp("served")))
    deadline = time.monotonic() + 30
    while b" 200 " not in own.tell(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield own
    own.process.kill()
    own.process.communicate()


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"


def _form(data: bytes) -> bytes:
    body = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n' + data + b"\r\n--x--\r\n"
    return FORM + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"\x00\xff" * 40 + b"\r\n\r\n", (400,)),
        (b"GET\r\n\r\n", (400,)),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", (200, 400, 505)),
        (b"GET / HTTP/1.1\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", (200, 400, 431)),
        (GET + b"".join(b"X%d: 1\r\n" % n for n in range(9000)) + b"\r\n", (200, 400, 431)),
        (b"GET /%ff%fe%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", (404,)),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", (404,)),
        (b"GET /v1/predict HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
        (GET + b"Range: bytes=" + b",".join(b"0-0" for _ in range(7000)) + b"\r\n\r\n", (200,)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", (200,)),
        (HEAD + b"Content-Length: -1\r\n\r\n", (400,)),
        (HEAD + b"Content-Length: 10737418240\r\n\r\n", (413,)),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", (400,)),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 415)),
        (HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", (400,)),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", (400, 501)),
        (HEAD + FORM + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", (415,)),
        (HEAD + _form(b"no picture"), (422,)),
        (HEAD + _form(b"\xff\xd8\xff" + b"\0" * 500), (422,)),
        (HEAD + FORM + b"Content-Length: 50\r\n\r\n--x\r\nContent-Disposition: form-data; name=\xff\xfe", (400, 408)),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, bytes) else "",
)  # fmt: skip
def test_malformed_requests_are_refused_and_the_server_goes_on(
    server: _Server, data: bytes, statuses: tuple[int, ...]
) -> None:
    began = time.monotonic()
    told = server.tell(data)
    assert time.monotonic() - began < 5
    assert int(told.split(b" ", 2)[1]) in statuses, told[:300]
    assert b" 200 " in server.tell(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_names_of_any_bytes_come_back_as_text(server: _Server) -> None:
    """File names that are not UTF-8, and those that are markup."""
    for name in (b"\xff\xfe.png", "\u00e4\U0001f457.png".encode(), b"<script>.png", b"..%2f..%2fa.png"):
        data = picture()
        body = b'--x\r\nContent-Disposition: form-data; name="images"; filename="' + name + b'"\r\n\r\n' + data
        body += b"\r\n--x--\r\n"
        told = server.tell(HEAD + FORM + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert b" 200 " in told, told[:300]
        assert json.loads(told.partition(b"\r\n\r\n")[2].decode())["rows"][0]["cells"]


@pytest.mark.parametrize(
    "start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX", HEAD + b"Content-Length: 9\r\n\r\nab"]
)
def test_a_client_that_never_ends_is_left(server: _Server, start: bytes) -> None:
    """Slow-loris: one letter now and then keeps no connection open."""
    began = time.monotonic()
    with server.connect() as sock:
        sock.settimeout(0.1)
        sock.sendall(start)
        while time.monotonic() - began < 10:
            try:
                if sock.recv(1000) == b"":
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                break
            try:
                sock.sendall(b"a" if start else b"")
            except ConnectionError:
                break
    assert time.monotonic() - began < 5


def test_connections_have_a_bound(server: _Server) -> None:
    socks = [server.connect() for _ in range(45)]
    try:
        time.sleep(0.3)
        # Those that were accepted and say nothing are closed too, after their patience, without a word.
        told = [found for sock in select.select(socks, [], [], 5)[0] if (found := _answer(sock))]
        assert len(told) >= 5
        assert all(each.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1" in each for each in told)
    finally:
        for sock in socks:
            sock.close()
    time.sleep(0.2)
    assert b" 200 " in server.tell(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_a_server_is_asked_as_a_file_is(server: _Server) -> None:
    """What `facetwise verify --against` does: the same decisions, and no other file than the one that was named."""
    own = served().model
    digest = hashlib.sha256(made_file()[0]).hexdigest()
    url = f"http://127.0.0.1:{server.port}"
    pictures = np.empty(5, dtype=object)
    pictures[:] = [picture(n) for n in range(5)]
    found, _ = ServerAnswering(url, facts=own.facts, digest=digest).answer(pictures)
    expected = own.decide(np.stack([own.pixels(each) for each in pictures]))
    for name in ("scores", "chances", "applies", "confidence"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.state, expected.state)
    valued = expected.state == VALUE
    np.testing.assert_array_equal(found.index[valued], expected.index[valued])
    for place, block in enumerate(own.schema.layout().blocks):
        rows = valued[:, place]
        np.testing.assert_array_equal(found.members[rows, block.scores], expected.members[rows, block.scores])
    with pytest.raises(BundleError, match="serves another file"):
        ServerAnswering(url, facts=own.facts, digest="0" * 64)
    with pytest.raises(UserError, match="does not answer"):
        ServerAnswering("http://127.0.0.1:1", facts=own.facts, digest=digest)
    with pytest.raises(UserError, match="an address like"):
        ServerAnswering("file:///etc/passwd", facts=own.facts, digest=digest)


def test_sigterm_answers_what_was_accepted(tmp_path: Path) -> None:
    """Bar 24, and the exit code says by whom it was ended. SIGHUP before it changes nothing."""
    own = _Server(write_model(tmp_path))
    while b" 200 " not in own.tell(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        time.sleep(0.05)
    own.process.send_signal(signal.SIGHUP)
    told: list[bytes] = []
    request = HEAD + _form(picture(3))
    socks = [own.connect() for _ in range(12)]
    for sock in socks:
        sock.sendall(request[:-10])
    time.sleep(0.3)  # all of them have been accepted

    def end(sock: socket.socket) -> None:
        sock.sendall(request[-10:])
        told.append(_answer(sock))

    threads = [threading.Thread(target=end, args=(sock,)) for sock in socks]
    os.kill(own.process.pid, signal.SIGTERM)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    _, log = own.process.communicate(timeout=20)
    for sock in socks:
        sock.close()
    assert own.process.returncode == 143, log
    assert [each.split(b" ", 2)[1] for each in told] == [b"200"] * 12
    assert "What had been accepted was answered" in log
    with pytest.raises(ConnectionRefusedError):
        own.connect()

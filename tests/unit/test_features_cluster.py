"""Which cluster beyond this machine is joined: one that turns away a wrong token, and no other."""

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from facetwise.errors import UserError
from facetwise.features import joined_cluster

TOKEN = "0123456789abcdef" * 2
# Below those that Ray's workers take.
PORTS = range(7000, 9900)


def _free_ports(host: str, count: int) -> list[int]:
    """Ports of an address that nobody listens at; Ray wants to be told the one of its proxy."""
    found = []
    with ExitStack() as stack:
        for port in PORTS:
            one = stack.enter_context(socket.socket())
            with suppress(OSError):
                one.bind((host, port))
                found.append(port)
            if len(found) == count:
                return found
    pytest.skip("no free port")


def _host() -> str:
    """An address of this machine at which others reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        with suppress(OSError):
            one.connect(("192.0.2.1", 9))  # nothing is sent: this only asks which way it would go
        host = one.getsockname()[0]
    if host.startswith(("127.", "0.")):
        pytest.skip("this machine has no address but its own")
    return host


@contextmanager
def _head(mode: str) -> Iterator[tuple[str, str]]:
    """A cluster with or without authentication: the addresses of its head and of its proxy."""
    host = _host()
    port, proxy = _free_ports(host, 2)
    folder = Path(tempfile.mkdtemp(prefix="fw-"))  # of a longer name Ray can make no socket
    words = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "1",
        "--node-ip-address", host, "--port", str(port), "--ray-client-server-port", str(proxy),
        "--include-dashboard", "false", "--temp-dir", str(folder),
    ]  # fmt: skip
    own = {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
    with (folder / "said").open("w") as said:
        head = subprocess.Popen(
            words, env={**os.environ, **own}, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        until = time.monotonic() + 120
        while "Ray runtime started" not in (folder / "said").read_text():
            assert head.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < until
            time.sleep(0.2)
        yield f"{host}:{port}", f"ray://{host}:{proxy}"
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_cluster_that_lets_in_whoever_calls_is_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = importlib.import_module("ray")
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("it was joined"))
    with _head("disabled") as addresses:
        for address in addresses:
            with pytest.raises(UserError, match="let in a caller with a wrong one"), joined_cluster(address):
                pass


# In a process of its own: Ray reads its token once.
JOIN = """
import sys
from facetwise.features import joined_cluster
with joined_cluster(sys.argv[1]) as cluster:
    print("cores", cluster.places(cards=False))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("token")
def test_a_cluster_that_turns_away_a_wrong_token_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    with _head("token") as (head, proxy):
        ended = subprocess.run([sys.executable, "-c", JOIN, head], capture_output=True, text=True, check=False)
        assert ended.stdout.splitlines() == ["cores 1"], ended.stderr
        # At the proxy no client begins a driver for long; the question is answered at once.
        ray, met = importlib.import_module("ray"), []
        monkeypatch.setattr(ray, "init", lambda **given: met.append(given["address"]))
        monkeypatch.setattr(ray, "shutdown", lambda: None)
        with joined_cluster(proxy):
            pass
        assert met == [proxy]


@pytest.mark.parametrize(
    ("ends", "part"),
    [
        (["-c", "raise SystemExit(11)"], "let in a caller with a wrong one"),
        (["-c", "raise OSError('no route')"], "before it is joined. Found: OSError: no route"),
        (["-c", "pass"], "before it is joined. Found: exit code 0"),
    ],
)
def test_what_is_not_known_to_ask_is_refused(
    token: None, monkeypatch: pytest.MonkeyPatch, ends: list[str], part: str
) -> None:
    from facetwise.features import _cluster

    real = subprocess.run
    monkeypatch.setattr(_cluster.subprocess, "run", lambda words, **more: real([words[0], *ends], **more))
    with pytest.raises(UserError, match=part), joined_cluster("192.0.2.1:6379"):
        pytest.fail("it was joined")

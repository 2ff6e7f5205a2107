"""Who of the processes that train together is gone: a note, a dead process, silence."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from facetwise.training.together import Peers

BEAT, SILENCE = 0.02, 0.3


class _Board(dict):
    """Notes in memory; `broken` is a machine that cannot be reached."""

    broken = False

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("Connection reset by peer")

    def set(self, key: str, value: str) -> None:
        self._check()
        self[key] = value.encode()

    def get(self, key: str) -> bytes:
        self._check()
        return self[key]

    def check(self, keys: list[str]) -> bool:
        self._check()
        return all(key in self for key in keys)


def _peers(board: _Board, said: list[str], *, process: int | None = None, host: str | None = None) -> Peers:
    """Rank 0; rank 1 is a process of that number."""
    board["who/1"] = f"{process or os.getpid()} {host or socket.gethostname()}".encode()
    return Peers(board, rank=0, size=2, silent=said.append, beat=BEAT, silence=SILENCE)


def test_one_that_says_nothing_is_named() -> None:
    board, said = _Board(), []
    peers = _peers(board, said, process=4711, host="elsewhere")
    deadline = time.monotonic() + 20
    while not said and time.monotonic() < deadline:
        time.sleep(BEAT)
    peers.leave()
    assert said[0].startswith("rank 1 of 2 (process 4711 on elsewhere) has been silent for")
    assert "the same command continues" in said[0]


def test_one_that_beats_or_has_left_is_not_silent() -> None:
    board, said, over = _Board(), [], threading.Event()

    def beat() -> None:
        count = 0
        while not over.wait(BEAT):
            count += 1
            board["beat/1"] = str(count).encode()

    thread = threading.Thread(target=beat)
    thread.start()
    peers = _peers(board, said, process=4711, host="elsewhere")
    time.sleep(3 * SILENCE)
    board["left/1"] = b"done"
    over.set()
    thread.join()
    time.sleep(3 * SILENCE)
    peers.leave()
    assert said == []
    assert board["left/0"] == b"done"


def test_one_that_ended_by_an_error_is_told_with_its_words() -> None:
    board = _Board()
    peers = _peers(board, [])
    board["left/1"] = b"the table has no column 'kind'"
    found = str(peers.lost(RuntimeError("Connection closed by peer")))
    peers.leave()
    assert f"rank 1 of 2 (process {os.getpid()} on {socket.gethostname()}) has ended: the table has no column" in found


def test_one_that_was_killed_is_told_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    peers = _peers(_Board(), [], process=child.pid)
    began = time.monotonic()
    found = str(peers.lost(RuntimeError("Connection closed by peer")))
    peers.leave()
    assert time.monotonic() - began < SILENCE
    assert f"rank 1 of 2 (process {child.pid} on {socket.gethostname()}) has died" in found


@pytest.mark.parametrize("broken", [False, True])
def test_nobody_is_gone_or_nobody_can_be_asked(*, broken: bool) -> None:
    board = _Board()
    peers = _peers(board, [])
    peers._over.set()
    peers._heard = {1: (b"", time.monotonic() + 60)}
    board.broken = broken
    found = str(peers.lost(RuntimeError("timed out")))
    peers.leave()
    assert ("cannot reach the machine of rank 0" if broken else "all are alive") in found


def test_the_heartbeat_has_ended_when_the_process_has_left() -> None:
    """One in the middle of a beat would be unwound while Python takes itself apart: SIGABRT, whatever the exit code."""
    board, began = _Board(), threading.Event()
    peers = _peers(board, [])
    plain = board.check

    def slow(keys: list[str]) -> bool:
        began.set()
        time.sleep(10 * BEAT)
        return plain(keys)

    board.check = slow
    assert began.wait(20)
    peers.leave()
    assert not peers._thread.is_alive()

"""The processes of one run: started as torchrun starts them, so that each exit code can be seen; waited for, killed."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["NAMED_WITHIN", "death_of_the_second", "endings", "epochs_of", "ranks_of", "wait_for_epochs"]

# A death has to be named within so many seconds, whatever else the machine does.
NAMED_WITHIN = 60.0


def ranks_of(
    command: Sequence[str] | Sequence[Sequence[str]], processes: int, told: dict[str, str], **options: Any
) -> list[subprocess.Popen]:
    """So many processes of one command, or of a command for each; one of them alone is told nothing of others."""
    commands = [command] * processes if isinstance(command[0], str) else command
    several: dict[str, str] = {}
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        several = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    env = {**os.environ, "OMP_NUM_THREADS": "1", **told, **several}
    return [subprocess.Popen(one, env={**env, "RANK": str(rank)}, **options) for rank, one in enumerate(commands)]


def endings(work: Sequence[subprocess.Popen], seconds: float = 240.0) -> list[tuple[int, str]]:
    """The exit code of each and what it said on stderr; none is left, whatever happens."""
    try:
        return [(one.returncode, said) for one in work for said in [one.communicate(timeout=seconds)[1]]]
    finally:
        for one in work:
            one.kill()


def epochs_of(out: Path) -> list[dict[str, Any]]:
    """The rows of epochs in the log of a run; single steps have rows too."""
    path = out / "log.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [line for line in lines if "epochs" in line]


def wait_for_epochs(out: Path, count: int, work: Sequence[subprocess.Popen]) -> None:
    """Until so many are done, by processes that all live."""
    deadline = time.monotonic() + 240
    while len(epochs_of(out)) < count:
        assert time.monotonic() < deadline
        assert all(one.poll() is None for one in work), [one.communicate()[1] for one in work]
        time.sleep(0.2)


def death_of_the_second(work: Sequence[subprocess.Popen], out: Path) -> str:
    """Kills rank 1 of 2 after two epochs; what rank 0 says of it, which has to be soon and to name it."""
    try:
        wait_for_epochs(out, 2, work)
        began = time.monotonic()
        work[1].send_signal(signal.SIGKILL)
        _, said = work[0].communicate(timeout=NAMED_WITHIN)
        assert time.monotonic() - began < NAMED_WITHIN
    finally:
        for one in work:
            one.kill()
            one.communicate()
    assert work[0].returncode == 2, said
    assert f"rank 1 of 2 (process {work[1].pid} on " in said
    return str(said)

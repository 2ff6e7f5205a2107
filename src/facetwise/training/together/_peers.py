"""Which of the processes that train together are alive: a heartbeat each, and a name for whoever falls silent."""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from facetwise.errors import RunError

__all__ = ["Notes", "Peers"]

# A beat costs one small message; a process that is busy in one operation without Python's lock still beats.
SECONDS_BETWEEN_BEATS = 3.0
# Several missed beats, and well below the minute after which a dead process has to be named.
SECONDS_OF_SILENCE = 40.0
# A beat that is under way takes milliseconds, unless the machine that keeps the notes does not answer.
SECONDS_TO_PART = 5.0
# What the others say when one ends as it should.
DONE = "done"


class Notes(Protocol):
    """Short notes by name that every process can read: what torch calls a store."""

    def set(self, key: str, value: str, /) -> None:
        """Leave one."""
        ...

    def get(self, key: str, /) -> bytes:
        """Read one, waiting for it."""
        ...

    def check(self, keys: list[str], /) -> bool:
        """Whether all of them are there."""
        ...


class Peers:
    """The processes of a training, as one of them sees them.

    A process that ends by an error leaves a note; one that is killed leaves nothing, and is told by its process number
    (on this machine) or by its silence.

    Args:
        notes: Shared by all.
        rank: Which one this is.
        size: How many there are.
        silent: Called from another thread, with a message, when one has said nothing for too long.
        beat, silence: Seconds.
    """

    def __init__(
        self,
        notes: Notes,
        *,
        rank: int,
        size: int,
        silent: Callable[[str], None],
        beat: float = SECONDS_BETWEEN_BEATS,
        silence: float = SECONDS_OF_SILENCE,
    ) -> None:
        self.rank, self.size = rank, size
        self._notes, self._silent, self._beat, self._silence = notes, silent, beat, silence
        self._others = [other for other in range(size) if other != rank]
        self._over = threading.Event()
        self._heard = dict.fromkeys(self._others, (b"", time.monotonic()))
        notes.set(f"who/{rank}", f"{os.getpid()} {socket.gethostname()}")
        self._who = {other: notes.get(f"who/{other}").decode() for other in self._others}
        self._thread = threading.Thread(target=self._listen, name="facetwise-peers", daemon=True)
        self._thread.start()

    def name(self, rank: int) -> str:
        """Of a process, for people."""
        number, host = self._who.get(rank, f"{os.getpid()} {socket.gethostname()}").split(" ", 1)
        return f"rank {rank} of {self.size} (process {number} on {host})"

    def leave(self, why: str = DONE) -> None:
        """This process ends; the heartbeat with it."""
        self._over.set()
        with suppress(RuntimeError):  # whoever kept the notes is gone, and with it everybody who could read them
            self._notes.set(f"left/{self.rank}", why)
        # A thread that comes back from a beat while Python takes itself apart would end the process; see `World`.
        self._thread.join(SECONDS_TO_PART)

    def lost(self, error: BaseException) -> RunError:
        """What to tell when an exchange with the others has failed: who of them is gone."""
        began = time.monotonic()
        while time.monotonic() - began < self._silence + 2 * self._beat:
            try:
                if (gone := self._gone()) is not None:
                    return RunError(f"{gone}. {_WHAT_NOW}")
            except RuntimeError:  # the notes cannot be read
                return RunError(
                    f"the processes that train together have lost each other: rank {self.rank} of {self.size} cannot "
                    f"reach the machine of rank 0. {_WHAT_NOW}"
                )
            time.sleep(0.2)
        told = str(error).splitlines()[0][:200]
        return RunError(f"the processes that train together have lost each other ({told}), and all are alive. "
                        f"{_WHAT_NOW}")  # fmt: skip

    def _gone(self) -> str | None:
        for other in self._others:
            if self._notes.check([f"left/{other}"]):
                why = self._notes.get(f"left/{other}").decode()
                return f"{self.name(other)} has ended" + ("" if why == DONE else f": {why}")
            number, host = self._who[other].split(" ", 1)
            if host == socket.gethostname() and not _alive(int(number)):
                return f"{self.name(other)} has died"
            if time.monotonic() - self._heard[other][1] > self._silence:
                return f"{self.name(other)} has been silent for {self._silence:.0f} seconds"
        return None

    def _listen(self) -> None:
        count, reached = 0, time.monotonic()
        while not self._over.wait(self._beat):
            count += 1
            now = time.monotonic()
            try:
                self._notes.set(f"beat/{self.rank}", str(count))
                for other in self._others:
                    if not self._notes.check([f"beat/{other}"]):
                        continue
                    beat = self._notes.get(f"beat/{other}")
                    if beat != self._heard[other][0]:
                        self._heard[other] = (beat, now)
                reached = now
            except RuntimeError:
                if now - reached > self._silence:
                    return self._silent(f"the machine of rank 0 of {self.size} cannot be reached. {_WHAT_NOW}")
                continue
            for other, (_, since) in self._heard.items():
                if now - since > self._silence and not self._notes.check([f"left/{other}"]):
                    told = f"{self.name(other)} has been silent for {self._silence:.0f} seconds"
                    return self._silent(f"{told}. {_WHAT_NOW}")
        return None


_WHAT_NOW = "The last checkpoint is as it was. Fix: the same command continues, with as many processes as you like"


def _alive(process: int) -> bool:
    """Whether a process of this machine runs; one that is dead and not yet buried does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    about = Path(f"/proc/{process}/stat")
    try:
        return about.read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return not Path("/proc/self").exists()

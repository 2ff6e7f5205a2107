"""SIGTERM and Ctrl-C on the command line: the first is answered between two steps, the second at once."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from facetwise.errors import Interrupted

__all__ = ["Stopping", "stopping_on_signals"]

AGAIN = "The same command continues."


class Stopping:
    """Whether somebody has asked for a stop, and when that is answered.

    Long work that can only stop between two steps runs inside `deferred()` and calls `check` between them; any other
    work is left at once, since everything it writes is there whole or not at all.

    Args:
        between: Called at every check, and may raise.
    """

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self.asked = 0
        self._times = 0
        self._deferred = False
        self._between = between

    def ask(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come.

        Raises:
            Interrupted: Nobody is going to check, or it is the second time.
        """
        del frame
        self.asked, self._times = number, self._times + 1
        if self._times > 2:  # even the clearing up takes too long for somebody
            os._exit(128 + number)
        if self._times == 2:
            raise Interrupted(f"stopped at once; the last checkpoint is as it was. {AGAIN}", code=128 + number)
        if not self._deferred:
            raise Interrupted(f"stopped; what was computed is kept. {AGAIN}", code=128 + number)

    @contextmanager
    def deferred(self) -> Generator[None]:
        """A first signal waits for the next check."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def check(self, save: Callable[[], str], *, agree: Callable[[int], int] = int) -> None:
        """Stop here if somebody has asked for it.

        Args:
            save: Called first; says where the work stands.
            agree: What was asked of any of the processes that work together, from what was asked of this one.

        Raises:
            Interrupted: Somebody has.
        """
        self._between()
        # A signal may come while the others are asked: it is not theirs to forget, and waits for the next check.
        if agreed := agree(self.asked):
            self.asked = agreed
            raise Interrupted(f"stopped {save()}. {AGAIN}", code=128 + agreed)


@contextmanager
def stopping_on_signals() -> Generator[Stopping]:
    """SIGTERM and SIGINT ask for a stop as long as the block runs.

    Only the main thread can have handlers, and only a command should: a notebook has its own. A signal that is ignored
    (`nohup`, a job in the background) stays ignored.
    """
    stop = Stopping()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            if (known := signal.getsignal(number)) is not signal.SIG_IGN:
                before[number] = known
                signal.signal(number, stop.ask)
    try:
        yield stop
    finally:
        for number, known in before.items():
            signal.signal(number, known)

"""How long work will take, measured while it begins."""

from collections import deque

__all__ = ["SECONDS_BEFORE", "WORTH_SAYING", "Pace", "duration", "rounded"]

# Long enough that the first pictures, which wait for the network to load, do not decide alone.
SECONDS_BEFORE = 3.0
# Older speed says nothing: pictures from the cache come a hundred times faster than new ones.
SECONDS_KEPT = 10.0
# Nobody wants to be told that five seconds are left.
WORTH_SAYING = 10.0


class Pace:
    """The speed of one piece of work over its last ten seconds, and when that is worth a word.

    >>> pace = Pace(now=0.0, done=0)
    >>> for second in range(1, 5):
    ...     pace.add(float(second), 95 * second)
    >>> round(pace.rate), round(pace.left(8_852))
    (95, 89)
    """

    def __init__(self, *, now: float, done: int) -> None:
        self._began = now
        self._seen = deque([(now, done)])
        self._promised: float | None = None

    def add(self, now: float, done: int) -> None:
        """So much is done now."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > SECONDS_KEPT:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Pieces per second; 0 while nothing is known."""
        (before, less), (now, more) = self._seen[0], self._seen[-1]
        return (more - less) / (now - before) if now > before else 0.0

    def left(self, total: int) -> float | None:
        """Seconds until all is done; None while nothing is known."""
        return (total - self._seen[-1][1]) / self.rate if self.rate > 0 and total > 0 else None

    def news(self, total: int, *, after: float = SECONDS_BEFORE, told: float | None = None) -> float | None:
        """Seconds left, where they should be said: once after the beginning, and again if they double.

        Args:
            total: Pieces in all.
            after: Seconds before nothing is said.
            told: Seconds left, where the work knows its own pace.
        """
        now, left = self._seen[-1][0], self.left(total) if told is None else told
        if left is None or now - self._began < after or left < WORTH_SAYING:
            return None
        if self._promised is not None and now + left < self._began + 2 * self._promised:
            return None
        self._promised = now + left - self._began
        return left


def rounded(seconds: float) -> str:
    """A guess, no more exact than it is.

    >>> rounded(13), rounded(100), rounded(185), rounded(9_000)
    ('15 s', '2 min', '3 min', '2 h 30 min')
    """
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{max(1, minutes)} min"
    return f"{minutes // 60} h {10 * round(minutes % 60 / 10):02d} min" if minutes < 60 * 48 else f"{minutes // 60} h"


def duration(seconds: float) -> str:
    """A time span for people.

    >>> duration(7.4), duration(95), duration(7300)
    ('7 s', '1 min 35 s', '2 h 01 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

"""Long work, shown: bars with rate and time left on a terminal, a few plain lines in a log."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from facetwise.cli._estimate import SECONDS_BEFORE, WORTH_SAYING, Pace, duration, rounded
from facetwise.cli._screen import Screen, clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from facetwise.events import Event

__all__ = ["Reporter", "duration"]

# A log gets a line about unfinished work at most this often, so that a night's log stays readable.
SECONDS_BETWEEN_LINES = 5.0
# A speed that was measured in a wink is that of a cache, or of nothing at all.
SECONDS_MEASURED = 0.2


class Reporter:
    """Draws the events of `facetwise.api`; use it as a context manager and pass it as `report`.

    An event has `kind` (stage, progress, epoch, row, estimate, notice, summary), `message`, `done` and `total`. Work
    that will take longer than ten seconds is announced with an estimate as soon as its speed is measured; an event
    whose data tell the seconds that are `left` is believed.

    Args:
        screen: Where to.
        then: What comes after the pictures: "training".
    """

    def __init__(self, screen: Screen, *, then: str = "") -> None:
        self._screen = screen
        self._then = then
        self._pace = Pace(now=0.0, done=0)
        self._bars: Progress | None = None
        self._bar: TaskID | None = None
        self._work = ""
        self._started = 0.0
        self._at_start = 0
        self._last_line = 0.0
        # Of the steps of a first epoch, so that nobody waits for its end to learn how long it takes.
        self._steps: Pace | None = None
        self._steps_said = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, event: "Event") -> None:
        """Show one event."""
        if event.kind in ("progress", "epoch"):
            self._advance(event)
        elif event.kind == "notice":
            self._close()
            self._screen.warn(event.message)
        elif event.kind == "row":
            self._announce_steps(event)
        elif event.kind == "estimate":
            if (seconds := (event.data or {}).get("left", 0.0)) >= WORTH_SAYING:
                self._close()
                self._screen.say(f"about {rounded(seconds)}: {event.message}")
        else:
            self._close()
            self._screen.say(event.message, style="bold" if event.kind == "stage" else "")

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._bar, self._work = None, None, ""

    def _advance(self, event: "Event") -> None:
        if self._screen.quiet:
            return
        work = "epochs" if event.kind == "epoch" else event.message
        now = time.monotonic()
        if work != self._work:
            self._close()
            self._work, self._started, self._last_line = work, now, now
            # What was there already (a cache, a resumed run) says nothing about the speed.
            self._at_start = 0 if event.done <= 1 else event.done
            self._pace = Pace(now=now, done=event.done)
        self._pace.add(now, event.done)
        self._announce(event)
        if self._screen.live:
            self._draw(event)
        elif event.done >= event.total > 0 or now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._screen.say(self._line(event, now - self._started))

    def _announce(self, event: "Event") -> None:
        """Say how long this will take, once the speed is known, and again if it turns out much slower."""
        told = (event.data or {}).get("left")
        known = event.kind == "epoch" or told is not None
        seconds = self._pace.news(event.total, after=0.0 if known else SECONDS_BEFORE, told=told)
        if seconds is None:
            return
        left, rate = event.total - event.done, self._pace.rate
        if told is not None:
            self._screen.say(f"about {rounded(seconds)}: {left:,} {event.message} left")
        elif event.kind == "epoch":
            more = f"{left} more epochs of ~{1 / rate:.1f} s; it stops early once validation no longer improves"
            self._screen.say(f"at most {rounded(seconds)}: {more}")
        else:
            then = f", then {self._then}" if self._then else ""
            self._screen.say(f"about {rounded(seconds)}: {left:,} {event.message} left at ~{rate:,.0f}/s{then}")

    def _announce_steps(self, event: "Event") -> None:
        """In the first epoch of a long training: how long it will take at most."""
        if self._steps_said or self._screen.quiet or self._work == "epochs" or not event.total:
            return
        now = time.monotonic()
        if self._steps is None:
            self._steps = Pace(now=now, done=event.done)
            return
        self._steps.add(now, event.done)
        seconds = self._steps.news(event.total)
        if seconds is not None:
            self._steps_said = True
            left = event.total - event.done
            words = f"{left:,} more steps at ~{self._steps.rate:,.0f}/s, and validation after each epoch"
            self._screen.say(f"at most about {rounded(seconds)}: {words}")

    def _line(self, event: "Event", seconds: float) -> str:
        done = f"  {event.done}/{event.total}" if event.total else f"  {event.done}"
        if event.kind == "epoch":
            return f"{done}  {_epoch(event)}"
        rate = (event.done - self._at_start) / seconds if seconds > SECONDS_MEASURED else 0.0
        left = f", {duration((event.total - event.done) / rate)} left" if rate and event.done < event.total else ""
        return f"{done} {event.message}" + (f"  ({rate:.1f}/s{left})" if rate else "")

    def _draw(self, event: "Event") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bars is None or self._bar is None:
            columns: list[Any] = [BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")]
            columns += [TimeRemainingColumn(elapsed_when_finished=True), TextColumn("{task.description}", markup=False)]
            self._bars = Progress(*columns, console=self._screen.console, transient=False)
            self._bar = self._bars.add_task("", total=event.total or None, rate="")
            self._bars.start()
        seconds = time.monotonic() - self._started
        rate = (event.done - self._at_start) / seconds if seconds > SECONDS_MEASURED else 0.0
        self._bars.update(
            self._bar,
            completed=event.done,
            total=event.total or None,
            description=clean(_epoch(event) if event.kind == "epoch" else event.message),
            rate=f"{rate:.1f}/s" if rate else "",
        )


def _epoch(event: "Event") -> str:
    """Losses and the score of an epoch, a star where it is the best so far."""
    data = event.data or {}
    words = [
        f"{word} {data[key]:.3f}"
        for key, word in (("train_loss", "loss"), ("val_loss", "validation loss"), ("score", "score"))
        if data.get(key) is not None
    ]
    return "  ".join(words or [event.message]) + (" *" if "best_score" in data.get("best", ()) else "")
